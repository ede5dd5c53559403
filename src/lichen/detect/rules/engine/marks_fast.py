"""What stands where in a buffer, by SIMD: quotes, control characters and odd escapes, and keywords in a line."""

from __future__ import annotations

from typing import Any

import numpy as np

from lichen.detect.rules.engine.bits import DATA, EVEN, ONE, ZERO, i4, u1
from lichen.detect.rules.engine.simd import beyond_ascii, escapable, lowest, pair, structure
from lichen.detect.rules.kernels.jit import compiled


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
