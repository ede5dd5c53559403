"""Sensors that could not be trusted for a while: hours of a stream in which too much could not be read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from lichen.core.batch import Stream
from lichen.core.time import MICROSECONDS
from lichen.store.store import Store

HOUR = 3600 * MICROSECONDS
UNREADABLE = 0.05  # of a stretch's records: from here on its hours are degraded
LETTERS = 100_000  # dead letters that are looked at


def degraded_hours(store: Store) -> Callable[[Stream, int], bool]:
    """Whether a stream was degraded in the hour that begins at a time (µs UTC): one record in twenty, or more, of a
    stretch that touches it became no event. What a sensor lost before it wrote is not known here."""
    letters: dict[str, list[int]] = {}
    for letter in store.records.dead_letters(LETTERS):
        letters.setdefault(letter.stream, []).append(letter.offset)
    hours: set[tuple[str, int]] = set()
    for stream, offsets in letters.items():
        parts = sorted(store.records.parts(stream=stream), key=lambda part: part.first_offset)
        begins = [part.first_offset for part in parts]
        unread = [0] * len(parts)
        for offset in offsets if parts else ():
            unread[max(0, bisect_right(begins, offset) - 1)] += 1
        for part, lost in zip(parts, unread, strict=True):
            if lost >= UNREADABLE * (part.rows + lost):
                first, last = part.first_time // HOUR, part.last_time // HOUR
                hours.update((stream, hour) for hour in range(first, min(last, first + 24 * 366) + 1))
    return lambda stream, time: (stream.identity, time // HOUR) in hours
