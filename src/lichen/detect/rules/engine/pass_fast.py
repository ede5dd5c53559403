"""The pass, in numba: bytes of JSON lines -> kind, memo entry and spans, at gigabytes a second.

A line is taken only where it is plainly what it seems. Keys that repeat, lists and objects where a rule reads a text,
numbers that are not short integers, escapes beyond the Basic Multilingual Plane, text that is not UTF-8, keywords in
the text: all such lines are handed back, to be read whole (`documents`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lichen.detect.rules.engine.simd import beyond_ascii, escapable, lowest, pair, product, structure, word
from lichen.detect.rules.kernels.jit import compiled

ZERO, ONE = np.uint64(0), np.uint64(1)
EVEN = np.uint64(0x5555555555555555)
K1, K2, K3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
ABSENT = np.uint64(0xFFFFFFFFFFFFFFFF)
HIGH = np.uint64(0x8080808080808080)
SLASHES, ONES = np.uint64(0x5C5C5C5C5C5C5C5C), np.uint64(0x0101010101010101)

NOTHING, STRING, BARE, STRANGE = 0, 1, 2, 3  # what a slot holds; strange: a list, an object, a fraction
VOID, REMEMBERED, WHOLE = 0, 1, 2  # how lines of a kind are taken
DONE, FULL, NEW_KIND = 0, 1, 2  # why the pass returns
DEPTH = 12

ENTRIES, WORDS, KINDS, LINES, EVENTS, ODD, VOIDS = range(7)  # counters

u1, i4, i8, u8 = "u1[::1]", "i4[::1]", "i8[::1]", "u8[::1]"
DATA = "Array(u1, 1, 'C', readonly=True)"


@compiled(f"i8({DATA}, i8, i8, i4[::1])", f"i8({u1}, i8, i8, i4[::1])")
def marks_of(data: Any, begin: int, end: int, marks: Any) -> int:
    """Where quotes that are not escaped, control characters and escapes other than the simple ones stand."""
    found = 0
    carry = ZERO
    at = begin
    while at < end:
        quotes, slashes, mask = structure(data, at)
        if slashes | carry:
            slashes &= ~carry
            follows = (slashes << ONE) | carry
            odd = slashes & ~EVEN & ~follows
            total = odd + slashes
            carry = ONE if total < odd else ZERO
            escaped = (EVEN ^ (total << ONE)) & follows
            mask |= (quotes & ~escaped) | (escaped & ~escapable(data, at))
        else:
            mask |= quotes
        if at + 64 > end:
            mask &= (ONE << np.uint64(end - at)) - ONE
        while mask:
            marks[found] = at + lowest(mask)
            found += 1
            mask &= mask - ONE
        at += 64
    return found


PROBES = f"{u1}, {i4}, {i4}, {i4}, {i4}, {u1}"


@compiled(f"b1({DATA}, i8, i8, i8, i8, {PROBES})", f"b1({u1}, i8, i8, i8, i8, {PROBES})")
def may_hold_keyword(
    data: Any, begin: int, end: int, first_probe: int, last_probe: int, pairs: Any, firsts: Any, offsets: Any,
    starts: Any, ends: Any, texts: Any,
) -> bool:  # fmt: skip
    """Whether a keyword of the probes stands in the line, without regard to the case of ASCII letters; also where the
    line has one of the two signs beyond ASCII that are compared as an ASCII letter."""
    at = begin
    while at < end:
        high = beyond_ascii(data, at)
        while high:
            place = at + lowest(high)
            high &= high - ONE
            if (data[place] == 0xC5 and data[place + 1] == 0xBF) or (
                data[place] == 0xE2 and data[place + 1] == 0x84 and data[place + 2] == 0xAA
            ):
                return True
        for probe in range(first_probe, last_probe):
            mask = pair(data, at, pairs[2 * probe], pairs[2 * probe + 1])
            while mask:
                place = at + lowest(mask)
                mask &= mask - ONE
                for keyword in range(firsts[probe], firsts[probe + 1]):
                    start = place - offsets[keyword]
                    length = ends[keyword] - starts[keyword]
                    if start < begin or start + length > end:
                        continue
                    same = True
                    for i in range(length):
                        byte = data[start + i]
                        if 65 <= byte <= 90:
                            byte |= np.uint8(32)
                        if byte != texts[starts[keyword] + i]:
                            same = False
                            break
                    if same:
                        return True
        at += 64
    return False


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
    value = ZERO
    for i in range(19):
        value = value * np.uint64(10) + np.uint64(data[at + i] - 48)
    return value <= np.uint64(1) << np.uint64(63)


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
        if slot_seen[slot] == line and slot_holds[slot] != NOTHING:
            if not is_utf8(data, slot_start[slot], slot_end[slot]):
                return False
    return True


KNOWN = "i4[::1], u8[:,::1]"  # a hash table, and of each record: lower half, upper half, words and kind, its place
PASS = (
    f"i8, i8, i4[::1], i8, {i8}, {i8}, {u8}, {TRIE}, {SPANS}, {i4}, {KNOWN}, {i4}, {u8}, {i4}, {i4}, {i4}, {u1}, {i4},"
    f" {PROBES}, {KNOWN}, {u8}, {i8}, {i4}, {i8}, {i8}"
)


@compiled(f"i8({KNOWN}, u8, u8, u8)")
def found_in(table: Any, records: Any, lower: np.uint64, upper: np.uint64, what: np.uint64) -> int:
    """The number of a record; -1 - its place in the table where there is none."""
    mixed = lower ^ (upper * K1) ^ (what * K2)
    place = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(len(table) - 1))
    while table[place]:
        known = table[place] - 1
        if records[known, 0] == lower and records[known, 1] == upper and records[known, 2] == what:
            return known
        place = (place + 1) & (len(table) - 1)
    return -1 - place


@compiled(f"Tuple((i8, i8))({DATA}, {PASS})", f"Tuple((i8, i8))({u1}, {PASS})")
def lines_passed(
    data: Any, begin: int, end: int, marks: Any, mark: int, stack: Any, counters: Any, key: Any,
    table: Any, parents: Any, lengths: Any, heads: Any, tails: Any, starts: Any, names: Any, slots: Any, children: Any,
    edge_seen: Any, slot_seen: Any, slot_start: Any, slot_end: Any, slot_holds: Any,
    route: Any, kind_table: Any, kind_records: Any, kind_numbers: Any, kind_arena: Any,
    kind_firsts: Any, kind_lasts: Any, kind_slots: Any, kind_modes: Any, kind_probes: Any,
    pairs: Any, probe_firsts: Any, offsets: Any, keyword_starts: Any, keyword_ends: Any, keyword_texts: Any,
    memo: Any, records: Any, arena: Any, event_starts: Any, event_entries: Any, odd_starts: Any, odd_ends: Any,
) -> Any:  # fmt: skip
    """Passes lines from `begin`, where `mark` is the first mark, until the end or until room or knowledge is wanting;
    (why, where)."""
    at = begin
    while at < end:
        if counters[EVENTS] == len(event_starts) or counters[ODD] == len(odd_starts):
            return FULL, at
        if data[at] == 10:
            at += 1
            mark += 1
            continue
        counters[LINES] += 1
        line = counters[LINES]
        close = line_read(
            data, marks, mark, at, line, stack, table, parents, lengths, heads, tails, starts, names, slots, children,
            edge_seen, slot_seen, slot_start, slot_end, slot_holds,
        )  # fmt: skip
        plain = close >= 0
        if not plain:
            close = mark
            while data[marks[close]] != 10:
                close += 1
        stop = marks[close]
        kind = 0
        if plain:
            lower, upper, words, high = hashed(
                data, route, 0, len(route), line, key, slot_seen, slot_start, slot_end, slot_holds
            )
            known = found_in(kind_table, kind_records, lower, upper, np.uint64(words)) if words >= 0 else 0
            if words < 0:
                plain = False
            elif known >= 0:
                kind = kind_numbers[known]
            elif (
                counters[KINDS] == len(kind_numbers)
                or words > len(kind_arena)
                or (
                    high and not all_utf8(data, route, 0, len(route), line, slot_seen, slot_start, slot_end, slot_holds)
                )
            ):
                plain = False
            else:
                put(data, route, 0, len(route), line, slot_seen, slot_start, slot_end, slot_holds, kind_arena, 0)
                kind_table[-1 - known] = counters[KINDS] + 1
                new = kind_records[counters[KINDS]]
                new[0], new[1], new[2] = lower, upper, np.uint64(words)
                counters[KINDS] += 1
                return NEW_KIND, at
        if plain and kind_modes[kind] == VOID:
            counters[VOIDS] += 1
        elif (
            plain
            and kind_modes[kind] == REMEMBERED
            and not (
                kind_probes[2 * kind] < kind_probes[2 * kind + 1]
                and may_hold_keyword(
                    data,
                    at,
                    stop,
                    kind_probes[2 * kind],
                    kind_probes[2 * kind + 1],
                    pairs,
                    probe_firsts,
                    offsets,
                    keyword_starts,
                    keyword_ends,
                    keyword_texts,
                )
            )
        ):
            first, last = kind_firsts[kind], kind_lasts[kind]
            lower, upper, words, high = hashed(
                data, kind_slots, first, last, line, key, slot_seen, slot_start, slot_end, slot_holds
            )
            what = np.uint64(words) | (np.uint64(kind) << np.uint64(32))
            entry = found_in(memo, records, lower, upper, what) if words >= 0 else 0
            if words < 0 or words > len(arena):
                plain = False
            elif entry < 0:
                if high and not all_utf8(
                    data, kind_slots, first, last, line, slot_seen, slot_start, slot_end, slot_holds
                ):
                    plain = False
                elif counters[ENTRIES] == len(records) or counters[WORDS] + words > len(arena):
                    return FULL, at
                else:
                    memo[-1 - entry] = counters[ENTRIES] + 1
                    entry = counters[ENTRIES]
                    new = records[entry]
                    new[0], new[1], new[2], new[3] = lower, upper, what, np.uint64(counters[WORDS])
                    put(
                        data, kind_slots, first, last, line, slot_seen, slot_start, slot_end, slot_holds, arena,
                        counters[WORDS],
                    )  # fmt: skip
                    counters[WORDS] += words
                    counters[ENTRIES] += 1
            if plain:
                event_starts[counters[EVENTS]] = at
                event_entries[counters[EVENTS]] = entry
                counters[EVENTS] += 1
        else:
            plain = False
        if not plain:
            odd_starts[counters[ODD]] = at
            odd_ends[counters[ODD]] = stop
            counters[ODD] += 1
        at = stop + 1
        mark = close + 1
    return DONE, at
