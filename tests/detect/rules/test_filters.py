"""Filters: exceptions of one's own, joined to the rules they name, in their own folder, until they expire."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from compiling import SOURCE
from near import batch_of

from lichen.core.batch import LogSource
from lichen.detect.rules import RuleSet
from lichen.detect.rules.sigma_match import Matcher

TODAY = date(2026, 11, 24)
RULE = "6f1d0c53-5c1e-4f0b-9b1c-9d5f6d2f7a10"
OTHER = "7f1d0c53-5c1e-4f0b-9b1c-9d5f6d2f7a10"


def rule(title: str, **more: Any) -> dict[str, Any]:
    detection = {"selection": {"f": "a"}, "condition": "selection"}
    return {
        "title": title,
        "logsource": {"product": "linux", "category": "process_creation"},
        "detection": detection,
        **more,
    }


def exception(rules: Any, condition: str = "not selection", **more: Any) -> dict[str, Any]:
    filter_ = {"rules": rules, "selection": {"user": "backup"}, "condition": condition}
    return {"title": "backups", "logsource": {"product": "linux"}, "filter": filter_, **more}


def load(tmp_path: Path, rules: list[dict[str, Any]], filters: list[dict[str, Any]], today: date = TODAY) -> RuleSet:
    for name, documents in (("rules", rules), ("filters", filters)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "all.yml").write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return RuleSet.load([tmp_path / "rules"], filters=[tmp_path / "filters"], today=today)


def fired(rules: RuleSet, event: dict[str, Any]) -> set[str]:
    matcher = Matcher(rules.rules)
    return {rules.rules[i].title for i in matcher.match(batch_of(SOURCE, [event], [""])).rows}


@pytest.mark.parametrize("named", [[RULE], ["one"], RULE, "any", "ANY", []])
def test_a_filter_keeps_its_rules_from_firing_and_no_other_event(tmp_path: Path, named: Any) -> None:
    rules = load(tmp_path, [rule("first", id=RULE, name="one")], [exception(named)])
    assert rules.refused == ()
    assert fired(rules, {"f": "a", "user": "root"}) == {"first"}
    assert fired(rules, {"f": "a"}) == {"first"}
    assert fired(rules, {"f": "a", "user": "BACKUP"}) == set()


def test_other_rules_and_other_log_sources_are_left_alone(tmp_path: Path) -> None:
    windows = rule("windows", logsource={"product": "windows"})
    rules = load(tmp_path, [rule("first", id=RULE), rule("second", id=OTHER), windows], [exception([RULE])])
    assert fired(rules, {"f": "a", "user": "backup"}) == {"second"}


def test_any_means_any_rule_of_the_log_source(tmp_path: Path) -> None:
    rules = load(tmp_path, [rule("windows", logsource={"product": "windows"})], [exception("any")])
    event = batch_of(LogSource("windows"), [{"f": "a", "user": "backup"}], [""])
    assert Matcher(rules.rules).match(event).rows


@pytest.mark.parametrize(
    ("filters", "fault", "line"),
    [
        ([exception([RULE, OTHER])], f"names the rule {OTHER}, which is not there", 7),
        ([exception(["nowhere"])], "names the rule nowhere, which is not there", 6),
        ([exception([RULE], logsource={"product": "windows"})], "reads another log source", 6),
        ([exception([RULE], condition="selection")], "silence its rules on every other event", 9),
        ([exception(None)], "names its rules", 5),
        ([exception([RULE], expires="soon")], "no date", 10),
        ([rule("astray", id=OTHER)], "a rule among filters", 1),
        ([{**exception([RULE]), "filter": {"rules": "any", "s": {"f|nearly": 1}, "condition": "not s"}}], "|nearly", 7),
    ],
)
def test_a_filter_that_cannot_be_applied_is_refused_with_its_place(
    tmp_path: Path, filters: list[dict[str, Any]], fault: str, line: int
) -> None:
    rules = load(tmp_path, [rule("first", id=RULE)], filters)
    assert fault in rules.refused[0].fault
    assert rules.refused[0].place == f"{tmp_path / 'filters' / 'all.yml'}:{line}"
    assert fired(rules, {"f": "a", "user": "root"}) == {"first"}


@pytest.mark.parametrize(
    "written", [{"expires": "2026-11-23"}, {"custom": {"expires": date(2026, 11, 23), "owner": "ops"}}]
)
def test_an_expired_filter_is_told_and_not_applied(tmp_path: Path, written: dict[str, Any]) -> None:
    rules = load(tmp_path, [rule("first", id=RULE)], [exception([RULE], **written)])
    assert fired(rules, {"f": "a", "user": "backup"}) == {"first"}
    assert [each.title for each in rules.expired] == ["backups"]
    assert rules.refused == ()


def test_a_filter_holds_through_its_last_day(tmp_path: Path) -> None:
    rules = load(tmp_path, [rule("first", id=RULE)], [exception([RULE], expires="2026-11-24", owner="ops")])
    assert fired(rules, {"f": "a", "user": "backup"}) == set()
    assert rules.filters[0].owner == "ops"


def test_a_filter_among_rules_is_refused_since_an_update_could_bring_it(tmp_path: Path) -> None:
    rules = load(tmp_path, [rule("first", id=RULE), exception("any")], [])
    assert "a filter among rules" in rules.refused[0].fault
    assert fired(rules, {"f": "a", "user": "backup"}) == {"first"}
