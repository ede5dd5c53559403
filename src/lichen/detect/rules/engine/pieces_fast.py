"""The fast twin of pieces: lines of long values by SIMD, told apart by a keyed hash and by their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lichen.detect.rules.engine.bits import ABSENT, K1, ONE, ZERO
from lichen.detect.rules.engine.pieces import FIRST, LAST, Pieces
from lichen.detect.rules.engine.simd import lowest, structure, word
from lichen.detect.rules.kernels.jit import compiled
from lichen.detect.rules.kernels.needles import Bytes, Offsets

PADDING = 64


@compiled("u8(u1[::1], i8, i8)")
def mixed(data: Any, at: int, end: int) -> np.uint64:
    """A quick hash of bytes; what is equal is compared."""
    one, two = np.uint64(end - at) * K1, ZERO
    while at + 16 <= end:
        one = (one ^ word(data, at)) * K1
        two = (two ^ word(data, at + 8)) * K1
        one ^= one >> np.uint64(32)
        two ^= two >> np.uint64(29)
        at += 16
    while at + 8 <= end:
        one = (one ^ word(data, at)) * K1
        one ^= one >> np.uint64(32)
        at += 8
    if at < end:
        two = (two ^ (word(data, at) & (ABSENT >> np.uint64(8 * (at + 8 - end))))) * K1
        two ^= two >> np.uint64(29)
    one = (one ^ two) * K1
    return one ^ (one >> np.uint64(32))


@compiled("b1(u1[::1], i8, i8, i8)")
def are_same(data: Any, first: int, second: int, length: int) -> bool:
    """Whether two stretches are equal."""
    at = 0
    while at + 8 <= length:
        if word(data, first + at) != word(data, second + at):
            return False
        at += 8
    if at == length:
        return True
    mask = ABSENT >> np.uint64(8 * (at + 8 - length))
    same: bool = (word(data, first + at) & mask) == (word(data, second + at) & mask)
    return same


@compiled("Tuple((i8, i8))(u1[::1], i8[::1], i8[::1], i4[::1], u8[::1], i4[::1], i4[::1], u1[::1], i8[::1], i8[::1])")
def split(
    data: Any,
    starts: Any,
    ends: Any,
    table: Any,
    hashes: Any,
    owner: Any,
    codes: Any,
    flags: Any,
    firsts: Any,
    lasts: Any,
) -> Any:
    """(lines, distinct lines); there is room for all."""
    lines, texts = 0, 0
    mask = len(table) - 1
    for value in range(len(starts)):
        begin, end = starts[value], ends[value]
        block, found = begin, ZERO
        _, _, controls = structure(data, block)
        found = controls
        first = lines
        while True:
            while found == ZERO and block + 64 < end:
                block += 64
                _, _, found = structure(data, block)
            stop = end
            if found != ZERO:
                place = block + lowest(found)
                found &= found - ONE
                if place < end:
                    if data[place] != 10:
                        continue
                    stop = place
                else:
                    found = ZERO
            digest = mixed(data, begin, stop)
            slot = np.int64(digest & np.uint64(mask))
            code = -1
            while table[slot]:
                known = table[slot] - 1
                if (
                    hashes[known] == digest
                    and lasts[known] - firsts[known] == stop - begin
                    and are_same(data, firsts[known], begin, stop - begin)
                ):
                    code = known
                    break
                slot = (slot + 1) & mask
            if code < 0:
                code = texts
                texts += 1
                table[slot] = code + 1
                hashes[code], firsts[code], lasts[code] = digest, begin, stop
            owner[lines], codes[lines], flags[lines] = value, code, 0
            lines += 1
            if stop == end:
                break
            begin = stop + 1
        flags[first] |= FIRST
        flags[lines - 1] |= LAST
    return lines, texts


def pieces_of(data: Bytes, starts: Offsets, ends: Offsets) -> Pieces:
    """The lines of values."""
    padded = np.zeros(len(data) + PADDING, dtype=np.uint8)
    padded[: len(data)] = data
    most = int(np.count_nonzero(data == 10)) + len(starts)
    table = np.zeros(1 << (2 * most).bit_length(), dtype=np.int32)
    hashes = np.empty(most, dtype=np.uint64)
    owner, codes, flags = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32), np.empty(most, dtype=np.uint8)
    firsts, lasts = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    lines, texts = split(padded, starts, ends, table, hashes, owner, codes, flags, firsts, lasts)
    return Pieces(owner[:lines], codes[:lines], flags[:lines], firsts[:texts].copy(), lasts[:texts].copy())
