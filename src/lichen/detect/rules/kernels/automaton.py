"""A dense Aho-Corasick automaton over byte classes, in numba: Aho and Corasick, CACM 18(6), 1975.

Bytes that no needle holds share class 0; `BEGIN` and `END` of a value are symbols like any other, so that a needle that
must start or end the value is one symbol longer. States are multiplied by the width of a row beforehand, and those with
output come last: the inner loop is one load, one comparison and a store. What the states mean is worked out after
a value is read, each state once.
"""

from __future__ import annotations

import numpy as np
from numba.types import Array, Tuple, boolean, int32, int64, uint8, void

from lichen.detect.rules.kernels.jit import compiled
from lichen.detect.rules.kernels.needles import Bools, Bytes, Ids, Offsets

BEGIN, END = 256, 257  # symbols beyond the bytes

I4, I8, U1, B1 = int32[::1], int64[::1], uint8[::1], boolean[::1]
READ_BYTES = Array(uint8, 1, "C", readonly=True)  # Arrow's buffers may not be written; a writable one fits too


@compiled("Tuple((i4[:,::1], i4[::1], i8))(u1[::1], i8[::1], b1[::1], b1[::1], i4[::1], i8, i8)")
def trie(
    texts: Bytes, offsets: Offsets, begins: Bools, ends: Bools, class_of: Ids, classes: int, most: int
) -> tuple[Ids, Ids, int]:
    """(children by class, the last state of each needle, number of states); 0 states where more than `most` are needed.
    0 in the table is no child: the root is nobody's."""
    room = 1024
    table = np.zeros((room, classes), dtype=np.int32)
    last = np.zeros(len(offsets) - 1, dtype=np.int32)
    states = 1
    for needle in range(len(offsets) - 1):
        state = 0
        for place in range(offsets[needle] - 1, offsets[needle + 1] + 1):
            if place == offsets[needle] - 1:
                if not begins[needle]:
                    continue
                symbol = class_of[256]
            elif place == offsets[needle + 1]:
                if not ends[needle]:
                    continue
                symbol = class_of[257]
            else:
                symbol = class_of[texts[place]]
            following = table[state, symbol]
            if following == 0:
                if states == most:
                    return table, last, 0
                if states == room:
                    room *= 2
                    larger = np.zeros((room, classes), dtype=np.int32)
                    larger[:states] = table
                    table = larger
                following = states
                table[state, symbol] = following
                states += 1
            state = following
        last[needle] = state
    return table, last, states


@compiled("Tuple((i4[::1], i4[::1]))(i4[:,::1], i8, i8)")
def completed(table: Ids, states: int, classes: int) -> tuple[Ids, Ids]:
    """Fills the table in so that every state has every transition; (states breadth first, longest proper suffix)."""
    order = np.zeros(states, dtype=np.int32)
    suffix = np.zeros(states, dtype=np.int32)
    known = 1
    for at in range(states):
        state = order[at]
        for symbol in range(classes):
            child = table[state, symbol]
            below = table[suffix[state], symbol] if at else 0
            if child:
                suffix[child] = below
                order[known] = child
                known += 1
            else:
                table[state, symbol] = below
    return order, suffix


@compiled("Tuple((i4[::1], i4[::1], i4[::1], i4[::1], i8))(i4[:,::1], i8, i8, i4[::1], i4[::1], i4[::1])")
def arranged(
    table: Ids, states: int, classes: int, order: Ids, suffix: Ids, last: Ids
) -> tuple[Ids, Ids, Ids, Ids, int]:
    """(rows, first needle of each output, needles, the output of its nearest suffix, number of silent states).

    A row holds the state's transitions by class and, last, the first output to tell (-1: none). Outputs are the states
    with output, counted from 0 behind the silent ones."""
    own = np.zeros(states, dtype=np.int32)
    for needle in range(len(last)):
        own[last[needle]] += 1
    link = np.full(states, -1, dtype=np.int32)  # nearest suffix with needles of its own
    silent = 0
    for at in range(states):
        state = order[at]
        if at:
            below = suffix[state]
            link[state] = below if own[below] else link[below]
        if own[state] == 0 and link[state] < 0:
            silent += 1
    place = np.zeros(states, dtype=np.int32)
    quiet, loud = 0, silent
    for at in range(states):
        state = order[at]
        if own[state] == 0 and link[state] < 0:
            place[state] = quiet
            quiet += 1
        else:
            place[state] = loud
            loud += 1
    width = classes + 1
    rows = np.full(states * width, -1, dtype=np.int32)
    firsts = np.zeros(states - silent + 1, dtype=np.int32)
    links = np.full(states - silent, -1, dtype=np.int32)
    for state in range(states):
        base = np.int64(place[state]) * width
        for symbol in range(classes):
            rows[base + symbol] = place[table[state, symbol]] * width
        output = place[state] - silent
        if output >= 0:
            firsts[output + 1] = own[state]
            links[output] = place[link[state]] - silent if link[state] >= 0 else -1
            rows[base + classes] = output if own[state] else links[output]
    for output in range(states - silent):
        firsts[output + 1] += firsts[output]
    needles = np.zeros(len(last), dtype=np.int32)
    filled = np.zeros(states - silent, dtype=np.int32)
    for needle in range(len(last)):
        output = place[last[needle]] - silent
        needles[firsts[output] + filled[output]] = needle
        filled[output] += 1
    return rows, firsts, needles, links, silent


