"""Rule collections: what `action: global` and `repeat` hand on, and that faults still show their own line."""

from __future__ import annotations

from pathlib import Path

from compiling import HEAD, SOURCE
from near import batch_of

from lichen.core.errors import RuleError
from lichen.detect.rules import Rule
from lichen.detect.rules.sigma_compile import Compiled, compile_file
from lichen.detect.rules.sigma_match import Matcher

GLOBAL = """\
action: global
title: one of many
level: low
logsource: {product: linux}
detection:
    filter: {user: backup}
    condition: selection and not filter
---
"""
FIRST = "level: high\ndetection:\n    selection: {f: a}\n---\n"
SECOND = "detection:\n    selection: {f: b}\n"


def compiled(text: str) -> list[Compiled]:
    return list(compile_file(Path("many.yml"), text))


def fires(rule: Compiled, **event: str) -> bool:
    assert isinstance(rule, Rule), rule
    return 0 in Matcher([rule]).match(batch_of(SOURCE, [event], [""])).rows


def test_global_is_taken_by_each_and_what_a_rule_says_itself_wins() -> None:
    first, second = compiled(GLOBAL + FIRST + SECOND)
    assert isinstance(first, Rule)
    assert isinstance(second, Rule)
    assert (first.title, first.level, second.level) == ("one of many", "high", "low")
    assert first.id != second.id
    assert fires(first, f="a")
    assert not fires(first, f="a", user="backup")
    assert fires(second, f="b")
    assert not fires(second, f="a")


def test_reset_ends_what_is_global() -> None:
    _, second = compiled(GLOBAL + FIRST + "action: reset\n---\n" + SECOND)
    assert isinstance(second, RuleError)


def test_repeat_takes_the_rule_before_and_changes_it() -> None:
    whole = "title: t\nlogsource: {product: linux}\ndetection:\n    selection: {f: a}\n    condition: selection\n---\n"
    repeated = "action: repeat\ntitle: u\ndetection:\n    selection: {f: b, g: c}\n"
    first, second = compiled(whole + repeated)
    assert fires(first, f="a")
    assert not fires(second, f="a")
    assert fires(second, f="b", g="c")


def test_a_fault_in_a_part_shows_the_line_of_that_part() -> None:
    faulty = compiled(GLOBAL.replace("{user: backup}", "{user|nearly: backup}") + FIRST)[0]
    assert isinstance(faulty, RuleError)
    assert faulty.place == "many.yml:6"
    faulty = compiled(GLOBAL + FIRST.replace("{f: a}", "{f|nearly: a}"))[0]
    assert isinstance(faulty, RuleError)
    assert faulty.place == "many.yml:11"


def test_a_file_that_repeats_without_end_is_refused_where_it_has_handed_on_enough() -> None:
    values = ", ".join(map(str, range(5000)))
    text = f"{HEAD}    a: {{f: [{values}]}}\n    condition: a\n" + "---\naction: repeat\n" * 200
    compiled = list(compile_file(Path("a.yml"), text))
    assert len(compiled) == 3  # the rule, a repeat, and why there are no more
    assert isinstance(compiled[-1], RuleError)
    assert (compiled[-1].fault, compiled[-1].limit) == ("the file hands on too many values", "10000")
