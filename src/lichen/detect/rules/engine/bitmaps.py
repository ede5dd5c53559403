"""Bitmaps: for each predicate that holds anywhere the lines where it does, 64 lines a word."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.engine.programs import Programs, run
from lichen.detect.rules.kernels.needles import Ids
from lichen.detect.rules.kernels.once import once

Words = npt.NDArray[np.uint64]
EMPTY = 0  # the row of every predicate that holds nowhere


class Bitmaps:
    """Of `predicates` predicates over `count` lines."""

    def __init__(self, predicates: int, count: int, fast: bool) -> None:
        self._count, self._fast = count, fast
        self._width = (count + 63) // 64
        self.row_of = np.zeros(predicates, dtype=np.int32)
        self._rows = np.zeros((64, self._width), dtype=np.uint64)
        self._used = 1
        self._known: dict[int, int] = {}

    @cached_property
    def everywhere(self) -> int:
        """The bitmap of all lines."""
        return (1 << self._count) - 1

    def add(self, codes: Ids, values: int, holding: Ids, numbers: Ids) -> None:
        """Lines whose value `holding[i]` is have predicate `numbers[i]`; `codes[line]` is a line's value or -1."""
        if not len(holding):
            return
        fresh = once(numbers[self.row_of[numbers] == EMPTY])
        self._make_room(len(fresh))
        self.row_of[fresh] = np.arange(self._used, self._used + len(fresh), dtype=np.int32)
        self._used += len(fresh)
        order = np.argsort(codes, kind="stable").astype(np.int32)
        firsts = np.searchsorted(codes[order], np.arange(values + 1)).astype(np.int32)
        if self._fast:
            from lichen.detect.rules.engine.bitmaps_fast import spread

            spread(order, firsts, holding, self.row_of[numbers], self._rows)
        else:
            self._spread(order, firsts, holding, self.row_of[numbers])

    def _make_room(self, more: int) -> None:
        if self._used + more > len(self._rows):
            larger = np.zeros((2 * (self._used + more), self._width), dtype=np.uint64)
            larger[: self._used] = self._rows[: self._used]
            self._rows = larger

    def _spread(self, order: Ids, firsts: Ids, holding: Ids, rows: Ids) -> None:
        """A line is set by each of its predicates: (row, line) pairs, packed row by row."""
        counts = firsts[holding + 1] - firsts[holding]
        total = int(counts.sum())
        before = np.cumsum(counts) - counts
        places = np.arange(total) - np.repeat(before, counts) + np.repeat(firsts[holding], counts)
        touched, inverse = np.unique(rows, return_inverse=True)
        bits = np.zeros((len(touched), self._width * 64), dtype=np.bool_)
        bits[np.repeat(inverse, counts), order[places]] = True
        self._rows[touched] |= np.packbits(bits, axis=1, bitorder="little").view(np.uint64)

    def of(self, number: int) -> int:
        """The lines of one predicate as an integer, the least bit first."""
        row = int(self.row_of[number])
        if row == EMPTY:
            return 0
        if row not in self._known:
            self._known[row] = int.from_bytes(self._rows[row].tobytes(), "little")
        return self._known[row]

    def left_by(self, programs: Programs) -> tuple[npt.NDArray[np.int64], Ids]:
        """(line, program) of each line that a program leaves, by program."""
        if self._fast:
            from lichen.detect.rules.engine.bitmaps_fast import all_left

            return all_left(programs, self.row_of, self._rows, self._count)
        lines: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
        numbers: list[Ids] = [np.empty(0, dtype=np.int32)]
        for number, bitmap in run(programs, self.of, self.everywhere):
            raw = np.frombuffer(bitmap.to_bytes(self._width * 8, "little"), dtype=np.uint8)
            there = np.flatnonzero(np.unpackbits(raw, bitorder="little"))
            lines.append(there)
            numbers.append(np.full(len(there), number, dtype=np.int32))
        return np.concatenate(lines), np.concatenate(numbers)
