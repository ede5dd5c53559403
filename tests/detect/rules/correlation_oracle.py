"""The oracle of correlations: every window of every event, counted from nothing, with no state and nothing clever.

It shares no code with `lichen.detect.rules`. An event here is (time in seconds, names of the rules that fire on it,
fields); a correlation is its YAML. It says which events end a window that holds.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

Event = tuple[int, frozenset[str], Mapping[str, str]]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
HOLDS = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
}


def firing_ends(correlation: Mapping[str, Any], events: Sequence[Event]) -> set[tuple[int, str]]:
    """(place of the event, rule under which it is counted) of each event that ends a window that holds."""
    span = int(correlation["timespan"][:-1]) * UNITS[correlation["timespan"][-1]]
    counted = [
        (place, rule, time, group, value)
        for place, (time, rules, fields) in enumerate(events)
        for rule in correlation["rules"]
        if rule in rules and (found := counted_as(correlation, rule, fields)) is not None
        for group, value in [found]
    ]
    ends = set()
    for place, rule, time, group, _ in counted:
        window = [each for each in counted if each[3] == group and time - span <= each[2] <= time]
        if holds(correlation, window):
            ends.add((place, rule))
    return ends


def counted_as(correlation: Mapping[str, Any], rule: str, fields: Mapping[str, str]) -> Any:
    """(group, value) of an event under a rule; None if it does not count."""

    def said(name: str) -> str | None:
        return fields.get(correlation.get("aliases", {}).get(name, {}).get(rule, name))

    condition = correlation.get("condition", {})
    named = condition.get("field", []) if isinstance(condition, dict) else []
    named = [named] if isinstance(named, str) else named
    group = [said(name) for name in correlation.get("group-by", [])]
    value = [said(name) for name in named]
    if None in group or None in value:
        return None
    if correlation["type"].startswith("value_") and correlation["type"] != "value_count":
        try:
            value = [Fraction(float(value[0]))]
        except (ValueError, OverflowError):
            return None
    else:
        value = [each.lower() for each in value]
    return tuple(each.lower() for each in group), tuple(value)


def holds(correlation: Mapping[str, Any], window: Sequence[Any]) -> bool:
    kind, rules = correlation["type"], correlation["rules"]
    condition = correlation.get("condition", {"gte": len(rules)})
    if kind == "temporal_ordered":
        times = [[each[2] for each in window if each[1] == rule] for rule in rules]
        return any(list(chosen) == sorted(chosen) for chosen in product(*times))
    present = {each[1] for each in window}
    if isinstance(condition, str):
        words = condition.replace("(", " ( ").replace(")", " ) ").split()
        return bool(eval(" ".join(w if w in ("and", "or", "not", "(", ")") else str(w in present) for w in words)))  # noqa: S307
    measured = measure(kind, condition, window, present)
    return all(HOLDS[name](measured, number) for name, number in condition.items() if name in HOLDS)


def measure(kind: str, condition: Mapping[str, Any], window: Sequence[Any], present: set[str]) -> Any:
    if kind == "event_count":
        return len(window)
    if kind == "value_count":
        return len({each[4] for each in window})
    if kind == "temporal":
        return len(present)
    values = sorted(each[4][0] for each in window)
    if kind == "value_sum":
        return sum(values)
    if kind == "value_avg":
        return sum(values) / len(values)
    if kind == "value_median":
        return statistics.median(values)
    if kind in ("value_min", "value_max"):
        return values[0] if kind == "value_min" else values[-1]
    place = Fraction(condition["percentile"]) * (len(values) - 1) / 100
    beside = [v for i, v in enumerate(values) if i <= place < i + 1 or i - 1 < place <= i]
    return beside[0] if len(beside) == 1 else beside[0] + (beside[1] - beside[0]) * (place % 1)
