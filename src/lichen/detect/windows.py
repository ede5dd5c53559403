"""From scores of events to one row per subject and window: what profiles and classifiers have in common.

A detector scores the events in its reach (`Scores`); `fold` keeps, per open (subject, window), the greatest score, the
distinct causes, the distinct values known and new, and the strongest events. Memory is JSON-able and bounded: the
oldest windows of a subject go first, counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt

from lichen.core.batch import Batch, Rows
from lichen.core.census import SKETCH_EDGES, CensusRow
from lichen.core.doors import Memory
from lichen.core.entity import Subject
from lichen.core.evidence import SAMPLES, Evidence, cause_of
from lichen.core.time import window_start

OPEN_WINDOWS = 16  # of one subject; older ones are evicted and counted
CAUSES = 5  # of one window that are told in words
VALUES = 4096  # distinct values of one window that are counted


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of the `m` events in a detector's reach. `rows` event rows; `subject` and `group` an index into
    `subjects` and `groups`; `nats` the score; `value` an index into `values` (the distinct thing judged); `known[v]`
    whether the model knew value v *for that subject's tree*, given per event; `because(i)` tells event i in words;
    `techniques(i)` which ATT&CK techniques its score speaks for."""

    rows: Rows
    subject: Rows
    subjects: Sequence[Subject]
    groups: Sequence[str]
    nats: npt.NDArray[np.float64]
    value: Rows
    values: Sequence[str]
    known: npt.NDArray[np.bool_]
    because: Callable[[int], str]
    techniques: Callable[[int], tuple[str, ...]] = lambda i: ()
    missing: int = 0


class Reason(msgspec.Struct):
    """One cause within an open window: its greatest score, in words, and how often."""

    nats: float
    because: str
    techniques: tuple[str, ...] = ()


class OpenWindow(msgspec.Struct):
    """What memory keeps of one (subject, window)."""

    subject: Subject
    window: int
    first_time: int
    n_events: int = 0
    reasons: dict[str, Reason] = {}
    known: dict[str, bool] = {}
    samples: list[tuple[float, int, str]] = []  # (score, time, event id), strongest first
    told: dict[str, float] = {}  # value -> the score at which its cause was last asked for

    def row(self, detector: str, version: str) -> Evidence:
        """The cumulative evidence of this window."""
        ranked = sorted(self.reasons.items(), key=lambda item: (-item[1].nats, item[0]))
        cause, best = ranked[0]
        n_known = sum(self.known.values())
        return Evidence(
            subject=self.subject,
            window=self.window,
            detector=detector,
            score_nats=best.nats,
            cause=cause,
            because=best.because,
            first_time=self.first_time,
            n_events=self.n_events,
            version=version,
            n_known=n_known,
            n_new=len(self.known) - n_known,
            sample_event_ids=tuple(event_id for _, _, event_id in self.samples),
            techniques=best.techniques,
            others=tuple(reason.because for _, reason in ranked[1:CAUSES]),
            others_nats=tuple((cause, reason.nats) for cause, reason in ranked[1:CAUSES]),
            sample_times=tuple(time for _, time, _ in self.samples),
        )


class FoldMemory(TypedDict, total=False):
    """The memory that `fold` keeps; a detector with more to remember extends it."""

    windows: dict[str, OpenWindow]
    evicted: int


def fold(
    scores: Scores, batch: Batch, memory: Memory, *, detector: str, version: str, minutes: int
) -> tuple[list[Evidence], list[CensusRow], dict[str, Any]]:
    """Evidence and census of the windows that these scores touch, and the memory after them.

    Memory: {"windows": {key: OpenWindow}, "evicted": n}. The given memory is left as it was.
    """
    windows: dict[str, OpenWindow] = dict(memory.get("windows", {}))
    evicted = int(memory.get("evicted", 0))
    groups = _Groups(scores, batch, minutes)
    grown: list[tuple[OpenWindow, Rows, Rows]] = []
    for place in range(len(groups)):
        subject, start = groups.subject_and_start(place)
        opened = windows.get(f"{subject.kind}\0{subject.name}\0{start}")
        grown.append(_grow(opened, subject, start, groups, place))
    _tell(grown, scores, batch)
    _sample(grown, scores, batch, groups.times)
    evidence: list[Evidence] = []
    for window, _, _ in grown:
        windows[f"{window.subject.kind}\0{window.subject.name}\0{window.window}"] = window
        evidence.append(window.row(detector, version))
    census = groups.census(detector, batch)
    if scores.missing and census:
        census[0] = msgspec.structs.replace(census[0], missing=scores.missing)
    windows, dropped = _bounded(windows)
    return evidence, census, {**memory, "windows": windows, "evicted": evicted + dropped}


