"""Rules over what the store holds: how often each hits, on whom and when, and on which alerts' windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lichen.core.alert import Alert
from lichen.core.batch import Batch
from lichen.core.entity import Subject
from lichen.core.ocsf import SUBJECT_KINDS
from lichen.core.time import day_of, to_text, window_start
from lichen.detect.rules.correlation_file import Correlation
from lichen.detect.rules.hits import Whom, whom
from lichen.detect.rules.rule import Rule
from lichen.run.hits import HitReader

SUBJECTS_LIMIT = 10_000  # of one rule that are told apart
OPEN = "open"
Window = tuple[Subject, int]


@dataclass(slots=True)
class Score:
    """What one rule did. `on`: hits in windows of alerts, by answer (open: nobody answered yet, none: no alert)."""

    rule: str
    title: str
    level: str
    hits: int = 0
    subjects: set[Subject] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    first: int | None = None
    last: int | None = None
    on: Counter[str] = field(default_factory=Counter)
    alerts: dict[str, set[str]] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """As it is printed; a rule that never hit has no times."""
        more = len(self.subjects) >= SUBJECTS_LIMIT
        return {
            "rule": self.rule,
            "title": self.title,
            "level": self.level,
            "hits": self.hits,
            "subjects": len(self.subjects),
            "subjects_bounded": more,
            "days": len(self.days),
            "first": None if self.first is None else to_text(self.first),
            "last": None if self.last is None else to_text(self.last),
            "hits_on": dict(sorted(self.on.items())),
            "alerts": {answer: len(uids) for answer, uids in sorted(self.alerts.items())},
        }


class Answered:
    """Whose windows alerts are about, and what was answered."""

    def __init__(self, alerts: Iterable[Alert], minutes: int) -> None:
        self.minutes = minutes
        self._windows: dict[Window, list[tuple[str, str]]] = {}
        for alert in alerts:
            for belief in alert.beliefs:
                self._windows.setdefault((alert.subject, belief.window), []).append((alert.status, alert.uid))

    def of(self, subjects: Iterable[Subject], time: int) -> set[tuple[str, str]]:
        """(answer, alert) of the alerts that are about one of these subjects at this time."""
        start = window_start(time, self.minutes)
        return {each for subject in subjects for each in self._windows.get((subject, start), ())}


def subjects_of(batch: Batch, rows: Sequence[int]) -> list[list[Subject]]:
    """All that each event belongs to: its workload, host and user."""
    view = batch.view.select([f"subject.{kind}" for kind in SUBJECT_KINDS]).take(list(rows)).to_pylist()
    return [
        [Subject(kind, each[f"subject.{kind}"]) for kind in SUBJECT_KINDS if each[f"subject.{kind}"]] for each in view
    ]


def backtest(
    reader: HitReader, batches: Iterable[Batch], answered: Answered, only: frozenset[str] | None = None
) -> list[Score]:
    """What each rule (of `only` these ids) does on the batches; those with the most hits first. One batch is in hand at
    a time."""
    every: list[Rule | Correlation] = [*reader.rules.rules, *reader.rules.correlations]
    wanted = [each for each in every if each.id not in reader.rules.silent and (only is None or each.id in only)]
    scores = {each.id: Score(each.id, each.title, each.level) for each in wanted}
    memory: Mapping[str, Any] = {}
    for batch in batches:
        if not len(batch):
            continue
        about = whom(batch, reader.minutes)
        matched = reader.matcher.match(batch).rows
        for number, rows in matched.items():
            score = scores.get(reader.rules.rules[number].id)
            if score is not None:
                _count(score, batch, rows.tolist(), about, answered)
        if reader.rules.correlations:
            firings, memory = reader.correlator.correlate(batch, matched, about, memory)
            for each in firings:
                score = scores.get(each.correlation.id)
                if score is not None:
                    _count(score, batch, [each.row], about, answered)
    return sorted(scores.values(), key=lambda each: (-each.hits, each.title))


def _count(score: Score, batch: Batch, rows: Sequence[int], about: Whom, answered: Answered) -> None:
    times = batch.times()[list(rows)].tolist()
    score.hits += len(rows)
    score.first = min(times if score.first is None else [score.first, *times])
    score.last = max(times if score.last is None else [score.last, *times])
    for row, time, subjects in zip(rows, times, subjects_of(batch, rows), strict=True):
        subject = about.subjects[about.code[row]]
        if len(score.subjects) < SUBJECTS_LIMIT:
            score.subjects.add(subject)
        score.days.add(day_of(time))
        found = answered.of(subjects or [subject], time)
        score.on.update({answer for answer, _ in found} or {"none"})
        for answer, uid in found:
            score.alerts.setdefault(answer, set()).add(uid)