@compiled(I8(I8, I8))
def by_length(starts: Offsets, ends: Offsets) -> Offsets:
    """The values in order of their length, those beyond 1,023 bytes as they come."""
    edges = np.zeros(1025, dtype=np.int64)
    for value in range(len(starts)):
        edges[min(ends[value] - starts[value], 1023) + 1] += 1
    for length in range(1024):
        edges[length + 1] += edges[length]
    order = np.empty(len(starts), dtype=np.int64)
    for value in range(len(starts)):
        length = min(ends[value] - starts[value], 1023)
        order[edges[length]] = value
        edges[length] += 1
    return order


@compiled(void(I4, I4, int64, READ_BYTES, I8, I8, I4, I4, I8, I8, U1))
def read_side_by_side(
    rows: Ids,
    class_of: Ids,
    threshold: int,
    data: Bytes,
    starts: Offsets,
    ends: Offsets,
    loud: Ids,
    states: Ids,
    noted: Offsets,
    places: Offsets,
    bits: Bytes,
) -> None:
    """Reads four values of about one length at a time, as far as the shortest goes: while one waits for memory, the
    others go on. Of each value: its state, where its next loud state goes, how far it is read, all bits of its bytes.
    """
    order = by_length(starts, ends)
    for first in range(0, len(order) - 3, 4):
        a, b, c, d = order[first], order[first + 1], order[first + 2], order[first + 3]
        at_a, at_b, at_c, at_d = starts[a], starts[b], starts[c], starts[d]
        shortest = min(min(ends[a] - at_a, ends[b] - at_b), min(ends[c] - at_c, ends[d] - at_d))
        in_a, in_b, in_c, in_d = states[a], states[b], states[c], states[d]
        to_a, to_b, to_c, to_d = noted[a], noted[b], noted[c], noted[d]
        bits_a, bits_b, bits_c, bits_d = bits[a], bits[b], bits[c], bits[d]
        for step in range(shortest):
            byte_a, byte_b, byte_c, byte_d = data[at_a + step], data[at_b + step], data[at_c + step], data[at_d + step]
            in_a = rows[in_a + class_of[byte_a]]
            in_b = rows[in_b + class_of[byte_b]]
            in_c = rows[in_c + class_of[byte_c]]
            in_d = rows[in_d + class_of[byte_d]]
            loud[to_a], loud[to_b], loud[to_c], loud[to_d] = in_a, in_b, in_c, in_d
            to_a += in_a >= threshold
            to_b += in_b >= threshold
            to_c += in_c >= threshold
            to_d += in_d >= threshold
            bits_a |= byte_a
            bits_b |= byte_b
            bits_c |= byte_c
            bits_d |= byte_d
        states[a], states[b], states[c], states[d] = in_a, in_b, in_c, in_d
        noted[a], noted[b], noted[c], noted[d] = to_a, to_b, to_c, to_d
        bits[a], bits[b], bits[c], bits[d] = bits_a, bits_b, bits_c, bits_d
        for value in order[first : first + 4]:
            places[value] = starts[value] + shortest


@compiled(void(I4, I4, int64, READ_BYTES, I8, I8, I4, I8, I8, B1))
def read(
    rows: Ids,
    class_of: Ids,
    threshold: int,
    data: Bytes,
    starts: Offsets,
    ends: Offsets,
    loud: Ids,
    bases: Offsets,
    edges: Offsets,
    beyond: Bools,
) -> None:
    """Reads the values. The states with output of each stand in `loud` from `bases` to `edges`, and `beyond` says
    whether a byte of it is beyond ASCII. `loud` has room for every byte and two more a value."""
    room = 0
    for value in range(len(starts)):
        bases[value] = room
        edges[value] = room
        room += ends[value] - starts[value] + 2
    states = np.full(len(starts), rows[class_of[256]], dtype=np.int32)
    places = starts.copy()
    bits = np.zeros(len(starts), dtype=np.uint8)
    read_side_by_side(rows, class_of, threshold, data, starts, ends, loud, states, edges, places, bits)
    for value in range(len(starts)):
        state, noted, found = states[value], edges[value], bits[value]
        for place in range(places[value], ends[value]):
            byte = data[place]
            found |= byte
            state = rows[state + class_of[byte]]
            loud[noted] = state
            noted += state >= threshold
        state = rows[state + class_of[257]]
        loud[noted] = state
        edges[value] = noted + (state >= threshold)
        beyond[value] = found > 127


@compiled(Tuple((int64, int64))(I4, int64, I4, I4, I4, I4, I4, I8, I8, B1, int64, int64, I4, I4))
def tell(
    rows: Ids,
    classes: int,
    firsts: Ids,
    needles: Ids,
    links: Ids,
    numbers: Ids,
    loud: Ids,
    bases: Offsets,
    edges: Offsets,
    passed_over: Bools,
    first: int,
    value: int,
    values_found: Ids,
    numbers_found: Ids,
) -> tuple[int, int]:
    """Pairs of the values read, from number `value` on, until they might not fit; (next value, pairs). The numbers of
    values are told from `first` on; those `passed_over` are left out."""
    found = 0
    seen = np.full(len(links), -1, dtype=np.int32)
    while value < len(bases) and found + len(needles) <= len(values_found):
        if not passed_over[value]:
            for at in range(bases[value], edges[value]):
                output = rows[loud[at] + classes]
                while output >= 0 and seen[output] != value:  # what is seen has told its suffixes too
                    seen[output] = value
                    for needle in range(firsts[output], firsts[output + 1]):
                        values_found[found] = first + value
                        numbers_found[found] = numbers[needles[needle]]
                        found += 1
                    output = links[output]
        value += 1
    return value, found
