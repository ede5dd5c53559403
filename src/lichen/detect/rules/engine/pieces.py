"""Long values line by line: logs of scripts repeat their lines far more often than themselves.

A literal without a line end stands in a value exactly where it stands in one of its lines; it begins the value where it
begins the first line, ends it where it ends the last, and is the value where that has one line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.algebra import How
from lichen.detect.rules.kernels.needles import Bytes, Ids, Offsets

LONG = 256  # bytes of the mean value from which on lines are looked at
MANY = 1 << 14  # bytes of all values
NEWLINE = 10
FIRST, LAST = 1, 2
Flags = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Each line of each value: `owner` the value, `codes` the number of its text, `flags` whether it is the FIRST or
    the LAST of its value. Text i is `data[starts[i]:ends[i]]`."""

    owner: Ids
    codes: Ids
    flags: Flags
    starts: Offsets
    ends: Offsets


def are_worth_it(data: Bytes, values: int) -> bool:
    """Whether values are so long that their lines are looked at."""
    return len(data) > MANY and len(data) > LONG * values


def pieces_of(data: Bytes, starts: Offsets, ends: Offsets) -> Pieces:
    """The lines of values. The pure twin of `pieces_fast.pieces_of`."""
    known: dict[bytes, int] = {}
    owner: list[int] = []
    codes: list[int] = []
    flags: list[int] = []
    spans: list[tuple[int, int]] = []
    whole = data.tobytes()
    for value, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        lines = whole[start:end].split(b"\n")
        first = len(flags)
        for line in lines:
            code = known.setdefault(line, len(known))
            if code == len(spans):
                spans.append((start, start + len(line)))
            codes.append(code)
            start += len(line) + 1
        owner += [value] * len(lines)
        flags += [0] * len(lines)
        flags[first] |= FIRST
        flags[-1] |= LAST
    places = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return Pieces(
        np.array(owner, dtype=np.int32),
        np.array(codes, dtype=np.int32),
        np.array(flags, dtype=np.uint8),
        np.ascontiguousarray(places[:, 0]),
        np.ascontiguousarray(places[:, 1]),
    )


def needed_of(hows: list[How]) -> Flags:
    """Which flags a line must have, for a literal that it holds to hold of its value."""
    flags = {How.CONTAINS: 0, How.STARTS: FIRST, How.ENDS: LAST, How.IS: FIRST | LAST}
    return np.array([flags[how] for how in hows], dtype=np.uint8)
