"""Nested Pitman-Yor: what is usual here, leaning on what is usual in the image, the group and the fleet.

At each rung (Teh 2006, one table an item)

    p_ℓ(x) = [max(c_ℓx − d, 0) + (θ_ℓ + Σ_y min(d, c_ℓy))·p_{ℓ+1}(x)] / (θ_ℓ + n_ℓ)

where c at the leaf are events and above it *children that ever used x*. Where no count is below d the sum is d·K_ℓ, as
in docs/profiles.md; where counts have faded below d, taking only what is there keeps the whole summing to one. A
predictive is affine in the base measure, a + w·base(x), and is kept so: Σ a over the known plus w is 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lichen.detect.profiles.counts import Counts, Leaf
from lichen.detect.profiles.strings import StringModel

Floats = npt.NDArray[np.float64]

STRENGTHS = np.geomspace(0.1, 1000.0, 25)  # grid of θ
STRENGTH_PRIOR = (np.log(5.0), 1.5)  # mean and sd of log θ
BASE_GUESS = 1e-6  # p of an item under the base where θ is fitted: its value cancels for items seen once


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs from leaf to root. `rungs[k]`: which fields of a leaf rung k keeps; `names[k]` what people call it.
    `fleet`: the rung that stands for everybody in the score; `own`: an item seen below this rung is known here."""

    rungs: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    fleet: int
    own: int


class Affine(NamedTuple):
    """A predictive of one item: seen + escape · base(item)."""

    seen: float
    escape: float

    def log_p(self, log_base: float) -> float:
        """log(seen + escape·base)."""
        escape = math.log(self.escape) + log_base
        return log_sum(math.log(self.seen), escape) if self.seen > 0.0 else escape


def log_sum(a: float, b: float) -> float:
    """log(eᵃ + eᵇ)."""
    high, low = max(a, b), min(a, b)
    return high + math.log1p(math.exp(low - high))


class _Node(NamedTuple):
    table: dict[str, float]
    total: float
    escaped: float  # Σ min(d, c)


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of the tree: its nodes, its discount d and strength θ."""

    nodes: dict[Leaf, _Node]
    discount: float
    strength: float


class Tree:
    """Everything derived from leaf counts: type counts of the upper rungs, d and θ of each rung, the string model.

    Derived once, on first use; equal counts give equal trees, whatever order they were learned in.
    """

    def __init__(self, counts: Counts, ladder: Ladder) -> None:
        self.counts, self.ladder = counts, ladder
        self._keys = [_picker(rung) for rung in ladder.rungs]
        self._keep = [
            tuple(lower.index(field) for field in upper)
            for lower, upper in zip(ladder.rungs, ladder.rungs[1:], strict=False)
        ]

    @cached_property
    def rungs(self) -> tuple[Rung, ...]:
        """The levels, leaf first."""
        tables: list[dict[Leaf, dict[str, float]]] = [
            {leaf: dict(sorted(self.counts[leaf].items())) for leaf in sorted(self.counts)}
        ]
        for keep in self._keep:
            tables.append(_types_above(tables[-1], keep))
        fitted = _fit(tables, self._keep)
        return tuple(_rung(table, d, theta) for table, (d, theta) in zip(tables, fitted, strict=True))

    @cached_property
    def strings(self) -> StringModel:
        """The letter model over the distinct items of the root."""
        return StringModel(item for node in self.rungs[-1].nodes.values() for item in node.table)

    def path(self, leaf: Leaf) -> list[Leaf]:
        """The leaf's node at every rung, leaf first."""
        return [key(leaf) for key in self._keys]

    def predictive(self, leaf: Leaf, item: str, rung: int = 0) -> Affine:
        """p(item) at the leaf's node on `rung`, given every rung above it."""
        seen, escape = 0.0, 1.0
        for level in range(len(self.ladder.rungs) - 1, rung - 1, -1):
            here = self.rungs[level]
            node = here.nodes.get(self._keys[level](leaf))
            if node is None:
                continue
            room = here.strength + node.total
            up = (here.strength + node.escaped) / room
            seen = max(node.table.get(item, 0.0) - here.discount, 0.0) / room + up * seen
            escape *= up
        return Affine(seen, escape)

    def rung_seen(self, leaf: Leaf, item: str) -> int:
        """The lowest rung whose node knows the item; the number of rungs if none does."""
        for level, key in enumerate(self.path(leaf)):
            node = self.rungs[level].nodes.get(key)
            if node is not None and item in node.table:
                return level
        return len(self.ladder.rungs)

    def items(self, leaf: Leaf, rung: int) -> dict[str, float]:
        """What the leaf's node on a rung knows: item -> events at the leaf, children that used it above."""
        node = self.rungs[rung].nodes.get(self.path(leaf)[rung])
        return dict(node.table) if node else {}


def _picker(fields: tuple[int, ...]) -> Callable[[Leaf], Leaf]:
    """What takes these fields out of a leaf."""
    if fields == tuple(range(len(fields))):
        size = len(fields)
        return lambda leaf: leaf[:size]
    if len(fields) == 1:
        only = fields[0]
        return lambda leaf: (leaf[only],)
    return itemgetter(*fields)


