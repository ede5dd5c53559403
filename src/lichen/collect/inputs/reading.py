"""One stream from where it was left to its end as of now, in deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lichen.collect.dead_letter import Letters
from lichen.collect.inputs.blocks import Cutter, digest
from lichen.collect.inputs.containers import fault_of
from lichen.collect.inputs.opened import Bytes, Origin
from lichen.collect.inputs.resume import STEP, Found
from lichen.collect.readers import Lines, Reader
from lichen.collect.readers.choose import Format
from lichen.collect.readers.making import Context
from lichen.core.batch import Batch, Delivery, Position

NOTHING = Lines([], np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
PROOF_BYTES = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of blocks and lines, in bytes."""

    batch: int
    line: int


class StreamReading:
    """Reads one stream forward. What it has in hand between deliveries is in each delivery's position."""

    def __init__(self, origin: Origin, found: Found, base: str, fmt: Format, context: Context, limits: Limits) -> None:
        self.origin, self.base, self.format, self.context, self.limits = origin, base, fmt, context, limits
        self._bytes = Bytes(origin)
        self._cutter = Cutter(limits.line)
        self._reader: Reader = fmt.make(context)
        self._held = NOTHING
        self._told: dict[int, str] = {}
        self._hosts: set[str] = set()
        self._told_damage = False
        self.latest_time: int | None = None  # of the last line read, µs UTC
        if found.position is not None:
            self._take_up(found.position, found.tail)

    def _take_up(self, position: Position, tail: bytes) -> None:
        state = position.state
        self._cutter.offset, self._cutter.number = position.offset, int(state.get("lines", 0))
        self._cutter.tail = tail
        self._cutter.skipping = bool(state.get("skipping", False))
        self._cutter.marks = {int(place): mark for place, mark in state.get("marks", {}).items()}
        self.context.clock.latest = state.get("clock")
        self._held = _lines_of(state.get("held", []))
        self._told = {int(offset): text for offset, text in state.get("told", {}).items()}
        self._reader.restore(state.get("reader", {}))
        if self.origin.plain:
            self._bytes.seek(position.offset)
            return
        left = position.offset
        while left > 0 and (part := self._bytes.read(min(STEP, left))):
            left -= len(part)

    def file_id(self) -> tuple[int, int, int] | None:
        """Device, inode and size of the file that is open."""
        return self._bytes.file_id()

    @property
    def reached(self) -> int:
        """How many bytes were read, lines that are not whole yet included."""
        return self._cutter.offset + len(self._cutter.carry)

    def is_intact(self) -> bool:
        """Whether the open file still holds what was read of it: not cut short, nor cut short and grown again."""
        opened = self._bytes.file_id()
        if opened is None or opened[2] < self.reached:
            return False
        tail = self._cutter.tail[-PROOF_BYTES:]
        return self._bytes.at(self._cutter.offset - len(tail), len(tail)) == tail

    @property
    def half_line(self) -> bool:
        """Whether the stream ends, as of now, within a line."""
        return bool(self._cutter.carry)

    @property
    def open_events(self) -> bool:
        """Whether events are held back for what may follow."""
        return bool(len(self._held))

    def advance(self) -> Iterator[Delivery]:
        """Deliveries of what can be read now; what may still grow is held back."""
        while chunk := self._bytes.read(self.limits.batch):
            delivery = self._deliver(self._cutter.add(chunk))
            if delivery is not None:
                yield delivery

    def finish(self, ended: bool = True, half_line: bool = True, read_on: bool = True) -> Iterator[Delivery]:
        """What is left, nothing held back but (unless asked for) half a line. If it grows after all, what it grew into
        is given too, and what did not change is not given twice. `read_on`: look for more first."""
        if read_on:
            yield from self.advance()
        lines = self._cutter.unfinished() if half_line else NOTHING
        delivery = self._deliver(lines, last=True, ended=ended)
        assert delivery is not None
        if ended or delivery.batches or delivery.dead_letters:
            yield delivery

    def close(self) -> None:
        self._bytes.close()

    def _deliver(self, new: Lines, last: bool = False, ended: bool = False) -> Delivery | None:
        """The delivery of new lines; None if they bring nothing."""
        letters = Letters(self.context.stream)
        if self.origin.converted is not None:
            new = _without_faults(new, letters)
        lines = _joined(self._held, new)
        letters.put_too_long(self._cutter.too_long, self.limits.line)
        self._cutter.too_long = []
        if self._bytes.damage is not None and not self._told_damage:
            self._told_damage = True
            letters.put(self._cutter.offset, 0, self._bytes.damage, self._bytes.remedy, b"")
        if not len(lines) and not letters.letters and not last:
            return None
        reading = self._reader.read(lines, last)
        self.latest_time = reading.latest if reading.latest is not None else self.latest_time
        faults = [
            fault for fault in reading.faults if not self._was_told(lines.offset[fault.row], lines.text[fault.row])
        ]
        letters.put_faults(lines, faults)
        batches = [fresh for batch in reading.batches if len(fresh := self._untold(batch))]
        self._hosts.update(self._hosts_of(batches))
        if last:
            half = range(len(lines) - len(new), len(lines))
            self._remember(lines, [*reading.held, *half], reading.batches)
            reading.held = [row for row in reading.held if row not in half]
        elif len(new):
            self._told = {
                place: text for place, text in self._told.items() if place >= self._earliest(lines, reading.held)
            }
        self._held = _only(lines, reading.held)
        return Delivery(tuple(batches), letters.all(), self.position(), ended)

    def _was_told(self, offset: int, text: str) -> bool:
        return bool(self._told) and self._told.get(int(offset)) == digest(text.encode())

    def _untold(self, batch: Batch) -> Batch:
        """The batch without events that were given out before and did not change since."""
        if not self._told:
            return batch
        rows = [
            row
            for row, offset in enumerate(batch.offset.tolist())
            if offset not in self._told or not self._was_told(offset, batch.text[row].as_py())
        ]
        return batch if len(rows) == len(batch) else batch.take(np.array(rows, dtype=np.int64))

    def _remember(self, lines: Lines, rows: Sequence[int], batches: Sequence[Batch]) -> None:
        """Note what was given out though it may still grow, to know it again."""
        may_grow = {int(lines.offset[row]): digest(lines.text[row].encode()) for row in rows}
        self._told = dict(may_grow)
        for batch in batches:
            for row, offset in enumerate(batch.offset.tolist()):
                if offset in may_grow:
                    self._told[offset] = digest(batch.text[row].as_py().encode())

    def _earliest(self, lines: Lines, held: Sequence[int]) -> int:
        return int(min((lines.offset[row] for row in held), default=self._cutter.offset))

    def _hosts_of(self, batches: Sequence[Batch]) -> set[str]:
        if self.format.sensor != "auditd" or not batches:
            return set()
        named = {
            host
            for batch in batches
            for host in batch.column("device.hostname").unique().to_pylist()
            if host is not None
        }
        return {*named, self.context.naming.fallback_host}

    def position(self) -> Position:
        """How far the stream was read, with what is in hand."""
        cutter = self._cutter
        state: dict[str, Any] = {
            "base": self.base,
            "sensor": self.format.sensor,
            "lines": cutter.number,
            "skipping": cutter.skipping,
            "marks": {str(place): mark for place, mark in cutter.marks.items()},
            "clock": self.context.clock.latest,
            "held": [
                [int(offset), int(number), text]
                for text, offset, number in zip(self._held.text, self._held.offset, self._held.number, strict=True)
            ],
            "told": {str(offset): text for offset, text in self._told.items()},
            "reader": self._reader.state(),
        }
        if self._hosts:
            state["processes"] = self.context.processes.state(self._hosts)
        return Position(self.context.stream.identity, self.origin.place, cutter.offset, cutter.last_block(), state)


def _lines_of(held: Sequence[Sequence[Any]]) -> Lines:
    return Lines(
        [str(text) for _, _, text in held],
        np.array([offset for offset, _, _ in held], dtype=np.int64),
        np.array([number for _, number, _ in held], dtype=np.int64),
    )


def _joined(first: Lines, then: Lines) -> Lines:
    if not len(first):
        return then
    return Lines(
        [*first.text, *then.text],
        np.concatenate([first.offset, then.offset]),
        np.concatenate([first.number, then.number]),
    )


def _without_faults(lines: Lines, letters: Letters) -> Lines:
    """The lines without those that stand for a record which a converter could not read; these become letters."""
    kept = []
    for row, text in enumerate(lines.text):
        if (fault := fault_of(text)) is None:
            kept.append(row)
        else:
            letters.put(int(lines.offset[row]), int(lines.number[row]), *fault)
    return lines if len(kept) == len(lines) else _only(lines, kept)


def _only(lines: Lines, rows: Sequence[int]) -> Lines:
    return Lines([lines.text[row] for row in rows], lines.offset[list(rows)], lines.number[list(rows)])
