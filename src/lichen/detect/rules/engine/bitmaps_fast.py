"""The fast twin of bitmaps: setting bits and running programs, in numba."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.engine.programs import AND, BOTH, EITHER, EVERY, NONE, NOT, OR, PUSH, SKIP, Programs
from lichen.detect.rules.kernels.jit import compiled
from lichen.detect.rules.kernels.needles import Ids

Words = npt.NDArray[np.uint64]
ONE = np.uint64(1)


@compiled("void(i4[::1], i4[::1], i4[::1], i4[::1], u8[:,::1])")
def spread(order: Ids, firsts: Ids, holding: Ids, rows: Ids, bitmaps: Words) -> None:
    """Sets, in the row of each pair, the bit of every line that has the pair's value."""
    for pair in range(len(holding)):
        row = rows[pair]
        value = holding[pair]
        for place in range(firsts[value], firsts[value + 1]):
            line = order[place]
            bitmaps[row, line >> 6] |= ONE << np.uint64(line & 63)


@compiled("Tuple((i8, i8))(i1[::1], i4[::1], i4[::1], i8, i4[::1], u8[:,::1], u8[:,::1], u8[::1], i8[::1], i4[::1])")
def left(
    codes: npt.NDArray[np.int8],
    arguments: Ids,
    firsts: Ids,
    program: int,
    row_of: Ids,
    bitmaps: Words,
    stack: Words,
    everywhere: Words,
    lines: npt.NDArray[np.int64],
    numbers: Ids,
) -> tuple[int, int]:
    """Runs programs from number `program` on until what they leave might not fit; (next program, pairs)."""
    width = len(everywhere)
    found = 0
    while program < len(firsts) - 1 and found + 64 * width <= len(lines):
        step, end = firsts[program], firsts[program + 1]
        top = -1
        while step < end:
            code, argument = codes[step], arguments[step]
            step += 1
            if code == OR:
                row = row_of[argument]
                if row:
                    for word in range(width):
                        stack[top, word] |= bitmaps[row, word]
            elif code == SKIP:
                some = np.uint64(0)
                for word in range(width):
                    some |= stack[top, word]
                if some == 0:
                    step = argument
            elif code == PUSH:
                top += 1
                row = row_of[argument]
                for word in range(width):
                    stack[top, word] = bitmaps[row, word]
            elif code == AND:
                row = row_of[argument]
                for word in range(width):
                    stack[top, word] &= bitmaps[row, word]
            elif code == NOT:
                for word in range(width):
                    stack[top, word] ^= everywhere[word]
            elif code == BOTH:
                top -= 1
                for word in range(width):
                    stack[top, word] &= stack[top + 1, word]
            elif code == EITHER:
                top -= 1
                for word in range(width):
                    stack[top, word] |= stack[top + 1, word]
            elif code == EVERY:
                top += 1
                for word in range(width):
                    stack[top, word] = everywhere[word]
            else:
                top += 1
                for word in range(width):
                    stack[top, word] = 0
        for word in range(width):
            bits = stack[0, word]
            line = 64 * word
            while bits:
                if bits & ONE:
                    lines[found] = line
                    numbers[found] = program
                    found += 1
                bits >>= ONE
                line += 1
        program += 1
    return program, found


assert NONE not in (AND, BOTH, EITHER, EVERY, NOT, OR, PUSH, SKIP)


def all_left(programs: Programs, row_of: Ids, bitmaps: Words, count: int) -> tuple[npt.NDArray[np.int64], Ids]:
    """(line, program) of each line that a program leaves, by program."""
    width = bitmaps.shape[1]
    everywhere = np.full(width, np.iinfo(np.uint64).max, dtype=np.uint64)
    if count % 64:
        everywhere[-1] = (1 << (count % 64)) - 1
    stack = np.zeros((programs.depth, width), dtype=np.uint64)
    room = max(1 << 16, 64 * width)
    lines, numbers = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int32)
    found_lines = [np.empty(0, dtype=np.int64)]
    found_numbers = [np.empty(0, dtype=np.int32)]
    program = 0
    while program < len(programs):
        program, found = left(
            programs.codes, programs.arguments, programs.firsts, program, row_of, bitmaps, stack, everywhere,
            lines, numbers,
        )  # fmt: skip
        found_lines.append(lines[:found].copy())
        found_numbers.append(numbers[:found].copy())
    return np.concatenate(found_lines), np.concatenate(found_numbers)