def _types_above(tables: dict[Leaf, dict[str, float]], keep: Sequence[int]) -> dict[Leaf, dict[str, float]]:
    """The next rung: of each node, how many children ever used each item."""
    above: dict[Leaf, dict[str, float]] = {}
    for key, table in tables.items():
        node = above.setdefault(tuple(key[place] for place in keep), {})
        for item in table:
            node[item] = node.get(item, 0.0) + 1.0
    return above


def _rung(tables: dict[Leaf, dict[str, float]], d: float, theta: float) -> Rung:
    nodes = {
        key: _Node(table, sum(table.values()), sum(min(d, count) for count in table.values()))
        for key, table in tables.items()
    }
    return Rung(nodes, d, theta)


@dataclass(slots=True)
class _Entries:
    """One rung as arrays, an entry a (node, item): its count, its node, its entry one rung up (0 at the root), and
    whether its node tells how often items are shared (a leaf, or two children or more)."""

    count: Floats
    node: npt.NDArray[np.int64]
    above: npt.NDArray[np.int64]
    telling: npt.NDArray[np.bool_]


def _fit(tables: Sequence[dict[Leaf, dict[str, float]]], keeps: Sequence[Sequence[int]]) -> list[tuple[float, float]]:
    """(d, θ) of every rung, leaf first. d = share of items seen once; θ by leave-one-out, from the root down: each
    customer in turn is taken out (and its table, if it sat alone, from the rung above too) and predicted again. Above
    the leaves only nodes with two children or more are asked: an only child's items can never be seen twice."""
    rungs = list(_entries(tables, keeps))
    fitted: list[tuple[float, float]] = []
    p = p_without = np.full(1, BASE_GUESS)
    for rung in reversed(rungs):
        above, above_without = p[rung.above], p_without[rung.above]
        d = (float((rung.count[rung.telling] <= 1.0).sum()) + 0.5) / (float(rung.telling.sum()) + 1.0)
        theta = _strength(rung, d, above, above_without)
        fitted.insert(0, (d, theta))
        p = _p(rung, d, theta, above)
        p_without = _p_without(rung, d, theta, above, above_without)
    return fitted


def _entries(tables: Sequence[dict[Leaf, dict[str, float]]], keeps: Sequence[Sequence[int]]) -> Iterator[_Entries]:
    places: list[dict[Leaf, dict[str, int]]] = []
    for rung in tables:
        numbers = iter(range(sum(map(len, rung.values()))))
        places.append({key: {item: next(numbers) for item in table} for key, table in rung.items()})
    for level, rung in enumerate(tables):
        counts = [count for table in rung.values() for count in table.values()]
        nodes = np.repeat(np.arange(len(rung)), [len(table) for table in rung.values()])
        above = np.zeros(len(counts), dtype=np.int64)
        if level + 1 < len(tables):
            up, keep = places[level + 1], keeps[level]
            parents = (up[tuple(key[place] for place in keep)] for key in rung)
            above = np.fromiter(
                (parent[item] for parent, table in zip(parents, rung.values(), strict=True) for item in table),
                dtype=np.int64,
                count=len(counts),
            )
        telling = np.ones(len(rung), dtype=np.bool_)
        if level:
            keep = keeps[level - 1]
            children = Counter(tuple(key[place] for place in keep) for key in tables[level - 1])
            telling = np.fromiter((children[key] > 1 for key in rung), dtype=np.bool_, count=len(rung))
        nodes = nodes.astype(np.int64)
        yield _Entries(np.asarray(counts, dtype=np.float64), nodes, above, telling[nodes])


def _strength(rung: _Entries, d: float, above: Floats, above_without: Floats) -> float:
    """θ: mean of log θ under the leave-one-out likelihood and a broad prior (an average, so that it moves smoothly)."""
    if not rung.telling.any():
        return float(np.exp(STRENGTH_PRIOR[0]))
    logs = np.log(STRENGTHS)
    fits = -0.5 * ((logs - STRENGTH_PRIOR[0]) / STRENGTH_PRIOR[1]) ** 2
    for place, theta in enumerate(STRENGTHS):
        without = _p_without(rung, d, float(theta), above, above_without)[rung.telling]
        fits[place] += float(rung.count[rung.telling] @ np.log(without))
    weights = np.exp(fits - fits.max())
    return float(np.exp(weights @ logs / weights.sum()))


def _p(rung: _Entries, d: float, theta: float, above: Floats) -> Floats:
    total = np.bincount(rung.node, weights=rung.count)[rung.node]
    escaped = np.bincount(rung.node, weights=np.minimum(rung.count, d))[rung.node]
    return np.asarray((np.maximum(rung.count - d, 0.0) + (theta + escaped) * above) / (theta + total))


def _p_without(rung: _Entries, d: float, theta: float, above: Floats, above_without: Floats) -> Floats:
    """p of each entry's item when one of its customers is left out."""
    left = np.maximum(rung.count - 1.0, 0.0)
    total = np.bincount(rung.node, weights=rung.count)[rung.node] - (rung.count - left)
    escaped = np.bincount(rung.node, weights=np.minimum(rung.count, d))[rung.node]
    escaped = escaped + np.minimum(left, d) - np.minimum(rung.count, d)
    up = np.where(left > 0.0, above, above_without)
    return np.asarray((np.maximum(left - d, 0.0) + (theta + escaped) * up) / (theta + np.maximum(total, 0.0)))