class _Groups:
    """The events of each (subject, window), strongest first, as slices of one ordering."""

    def __init__(self, scores: Scores, batch: Batch, minutes: int) -> None:
        self.scores = scores
        self.times = batch.times()[scores.rows]
        self.starts = window_start(self.times, minutes)
        self.order = np.lexsort((self.times, -scores.nats, self.starts, scores.subject))
        subject, starts = scores.subject[self.order], self.starts[self.order]
        change = np.flatnonzero((np.diff(subject) != 0) | (np.diff(starts) != 0)) + 1
        self.bounds = np.concatenate([[0], change, [len(subject)]]) if len(subject) else np.zeros(1, dtype=np.int64)
        self.group = np.repeat(np.arange(len(self)), np.diff(self.bounds))
        self.firsts = np.minimum.reduceat(self.times[self.order], self.bounds[:-1]) if len(self) else self.times
        pairs = self.group * max(1, len(scores.values)) + scores.value[self.order]
        _, strongest = np.unique(pairs, return_index=True)  # of each value in each group, its strongest event
        self.strongest = np.sort(strongest)
        self.value_bounds = np.searchsorted(self.strongest, self.bounds)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def subject_and_start(self, place: int) -> tuple[Subject, int]:
        first = self.order[self.bounds[place]]
        return self.scores.subjects[self.scores.subject[first]], int(self.starts[first])

    def members(self, place: int) -> Rows:
        """Events of a group, strongest first."""
        return np.asarray(self.order[self.bounds[place] : self.bounds[place + 1]])

    def values(self, place: int) -> Rows:
        """The strongest event of each value in a group, strongest first."""
        return np.asarray(self.order[self.strongest[self.value_bounds[place] : self.value_bounds[place + 1]]])

    def census(self, detector: str, batch: Batch) -> list[CensusRow]:
        """A row a group."""
        bins = len(SKETCH_EDGES) + 1
        nats = self.scores.nats[self.order]
        cells = self.group * bins + np.searchsorted(SKETCH_EDGES, nats, side="right")
        sketches = np.bincount(cells, minlength=len(self) * bins).reshape(len(self), bins).tolist()
        fired = np.bincount(self.group, weights=nats > 0, minlength=len(self)).astype(np.int64).tolist()
        seen = np.diff(self.bounds).tolist()
        rows = []
        for place, sketch in enumerate(sketches):
            subject, start = self.subject_and_start(place)
            group = self.scores.groups[self.scores.subject[self.order[self.bounds[place]]]]
            rows.append(
                CensusRow(
                    detector=detector,
                    subject=subject,
                    group=group,
                    window=start,
                    stream=batch.stream.identity,
                    start=int(batch.offset[0]),
                    seen=seen[place],
                    fired=fired[place],
                    sketch=tuple(sketch),
                )
            )
        return rows


def _grow(
    opened: OpenWindow | None, subject: Subject, start: int, groups: _Groups, place: int
) -> tuple[OpenWindow, Rows, Rows]:
    """The open window with a group's events counted; beside it the events whose cause, and those whose id, are asked
    for: only what could change its reasons or its samples."""
    scores, first = groups.scores, int(groups.firsts[place])
    grown = OpenWindow(subject, start, first)
    if opened is not None:
        grown.first_time, grown.n_events = min(first, opened.first_time), opened.n_events
        grown.reasons, grown.known, grown.told = opened.reasons, opened.known, opened.told  # copied where they change
        grown.samples = opened.samples
    members, strongest = groups.members(place), groups.values(place)
    grown.n_events += len(members)
    values, nats = scores.value[strongest].tolist(), scores.nats[strongest].tolist()
    floor = min(reason.nats for reason in grown.reasons.values()) if len(grown.reasons) >= CAUSES else -np.inf
    told: dict[str, float] = {}
    fresh: dict[str, bool] = {}
    events: list[int] = []
    for event, value, score in zip(strongest.tolist(), values, nats, strict=True):
        name = scores.values[value]
        if name not in grown.known and len(grown.known) + len(fresh) < VALUES:
            fresh.setdefault(name, bool(scores.known[event]))
        if score >= floor and len(events) < CAUSES * 4 and score > grown.told.get(name, -np.inf):
            events.append(event)
            told[name] = max(score, told.get(name, score))
    if fresh:
        grown.known = {**grown.known, **fresh}
    if told:
        grown.reasons, grown.told = dict(grown.reasons), {**grown.told, **told}
    top = members[:SAMPLES]
    if len(grown.samples) >= SAMPLES:
        weakest, latest, _ = grown.samples[-1]
        top = top[(scores.nats[top] > weakest) | ((scores.nats[top] == weakest) & (groups.times[top] <= latest))]
    return grown, np.array(events, dtype=np.int64), top


