"""Judging again: a window's stored events under given versions, as they were judged when they came."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from lichen.core.alert import Alert
from lichen.core.batch import Batch, Rows
from lichen.core.belief import Belief
from lichen.core.change import Overlay
from lichen.core.doors import Detector
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import DAY, MICROSECONDS

SEQUENCES = ("http",)  # kinds of which a detector remembers what came before
REMEMBERED_CALLS = 3
EXACT = 1e-9  # nats: how far a ledger judged again may be from the stored one

Read = Callable[[Subject, int, int], Iterable[Batch]]
"""Stored events of a subject with times in [since, until) µs, in the order in which they were judged."""
Believe = Callable[[Sequence[Evidence]], Sequence[Belief]]
"""Beliefs of the windows that the evidence is about, under one calibration, with the activity that was counted."""
Crosses = Callable[[Belief, str], bool]
"""Whether a belief is above the cut of a lane."""


class Teachable(Detector, Protocol):
    """A detector that can be laid over with what a person said."""

    def overlay_for(
        self, batch: Batch, rows: Rows, node: str, side: str = "benign", epsilon: float = 0.05
    ) -> Overlay: ...


@dataclass(frozen=True, slots=True)
class Bench:
    """Who judges: detectors by name, and the belief made of their evidence, all of fixed versions and overlays."""

    detectors: Mapping[str, Detector]
    believe: Believe
    notes: tuple[str, ...] = ()  # pinned versions that are not kept any more, in words


Judging = Callable[[Mapping[str, str], Sequence[Overlay] | None], Bench]
"""The bench of pinned versions (detector -> version; {} = those in force) under exactly the given overlays (None: those
that were in force for these versions)."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """A subject's windows judged again. `batches` are the events read, context included."""

    evidence: tuple[Evidence, ...]
    beliefs: tuple[Belief, ...]
    batches: tuple[Batch, ...]

    def belief(self, window: int) -> Belief | None:
        return next((belief for belief in self.beliefs if belief.window == window), None)


RUNS_HEARD = 64  # runs of windows whose events and evidence stay in hand
Run = tuple[Subject, int, int]  # whose windows, the first and the last


@dataclass(slots=True)
class Heard:
    """What was read and said in one sitting. The same events are read once, and a detector that several benches share
    (no answer between them touches it) is asked once."""

    runs: OrderedDict[Run, tuple[list[Batch], dict[int, tuple[Detector, list[Evidence]]]]] = field(
        default_factory=OrderedDict
    )

    def batches(self, run: Run, read: Callable[[], list[Batch]]) -> list[Batch]:
        """The events of a run of windows."""
        if run not in self.runs:
            self.runs[run] = read(), {}
            while len(self.runs) > RUNS_HEARD:
                self.runs.popitem(last=False)
        return self.runs[run][0]

    def said(self, run: Run, detector: Detector) -> list[Evidence]:
        """What a detector says of a run whose events are in hand."""
        batches, known = self.runs[run]
        if id(detector) not in known:
            known[id(detector)] = detector, judge(batches, {detector.name: detector})
        return known[id(detector)][1]


def rescore(
    subject: Subject,
    windows: Iterable[int],
    read: Read,
    bench: Bench,
    *,
    window_minutes: int,
    context_minutes: int,
    heard: Heard | None = None,
    known: Mapping[str, Sequence[Evidence]] | None = None,
) -> Rescored:
    """Judge a subject's windows again from its stored events, read from `context_minutes` before each run of windows
    (further back where a sequence needs it), so that all find the same context. Every detector is asked, those that
    were silent too, but those of whom it is `known` what they say (by name). `heard`: what this sitting has read and
    heard already."""
    sitting = Heard() if heard is None else heard
    length = window_minutes * 60 * MICROSECONDS
    wanted = set(windows)
    evidence: list[Evidence] = []
    read_now: list[Batch] = []
    for first, last in _runs(sorted(wanted), length):
        run, until = (subject, first, last), last + length
        batches = sitting.batches(run, partial(_with_context, subject, first, until, read, context_minutes))
        read_now += batches
        rows = [
            row
            for name, detector in bench.detectors.items()
            for row in ((known or {})[name] if name in (known or {}) else sitting.said(run, detector))
        ]
        evidence += [row for row in rows if row.subject == subject and first <= row.window <= last]
    beliefs = [one for one in bench.believe(evidence) if one.subject == subject and one.window in wanted]
    return Rescored(tuple(evidence), tuple(beliefs), tuple(read_now))


def _with_context(subject: Subject, first: int, until: int, read: Read, context_minutes: int) -> list[Batch]:
    """The events of [first, until) and those of `context_minutes` before; further back where a sequence began earlier,
    until each has what its detector remembers, at most a day."""
    reach = context_minutes * 60 * MICROSECONDS
    while True:
        batches = list(read(subject, first - reach, until))
        if reach >= DAY or not _cut_short(batches, first):
            return batches
        reach = min(DAY, max(4 * reach, 10 * 60 * MICROSECONDS))


def _cut_short(batches: Sequence[Batch], first: int) -> bool:
    """Whether calls from `first` on lack earlier calls of their stream and service to be held against."""
    earlier: dict[tuple[str, str | None], int] = {}
    wanted = set()
    for batch in batches:
        if batch.kind in SEQUENCES:
            before = batch.times() < first
            for group, was in zip(batch.column("subject.group").to_pylist(), before.tolist(), strict=True):
                key = (batch.stream.identity, group)
                earlier[key] = earlier.get(key, 0) + was
                wanted |= set() if was else {key}
    return any(earlier[key] < REMEMBERED_CALLS for key in wanted)


def judge(batches: Sequence[Batch], detectors: Mapping[str, Detector]) -> list[Evidence]:
    """The last cumulative evidence of every key, all detectors starting from an empty memory."""
    latest: dict[object, Evidence] = {}
    for detector in detectors.values():
        memory: Mapping[str, object] = {}
        for batch in batches:
            evidence, _, memory = detector.detect(batch, memory)
            latest.update((row.key, row) for row in evidence)
    return list(latest.values())


def _runs(windows: Sequence[int], length: int) -> list[tuple[int, int]]:
    """First and last of each run of windows that follow one another."""
    runs: list[tuple[int, int]] = []
    for window in windows:
        if runs and window - runs[-1][1] == length:
            runs[-1] = (runs[-1][0], window)
        else:
            runs.append((window, window))
    return runs


def differences(stored: Belief, again: Belief | None) -> tuple[str, ...]:
    """In words, how a ledger that was judged again is not the stored one; nothing if they are equal to 1e-9 nats."""
    if again is None:
        return (f"window {stored.window}: nothing was found when it was judged again",)
    said = []
    if abs(stored.log_odds - again.log_odds) > EXACT:
        said.append(f"the belief is {again.log_odds:.6f} nats, stored {stored.log_odds:.6f}")
    before, after = _by_name(stored), _by_name(again)
    for name in {**before, **after}:
        was, now = before.get(name, 0.0), after.get(name, 0.0)
        said += [f"{name} adds {now:.6f} nats, stored {was:.6f}"] if abs(was - now) > EXACT else []
    return tuple(said)


def _by_name(belief: Belief) -> dict[str, float]:
    """What each detector, or each line without one, adds."""
    found: dict[str, float] = {}
    for line in belief.ledger:
        name = line.detector or line.label
        found[name] = found.get(name, 0.0) + line.nats
    return found


def is_quiet(alert: Alert, again: Rescored, crosses: Crosses) -> bool:
    """Whether none of the alert's windows would cross its lane's cut any more."""
    return not any(crosses(belief, alert.lane) for belief in again.beliefs)
