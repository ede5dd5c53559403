"""docs/rules.md is what the rules say of themselves."""

from __future__ import annotations

from sigmahq import REPOSITORY

from lichen import catalogue
from lichen.detect.rules import RuleSet
from lichen.detect.rules.handbook import handbook


def test_the_page_of_rules_is_written_from_the_rules() -> None:
    folder = catalogue.content("rules")
    rules = RuleSet.load([folder]).rules
    written = (REPOSITORY / "docs" / "rules.md").read_text(encoding="utf-8")
    assert written == handbook(rules, folder), "lichen rule handbook > docs/rules.md"
    assert all(f"### {rule.title}\n" in written for rule in rules)
