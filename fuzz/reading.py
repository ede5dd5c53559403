"""A folder with one file in it, written anew for each input and read as `lichen scan` reads it."""

from __future__ import annotations

import atexit
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.targets import expect
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import DeadLetter, Delivery

MAPPINGS = Path(__file__).parents[1] / "content" / "mappings"
MODIFIED = 1_763_980_000  # when every input was written, so that it means the same tomorrow
UNFOLDED_BYTES = 4 << 20
ENTRIES = 64
GROWN_BYTES = 64 << 10
ONE_IN = 16
_MORE = re.compile(r"(\d+) more lines of this block could not be read")


def memory_folder() -> Path:
    """A new folder that is gone with the process, in memory where that is to be had."""
    memory = Path("/dev/shm")
    place = tempfile.TemporaryDirectory(prefix="lichen-fuzz-", dir=memory if memory.is_dir() else None)
    atexit.register(place.cleanup)
    return Path(place.name)


@dataclass(frozen=True, slots=True)
class Told:
    """What a scan gave: (offset, text) of each event, and the dead letters."""

    events: list[tuple[int, str]]
    letters: list[DeadLetter]

    @property
    def refused(self) -> int:
        """How many lines are in dead letters; those counted in one letter, too."""
        more = [_MORE.fullmatch(letter.reason) for letter in self.letters]
        return sum(int(found[1]) if found else 1 for found in more)


class Folder:
    """The file and the source over it, with small caps."""

    def __init__(self, name: str = "input.log", **settings: Any) -> None:
        self._file = memory_folder() / name
        self._notes: list[str] = []
        small = {"archive_limit_bytes": UNFOLDED_BYTES, "archive_entries": ENTRIES, "line_limit_bytes": 1 << 17}
        self._source = FileSource(
            [self._file.parent],
            settings=Settings.model_validate({**small, "host": "host", **settings}),
            mappings=MAPPINGS,
            notes=self._notes,
        )
        self._source.settle_seconds = 0.0

    def read(self, data: bytes) -> Told:
        """The file with this in it, read whole. Nothing comes out that is not bounded by what went in."""
        self._file.unlink(missing_ok=True)
        self._file.write_bytes(data)
        os.utime(self._file, (MODIFIED, MODIFIED))
        self._notes.clear()
        told = Told([], [])
        for delivery in self._source.read({}):
            told.letters.extend(delivery.dead_letters)
            told.events.extend(_events(delivery))
        for letter in told.letters:
            expect(bool(letter.reason and letter.remedy), f"a letter without reason or remedy: {letter}")
            expect(len(letter.excerpt) <= 1024, "an excerpt beyond its bound")
        expect(len(self._notes) <= ENTRIES + 2, f"{len(self._notes)} notes on one file")
        return told

    def stands_as_it_is(self) -> bool:
        """Whether the lines that are read are those of the file: it is not unpacked, converted or unfolded."""
        survey = self._source.survey
        return all(survey.look(origin).origin.plain for origin in survey.origins())


def _events(delivery: Delivery) -> Iterator[tuple[int, str]]:
    for batch in delivery.batches:
        expect(batch.view.num_rows == len(batch) == len(batch.text), "columns of different lengths")
        for shape in batch.shapes:
            rows = shape.events_of(np.arange(shape.fields.num_rows))
            expect(bool(((rows >= 0) & (rows < len(batch))).all()), "a line of no event")
        batch.event_ids(range(len(batch)))
        yield from zip(batch.offset.tolist(), batch.text.to_pylist(), strict=True)


def every_line_is_told(data: bytes, told: Told) -> None:
    """Each line of the file is in exactly one event or dead letter, and nothing else is; Zeek's `#` lines may be in
    none, since they say what the others mean."""
    if len(told.letters) == 1 and not told.events:
        return  # no line can be told what it is: one letter says so
    raw = data.split(b"\n")
    begins = set(accumulate((len(line) + 1 for line in raw), initial=0))
    lines = [line.removesuffix(b"\r").decode("utf-8", "backslashreplace") for line in raw]
    lines[0] = lines[0].removeprefix("\ufeff")
    written = Counter(line for line in lines if line)
    given = Counter(line for _, text in told.events for line in text.split("\n"))
    expect(given <= written, f"events hold what no line does: {list((given - written).elements())[:3]}")
    heads = sum(line.startswith("#") for line in lines)
    expect(
        0 <= written.total() - given.total() - told.refused <= heads,
        f"{written.total()} lines, {given.total()} of them in events, {told.refused} in dead letters",
    )
    expect(all(offset in begins for offset, _ in told.events), "an event that begins within a line")


def grown(data: bytes, draw: int, size: int = GROWN_BYTES) -> bytes | None:
    """Of one input in eight a long one, to see how the time that it takes grows: the same over and over, or its first
    line with a part of it over and over."""
    if draw % ONE_IN > 1 or not data:
        return None
    if draw % ONE_IN:
        return (data * (size // len(data) + 1))[:size]
    line = data.partition(b"\n")[0] or b"x"
    begin = draw // ONE_IN % len(line)
    part = line[begin : begin + 1 + draw // 4096 % 16]
    return line[:begin] + part * (size // len(part)) + line[begin:] + b"\n"
