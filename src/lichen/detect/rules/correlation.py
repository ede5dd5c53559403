"""Correlations over a stream: how many, how many different, together, in order, how much, within a time.

A window ends at each event of a group and reaches back by the timespan, both ends included; the event at its end fires
if the condition holds of the events in it. Event time decides, whatever the order of arrival: a late event completes
the windows that it falls into, and what was told once is not taken back. Memory is bounded, evictions are counted.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from lichen.core.batch import Batch, Rows
from lichen.core.doors import Memory
from lichen.core.entity import Subject
from lichen.core.evidence import SAMPLES
from lichen.detect.rules.binding import carried, silent
from lichen.detect.rules.casing import fold
from lichen.detect.rules.correlation_file import MEASURED, SERIES_ITEMS, TEMPORAL, Correlation
from lichen.detect.rules.event_fields import values_of
from lichen.detect.rules.hits import Whom
from lichen.detect.rules.judging import is_number
from lichen.detect.rules.measures import Item, complete
from lichen.detect.rules.rule import Rule

ITEMS_LIMIT = 1 << 16  # events remembered by all correlations together
LATE = 3_600_000_000  # µs that an event may come late beyond the timespan before its company may be forgotten
LONG_VALUE = 256  # characters; longer values are told apart by their hash
LOOKED_BACK = 64  # events of a window that samples and carried fields are taken from
_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Firing:
    """A window that holds: the event at its end, the measure, and `row`, the event of the batch that completed it."""

    correlation: Correlation
    row: int
    item: Item
    because: str
    samples: tuple[tuple[int, str], ...]
    carried: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Arrival:
    row: int
    item: Item
    key: str


class Correlator:
    """The correlations of a rule set, bound and in the order in which they name each other."""

    def __init__(self, rules: Sequence[Rule], correlations: Sequence[Correlation]) -> None:
        self.correlations = tuple(correlations)
        self.silent = silent(self.correlations)
        self._rules = {rule.id: (number, rule) for number, rule in enumerate(rules)}
        self._carried = carried(self.correlations)
        self._spans = {each.id: each.span for each in self.correlations}

    def correlate(
        self, batch: Batch, fired: Mapping[int, Rows], about: Whom, memory: Memory
    ) -> tuple[list[Firing], dict[str, Any]]:
        """The windows that the events of a batch complete, and the memory after it; the given one is left as it was.
        `fired`: rows by number of the rule."""
        if not self.correlations:
            return [], dict(memory)
        series: dict[str, list[Item]] = dict(memory.get("series", {}))
        total, evicted = int(memory.get("items", 0)), int(memory.get("evicted", 0))
        times = batch.times()
        clock = max(int(memory.get("clock", 0)), int(np.median(times)))
        firings: list[Firing] = []
        for each in self.correlations:
            arrived: dict[str, list[_Arrival]] = {}
            for arrival in self._arrivals(each, batch, fired, about, times, firings):
                arrived.setdefault(arrival.key, []).append(arrival)
            for key, arrivals in arrived.items():
                before = series.get(key, [])
                after, told = self._grown(each, before, arrivals)
                firings.extend(told)
                evicted += max(0, len(after) - SERIES_ITEMS)
                series[key] = after[-SERIES_ITEMS:]
                total += len(series[key]) - len(before)
        if total > ITEMS_LIMIT:
            series, lost = self._swept(series, clock)
            total, evicted = sum(map(len, series.values())), evicted + lost
        return firings, {**memory, "series": series, "items": total, "clock": clock, "evicted": evicted}

    def _arrivals(
        self,
        correlation: Correlation,
        batch: Batch,
        fired: Mapping[int, Rows],
        about: Whom,
        times: Any,
        firings: Sequence[Firing],
    ) -> Iterator[_Arrival]:
        """The events of the batch that a correlation counts: those of its rules and of correlations before it."""
        wanted = (*correlation.group_by, *correlation.fields, *self._carried[correlation.id])
        for member, name in enumerate(correlation.members):
            fields = {each: correlation.field_of(each, member) for each in wanted}
            if name in self._rules:
                number, rule = self._rules[name]
                rows = fired.get(number)
                if rows is None or not len(rows):
                    continue
                values = values_of(batch, rule.source, rows, set(fields.values()))
                ids = batch.event_ids(rows)
                for i, row in enumerate(rows.tolist()):
                    said = {each: text for each, field in fields.items() if (text := values[field][i]) is not None}
                    samples = [(int(times[row]), ids[i])]
                    subject = about.subjects[about.code[row]]
                    yield from self._counted(correlation, member, row, int(times[row]), subject, samples, said)
            else:
                for firing in [each for each in firings if each.correlation.id == name]:
                    said = {each: firing.carried[field] for each, field in fields.items() if field in firing.carried}
                    item, samples = firing.item, list(firing.samples)
                    yield from self._counted(correlation, member, firing.row, item.time, item.subject, samples, said)

    def _counted(
        self,
        correlation: Correlation,
        member: int,
        row: int,
        time: int,
        subject: Subject,
        samples: list[tuple[int, str]],
        said: Mapping[str, str],
    ) -> Iterator[_Arrival]:
        """An event as its group counts it; none where a field to group by, or the value that is counted, is absent."""
        if not all(name in said for name in (*correlation.group_by, *correlation.fields)):
            return
        value = [_short(said[name]) for name in correlation.fields]
        if correlation.kind in MEASURED and not (is_number(value[0]) and math.isfinite(float(value[0]))):
            return
        group = [fold(_short(said[name])) for name in correlation.group_by]
        key = f"{correlation.id}\0{msgspec.json.encode(group).decode()}"
        kept = {name: said[name][:LONG_VALUE] for name in self._carried[correlation.id] if name in said}
        yield _Arrival(row, Item(time, member, subject, samples, value, kept), key)

    def _grown(
        self, correlation: Correlation, before: Sequence[Item], arrivals: Sequence[_Arrival]
    ) -> tuple[list[Item], list[Firing]]:
        """A group with its new events, and the windows that these complete."""
        items = sorted([*before, *(each.item for each in arrivals)], key=lambda item: item.time)
        new = sorted(arrivals, key=lambda each: each.item.time)
        rows = {id(each.item): each.row for each in new}
        firings = []
        places = []
        for place, low, measure in complete(correlation, items, new[0].item.time, new[-1].item.time):
            places.append(place)
            item = items[place]
            row = rows.get(id(item))
            if row is None:  # a late event completes the window of one that was here before
                row = next(each.row for each in reversed(new) if each.item.time <= item.time)
            window = items[max(low, place - LOOKED_BACK) : place + 1]
            firings.append(
                Firing(correlation, row, item, _because(correlation, measure), _samples(window), _carried(window))
            )
        for place in places:
            items[place] = msgspec.structs.replace(items[place], fired=True)
        return items, firings

    def _swept(self, series: Mapping[str, list[Item]], clock: int) -> tuple[dict[str, list[Item]], int]:
        """Without what is too old to matter; if that is not enough, without the groups that were silent longest."""
        kept: dict[str, list[Item]] = {}
        for key, items in series.items():
            span = self._spans.get(key.partition("\0")[0])
            fresh = [] if span is None else [item for item in items if item.time >= clock - 2 * span - LATE]
            if fresh:
                kept[key] = fresh
        total, lost = sum(map(len, kept.values())), 0
        for key in sorted(kept, key=lambda key: kept[key][-1].time):
            if total - lost <= ITEMS_LIMIT * 3 // 4:
                break
            lost += len(kept.pop(key))
        return kept, lost


def _short(text: str) -> str:
    return text if len(text) <= LONG_VALUE else hashlib.blake2b(text.encode("utf-8", "surrogatepass")).hexdigest()


def _samples(window: Sequence[Item]) -> tuple[tuple[int, str], ...]:
    """The events that made it: the last one of each member and value first, then the others, newest first."""
    seen: set[tuple[int, tuple[str, ...]]] = set()
    first: list[tuple[int, str]] = []
    rest: list[tuple[int, str]] = []
    for item in reversed(window):
        key = (item.member, tuple(item.value))
        (rest if key in seen else first).extend(item.samples)
        seen.add(key)
    return tuple(dict.fromkeys([*first, *rest]))[:SAMPLES]


def _carried(window: Sequence[Item]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in reversed(window):
        for name, text in item.carried.items():
            found.setdefault(name, text)
    return found


def _because(correlation: Correlation, measure: float) -> str:
    seconds = correlation.span // 1_000_000
    within = next(f"{seconds // size}{unit}" for size, unit in _UNITS if seconds % size == 0)
    if correlation.kind in TEMPORAL:
        order = "in order " if correlation.kind == "temporal_ordered" else ""
        counted = f"{int(measure)} of its rules {order}"
    elif correlation.kind == "event_count":
        counted = f"{int(measure)} events "
    elif correlation.kind == "value_count":
        counted = f"{int(measure)} different {', '.join(correlation.fields)} "
    else:
        counted = f"{correlation.kind.removeprefix('value_')} of {correlation.fields[0]} {float(measure):g} "
    return f"{correlation.title}: {counted}within {within}"


def rows_of(firings: Iterable[Firing]) -> list[int]:
    """The events of the batch that completed the windows, ascending."""
    return sorted({each.row for each in firings})
