"""Batch: events of one stream and kind, with their raw text, the sensor's own fields and the OCSF view."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stream:
    """Where events come from. `identity` (32 hex digits) survives renaming, compression and copying of a file;
    `place` is what people call it (a path, a topic); `sensor` names the mapping that read it."""

    identity: str
    place: str
    sensor: str


@dataclass(frozen=True, slots=True)
class LogSource:
    """Sigma's log source: what a rule asks for and what a shape offers. None in a rule means any."""

    product: str | None = None
    category: str | None = None
    service: str | None = None

    def offers(self, wanted: LogSource) -> bool:
        """Whether a rule that wants `wanted` reads this log source."""
        pairs = ((wanted.product, self.product), (wanted.category, self.category), (wanted.service, self.service))
        return all(asked is None or asked == offered for asked, offered in pairs)


@dataclass(frozen=True, slots=True)
class Shape:
    """One way in which Sigma reads a batch: a log source and the fields under the names that its rules use.

    `fields` has one line a *Sigma row*; `event` gives the event row of each line (None: line i is event i). auditd has
    two shapes: a line a record (`service: auditd`) and a line a process event (`category: process_creation`).
    `keywords` is the text that field-less keywords search, a line each (None: the event's raw text).
    """

    source: LogSource
    fields: pa.RecordBatch
    event: Rows | None = None
    keywords: pa.Array | None = None

    def events_of(self, lines: Rows) -> Rows:
        """Event rows of the given lines."""
        return lines if self.event is None else self.event[lines]


@dataclass(frozen=True, slots=True)
class Batch:
    """`n` events of one stream and kind. `text[i]` is the event's raw text whole (the joined records of an auditd
    event, newline between), `offset[i]` its first byte's place in the *uncompressed* stream, `view` the OCSF view."""

    stream: Stream
    kind: str
    text: pa.Array
    offset: Rows
    view: pa.RecordBatch
    shapes: tuple[Shape, ...] = ()

    def __len__(self) -> int:
        return len(self.offset)

    def event_ids(self, rows: Iterable[int] | Rows) -> list[str]:
        """Ids of the given rows: hash(stream identity, offset, raw text), 32 hex digits. Only rows that are stored,
        sampled or printed are ever hashed."""
        stream = self.stream.identity.encode()
        wanted = np.fromiter(rows, dtype=np.int64)
        texts, offsets = self.text.take(pa.array(wanted)).to_pylist(), self.offset[wanted].tolist()
        ids = []
        for raw, offset in zip(texts, offsets, strict=True):
            digest = hashlib.blake2b(stream, digest_size=16)
            digest.update(offset.to_bytes(8, "little"))
            digest.update(raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw)
            ids.append(digest.hexdigest())
        return ids

    def times(self) -> npt.NDArray[np.int64]:
        """Event times, µs UTC."""
        return np.asarray(self.view.column("time").cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)

    def column(self, name: str) -> pa.Array:
        """A column of the OCSF view."""
        return self.view.column(name)

    def take(self, rows: Rows) -> Batch:
        """The batch cut to some event rows, in the given ascending order; shapes follow their events."""
        indices = pa.array(rows)
        new_row = np.full(len(self), -1, dtype=np.int64)
        new_row[rows] = np.arange(len(rows))
        shapes = []
        for shape in self.shapes:
            event = np.arange(len(self)) if shape.event is None else shape.event
            lines = np.flatnonzero(new_row[event] >= 0)
            keywords = None if shape.keywords is None else shape.keywords.take(pa.array(lines))
            shapes.append(Shape(shape.source, shape.fields.take(pa.array(lines)), new_row[event[lines]], keywords))
        return Batch(
            self.stream, self.kind, self.text.take(indices), self.offset[rows], self.view.take(indices), tuple(shapes)
        )


class DeadLetter(msgspec.Struct, frozen=True):
    """Input that could not become an event: where it stood, why, and its first bytes (escaped, at most 1 KiB)."""

    place: str
    stream: str
    offset: int
    reason: str
    remedy: str
    excerpt: str


class Position(msgspec.Struct, frozen=True):
    """How far a stream was read: resume needs the same identity *and* the same last block (an equal identity alone
    never skips a file). `offset` counts uncompressed bytes; `state` is the reader's own, such as open audit events
    and the process table."""

    stream: str
    place: str
    offset: int
    last_block: str = ""
    state: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a source hands over in one go, committed together: batches of one stream, dead letters, the position after
    them, and whether the stream ended here (so that its windows may close)."""

    batches: tuple[Batch, ...]
    dead_letters: tuple[DeadLetter, ...]
    position: Position
    ended: bool = False
