"""From scores of events to one row per subject and window: what profiles and classifiers have in common.

A detector scores the events in its reach (`Scores`); `fold` keeps, per open (subject, window), the greatest score, the
distinct causes, the distinct values known and new, and the strongest events. Memory is JSON-able and bounded: the
oldest windows of a subject go first, counted.
"""

from __future__ import annotations

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
    evidence: list[Evidence] = []
    census: list[CensusRow] = []
    times = batch.times()[scores.rows]
    starts = window_start(times, minutes)
    for members in _by_subject_and_window(scores.subject, starts):
        subject = scores.subjects[scores.subject[members[0]]]
        start = int(starts[members[0]])
        key = f"{subject.kind}\0{subject.name}\0{start}"
        opened = windows.get(key)
        grown = _grow(opened, subject, start, scores, members, times, batch)
        windows[key] = grown
        evidence.append(grown.row(detector, version))
        census.append(_census(scores, members, subject, start, batch, detector))
    if scores.missing and census:
        census[0] = msgspec.structs.replace(census[0], missing=scores.missing)
    windows, dropped = _bounded(windows)
    return evidence, census, {**memory, "windows": windows, "evicted": evicted + dropped}


def _by_subject_and_window(subject: Rows, starts: npt.NDArray[np.int64]) -> list[Rows]:
    """Indices of events, a list per (subject, window)."""
    if not len(subject):
        return []
    order = np.lexsort((starts, subject))
    change = np.flatnonzero((np.diff(subject[order]) != 0) | (np.diff(starts[order]) != 0)) + 1
    return np.split(order, change)


def _grow(
    opened: OpenWindow | None,
    subject: Subject,
    start: int,
    scores: Scores,
    members: Rows,
    times: npt.NDArray[np.int64],
    batch: Batch,
) -> OpenWindow:
    """The open window with these events added; only each value's strongest event is asked for words and cause."""
    first = int(times[members].min())
    grown = OpenWindow(subject, start, first)
    if opened is not None:
        grown.first_time = min(first, opened.first_time)
        grown.n_events = opened.n_events
    grown.n_events += len(members)
    grown.reasons = dict(opened.reasons) if opened else {}
    grown.known = dict(opened.known) if opened else {}
    by_strength = members[np.lexsort((times[members], -scores.nats[members]))]
    values, strongest = np.unique(scores.value[by_strength], return_index=True)
    for value, place in zip(values.tolist(), strongest.tolist(), strict=True):
        if len(grown.known) < VALUES:
            grown.known.setdefault(scores.values[value], bool(scores.known[by_strength[place]]))
    told = by_strength[np.sort(strongest)][: CAUSES * 4]
    for i, cause in zip(told.tolist(), cause_of(batch, scores.rows[told].tolist()), strict=True):
        before = grown.reasons.get(cause)
        if before is None or scores.nats[i] > before.nats:
            grown.reasons[cause] = Reason(float(scores.nats[i]), scores.because(i), scores.techniques(i))
    if len(grown.reasons) > CAUSES:
        ranked = sorted(grown.reasons.items(), key=lambda item: (-item[1].nats, item[0]))
        grown.reasons = dict(ranked[:CAUSES])
    top = by_strength[:SAMPLES]
    ids = batch.event_ids(scores.rows[top].tolist())
    fresh = [(float(scores.nats[i]), int(times[i]), event_id) for i, event_id in zip(top.tolist(), ids, strict=True)]
    seen = {event_id for _, _, event_id in fresh}
    kept = [sample for sample in (opened.samples if opened else []) if sample[2] not in seen]
    grown.samples = sorted([*kept, *fresh], key=lambda sample: (-sample[0], sample[1], sample[2]))[:SAMPLES]
    return grown


def _census(scores: Scores, members: Rows, subject: Subject, start: int, batch: Batch, detector: str) -> CensusRow:
    nats = scores.nats[members]
    bins = np.bincount(np.searchsorted(SKETCH_EDGES, nats, side="right"), minlength=len(SKETCH_EDGES) + 1)
    return CensusRow(
        detector=detector,
        subject=subject,
        group=scores.groups[scores.subject[members[0]]],
        window=start,
        stream=batch.stream.identity,
        start=int(batch.offset[0]),
        seen=len(members),
        fired=int((nats > 0).sum()),
        sketch=tuple(bins.tolist()),
    )


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
