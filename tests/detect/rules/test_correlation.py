"""Correlations: what each kind counts, whom it groups, how late an event may come, what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from correlating import base_rule, correlation, detector_of, events_of, told

from lichen.core.evidence import Evidence
from lichen.detect.rules import correlation as correlations
from lichen.detect.rules.correlation_file import SERIES_ITEMS

FAILED, LOGIN = base_rule("failed"), base_rule("login")
Written = tuple[float, str, Mapping[str, Any]]


def rows(*documents: Mapping[str, Any], events: list[Written]) -> dict[str, Evidence]:
    """The row of each detector, of events within one hour."""
    return {name: row for (name, _), row in told(detector_of(*documents), events_of(events))[0].items()}


def fires(events: list[Written], **said: Any) -> bool:
    said = {"rules": ["failed"], "timespan": "10m", "name": "several", **said}
    return any(name.endswith("rules-3") for name in rows(FAILED, LOGIN, correlation(**said), events=events))


def test_so_many_events_of_one_group_within_the_time_fire() -> None:
    said = {"type": "event_count", "group_by": ["user"], "condition": {"gte": 3}}
    three = [(0.0, "failed", {"user": "a"}), (60.0, "failed", {"user": "A"}), (600.0, "failed", {"user": "a"})]
    assert fires(three, **said)
    assert not fires([*three[:2], (601.0, "failed", {"user": "a"})], **said)
    assert not fires([*three[:2], (600.0, "failed", {"user": "b"})], **said)
    assert not fires([*three[:2], (600.0, "failed", {})], **said)
    assert not fires([*three[:2], (600.0, "login", {"user": "a"})], **said)


def test_a_row_names_the_events_that_made_it_and_says_how_many() -> None:
    many = correlation(
        type="event_count", rules=["failed"], timespan="10m", condition={"gte": 3}, title="Many", tags=["attack.t1110"]
    )
    batch = events_of([(float(i), "failed", {}) for i in range(4)])
    row = told(detector_of(FAILED, many), batch)[0]["rule:rules-2", 0]
    assert set(row.sample_event_ids) == set(batch.event_ids(range(4)))
    assert (row.n_events, row.because) == (2, "Many: 4 events within 10m")
    assert row.techniques == ("T1110",)
    assert row.score_nats == 0.0


@pytest.mark.parametrize(
    ("condition", "count", "expected"),
    [
        ({"gt": 2, "lte": 4}, 3, True),
        ({"eq": 2}, 2, True),
        ({"lt": 1}, 1, False),
        ({"gt": 3}, 3, False),
        ({"neq": 1}, 1, False),
    ],
)
def test_bounds_are_joined(condition: dict[str, int], count: int, expected: bool) -> None:
    assert fires([(float(i), "failed", {}) for i in range(count)], type="event_count", condition=condition) is expected


def test_different_values_are_counted_without_regard_to_case_and_over_several_fields() -> None:
    said = {"type": "value_count", "condition": {"field": "user", "gte": 2}}
    assert fires([(0.0, "failed", {"user": "a"}), (1.0, "failed", {"user": "b"})], **said)
    assert not fires([(0.0, "failed", {"user": "a"}), (1.0, "failed", {"user": "A"}), (2.0, "failed", {})], **said)
    pairs = {"type": "value_count", "condition": {"field": ["user", "host"], "gte": 2}}
    assert fires([(0.0, "failed", {"user": "a", "host": "x"}), (1.0, "failed", {"user": "a", "host": "y"})], **pairs)


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("value_sum", {"gte": 60}, True),
        ("value_sum", {"gt": 60}, False),
        ("value_avg", {"gte": 20}, True),
        ("value_avg", {"gt": 30}, False),
        ("value_median", {"eq": 10}, True),
        ("value_median", {"gt": 25}, False),
        ("value_percentile", {"percentile": 75, "gte": 25}, True),
        ("value_percentile", {"percentile": 75, "gt": 32.5}, False),
        ("value_max", {"gte": 40}, True),
        ("value_min", {"lt": 10}, False),
    ],
)
def test_numbers_are_added_averaged_and_ranked(kind: str, more: dict[str, float], expected: bool) -> None:
    sizes = ["10", "ten", "40", "1e1"]
    events = [(float(i), "failed", {"size": size}) for i, size in enumerate(sizes)]
    assert fires(events, type=kind, condition={"field": "size", **more}) is expected


def test_all_rules_together_and_in_order() -> None:
    both = [(0.0, "login", {"user": "a"}), (5.0, "failed", {"user": "a"})]
    said = {"rules": ["failed", "login"], "group_by": ["user"], "timespan": "10s"}
    assert fires(both, type="temporal", **said)
    assert not fires(both[:1], type="temporal", **said)
    assert not fires(both, type="temporal_ordered", **said)
    assert fires([*both, (6.0, "login", {"user": "a"})], type="temporal_ordered", **said)
    assert not fires([*both, (16.0, "login", {"user": "a"})], type="temporal_ordered", **said)
    same_second = [(0.0, "login", {"user": "a"}), (0.0, "failed", {"user": "a"})]
    assert fires(same_second, type="temporal_ordered", **said)  # nobody knows which came first


def test_a_condition_in_words_says_who_must_be_there_and_who_not() -> None:
    said = {"type": "temporal", "rules": ["failed", "login"], "condition": "failed and not login"}
    assert fires([(0.0, "failed", {})], **said)
    assert not fires([(0.0, "login", {}), (1.0, "failed", {})], **said)
    assert fires([(0.0, "login", {})], type="temporal", rules=["failed", "login"], condition="failed OR login")


def test_aliases_give_one_name_to_fields_of_different_rules() -> None:
    said = {
        "type": "temporal",
        "rules": ["failed", "login"],
        "group_by": ["address"],
        "aliases": {"address": {"failed": "src", "login": "dst"}},
    }
    assert fires([(0.0, "failed", {"src": "x"}), (1.0, "login", {"dst": "x", "src": "y"})], **said)
    assert not fires([(0.0, "failed", {"src": "x"}), (1.0, "login", {"src": "x", "dst": "y"})], **said)


def test_a_correlation_may_name_another_and_groups_by_its_own_fields() -> None:
    burst = correlation(
        name="burst",
        type="event_count",
        rules=["failed"],
        group_by=["host", "user"],
        timespan="1m",
        condition={"gte": 2},
    )
    then = correlation(
        type="temporal_ordered", rules=["burst", "login"], group_by=["user"], timespan="5m", title="Guessed"
    )
    tried = [(0.0, "failed", {"user": "u", "host": "h"}), (9.0, "failed", {"user": "u", "host": "h"})]
    batch = events_of([*tried, (99.0, "login", {"user": "u", "host": "other"})])
    found, _ = told(detector_of(FAILED, LOGIN, burst, then), batch)
    assert [name for name, _ in found] == ["rule:rules-4"]  # the burst only serves
    assert set(found["rule:rules-4", 0].sample_event_ids) == set(batch.event_ids(range(3)))
    assert rows(FAILED, LOGIN, burst, then, events=[*tried, (99.0, "login", {"user": "v", "host": "h"})]) == {}


def test_rules_speak_for_themselves_only_where_the_correlation_generates_them() -> None:
    said = {"type": "event_count", "rules": ["failed"], "timespan": "1m", "condition": {"gte": 2}}
    events: list[Written] = [(0.0, "failed", {}), (1.0, "failed", {})]
    assert set(rows(FAILED, correlation(**said), events=events)) == {"rule:rules-2"}
    assert set(rows(FAILED, correlation(**said, generate=True), events=events)) == {"rule:rules", "rule:rules-2"}


def test_a_correlation_in_the_shadow_speaks_under_its_own_name_and_does_not_count_as_fired() -> None:
    shadow = correlation(type="event_count", rules=["failed"], timespan="1m", condition={"gte": 1}, stage="shadow")
    evidence, census, _ = detector_of(FAILED, shadow).detect(events_of([(0.0, "failed", {})]), {})
    assert [row.detector for row in evidence] == ["shadow:rules-2"]
    assert [row.fired for row in census] == [0]


def test_a_late_event_completes_the_window_that_it_falls_into() -> None:
    three = correlation(type="event_count", rules=["failed"], timespan="10s", condition={"gte": 3})
    detector = detector_of(FAILED, three)
    early, late = events_of([(0.0, "failed", {}), (10.0, "failed", {})]), events_of([(4.0, "failed", {})], first=2)
    found, memory = told(detector, early)
    assert found == {}
    found, _ = told(detector, late, memory=memory)
    row = found["rule:rules-2", 0]
    assert row.first_time == 10_000_000
    assert set(row.sample_event_ids) == {*early.event_ids([0, 1]), *late.event_ids([0])}


def test_detect_changes_neither_the_memory_nor_itself() -> None:
    detector = detector_of(
        FAILED, correlation(type="event_count", rules=["failed"], timespan="1m", condition={"gte": 2})
    )
    _, _, memory = detector.detect(events_of([(0.0, "failed", {})]), {})
    before = msgspec.json.encode(memory)
    second = events_of([(1.0, "failed", {})], first=1)
    again = [msgspec.json.encode(detector.detect(second, memory)) for _ in range(2)]
    assert again[0] == again[1]
    assert msgspec.json.encode(memory) == before


def test_a_flood_of_events_and_of_groups_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlations, "ITEMS_LIMIT", 1000)
    often = correlation(type="event_count", rules=["failed"], group_by=["user"], timespan="1d", condition={"gte": 3})
    detector = detector_of(FAILED, often)
    memory: Any = {}
    for i in range(0, 3000, 500):
        batch = events_of([(float(i + j), "failed", {"user": f"made-up-{i + j}"}) for j in range(500)], first=i)
        _, _, memory = detector.detect(batch, memory)
        assert memory["items"] == sum(map(len, memory["series"].values())) <= 1000
    assert memory["evicted"] + memory["items"] == 3000
    monkeypatch.undo()
    crowd = [(9000.0 + i / 1000, "failed", {"user": "one"}) for i in range(SERIES_ITEMS + 100)]
    _, _, memory = detector.detect(events_of(crowd, first=9000), {})
    assert memory["items"] == SERIES_ITEMS
    assert memory["evicted"] >= 100


def test_long_values_do_not_fill_the_memory_and_stay_different() -> None:
    often = correlation(type="event_count", rules=["failed"], group_by=["user"], timespan="1d", condition={"gte": 2})
    detector = detector_of(FAILED, often)
    users = ["x" * 100_000, "x" * 100_000 + "y"]
    _, _, memory = detector.detect(events_of([(float(i), "failed", {"user": u}) for i, u in enumerate(users)]), {})
    assert len(memory["series"]) == 2
    assert len(msgspec.json.encode(memory)) < 5000
