"""Fired: what rules and indicator lists said of what was scanned, the gravest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lichen.core.evidence import Evidence
from lichen.detect.rules import RuleSet
from lichen.detect.rules.correlation_file import Correlation
from lichen.detect.rules.rule import Rule

LEVELS = ("critical", "high", "medium", "low", "informational", "")  # gravest first; indicator lists have none
SUBJECTS = 5  # that are told by name


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule or list and where it fired. `hits`: (subject, window) pairs; `subjects`: the busiest first, at most
    SUBJECTS of `n_subjects`; `place`: the rule's file and line."""

    detector: str
    title: str
    level: str
    hits: int
    events: int
    n_subjects: int
    subjects: tuple[str, ...]
    techniques: tuple[str, ...]
    place: str


def fired(rows: Iterable[Evidence], rules: RuleSet) -> list[Fired]:
    """One entry a rule or list that fired; rules in shadow are left out."""
    by_detector: dict[str, list[Evidence]] = {}
    for row in rows:
        if row.detector.startswith(("rule:", "indicator:")):
            by_detector.setdefault(row.detector, []).append(row)
    every: list[Rule | Correlation] = [*rules.rules, *rules.correlations]
    known = {each.detector: each for each in every}
    told = []
    for detector, own in by_detector.items():
        rule = known.get(detector)
        title, level = (rule.title, rule.level) if rule else (own[0].because, "")
        place = f"{rule.path}:{rule.line}" if rule else ""
        names = _busiest(own)
        events = sum(row.n_events for row in own)
        told.append(
            Fired(detector, title, level, len(own), events, len(names), names[:SUBJECTS], own[0].techniques, place)
        )
    return sorted(told, key=lambda each: (_grave(each.level), -each.hits, each.title))


def _busiest(rows: Sequence[Evidence]) -> tuple[str, ...]:
    events: dict[str, int] = {}
    for row in rows:
        events[str(row.subject)] = events.get(str(row.subject), 0) + row.n_events
    return tuple(sorted(events, key=lambda name: (-events[name], name)))


def _grave(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)
