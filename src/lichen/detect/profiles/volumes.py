"""What was counted of whom: series per minute and window, closed ones as moments, and the expectations they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from lichen.core.time import DAY
from lichen.detect.profiles.counts import Leaf, Spans, spanned
from lichen.detect.profiles.moments import Level, Moments, Series, Shell, moments_of, nodes_of, shell_of
from lichen.detect.profiles.uses.rate import EVENTS

Key: TypeAlias = tuple[Leaf, str, int]  # entity, counter, scale in minutes


@dataclass(frozen=True, slots=True)
class Volumes:
    """One kind of subject's counts. `series` hold open minutes and windows, `closed` what was folded of older ones;
    the counter EVENTS says when an entity was there at all."""

    series: Mapping[Key, Series] = field(default_factory=dict)
    closed: Mapping[Key, Moments] = field(default_factory=dict)
    spans: Spans = field(default_factory=dict)

    def added(self, seen: Iterable[tuple[Key, int, float]], spans: Spans) -> Volumes:
        """These counts and some more."""
        grown: dict[Key, dict[int, float]] = {}
        for key, start, amount in seen:
            if key not in grown:
                grown[key] = dict(self.series.get(key, {}))
            grown[key][start] = grown[key].get(start, 0.0) + amount
        return Volumes({**self.series, **grown}, self.closed, spanned(self.spans, spans))

    def merged(self, other: Volumes) -> Volumes:
        """Both: counts of the same minute add, others stand side by side."""
        flat = ((key, start, y) for key, series in other.series.items() for start, y in series.items())
        both = self.added(flat, other.spans)
        closed = dict(self.closed)
        for key, moments in other.closed.items():
            closed[key] = closed.get(key, Moments()).plus(moments)
        return Volumes(both.series, closed, both.spans)

    def faded(self, factor: float, to: int, half_life_us: float) -> Volumes:
        """Closed windows × `factor`; those that ended a day before `to` (or lie after it) are closed, by their age."""
        closed = {key: moments.times(factor) for key, moments in self.closed.items()}
        still: dict[Key, Series] = {}
        for key, series in self.series.items():
            young = {start: y for start, y in series.items() if to - DAY <= start <= to}
            if young:
                still[key] = young
            for start, y in series.items():
                if start not in young:
                    aged = moments_of([y], 1).times(0.5 ** (max(0, to - start) / half_life_us))
                    closed[key] = closed.get(key, Moments()).plus(aged)
        return Volumes(still, closed, self.spans)


class Expecting:
    """Derived from Volumes: what every subject is expected to do, each worked out once."""

    def __init__(self, volumes: Volumes) -> None:
        self.volumes = volumes
        self._moments: dict[Key, Moments] = {}
        self._sums: dict[Key, Shell] = {}
        self._levels: dict[Key, Level] = {}
        there = {(entity, scale) for entity, counter, scale in (*volumes.series, *volumes.closed) if counter == EVENTS}
        names = sorted({counter for _, counter, _ in (*volumes.series, *volumes.closed)})
        for entity, scale in sorted(there):
            for counter in names:
                own = self._moments[entity, counter, scale] = self._learned(entity, counter, scale)
                shell = shell_of(own)
                for node in nodes_of(entity):
                    self._sums[node, counter, scale] = self._sums.get((node, counter, scale), Shell()).plus(shell)

    def moments(self, entity: Leaf, counter: str, scale: int) -> Moments:
        """All that is known of one subject's counter."""
        return self._moments.get((entity, counter, scale)) or Moments()

    def _learned(self, entity: Leaf, counter: str, scale: int) -> Moments:
        own = self._all((entity, counter, scale))
        return own._replace(windows=max(self._all((entity, EVENTS, scale)).windows, own.any))

    def _all(self, key: Key) -> Moments:
        series = self.volumes.series.get(key, {})
        return moments_of(series.values(), len(series)).plus(self.volumes.closed.get(key, Moments()))

    def level(self, entity: Leaf, counter: str, scale: int) -> Level:
        """What is expected of a subject's next minute or window: everybody else, then its like, then itself."""
        key = (entity, counter, scale)
        found = self._levels.get(key)
        if found is None:
            found = Level()
            sums = [self._sums.get((node, counter, scale), Shell()) for node in nodes_of(entity)]
            for outer, inner in pairwise(sums):
                found = found.after(outer.plus(inner, -1.0))
            found = found.after(sums[-1])
            if key in self._moments:  # only what was learned is kept: that bounds the memory
                self._levels[key] = found
        return found
