"""What a line says under the wanted names, in numba: its hash, its bytes in the arena, and its number if known."""

from __future__ import annotations

from typing import Any

import numpy as np

from lichen.detect.rules.engine.bits import ABSENT, DATA, HIGH, K1, K2, NOTHING, ONE, STRANGE, ZERO, i4, i8, u1, u8
from lichen.detect.rules.engine.simd import product, word
from lichen.detect.rules.kernels.jit import compiled

KNOWN = "i4[::1], u8[:,::1]"  # a hash table, and of each record: lower half, upper half, words and kind, its place
HELD = f"{i8}, {i8}, {i8}, {u1}"


@compiled(
    f"Tuple((u8, u8, i8, u8))({DATA}, {i4}, i8, i8, i8, {u8}, {HELD})",
    f"Tuple((u8, u8, i8, u8))({u1}, {i4}, i8, i8, i8, {u8}, {HELD})",
)
def hashed(
    data: Any, wanted: Any, first: int, last: int, line: int, key: Any,
    slot_seen: Any, slot_start: Any, slot_end: Any, slot_holds: Any,
) -> Any:  # fmt: skip
    """(128 bits of hash, lower half first; words; bits beyond ASCII) of what the wanted slots hold; -1 words if one
    holds something strange, or all are too long.

    NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway, CRYPTO 1999) with 64-bit words: two different records of one
    length collide with probability 2^-64 over the secret key, whoever chose them.
    """
    lower, upper = ZERO, ZERO
    words = 1 + last - first
    high = ZERO
    at_key = 0
    for i in range(first, last):
        slot = wanted[i]
        header = ABSENT
        at, end = 0, 0
        if slot_seen[slot] == line and slot_holds[slot] != NOTHING:
            if slot_holds[slot] == STRANGE:
                return ZERO, ZERO, -1, ZERO
            at, end = slot_start[slot], slot_end[slot]
            header = np.uint64(end - at) | (np.uint64(slot_holds[slot]) << np.uint64(56))
            words += (end - at + 7) >> 3
        if at_key + 4 + ((end - at) >> 3) > len(key):
            return ZERO, ZERO, -1, ZERO
        low, up = product(header + key[at_key], key[at_key + 1])
        lower += low
        upper += up + (ONE if lower < low else ZERO)
        at_key += 2
        while at + 16 <= end:
            one, two = word(data, at), word(data, at + 8)
            high |= one | two
            low, up = product(one + key[at_key], two + key[at_key + 1])
            lower += low
            upper += up + (ONE if lower < low else ZERO)
            at += 16
            at_key += 2
        if at < end:
            one, two = word(data, at), ZERO
            if at + 8 >= end:
                one &= ABSENT >> np.uint64(8 * (at + 8 - end))
            else:
                two = word(data, at + 8) & (ABSENT >> np.uint64(8 * (at + 16 - end)))
            high |= one | two
            low, up = product(one + key[at_key], two + key[at_key + 1])
            lower += low
            upper += up + (ONE if lower < low else ZERO)
            at_key += 2
    return lower, upper, words, high & HIGH


@compiled(
    f"void({DATA}, {i4}, i8, i8, i8, {HELD}, {u8}, i8)",
    f"void({u1}, {i4}, i8, i8, i8, {HELD}, {u8}, i8)",
)
def put(
    data: Any, wanted: Any, first: int, last: int, line: int,
    slot_seen: Any, slot_start: Any, slot_end: Any, slot_holds: Any, arena: Any, place: int,
) -> None:  # fmt: skip
    """Writes what the wanted slots hold to the arena: a header a slot, then the bytes in whole words."""
    body = place + last - first
    for i in range(first, last):
        slot = wanted[i]
        if slot_seen[slot] != line or slot_holds[slot] == NOTHING:
            arena[place + i - first] = ABSENT
            continue
        at, end = slot_start[slot], slot_end[slot]
        arena[place + i - first] = np.uint64(end - at) | (np.uint64(slot_holds[slot]) << np.uint64(56))
        while at + 8 <= end:
            arena[body] = word(data, at)
            at += 8
            body += 1
        if at < end:
            arena[body] = word(data, at) & ((ONE << np.uint64(8 * (end - at))) - ONE)
            body += 1


@compiled(f"b1({DATA}, i8, i8)", f"b1({u1}, i8, i8)")
def is_utf8(data: Any, at: int, end: int) -> bool:
    """Whether the bytes are UTF-8 (RFC 3629)."""
    while at < end:
        byte = data[at]
        if byte < 0x80:
            at += 1
            continue
        if 0xC2 <= byte <= 0xDF:
            more, least, most = 1, 0x80, 0xBF
        elif 0xE0 <= byte <= 0xEF:
            more, least, most = 2, 0xA0 if byte == 0xE0 else 0x80, 0x9F if byte == 0xED else 0xBF
        elif 0xF0 <= byte <= 0xF4:
            more, least, most = 3, 0x90 if byte == 0xF0 else 0x80, 0x8F if byte == 0xF4 else 0xBF
        else:
            return False
        if at + more >= end or not least <= data[at + 1] <= most:
            return False
        for i in range(2, more + 1):
            if data[at + i] & 0xC0 != 0x80:
                return False
        at += more + 1
    return True


@compiled(
    f"b1({DATA}, {i4}, i8, i8, i8, {HELD})",
    f"b1({u1}, {i4}, i8, i8, i8, {HELD})",
)
def all_utf8(
    data: Any, wanted: Any, first: int, last: int, line: int,
    slot_seen: Any, slot_start: Any, slot_end: Any, slot_holds: Any,
) -> bool:  # fmt: skip
    """Whether all that the wanted slots hold is UTF-8."""
    for i in range(first, last):
        slot = wanted[i]
        there = slot_seen[slot] == line and slot_holds[slot] != NOTHING
        if there and not is_utf8(data, slot_start[slot], slot_end[slot]):
            return False
    return True


@compiled(f"i8({KNOWN}, u8, u8, u8)")
def found_in(table: Any, records: Any, lower: np.uint64, upper: np.uint64, what: np.uint64) -> int:
    """The number of a record; -1 - its place in the table where there is none."""
    mixed = lower ^ (upper * K1) ^ (what * K2)
    place: Any = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(len(table) - 1))
    while table[place]:
        known: int = table[place] - 1
        if records[known, 0] == lower and records[known, 1] == upper and records[known, 2] == what:
            return known
        place = (place + 1) & (len(table) - 1)
    absent: int = -1 - place
    return absent
