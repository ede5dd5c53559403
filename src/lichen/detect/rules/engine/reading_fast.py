"""One line of JSON read into spans, in numba: where the values of the wanted names begin and end.

A line is read only where it is plainly what it seems; of any other -1 is said, and it is read whole (`documents`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lichen.detect.rules.engine.bits import (
    BARE,
    DATA,
    HIGH,
    K1,
    K2,
    K3,
    NOTHING,
    ONE,
    ONES,
    SLASHES,
    STRANGE,
    STRING,
    ZERO,
    i4,
    i8,
    u1,
    u8,
)
from lichen.detect.rules.engine.simd import word
from lichen.detect.rules.kernels.jit import compiled

DEPTH = 12


@compiled(f"b1({DATA}, i8)", f"b1({u1}, i8)")
def is_plain_unicode(data: Any, at: int) -> bool:
    """Whether the `u` at `at` is followed by four hexadecimal digits that are no surrogate."""
    value = 0
    for i in range(1, 5):
        byte = data[at + i]
        if 48 <= byte <= 57:
            value = value * 16 + byte - 48
        elif 97 <= (byte | 32) <= 102:
            value = value * 16 + (byte | 32) - 87
        else:
            return False
    return not 0xD800 <= value <= 0xDFFF


@compiled(f"b1({DATA}, i8)", f"b1({u1}, i8)")
def is_least(data: Any, at: int) -> bool:
    """Whether 19 digits are no more than 2^63: with a minus before they are a whole number of 64 bits."""
    value: Any = ZERO
    for i in range(19):
        value = value * np.uint64(10) + np.uint64(data[at + i] - 48)
    fits: bool = value <= np.uint64(1) << np.uint64(63)
    return fits


@compiled(f"i8({DATA}, i8)", f"i8({u1}, i8)")
def number_end(data: Any, at: int) -> int:
    """Where a number ends, negative if it is not a plain integer; 0 if it is none, or so long that a double might not
    hold it."""
    begin = at
    if data[at] == 45:
        at += 1
    digits = at
    while 48 <= data[at] <= 57:
        at += 1
    count = at - digits
    if count == 0 or (data[digits] == 48 and count > 1):
        return 0
    plain = count <= 18 or (count == 19 and (data[begin] != 45 or is_least(data, digits)))
    plain = plain and not (data[begin] == 45 and data[digits] == 48)
    if data[at] == 46:
        plain = False
        at += 1
        digits = at
        while 48 <= data[at] <= 57:
            at += 1
        if at == digits:
            return 0
    if (data[at] | 32) == 101 or at - begin > 300:
        return 0
    return at if plain else -at


TRIE = f"{i4}, {i4}, {i4}, {u8}, {u8}, {i4}, {u1}, {i4}, {i4}"


def _edge(table, parents, lengths, heads, tails, starts, names, data, node, begin, end):  # type: ignore[no-untyped-def]
    length = end - begin
    head, tail = word(data, begin), ZERO
    if length < 8:
        head &= (ONE << np.uint64(8 * length)) - ONE
    else:
        tail = word(data, end - 8)
    mixed = head * K1 ^ tail * K2 ^ np.uint64(length + node * 4096) * K3
    mixed ^= mixed >> np.uint64(29)
    slot = np.int64(mixed & np.uint64(len(table) - 1))
    while table[slot]:
        edge = table[slot] - 1
        if parents[edge] == node and lengths[edge] == length and heads[edge] == head and tails[edge] == tail:
            same = True
            for i in range(8, length - 8):
                if data[begin + i] != names[starts[edge] + i]:
                    same = False
                    break
            if same:
                return edge
        slot = (slot + 1) & (len(table) - 1)
    return -1


edge_of: Any = compiled(
    f"i8({i4}, {i4}, {i4}, {u8}, {u8}, {i4}, {u1}, {DATA}, i8, i8, i8)",
    f"i8({i4}, {i4}, {i4}, {u8}, {u8}, {i4}, {u1}, {u1}, i8, i8, i8)",
)(_edge)


@compiled(f"b1({DATA}, i8, i8)", f"b1({u1}, i8, i8)")
def has_escape(data: Any, begin: int, end: int) -> bool:
    """Whether a backslash is among the bytes."""
    at = begin
    while at < end:
        eight = word(data, at) ^ SLASHES
        if (eight - ONES) & ~eight & HIGH:  # one of the eight, perhaps behind the end
            for i in range(at, min(at + 8, end)):
                if data[i] == 92:
                    return True
        at += 8
    return False


SPANS = f"{i8}, {i8}, {i8}, {i8}, {u1}"


@compiled(
    f"i8({DATA}, i4[::1], i8, i8, i8, {i8}, {TRIE}, {SPANS})", f"i8({u1}, i4[::1], i8, i8, i8, {i8}, {TRIE}, {SPANS})"
)
def line_read(
    data: Any, marks: Any, mark: int, at: int, line: int, stack: Any,
    table: Any, parents: Any, lengths: Any, heads: Any, tails: Any, starts: Any, names: Any, slots: Any, children: Any,
    edge_seen: Any, slot_seen: Any, slot_start: Any, slot_end: Any, slot_holds: Any,
) -> int:  # fmt: skip
    """Reads the line at `at`, whose first mark is `mark`, into spans; the mark of its end, or -1: not plain."""
    if data[at] != 123:
        return -1
    at += 1
    depth, node, listed = 0, 0, False
    state = (
        0  # 0: behind {, 1: behind a comma in an object, 2: behind [, 3: behind a comma in a list, 4: behind a value
    )
    while True:
        byte = data[at]
        if byte == 32:
            at += 1
            continue
        edge = -1
        closes = False
        if state <= 1:
            if byte == 34:
                if marks[mark] != at:
                    return -1
                close = mark + 1
                while data[marks[close]] != 34:
                    if data[marks[close]] != 117 or not is_plain_unicode(data, marks[close]):
                        return -1
                    close += 1
                end = marks[close]
                if node >= 0:
                    edge = edge_of(table, parents, lengths, heads, tails, starts, names, data, node, at + 1, end)
                    if edge < 0 and has_escape(data, at + 1, end):
                        return -1  # it might be any key
                at, mark = end + 1, close + 1
                while data[at] == 32:
                    at += 1
                if data[at] != 58:
                    return -1
                at += 1
                while data[at] == 32:
                    at += 1
                byte = data[at]
            elif byte == 125 and state == 0:
                closes = True
            else:
                return -1
        elif state == 4:
            if byte == 44:
                state = 3 if listed else 1
                at += 1
                continue
            closes = True
        elif state == 2 and byte == 93:
            closes = True
        if closes:
            if byte != (93 if listed else 125):
                return -1
            at += 1
            if depth == 0:
                while data[at] == 32:
                    at += 1
                if data[at] == 13:
                    if marks[mark] != at:
                        return -1
                    at += 1
                    mark += 1
                return mark if data[at] == 10 and marks[mark] == at else -1
            depth -= 1
            node = stack[depth] >> 1
            listed = (stack[depth] & 1) == 1
            state = 4
            continue
        slot = -1
        if edge >= 0:
            if edge_seen[edge] == line:
                return -1
            edge_seen[edge] = line
            slot = slots[edge]
            if slot >= 0:
                if slot_seen[slot] == line:
                    return -1
                slot_seen[slot] = line
                slot_holds[slot] = NOTHING
        state = 4
        if byte == 34:
            if marks[mark] != at:
                return -1
            close = mark + 1
            while data[marks[close]] != 34:
                if data[marks[close]] != 117 or not is_plain_unicode(data, marks[close]):
                    return -1
                close += 1
            end = marks[close]
            if slot >= 0:
                slot_start[slot], slot_end[slot], slot_holds[slot] = at + 1, end, STRING
            at, mark = end + 1, close + 1
        elif byte == 123 or byte == 91:
            if depth == DEPTH or (byte == 91 and edge >= 0 and children[edge] >= 0):
                return -1
            if slot >= 0:
                slot_holds[slot] = STRANGE
            stack[depth] = node * 2 + (1 if listed else 0)
            depth += 1
            node = children[edge] if edge >= 0 and byte == 123 else -1
            listed = byte == 91
            state = 2 if listed else 0
            at += 1
        elif byte == 45 or 48 <= byte <= 57:
            end = number_end(data, at)
            if end == 0:
                return -1
            if slot >= 0:
                slot_start[slot], slot_end[slot], slot_holds[slot] = at, abs(end), BARE if end > 0 else STRANGE
            at = abs(end)
        elif byte == 116 and data[at + 1] == 114 and data[at + 2] == 117 and data[at + 3] == 101:
            if slot >= 0:
                slot_start[slot], slot_end[slot], slot_holds[slot] = at, at + 4, BARE
            at += 4
        elif byte == 102 and data[at + 1] == 97 and data[at + 2] == 108 and data[at + 3] == 115 and data[at + 4] == 101:
            if slot >= 0:
                slot_start[slot], slot_end[slot], slot_holds[slot] = at, at + 5, BARE
            at += 5
        elif byte == 110 and data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108:
            at += 4
        else:
            return -1
