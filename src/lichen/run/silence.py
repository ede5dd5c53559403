"""Silence: sources that have gone quiet for longer than their own rhythm explains.

A source is silent once nothing came for twice the longest pause of its last seven days, and for ten minutes at least.
The longest pause, not the mean: logs come in bursts, and a night's pause is no fault from the second night on. What a
source does in its first hour, or with fewer than twenty events, is no rhythm: its silence is not measured. The clock is
the wall's where the source is being followed, else the newest event of the store: an old recording is not silent
because it is old, but because other sources of it went on.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from lichen.core.batch import Position
from lichen.core.time import DAY, MICROSECONDS
from lichen.store.parts import Part, read_columns

MINUTE = 60 * MICROSECONDS
LEAST_PAUSE = 10 * MINUTE
PAUSES = 2  # times the longest pause
HISTORY = 7 * DAY
LEAST_HISTORY, LEAST_EVENTS = 60 * MINUTE, 20
NOTE = "following.json"
FRESH_SECONDS = 60.0  # a note older than this is a dead process's
ROTATED = re.compile(r"(?:\.\d{1,5}|-\d{8}|[.-]\d{4}-\d\d-\d\d)?(?:\.(?:gz|xz|bz2|zst))?$")


class Rhythm(msgspec.Struct, frozen=True):
    """One source: its place, last event and events; the longest pause of its last days and the one it is in now (µs).
    `silent` None: not measured, and `words` says why."""

    place: str
    last_time: int
    events: int
    pause: int
    longest: int
    silent: bool | None
    words: str


class _Following(msgspec.Struct, frozen=True):
    time: float
    paths: tuple[str, ...]


def following(folder: Path, paths: Sequence[Path]) -> None:
    """Note that these paths are being followed now."""
    if paths:
        beside = folder / f".{NOTE}.{os.getpid()}"
        beside.write_bytes(msgspec.json.encode(_Following(time.time(), tuple(map(str, paths)))))
        os.replace(beside, folder / NOTE)


def no_longer_followed(folder: Path) -> None:
    """Take the note away."""
    (folder / NOTE).unlink(missing_ok=True)


def followed(folder: Path) -> tuple[str, ...]:
    """The paths that are being followed now."""
    try:
        note = msgspec.json.decode((folder / NOTE).read_bytes(), type=_Following)
    except (OSError, msgspec.DecodeError):
        return ()
    return note.paths if time.time() - note.time < FRESH_SECONDS else ()


def rhythms(
    parts: Iterable[Part], places: Mapping[str, str], folder: Path, now: int, paths: Sequence[str] = ()
) -> list[Rhythm]:
    """Every source in order of place. `places`: stream -> place; `folder` is the lake's; `paths` are followed now.
    Rotated files of one log are one source."""
    sources: dict[str, list[Part]] = {}
    for part in parts:
        sources.setdefault(source_of(places.get(part.stream, part.stream)), []).append(part)
    newest = min(now, max((part.last_time for own in sources.values() for part in own), default=now))
    found = []
    for place, own in sorted(sources.items()):
        live = any(place == path or place.startswith(path.rstrip("/") + "/") for path in paths)
        found.append(_rhythm(place, own, str(folder), now if live else newest, live))
    return found


def places_of(positions: Iterable[Position]) -> dict[str, str]:
    """What people call each stream: its file, or the log that numbered records of files (EVTX) belong to."""
    places: dict[str, str] = {}
    for position in positions:
        places |= position.state.get("reader", {}).get("logs", {})
        places[position.stream] = position.place
    return places


def source_of(place: str) -> str:
    """A log's place without what rotation appends."""
    return ROTATED.sub("", place) or place


def _rhythm(place: str, parts: list[Part], folder: str, now: int, live: bool) -> Rhythm:
    parts = sorted(parts, key=lambda part: (part.first_time, part.last_time))
    last, events = max(part.last_time for part in parts), sum(part.rows for part in parts)
    recent = [part for part in parts if part.last_time >= last - HISTORY]
    longest, until = 0, recent[0].first_time
    for part in recent:
        longest = max(longest, part.first_time - until, _longest_within(folder, part))
        until = max(until, part.last_time)
    pause = max(0, now - last)
    history = last - recent[0].first_time
    if history < LEAST_HISTORY or events < LEAST_EVENTS:
        why = f"not measured: {events:,} events over {_span(history)} are no rhythm yet"
        return Rhythm(place, last, events, pause, longest, None, why)
    allowed = max(LEAST_PAUSE, PAUSES * longest)
    clock = "" if live else " up to the newest event of the store"
    words = f"nothing for {_span(pause)}{clock}; its longest pause in 7 days was {_span(longest)}"
    return Rhythm(place, last, events, pause, longest, pause > allowed, words)


def _longest_within(folder: str, part: Part) -> int:
    """The longest pause between a part's events; of a part that spans little, its span bounds it well enough."""
    span = part.last_time - part.first_time
    return span if span < LEAST_PAUSE // PAUSES or part.rows < 3 else _longest(folder, part.path, part.rows)


@lru_cache(maxsize=65536)
def _longest(folder: str, path: str, rows: int) -> int:
    times = read_columns(Path(folder), path, ["time"])["time"].cast(pa.int64()).to_numpy(zero_copy_only=False)
    return int(np.diff(np.sort(times)).max())


def _span(us: int) -> str:
    minutes = us / MINUTE
    if minutes < 1:
        return f"{us / MICROSECONDS:.0f} s"
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 2880 else f"{us / DAY:.0f} days"