def _tell(grown: list[tuple[OpenWindow, Rows, Rows]], scores: Scores, batch: Batch) -> None:
    """Causes and words of the events asked for, all at once, into their windows."""
    asked = np.concatenate([told for _, told, _ in grown]) if grown else np.zeros(0, dtype=np.int64)
    causes = iter(_once(batch, "cause", scores.rows[asked].tolist()))
    for window, told, _ in grown:
        for event in told.tolist():
            cause, nats = next(causes), float(scores.nats[event])
            before = window.reasons.get(cause)
            if before is None or nats > before.nats:
                window.reasons[cause] = Reason(nats, scores.because(event), scores.techniques(event))
        if len(window.reasons) > CAUSES:
            ranked = sorted(window.reasons.items(), key=lambda item: (-item[1].nats, item[0]))
            window.reasons = dict(ranked[:CAUSES])
        if len(window.told) > 16 * CAUSES:
            window.told = dict(sorted(window.told.items(), key=lambda item: (-item[1], item[0]))[: 8 * CAUSES])


class _Latest(threading.local):
    """Causes and ids of the batch that was folded last: detectors read the same batch one after the other."""

    batch: Batch | None = None
    known: dict[str, dict[int, str]]


_LATEST = _Latest()


def _once(batch: Batch, what: str, rows: Sequence[int]) -> list[str]:
    """The cause or the id of each row, worked out once for all detectors."""
    if _LATEST.batch is not batch:
        _LATEST.batch, _LATEST.known = batch, {"cause": {}, "id": {}}
    known = _LATEST.known[what]
    new = [row for row in dict.fromkeys(rows) if row not in known]
    if new:
        known.update(zip(new, cause_of(batch, new) if what == "cause" else batch.event_ids(new), strict=True))
    return [known[row] for row in rows]


def _strength(sample: tuple[float, int, str]) -> tuple[float, int, str]:
    return -sample[0], sample[1], sample[2]


def _sample(
    grown: list[tuple[OpenWindow, Rows, Rows]], scores: Scores, batch: Batch, times: npt.NDArray[np.int64]
) -> None:
    """Ids of the events that may be among the strongest, all at once, into their windows."""
    asked = np.concatenate([top for _, _, top in grown]) if grown else np.zeros(0, dtype=np.int64)
    ids = iter(_once(batch, "id", scores.rows[asked].tolist()))
    for window, _, top in grown:
        if not len(top):
            continue
        fresh = [
            (nats, time, next(ids)) for nats, time in zip(scores.nats[top].tolist(), times[top].tolist(), strict=True)
        ]
        if not window.samples:
            window.samples = sorted(fresh, key=_strength)
            continue
        seen = {event_id for _, _, event_id in fresh}
        kept = [sample for sample in window.samples if sample[2] not in seen]
        window.samples = sorted([*kept, *fresh], key=_strength)[:SAMPLES]


def _bounded(windows: Mapping[str, OpenWindow]) -> tuple[dict[str, OpenWindow], int]:
    """The newest OPEN_WINDOWS of each subject, and how many older ones were let go."""
    newest: dict[Subject, list[int]] = {}
    for opened in windows.values():
        newest.setdefault(opened.subject, []).append(opened.window)
    if all(len(starts) <= OPEN_WINDOWS for starts in newest.values()):
        return dict(windows), 0
    oldest_kept = {subject: sorted(starts)[-OPEN_WINDOWS:][0] for subject, starts in newest.items()}
    kept = {key: opened for key, opened in windows.items() if opened.window >= oldest_kept[opened.subject]}
    return kept, len(windows) - len(kept)
