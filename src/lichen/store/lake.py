"""The lake: every event in Parquet, by day and kind, stored once however often it is delivered.

A part counts once the records list it (`Records.commit`): a reader in another process sees whole deliveries only, and
a part whose commit never came is swept away by the next writer. Parts are named after their stream and the range of
their events' offsets: delivered again in the same pieces they replace their like, in other pieces the events that are
stored already are left out. Both rest on event ids, so neither order nor number of deliveries matters.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lichen.core.batch import Batch, Rows, Shape
from lichen.core.entity import Subject
from lichen.core.places import LEVELS, PLACE_COLUMNS, Place, places_in
from lichen.store.parts import Part, event_ids, flush, id_list, read_columns, read_part, write_part
from lichen.store.pieces import days_of, part_name
from lichen.store.writer import Writer

Reshape = Callable[[Batch], tuple[Shape, ...]]
REMEMBERED_PARTS = 512  # whose event ids stay at hand
ROWS_IN_HAND = 100_000  # of whole parts, while one question is answered


class Lake:
    """Events in a folder. `listed` gives the committed parts (`Records.parts`). `reshape` makes a batch's shapes anew
    from its text and view; without it they are stored beside. `owner` is the records' own id: a lake is never written
    or swept under other records. `to_disk` brings parts to disk before they can be committed, against power cuts."""

    def __init__(
        self,
        folder: Path,
        listed: Callable[..., list[Part]],
        owner: str,
        reshape: Reshape | None = None,
        to_disk: bool = True,
    ) -> None:
        self.folder, self._listed, self._reshape, self._to_disk = folder, listed, reshape, to_disk
        self._writer = Writer(folder, owner)
        self._greatest: dict[str, int] = {}  # stream -> the last offset that may be stored
        self._ids = lru_cache(maxsize=REMEMBERED_PARTS)(self._read_ids)
        self._places = lru_cache(maxsize=REMEMBERED_PARTS)(self._read_places)

    def close(self) -> None:
        """Let another process write."""
        self._writer.release()

    # writing

    def write(self, batches: Sequence[Batch]) -> list[Part]:
        """Put the events of one delivery in place; they count once `Records.commit` lists the given parts. Events that
        are stored already are not stored again. Raises LichenError if another process writes, or the disk refuses."""
        if not self._writer.held:
            self._writer.take({part.path for part in self._listed()})
        parts: list[Part] = []
        touching = self._touching(batches)
        for batch in batches:
            for day, rows in days_of(batch):
                piece = batch if len(rows) == len(batch) else batch.take(rows)
                parts += self._write_piece(piece, day, touching, parts)
        for part in parts:
            self._greatest[part.stream] = max(self._greatest.get(part.stream, -1), part.last_offset)
        if self._to_disk:
            for folder in {(self.folder / part.path).parent for part in parts}:
                flush(folder)
        return parts

    def _touching(self, batches: Sequence[Batch]) -> list[Part]:
        """Committed parts whose range of offsets meets one of these batches: almost always none or the last few."""
        ranges: dict[str, list[int]] = {}
        for batch in batches:
            if len(batch):
                first, last = int(batch.offset.min()), int(batch.offset.max())
                known = ranges.setdefault(batch.stream.identity, [first, last])
                known[:] = [min(known[0], first), max(known[1], last)]
        found = []
        for stream, (first, last) in ranges.items():
            if stream not in self._greatest:
                self._greatest[stream] = max((part.last_offset for part in self._listed(stream=stream)), default=-1)
            if first <= self._greatest[stream]:
                found += self._listed(stream=stream, offsets=(first, last))
        return found

    def _write_piece(self, piece: Batch, day: str, touching: Sequence[Part], beside: Sequence[Part]) -> list[Part]:
        ids = event_ids(piece)
        first, last = int(piece.offset.min()), int(piece.offset.max())
        mine = [p for p in touching if p.stream == piece.stream.identity and p.last_offset >= first]
        name = part_name(piece, day)
        if mine:
            same = next((part for part in mine if part.path == name), None)
            if same is not None and not set(id_list(ids)).issuperset(self._ids(same.path, same.rows)):
                same = None
            rows = self._unstored(piece, ids, [part for part in mine if part is not same])
            if not len(rows):
                return []
            piece, ids = piece.take(rows), ids.take(pa.array(rows))
            name = part_name(piece, day, taken={part.path for part in (*mine, *beside) if part is not same})
            first, last = int(piece.offset.min()), int(piece.offset.max())
        write_part(self.folder, name, piece, ids, with_shapes=self._reshape is None, to_disk=self._to_disk)
        times = piece.times()
        stream, earliest, latest = piece.stream.identity, int(times.min()), int(times.max())
        return [Part(name, stream, piece.kind, day, first, last, len(piece), earliest, latest)]

    def _unstored(self, piece: Batch, ids: pa.Array, parts: Sequence[Part]) -> Rows:
        """Rows of events that none of these parts holds."""
        stored: set[bytes] = set()
        for part in parts:
            stored.update(self._ids(part.path, part.rows))
        unstored = [row for row, event_id in enumerate(id_list(ids)) if event_id not in stored]
        return np.array(unstored, dtype=np.int64)

    def _read_ids(self, path: str, rows: int) -> frozenset[bytes]:
        """A part's event ids. `rows` is part of what is remembered: a part is only ever replaced by one with more."""
        return frozenset(id_list(read_columns(self.folder, path, ["event_id"])["event_id"]))

    # reading

    def batches(
        self,
        *,
        kinds: Iterable[str] | None = None,
        since: int | None = None,
        until: int | None = None,
        subject: Subject | None = None,
        shapes: bool = True,
    ) -> Iterator[Batch]:
        """Events with times in [since, until) µs and of one subject, as they were judged: in order of delivery, a batch
        a part. Without `shapes` they come without, which is quicker. Raises LichenError on a damaged part."""
        for part in self._listed(kinds=kinds, since=since, until=until):
            rows = self._wanted(part, since, until, subject)
            if rows is None or len(rows):
                yield self._read(part, rows, shapes)

    def parts(self, since: int, until: int) -> list[Part]:
        """The committed parts that hold events of [since, until) µs, in order of delivery."""
        return self._listed(since=since, until=until)

    def reading(self) -> Reading:
        """The lake as one who asks for many subjects of the same time reads it."""
        return Reading(self)

    def read(self, part: Part, shapes: bool = False) -> Batch:
        """The whole of one part, as a second reader (lichen.learn.reader) asks for it."""
        return self._read(part, None, shapes)

    def by_ids(self, ids: Iterable[str], between: tuple[int, int] | None = None, shapes: bool = True) -> list[Batch]:
        """The events of these ids (32 hex digits), in batches; ids that are not stored are left out. `between` (µs,
        both ends included) says where to look first: without it, and for what it lacks, every part is asked."""
        missing = {bytes.fromhex(event_id) for event_id in ids}
        found = []
        asked: set[str] = set()
        ranges = [{"since": between[0], "until": between[1] + 1}, {}] if between else [{}]
        for where in ranges:
            for part in self._listed(**where)[::-1] if missing else ():
                here = set() if part.path in asked else missing & self._ids(part.path, part.rows)
                asked.add(part.path)
                if here:
                    missing -= here
                    found.append(self._read(part, None, shapes, here))
        return found

    def events(self, ids: Sequence[str], between: tuple[int, int] | None = None) -> list[dict[str, Any]]:
        """Events for people, in the order of `ids`: the view's columns that hold something (`time` in µs), "event_id"
        and "raw" (text; bytes that are not UTF-8 as \\xNN). Ids that are not stored are left out."""
        told: dict[str, dict[str, Any]] = {}
        for batch in self.by_ids(ids, between, shapes=False):
            view = batch.view.set_column(0, "time", pa.array(batch.times()))
            for event_id, row, text in zip(
                batch.event_ids(range(len(batch))), view.to_pylist(), batch.text, strict=True
            ):
                raw = text.cast(pa.large_binary()).as_py().decode("utf-8", "backslashreplace")
                known = {name: value for name, value in row.items() if value is not None}
                told[event_id] = {"event_id": event_id, **known, "raw": raw}
        return [told[event_id] for event_id in ids if event_id in told]

    def place_of(self, subject: Subject) -> Place:
        """The group and image that the newest events of a subject name; {} where its newest parts name none."""
        found: Place = {}
        for part in self._listed()[::-1][:REMEMBERED_PARTS]:
            found = {**self._places(part.path, part.rows).get(subject, {}), **found}
            if len(found) == len(LEVELS):
                break
        return found

    def _read_places(self, path: str, rows: int) -> Mapping[Subject, Place]:
        """Who is where, by one part."""
        return places_in(read_columns(self.folder, path, list(PLACE_COLUMNS)))

    def _wanted(self, part: Part, since: int | None, until: int | None, subject: Subject | None) -> Rows | None:
        """Rows of the part within the times and of the subject; None means all."""
        inside = (since is None or since <= part.first_time) and (until is None or part.last_time < until)
        if inside and subject is None:
            return None
        names = ["time"] if subject is None else ["time", f"subject.{subject.kind}"]
        columns = read_columns(self.folder, part.path, names)
        times = np.asarray(columns["time"].cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
        wanted = np.ones(len(times), dtype=bool)
        if since is not None:
            wanted &= times >= since
        if until is not None:
            wanted &= times < until
        if subject is not None:
            same = pc.equal(columns[names[1]], subject.name)
            wanted &= same.fill_null(False).to_numpy(zero_copy_only=False)
        return np.flatnonzero(wanted)

    def _read(self, part: Part, rows: Rows | None, shapes: bool, only: set[bytes] | None = None) -> Batch:
        batch, ids = read_part(self.folder, part.path, shapes)
        if only is not None:
            rows = np.array([row for row, event_id in enumerate(id_list(ids)) if event_id in only], dtype=np.int64)
        if rows is not None:
            batch = batch.take(rows)
        return replace(batch, shapes=self._reshape(batch)) if shapes and self._reshape and not batch.shapes else batch


class Reading:
    """A lake read part by part, each part once, while the last parts read stay in hand: up to ROWS_IN_HAND events."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._parts: OrderedDict[tuple[str, int], Batch] = OrderedDict()
        self._rows = 0

    def batches(self, subject: Subject, since: int, until: int) -> Iterator[Batch]:
        """As `Lake.batches`: the events of a subject with times in [since, until) µs."""
        for part in self._lake.parts(since, until):
            batch = self._whole(part)
            times = batch.times()
            own = pc.equal(batch.column(f"subject.{subject.kind}"), subject.name).fill_null(False)
            wanted = (times >= since) & (times < until) & own.to_numpy(zero_copy_only=False)
            if wanted.any():
                yield batch if wanted.all() else batch.take(np.flatnonzero(wanted))

    def _whole(self, part: Part) -> Batch:
        key = (part.path, part.rows)  # a part is only ever replaced by one with more
        if key in self._parts:
            self._parts.move_to_end(key)
            return self._parts[key]
        batch = self._parts[key] = self._lake.read(part, shapes=True)
        self._rows += len(batch)
        while self._rows > ROWS_IN_HAND and len(self._parts) > 1:
            self._rows -= len(self._parts.popitem(last=False)[1])
        return batch
