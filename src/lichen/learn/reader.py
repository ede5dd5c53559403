"""The second reader: it follows the lake at a distance, and hands on only what may teach.

Learning is reading again. A piece of the lake is due once its newest event is older than the quarantine; of a due
piece, events are left out that touch a subject with an open or malicious alert near their time, that come from a
degraded sensor or a window believed too likely an attack's, or whose clock runs ahead of ours. How far it has read is
kept a stream, together with the model versions that came of it (store.models), so that a learner killed at any point
learns nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from lichen.core.alert import Alert
from lichen.core.batch import Batch, Stream
from lichen.core.entity import Subject
from lichen.core.ocsf import SUBJECT_KINDS
from lichen.core.time import DAY, MICROSECONDS, window_start

HOUR = 3600 * MICROSECONDS
CLOCK_AHEAD = DAY  # an event that claims to come from later than this is not waited for, and teaches nothing
HOLDING = ("open", "malicious", "unsure")  # statuses of an alert that keep its subject's events from teaching

Mask = npt.NDArray[np.bool_]
Hold = Callable[[Batch], Mask]
"""Which events of a batch must not teach."""


class Stored(Protocol):
    """A committed piece of the lake, as far as this reader looks at it."""

    @property
    def stream(self) -> str: ...
    @property
    def delivery(self) -> int: ...
    @property
    def last_time(self) -> int: ...


Piece = TypeVar("Piece", bound=Stored)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Events that may teach, of one or more whole deliveries of one stream; `read` is the reader's place after them.
    `left_out` counts the events that may not, by reason."""

    batches: tuple[Batch, ...]
    read: Mapping[str, int]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def events(self) -> int:
        return sum(len(batch) for batch in self.batches)


def lessons(
    pieces: Iterable[Piece],
    fetch: Callable[[Piece], Batch],
    read: Mapping[str, int],
    *,
    now: int,
    quarantine_hours: float,
    hold: Hold,
    degraded: Callable[[Stream, int], bool] = lambda stream, time: False,
    suspect: Hold | None = None,
    about: int = 50_000,
) -> Iterator[Lesson]:
    """Lessons from the committed `pieces` (in order of delivery) beyond the place `read` (stream -> delivery).

    `now` is µs UTC: the wall clock, or the newest event where old recordings are read. A stream stops at its first
    delivery that is not due, so that nothing is passed over. `suspect`: events of windows that were believed too likely
    an attack's, alert or not. `about` is how many events a lesson holds, more or less.
    """
    due_before = now - int(quarantine_hours * HOUR)
    place = dict(read)
    for stream, deliveries in _by_stream(pieces, read).items():
        batches: list[Batch] = []
        left_out: dict[str, int] = {}
        for delivery, parts in deliveries:
            fetched = _due(parts, fetch, due_before, now)
            if fetched is None:
                break
            for batch in fetched:
                kept, reasons = _may_teach(batch, now, hold, degraded, suspect)
                batches += [kept] if len(kept) else []
                for reason, count in reasons.items():
                    left_out[reason] = left_out.get(reason, 0) + count
            place[stream] = delivery
            if sum(map(len, batches)) >= about:
                yield Lesson(tuple(batches), dict(place), left_out)
                batches, left_out = [], {}
        if place.get(stream) != read.get(stream) and (batches or left_out):
            yield Lesson(tuple(batches), dict(place), left_out)


def _by_stream(pieces: Iterable[Piece], read: Mapping[str, int]) -> dict[str, list[tuple[int, list[Piece]]]]:
    """Whole deliveries beyond the place, a list a stream."""
    found: dict[str, dict[int, list[Piece]]] = {}
    for piece in pieces:
        if piece.delivery > read.get(piece.stream, 0):
            found.setdefault(piece.stream, {}).setdefault(piece.delivery, []).append(piece)
    return {stream: sorted(deliveries.items()) for stream, deliveries in found.items()}


def _due(parts: Sequence[Piece], fetch: Callable[[Piece], Batch], before: int, now: int) -> list[Batch] | None:
    """The delivery's batches if all of it is due. A clock far ahead of ours cannot hold a stream up for ever."""
    if any(before < part.last_time <= now + CLOCK_AHEAD for part in parts):
        return None
    fetched = [fetch(part) for part in parts]
    for batch in fetched:
        times = batch.times()
        if ((times > before) & (times <= now + CLOCK_AHEAD)).any():
            return None
    return fetched


def _may_teach(
    batch: Batch, now: int, hold: Hold, degraded: Callable[[Stream, int], bool], suspect: Hold | None
) -> tuple[Batch, dict[str, int]]:
    times = batch.times()
    ahead = times > now + CLOCK_AHEAD
    held = hold(batch) & ~ahead
    doubted = np.zeros(len(batch), dtype=bool) if suspect is None else suspect(batch) & ~ahead & ~held
    hours, of = np.unique(times // HOUR, return_inverse=True)
    poor = np.array([degraded(batch.stream, int(hour) * HOUR) for hour in hours], dtype=bool)[of]
    poor &= ~(ahead | held | doubted)
    reasons = {"clock ahead": ahead, "subject under alert": held, "window in doubt": doubted, "sensor degraded": poor}
    taught = np.flatnonzero(~(ahead | held | doubted | poor))
    cut = batch if len(taught) == len(batch) else batch.take(taught)
    return cut, {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}


def holding(alerts: Iterable[Alert], *, quarantine_hours: float, window_minutes: int) -> Hold:
    """Hold back the events of subjects under alert: from a quarantine before its first window until a quarantine after
    its last, without end while it is open. An event is held if any of its subjects is."""
    spans: dict[tuple[str, str], list[tuple[int, int | None]]] = {}
    around = int(quarantine_hours * HOUR)
    for alert in alerts:
        if alert.status in HOLDING:
            first = window_start(alert.first_time, window_minutes) - around
            last = window_start(alert.last_time, window_minutes) + window_minutes * 60 * MICROSECONDS + around
            until = None if alert.status == "open" else last
            spans.setdefault((alert.subject.kind, alert.subject.name), []).append((first, until))

    def hold(batch: Batch) -> Mask:
        held = np.zeros(len(batch), dtype=bool)
        times = batch.times()
        for kind in SUBJECT_KINDS if spans else ():
            coded = batch.column(f"subject.{kind}").dictionary_encode()
            codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            for code, name in enumerate(coded.dictionary.to_pylist()):
                for first, until in spans.get((kind, name), ()):
                    held |= (codes == code) & (times >= first) & (times < (until if until is not None else np.inf))
        return held

    return hold


def suspecting(windows: Iterable[tuple[Subject, int]], *, window_minutes: int) -> Hold:
    """Hold back the events of these windows, and of no other: those in which P(attack) was not small enough."""
    starts: dict[tuple[str, str], list[int]] = {}
    for subject, window in windows:
        starts.setdefault((subject.kind, subject.name), []).append(window)

    def hold(batch: Batch) -> Mask:
        held = np.zeros(len(batch), dtype=bool)
        within = window_start(batch.times(), window_minutes)
        for kind in SUBJECT_KINDS if starts else ():
            coded = batch.column(f"subject.{kind}").dictionary_encode()
            codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            for code, name in enumerate(coded.dictionary.to_pylist()):
                if (kind, name) in starts:
                    held |= (codes == code) & np.isin(within, starts[kind, name])
        return held

    return hold
