"""Regular expressions of users: compiled in bounded time and matched in linear time, or refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

from fuzz.targets import Target, expect
from lichen.core.errors import RuleError
from lichen.detect.rules.algebra import predicates_of
from lichen.detect.rules.judging import judge_of
from lichen.detect.rules.keywords import Keywords
from lichen.detect.rules.ruleset import RuleSet
from lichen.detect.rules.sigma_compile import Rule, compile_file

VALUE_BYTES = 10_000
FLAGS = ("", "|i", "|m", "|s", "|i|m|s")
FILE = Path("rule.yml")


def read(data: bytes) -> None:
    """The pattern as a rule on a field, and as a keyword; the last byte says with which flags."""
    flags = FLAGS[data[-1] % len(FLAGS)] if data else ""
    pattern = data[:-1].decode("utf-8", "replace")
    for item in (f"CommandLine|re{flags}", f"|re{flags}"):
        compiled = list(compile_file(FILE, _rule(item, pattern)))
        expect(len(compiled) == 1, f"{len(compiled)} rules of one")
        if isinstance(compiled[0], RuleError):
            refusal = compiled[0]
            expect(bool(refusal.fault and refusal.place and refusal.remedy), f"refused without reason: {refusal}")
        elif isinstance(compiled[0], Rule):
            _match(compiled[0], pattern)


def _match(rule: Rule, pattern: str) -> None:
    predicates = list(predicates_of(RuleSet.of([rule]).rules[0].condition))
    judges = {number: judge_of(predicate, {}) for number, predicate in enumerate(predicates)}
    for value in values(pattern):
        for judge in judges.values():
            expect(judge(value) in (True, False), "no verdict")
    Keywords(list(enumerate(predicates)), judges)


def values(pattern: str) -> list[str]:
    """Long values that are hard for a matcher that goes back and tries again."""
    letters = "".join(sign for sign in pattern if sign.isalnum()) or "a"
    return [(each * VALUE_BYTES)[:VALUE_BYTES] + "!" for each in (letters, letters[0], pattern or " ")]


def _rule(item: str, pattern: str) -> str:
    """A rule file: JSON is YAML, and escapes every sign."""
    return json.dumps(
        {
            "title": "a pattern",
            "id": "6f1d0c53-5c1e-4f0b-9b1c-9d5f6d2f7a10",
            "logsource": {"product": "linux", "category": "process_creation"},
            "detection": {"selection": {item: pattern}, "condition": "selection"},
        }
    )


WORDS = (
    "(?:", "(?i)", "(?=", "(?!", "(?<=", "(?P<a>", "(?P=a)", "\\1", "\\b", "\\d+", "\\w*", "[^", "[[:alpha:]]", "{1,}",
    "{1000}", "{1,1000}", "*+", "++", "*?", "(a+)+", "(a|a)*", "(.*)*", "\\p{L}", "\\pN", "\\x{10FFFF}", "\\Q", "\\E",
    "\\A", "\\z", "\\C", "$", "^", "|", "[\\s\\S]", "(?#", "(?>", "(?R)", "\\u0041", "\\N{DASH}",
)  # fmt: skip
TARGET = Target("regexes", read, 2048, WORDS)
