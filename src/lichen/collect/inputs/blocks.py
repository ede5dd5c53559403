"""Bytes to whole lines, in blocks: places kept in the uncompressed stream, lines beyond the limit told and skipped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from lichen.collect.readers import Lines

LAST_BLOCK = 4096  # bytes before a place whose hash proves it
SMALLEST_MARK = 256
EXCERPT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line beyond the limit: where it began, its number, and its first bytes."""

    offset: int
    number: int
    first: bytes


@dataclass(slots=True)
class Cutter:
    """Cuts a stream into lines. `offset` is the place after the last line given out, `number` how many lines came
    before it; `marks` hashes what stands before places that are powers of two, so that an older, shorter copy of the
    stream can be told."""

    limit: int
    offset: int = 0
    number: int = 0
    tail: bytes = b""
    marks: dict[int, str] = field(default_factory=dict)
    carry: bytes = b""
    skipping: bool = False
    too_long: list[TooLong] = field(default_factory=list)

    def add(self, chunk: bytes) -> Lines:
        """The lines that are whole with this chunk."""
        self._mark(chunk)
        block = self.carry + chunk
        if self.skipping:
            block = self._skip(block)
        cut = block.rfind(b"\n") + 1
        whole, self.carry = block[:cut], block[cut:]
        lines = self._lines(whole)
        if len(self.carry) > self.limit:
            self.too_long.append(TooLong(self.offset, self.number + 1, self.carry[:EXCERPT_BYTES]))
            self.skipping = True
            self.carry = self._skip(self.carry)
        return lines

    def unfinished(self) -> Lines:
        """What stands at the end without a line end, as a line; it stays where it is, since it may yet be finished."""
        if not self.carry:
            return Lines([], np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        text = self._decoded(self.carry).removesuffix("\r")
        return Lines([text], np.array([self.offset]), np.array([self.number + 1]))

    def last_block(self) -> str:
        """The hash of what stands before `offset`."""
        return digest(self.tail)

    def _decoded(self, part: bytes) -> str:
        """Text of what stands at `offset`, without the mark that some writers put before the first line."""
        text = part.decode("utf-8", "backslashreplace")
        return text.removeprefix("\ufeff") if not self.offset else text

    def _consume(self, part: bytes) -> None:
        self.offset += len(part)
        self.tail = (self.tail + part[-LAST_BLOCK:])[-LAST_BLOCK:]

    def _skip(self, block: bytes) -> bytes:
        """Drop what belongs to a line that is too long; its number counts once."""
        end = block.find(b"\n") + 1
        self._consume(block[:end] if end else block)
        if not end:
            return b""
        self.skipping = False
        self.number += 1
        return block[end:]

    def _lines(self, whole: bytes) -> Lines:
        if not whole:
            return Lines([], np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        ends = np.flatnonzero(np.frombuffer(whole, dtype=np.uint8) == 10)
        text = self._decoded(whole).split("\n")[:-1]
        starts = np.concatenate([[0], ends + 1])[: len(text)].astype(np.int64)
        offset = starts + self.offset
        number = np.arange(self.number + 1, self.number + 1 + len(text), dtype=np.int64)
        self.number += len(text)
        self._consume(whole)
        if b"\r" in whole:
            text = [line.removesuffix("\r") for line in text]
        if "" in text or len(whole) > self.limit:
            lengths = np.diff(np.append(starts, len(whole)))
            for i in np.flatnonzero(lengths > self.limit + 1).tolist():
                first = whole[starts[i] : starts[i] + EXCERPT_BYTES]
                self.too_long.append(TooLong(int(offset[i]), int(number[i]), first))
            kept = [i for i, line in enumerate(text) if line and lengths[i] <= self.limit + 1]
            text, offset, number = [text[i] for i in kept], offset[kept], number[kept]
        return Lines(text, offset, number)

    def _mark(self, chunk: bytes) -> None:
        """Remember what stands before each power of two that the chunk passes."""
        begin = self.offset + len(self.carry)
        end = begin + len(chunk)
        power = max(SMALLEST_MARK, 1 << begin.bit_length())
        if power > end:
            return
        seen = self.tail + self.carry + chunk
        start = end - len(seen)
        while power <= end:
            before = max(start, power - LAST_BLOCK, 0)
            self.marks[power] = digest(seen[before - start : power - start])
            power <<= 1


def digest(part: bytes) -> str:
    """A hash of some bytes, 16 hex digits."""
    return hashlib.blake2b(part, digest_size=8).hexdigest()
