"""Measures: what a correlation counts in the window that ends at an event, kept while the window slides."""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Protocol

import msgspec

from lichen.core.entity import Subject
from lichen.detect.rules.algebra import AllOf, Exists, Leaf, Node, Not
from lichen.detect.rules.casing import fold
from lichen.detect.rules.correlation_file import MEASURED, Correlation

HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}


class Item(msgspec.Struct):
    """One event of a correlation's group: which member it is of, what is counted of it, what others read of it.
    `samples` are (time, event id): of itself, or of the events that made it. `fired`: its window was told."""

    time: int
    member: int
    subject: Subject
    samples: list[tuple[int, str]]
    value: list[str] = []
    carried: dict[str, str] = {}
    fired: bool = False


class Measure(Protocol):
    """What is measured while items enter and leave; `of(start)` is the measure of the window that begins at `start`,
    None where nothing holds of it."""

    def enter(self, item: Item) -> None: ...
    def leave(self, item: Item) -> None: ...
    def of(self, start: int) -> float | None: ...


class _Count:
    def __init__(self) -> None:
        self._count = 0

    def enter(self, item: Item) -> None:
        self._count += 1

    def leave(self, item: Item) -> None:
        self._count -= 1

    def of(self, start: int) -> float | None:
        return self._count


class _Distinct:
    """How many different values there are, compared without regard to case."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()

    def enter(self, item: Item) -> None:
        self._counts[tuple(map(fold, item.value))] += 1

    def leave(self, item: Item) -> None:
        key = tuple(map(fold, item.value))
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]

    def of(self, start: int) -> float | None:
        return len(self._counts)


class _Kinds:
    """How many members have an event, or 1 where a condition on their presence holds."""

    def __init__(self, correlation: Correlation) -> None:
        self._counts = [0] * len(correlation.references)
        self._presence = correlation.presence
        self._places = {reference: i for i, reference in enumerate(correlation.references)}

    def enter(self, item: Item) -> None:
        self._counts[item.member] += 1

    def leave(self, item: Item) -> None:
        self._counts[item.member] -= 1

    def of(self, start: int) -> float | None:
        present = len(self._counts) - self._counts.count(0)
        if self._presence is None:
            return present
        return present if self._holds(self._presence) else None

    def _holds(self, node: Node) -> bool:
        if isinstance(node, Leaf):
            assert isinstance(node.predicate, Exists)
            return self._counts[self._places[node.predicate.field]] > 0
        if isinstance(node, Not):
            return not self._holds(node.node)
        return all(map(self._holds, node.nodes)) if isinstance(node, AllOf) else any(map(self._holds, node.nodes))


class _Ordered:
    """Whether the members appear in their order: for each the latest beginning of a chain that ends in it. Events of
    one time are in any order, since nobody knows theirs."""

    def __init__(self, correlation: Correlation) -> None:
        self._begun: list[int | None] = [None] * len(correlation.references)

    def enter(self, item: Item) -> None:
        place = item.member
        begun = item.time if place == 0 else self._begun[place - 1]
        known = self._begun[place]
        if begun is not None and (known is None or begun > known):
            self._begun[place] = begun

    def leave(self, item: Item) -> None:
        pass

    def of(self, start: int) -> float | None:
        begun = self._begun[-1]
        return len(self._begun) if begun is not None and begun >= start else None


class _Sum:
    """Sum or mean, exact: as fractions of the numbers that the texts stand for."""

    def __init__(self, mean: bool) -> None:
        self._mean, self._total, self._count = mean, Fraction(0), 0

    def enter(self, item: Item) -> None:
        self._total += Fraction(float(item.value[0]))
        self._count += 1

    def leave(self, item: Item) -> None:
        self._total -= Fraction(float(item.value[0]))
        self._count -= 1

    def of(self, start: int) -> float | None:
        if not self._count:
            return None
        return self._total / self._count if self._mean else self._total  # type: ignore[return-value]


class _Rank:
    """A percentile, linear between the two values beside it; 0 is the least, 100 the greatest value."""

    def __init__(self, percentile: float) -> None:
        self._percentile, self._values = Fraction(percentile), list[float]()

    def enter(self, item: Item) -> None:
        insort(self._values, float(item.value[0]))

    def leave(self, item: Item) -> None:
        del self._values[bisect_left(self._values, float(item.value[0]))]

    def of(self, start: int) -> float | None:
        if not self._values:
            return None
        place = (len(self._values) - 1) * self._percentile / 100
        below = int(place)
        low = Fraction(self._values[below])
        high = Fraction(self._values[min(below + 1, len(self._values) - 1)])
        return low + (high - low) * (place - below)  # type: ignore[return-value]


def measure_for(correlation: Correlation) -> Measure:
    """An empty measure of the correlation's kind."""
    if correlation.kind == "temporal":
        return _Kinds(correlation)
    if correlation.kind == "temporal_ordered":
        return _Ordered(correlation)
    if correlation.kind in ("value_sum", "value_avg"):
        return _Sum(correlation.kind == "value_avg")
    if correlation.kind in MEASURED:
        ends = {"value_min": 0.0, "value_max": 100.0}
        return _Rank(ends.get(correlation.kind, correlation.percentile))
    return _Count() if correlation.kind == "event_count" else _Distinct()


def complete(
    correlation: Correlation, items: Sequence[Item], first: int, last: int
) -> Iterator[tuple[int, int, float]]:
    """Windows that hold and were not told before, among those that events between `first` and `last` can have changed:
    (place of the event that ends it, place of its first event, measure). `items` are in order of time."""
    times = [item.time for item in items]
    measure = measure_for(correlation)
    low = entered = bisect_left(times, first - correlation.span)
    for place in range(bisect_left(times, first), bisect_right(times, last + correlation.span)):
        start = times[place] - correlation.span
        while entered < len(items) and times[entered] <= times[place]:
            until = bisect_right(times, times[entered], lo=entered)
            for item in sorted(items[entered:until], key=lambda item: item.member):
                measure.enter(item)
            entered = until
        while times[low] < start:
            measure.leave(items[low])
            low += 1
        if not items[place].fired:
            found = measure.of(start)
            if found is not None and all(HOLDS[name](found, number) for name, number in correlation.bounds):
                yield place, low, found
