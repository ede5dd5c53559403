"""Event time: microseconds since 1970 in UTC, and the windows cut from it."""

from __future__ import annotations

import datetime as dt
from typing import overload

import numpy as np
import numpy.typing as npt

MICROSECONDS = 1_000_000
DAY = 86_400 * MICROSECONDS

Microseconds = npt.NDArray[np.int64]


@overload
def window_start(time_us: int, minutes: int) -> int: ...
@overload
def window_start(time_us: Microseconds, minutes: int) -> Microseconds: ...
def window_start(time_us: int | Microseconds, minutes: int) -> int | Microseconds:
    """Start of the window of `minutes` that holds `time_us` (both µs UTC; windows are aligned to the epoch)."""
    length = minutes * 60 * MICROSECONDS
    return time_us - time_us % length


def day_of(time_us: int) -> str:
    """The UTC day of an event time, as 2026-11-24."""
    return to_datetime(time_us).strftime("%Y-%m-%d")


def to_datetime(time_us: int) -> dt.datetime:
    """An aware datetime for µs UTC; years beyond datetime's range are clamped, since events are not to be trusted."""
    try:
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=int(time_us))
    except OverflowError:
        return dt.datetime.max.replace(tzinfo=dt.UTC) if time_us > 0 else dt.datetime.min.replace(tzinfo=dt.UTC)


def to_text(time_us: int) -> str:
    """RFC 3339 in UTC with microseconds, as 2026-11-24T11:41:02.123456Z."""
    return to_datetime(time_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> int:
    """µs UTC of an RFC 3339 time; a time without a zone is taken as UTC. Raises ValueError."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return round((moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1))
