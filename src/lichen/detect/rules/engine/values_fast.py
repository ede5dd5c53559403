"""The values of a column of misses, out of the memo's arena: each distinct one once, its escapes undone, in numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from lichen.detect.rules.engine.bits import ABSENT, BARE, HIGH, K2, ONES, SLASHES, ZERO
from lichen.detect.rules.engine.simd import lowest, put_word, word
from lichen.detect.rules.engine.values import Values
from lichen.detect.rules.kernels.jit import compiled
from lichen.detect.rules.kernels.needles import Offsets

LENGTH = np.uint64((1 << 56) - 1)


@compiled("i8(u1[::1], i8, i8, u1[::1], i8)")
def unescaped(raw: Any, at: int, end: int, out: Any, to: int) -> int:
    """Copies the text of a JSON string, checked before; where the copy ends."""
    while at < end:
        while at + 8 <= end:
            eight = word(raw, at)
            other = eight ^ SLASHES
            put_word(out, to, eight)
            found = (other - ONES) & ~other & HIGH
            if found:
                plain = lowest(found) >> 3
                at += plain
                to += plain
                break
            at += 8
            to += 8
        if at == end:
            break
        byte = raw[at]
        at += 1
        if byte != 92:
            out[to] = byte
            to += 1
            continue
        byte = raw[at]
        at += 1
        if byte == 117:
            value = 0
            for i in range(4):
                digit = raw[at + i]
                value = value * 16 + (digit - 48 if digit <= 57 else (digit | 32) - 87)
            at += 4
            if value < 0x80:
                out[to] = value
                to += 1
            elif value < 0x800:
                out[to], out[to + 1] = 0xC0 | (value >> 6), 0x80 | (value & 63)
                to += 2
            else:
                out[to], out[to + 1], out[to + 2] = (
                    0xE0 | (value >> 12),
                    0x80 | ((value >> 6) & 63),
                    0x80 | (value & 63),
                )
                to += 3
            continue
        if byte == 110:
            byte = np.uint8(10)
        elif byte == 116:
            byte = np.uint8(9)
        elif byte == 114:
            byte = np.uint8(13)
        elif byte == 98:
            byte = np.uint8(8)
        elif byte == 102:
            byte = np.uint8(12)
        out[to] = byte
        to += 1
    return to


@compiled(
    "Tuple((i8, i8))(u8[::1], u1[::1], i8[::1], i8, i8[::1], i8[::1], i8[::1], i4[::1], u1[::1], i8[::1], i8[::1])"
)
def distinct(
    arena: Any, raw: Any, records: Any, column: int, bodies: Any, table: Any, firsts: Any, codes: Any, data: Any,
    starts: Any, ends: Any,
) -> Any:  # fmt: skip
    """(values, bytes). `bodies[row]` is where the column's bytes stand, and is moved on behind them."""
    count, used = 0, 0
    mask = len(table) - 1
    for row in range(len(records)):
        header = arena[records[row] + column]
        if header == ABSENT:
            codes[row] = -1
            continue
        length: Any = np.int64(header & LENGTH)
        words = (length + 7) >> 3
        body = bodies[row]
        bodies[row] = body + words
        mixed = header
        for i in range(words):
            mixed = (mixed ^ arena[body + i]) * K2
            mixed ^= mixed >> np.uint64(29)
        slot = np.int64(mixed >> np.uint64(20)) & mask
        code = -1
        while table[slot] != 0:
            known = table[slot] - 1
            other = firsts[2 * known]
            if np.uint64(firsts[2 * known + 1]) == header:
                same = ZERO
                for i in range(words):
                    same |= arena[body + i] ^ arena[other + i]
                if same == ZERO:
                    code = known
                    break
            slot = (slot + 1) & mask
        if code < 0:
            code = count
            count += 1
            table[slot] = code + 1
            firsts[2 * code], firsts[2 * code + 1] = body, np.int64(header)
            starts[code] = used
            begin = 8 * body
            if header >> np.uint64(56) == np.uint64(BARE):
                for i in range(length):
                    data[used + i] = raw[begin + i]
                used += length
            else:
                used = unescaped(raw, begin, begin + length, data, used)
            ends[code] = used
        codes[row] = code
    return count, used


class Columns:
    """The columns of some records of the arena, to be taken in their order."""

    def __init__(self, arena: Any, records: Offsets, width: int) -> None:
        self._arena, self._raw = arena, arena.view(np.uint8)
        self._records, self._bodies = records, records + width
        self._column = 0
        rows = len(records)
        self._table = np.zeros(1 << max(4, (2 * rows - 1).bit_length()), dtype=np.int64)
        self._firsts = np.zeros(2 * rows, dtype=np.int64)

    def next(self) -> Values:
        """The values of the next column."""
        rows = len(self._records)
        headers = self._arena[self._records + self._column]
        room = int((headers[headers != ABSENT] & LENGTH).sum())
        codes, data = np.empty(rows, dtype=np.int32), np.empty(room + 16, dtype=np.uint8)
        starts, ends = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=np.int64)
        self._table[:] = 0
        count, used = distinct(
            self._arena, self._raw, self._records, self._column, self._bodies, self._table, self._firsts, codes, data,
            starts, ends,
        )  # fmt: skip
        self._column += 1
        return Values(data[:used], starts[:count].copy(), ends[:count].copy(), codes)
