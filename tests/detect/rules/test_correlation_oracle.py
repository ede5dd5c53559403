"""Correlations and their naive oracle never disagree: whatever the batches, and whatever the order of arrival."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from correlating import SECOND, base_rule, correlation, detector_of, events_of
from correlation_oracle import Event, firing_ends
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lichen.core.batch import Batch
from lichen.detect.rules import RulesDetector

NAMES = ("aa", "bb", "cc")
BASE = [base_rule(name) for name in NAMES]
NUMBERS = st.sampled_from(["-3", "0", "1", "2.5", "10", "1e2", "x", "7"])
FIELDS = st.fixed_dictionaries({"u": st.sampled_from("pPpq")}, optional={"v": st.sampled_from("rRst"), "w": NUMBERS})
EVENTS = st.lists(
    st.tuples(st.integers(0, 40), st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=2), FIELDS),
    min_size=6,
    max_size=24,
)
MONOTONE = [{"gte": 1}, {"gte": 2}, {"gt": 2}, {"gte": 4}]
BOUNDS = [*MONOTONE, {"lt": 2}, {"lte": 1}, {"eq": 2}, {"neq": 1}, {"gt": 1, "lte": 3}]
NUMERIC = ("value_sum", "value_avg", "value_median", "value_percentile", "value_min", "value_max")


@st.composite
def correlations(draw: st.DrawFn, monotone: bool) -> dict[str, Any]:
    """What stands below `correlation:`."""
    kinds = ["event_count", "value_count", "temporal", "temporal_ordered"]
    kind = draw(st.sampled_from(kinds if monotone else [*kinds, *NUMERIC]))
    rules = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    said: dict[str, Any] = {"type": kind, "rules": rules, "timespan": draw(st.sampled_from(["1s", "5s", "12s", "1m"]))}
    said["group-by"] = draw(st.sampled_from([[], ["u"], ["u", "v"], ["who"]]))
    if said["group-by"] == ["who"]:
        said["aliases"] = {"who": {name: draw(st.sampled_from("uv")) for name in rules[:2]}}
    if kind == "temporal_ordered":
        return said
    if kind == "temporal" and draw(st.booleans()):
        joined = (
            [" and ".join(rules)] if monotone else [" and ".join(rules), f"not {rules[0]} or ({' and '.join(rules)})"]
        )
        return {**said, "condition": draw(st.sampled_from([*joined, " or ".join(rules)]))}
    condition = dict(draw(st.sampled_from(MONOTONE if monotone else BOUNDS)))
    if kind == "value_count":
        condition["field"] = draw(st.sampled_from(["v", ["v", "w"]]))
    elif kind in NUMERIC:
        condition["field"] = "w"
        if kind == "value_percentile":
            condition["percentile"] = draw(st.sampled_from([0, 20, 50, 75, 100]))
    return {**said, "condition": condition}


def ends_found(detector: RulesDetector, batches: list[Batch], places: dict[str, int]) -> set[tuple[int, str]]:
    """What the engine says: which events ended a window that was told."""
    rules, memory = [rule.name or "" for rule in detector.rules.rules], {}
    members = {each.id: each.references for each in detector.rules.correlations}
    for batch in batches:
        _, _, memory = detector.detect(batch, memory)
    assert set(rules) == set(NAMES)
    return {
        (places[item.samples[0][1]], members[key.partition("\0")[0]][item.member])
        for key, items in memory.get("series", {}).items()
        for item in items
        if item.fired
    }


def check(said: dict[str, Any], events: list[Event], order: list[int], cuts: int, count: Counter[bool]) -> None:
    """Compares both on events that arrive in `order`, in `cuts` batches."""
    detector = detector_of(*BASE, correlation(**said))
    written = [(float(time), " ".join(sorted(names)), fields) for time, names, fields in (events[i] for i in order)]
    batches, places, start = [], {}, 0
    size = max(1, len(written) // cuts)
    while start < len(written):
        batch = events_of(written[start : start + size], first=start)
        for row, event_id in enumerate(batch.event_ids(range(len(batch)))):
            places[event_id] = order[start + row]
        batches.append(batch)
        start += size
    expected = firing_ends(said, events)
    count.update((place, name) in expected for place in range(len(events)) for name in said["rules"])
    assert ends_found(detector, batches, places) == expected


def test_in_order_of_time_every_kind_fires_exactly_where_the_oracle_says() -> None:
    count: Counter[bool] = Counter()

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(correlations(monotone=False), EVENTS, st.integers(1, 5))
    def they_agree(said: dict[str, Any], events: list[Event], cuts: int) -> None:
        distinct = sorted({event[0]: event for event in events}.values(), key=lambda event: event[0])
        check(said, distinct, list(range(len(distinct))), cuts, count)

    they_agree()
    assert count[True] >= 300
    assert count[False] >= 300


def test_in_any_order_of_arrival_what_only_grows_fires_exactly_where_the_oracle_says() -> None:
    count: Counter[bool] = Counter()

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(correlations(monotone=True), EVENTS, st.integers(1, 5), st.integers(0, 1 << 30))
    def they_agree(said: dict[str, Any], events: list[Event], cuts: int, seed: int) -> None:
        order = list(range(len(events)))
        random.Random(seed).shuffle(order)
        check(said, events, order, cuts, count)

    they_agree()
    assert count[True] >= 300
    assert count[False] >= 300


def test_times_are_whole_seconds_here_and_microseconds_there() -> None:
    assert events_of([(1.5, "aa", {})]).times().tolist() == [SECOND * 3 // 2]
