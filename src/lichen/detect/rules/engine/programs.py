"""Programs: conditions as code for a small stack machine over bitmaps, a bit a line.

A program reads bitmaps by predicate number and leaves one bitmap. Where an `all` has become empty its rest is jumped
over. What a bitmap cannot say is left out of a program in the way that lets the condition hold wherever it might.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.algebra import AllOf, Leaf, Node, Not, Predicate

Ints = npt.NDArray[np.int32]


# What one step does. PUSH, AND and OR read the bitmap of a predicate, BOTH, EITHER and NOT the stack; SKIP goes to the
# step given if the uppermost bitmap is empty.
PUSH, AND, OR, BOTH, EITHER, NOT, SKIP, NONE, EVERY = range(9)


@dataclass(frozen=True, slots=True)
class Programs:
    """Programs end to end: those of program i are the steps `firsts[i]` to `firsts[i + 1]`; `depth` is the most that
    stands on the stack."""

    codes: npt.NDArray[np.int8]
    arguments: Ints
    firsts: Ints
    depth: int

    def __len__(self) -> int:
        return len(self.firsts) - 1


def programs_of(conditions: Iterable[Node], numbers: Mapping[Predicate, int]) -> Programs:
    """The programs of conditions all of whose predicates have bitmaps."""
    steps: list[tuple[int, int]] = []
    firsts = [0]
    depth = 1
    for condition in conditions:
        depth = max(depth, _written(condition, numbers, steps))
        firsts.append(len(steps))
    return Programs(
        np.array([code for code, _ in steps], dtype=np.int8),
        np.array([argument for _, argument in steps], dtype=np.int32),
        np.array(firsts, dtype=np.int32),
        depth,
    )


def _written(node: Node, numbers: Mapping[Predicate, int], steps: list[tuple[int, int]]) -> int:
    """Appends the steps of a node; how many bitmaps stand on the stack at most."""
    if isinstance(node, Leaf):
        steps.append((PUSH, numbers[node.predicate]))
        return 1
    if isinstance(node, Not):
        depth = _written(node.node, numbers, steps)
        steps.append((NOT, 0))
        return depth
    every = isinstance(node, AllOf)
    if not node.nodes:
        steps.append((EVERY if every else NONE, 0))
        return 1
    first, *rest = sorted(node.nodes, key=_size)
    depth = _written(first, numbers, steps)
    skips: list[int] = []
    for child in rest:
        if every:
            skips.append(len(steps))
            steps.append((SKIP, 0))
        if isinstance(child, Leaf):
            steps.append((AND if every else OR, numbers[child.predicate]))
        else:
            depth = max(depth, 1 + _written(child, numbers, steps))
            steps.append((BOTH if every else EITHER, 0))
    for place in skips:
        steps[place] = (SKIP, len(steps))
    return depth


def _size(node: Node) -> int:
    if isinstance(node, Leaf):
        return 1
    if isinstance(node, Not):
        return 2 + _size(node.node)
    return 1 + sum(map(_size, node.nodes))


def run(programs: Programs, bitmap: Callable[[int], int], everywhere: int) -> Sequence[tuple[int, int]]:
    """(program, bitmap) of every program that leaves a bit, by Python's own integers. The pure twin of `fired_fast`."""
    codes, arguments = programs.codes.tolist(), programs.arguments.tolist()
    firsts = programs.firsts.tolist()
    found = []
    for number in range(len(programs)):
        left = _left_by(codes, arguments, firsts[number], firsts[number + 1], bitmap, everywhere)
        if left:
            found.append((number, left))
    return found


def _left_by(
    codes: list[int], arguments: list[int], at: int, end: int, bitmap: Callable[[int], int], everywhere: int
) -> int:
    stack: list[int] = []
    while at < end:
        code, argument = codes[at], arguments[at]
        at += 1
        if code == OR:
            stack[-1] |= bitmap(argument)
        elif code == SKIP:
            if not stack[-1]:
                at = argument
        elif code == PUSH:
            stack.append(bitmap(argument))
        elif code == AND:
            stack[-1] &= bitmap(argument)
        elif code == NOT:
            stack[-1] ^= everywhere
        elif code == BOTH:
            upper = stack.pop()
            stack[-1] &= upper
        elif code == EITHER:
            upper = stack.pop()
            stack[-1] |= upper
        else:
            stack.append(everywhere if code == EVERY else 0)
    return stack[-1]
