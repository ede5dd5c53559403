"""Rules as boolean algebra on bitmaps: every rule over all lines that were never seen before, at once.

A bitmap is one Python integer, a bit a line: `&`, `|` and `~` then cost tens of nanoseconds for a thousand lines, less
than a numpy call. A condition is evaluated only on the lines where it still matters, so a regular expression behind a
process name is asked of the few values that come with that name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.algebra import AllOf, Leaf, Node, Not, Predicate
from lichen.detect.rules.columns import Column, Ids

Bitmap = int
Bools = npt.NDArray[np.bool_]


class Op(IntEnum):
    """What a step of a plan does."""

    LEAF = 0
    ALL = 1
    ANY = 2
    NOT = 3


Step = tuple[Op, Any]  # (LEAF, predicate number), (ALL | ANY, steps), (NOT, step)


def planned(node: Node, numbers: Mapping[Predicate, int], cost: Callable[[int], int]) -> Step:
    """The node by predicate numbers, in each `all` and `any` the cheapest first."""
    return _planned(node, numbers, cost)[0]


def _planned(node: Node, numbers: Mapping[Predicate, int], cost: Callable[[int], int]) -> tuple[Step, int]:
    if isinstance(node, Leaf):
        number = numbers[node.predicate]
        return (Op.LEAF, number), cost(number)
    if isinstance(node, Not):
        step, price = _planned(node.node, numbers, cost)
        return (Op.NOT, step), price
    below = sorted((_planned(child, numbers, cost) for child in node.nodes), key=lambda pair: pair[1])
    steps = tuple(step for step, _ in below)
    return (Op.ALL if isinstance(node, AllOf) else Op.ANY, steps), max((price for _, price in below), default=0)


def guards_of(step: Step, scanned: Callable[[int], bool]) -> list[frozenset[int]]:
    """Sets of scanned predicates of each of which one must hold somewhere, or the rule cannot fire anywhere."""
    op, argument = step
    if op is Op.LEAF:
        return [frozenset([argument])] if scanned(argument) else []
    if op is Op.ALL:
        return [guard for child in argument for guard in guards_of(child, scanned)]
    if op is Op.ANY:
        choices = [guards_of(child, scanned) for child in argument]
        if all(choices):
            return [frozenset().union(*(min(guards, key=len) for guards in choices))]
    return []


class Hits(Protocol):
    """A column as far as its scanned predicates go: what holds of the value with each id."""

    @property
    def hits(self) -> Sequence[frozenset[int]]: ...


class Misses:
    """`ids` (lines × columns) of the lines to judge. `hits` gives, for each column, what holds of each id."""

    def __init__(self, ids: Ids, hits: Sequence[Hits]) -> None:
        self._ids = ids
        self.everywhere: Bitmap = (1 << len(ids)) - 1
        self._where: dict[int, tuple[int, list[int]]] = {}  # predicate -> column, places among its distinct values
        self._inverse: list[npt.NDArray[np.intp]] = []
        self._distinct: list[npt.NDArray[np.int32]] = []
        for place, column in enumerate(hits):
            distinct, inverse = np.unique(ids[:, place], return_inverse=True)
            self._distinct.append(distinct)
            self._inverse.append(inverse)
            for i, value in enumerate(distinct.tolist()):
                for number in column.hits[value]:
                    self._where.setdefault(number, (place, []))[1].append(i)
        self._bitmaps: dict[int, Bitmap] = {}

    @cached_property
    def scanned(self) -> frozenset[int]:
        """The scanned predicates that hold on any line."""
        return frozenset(self._where)

    def of_scanned(self, number: int) -> Bitmap:
        """The lines where a scanned predicate holds."""
        bitmap = self._bitmaps.get(number)
        if bitmap is None:
            bitmap = 0
            if number in self._where:
                place, values = self._where[number]
                bitmap = self._spread(place, values)
            self._bitmaps[number] = bitmap
        return bitmap

    def of_existing(self, place: int) -> Bitmap:
        """The lines where a column has a value."""
        return bitmap_of(self._ids[:, place] != 0)

    def of_judged(self, place: int, column: Column, number: int, within: Bitmap) -> Bitmap:
        """The lines of `within` whose value satisfies a predicate that the scan does not decide."""
        lines = lines_of(within, len(self._ids))
        values = np.unique(self._inverse[place][lines])
        answers = column.answers(number, self._distinct[place][values].tolist())
        return within & self._spread(place, [i for i, answer in zip(values.tolist(), answers, strict=True) if answer])

    def of_pairs(self, first: int, second: int, judge: Callable[[int, int], bool], within: Bitmap) -> Bitmap:
        """The lines of `within` whose two values satisfy `judge`, given by id."""
        lines = lines_of(within, len(self._ids))
        pairs = self._ids[lines][:, [first, second]].tolist()
        holds = np.zeros(len(self._ids), dtype=np.bool_)
        holds[lines] = [judge(a, b) for a, b in pairs]
        return bitmap_of(holds)

    def _spread(self, place: int, values: Iterable[int]) -> Bitmap:
        chosen = list(values)
        if not chosen:
            return 0
        table = np.zeros(len(self._distinct[place]), dtype=np.bool_)
        table[chosen] = True
        return bitmap_of(table[self._inverse[place]])


def holds(step: Step, leaf: Callable[[int, Bitmap], Bitmap], within: Bitmap) -> Bitmap:
    """The lines of `within` where a plan holds; `leaf` answers for one predicate."""
    op, argument = step
    if op is Op.LEAF:
        return leaf(argument, within)
    if op is Op.ALL:
        for child in argument:
            within = holds(child, leaf, within)
            if not within:
                return 0
        return within
    if op is Op.ANY:
        found, rest = 0, within
        for child in argument:
            got = holds(child, leaf, rest)
            found |= got
            rest &= ~got
            if not rest:
                break
        return found
    return within & ~holds(argument, leaf, within)


def bitmap_of(lines: Bools) -> Bitmap:
    """A bool a line as a bitmap."""
    return int.from_bytes(np.packbits(lines, bitorder="little").tobytes(), "little")


def lines_of(bitmap: Bitmap, count: int) -> npt.NDArray[np.intp]:
    """The numbers of the lines in a bitmap of `count` lines."""
    raw = np.frombuffer(bitmap.to_bytes((count + 7) // 8, "little"), dtype=np.uint8)
    return np.flatnonzero(np.unpackbits(raw, count=count, bitorder="little"))
