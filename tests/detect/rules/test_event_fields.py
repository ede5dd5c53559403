"""Fields by name, nested and in lists: what a rule's field means in a record that is not flat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiling import SOURCE, fires, rule_of
from near import batch_of

from lichen.core.batch import LogSource
from lichen.detect.rules.event_fields import values_of
from lichen.detect.rules.sigma_match import Matcher

EVENT = {
    "verb": "create",
    "spec": {"name": "web", "containers": [{"image": "a:1", "args": ["-x", "y"]}, {"image": "b:2", "args": None}]},
    "groups": ["dev", "Admins"],
    "empty": [],
    "a.b": "flat",
    "a": {"b": "nested"},
}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("spec.name: web", True),
        ("spec.containers.image: b:2", True),  # any element does
        ("spec.containers[0].image: a:1", True),
        ("spec.containers[1].image: a:1", False),
        ("spec.containers[7].image: a:1", False),
        ("spec.containers.args: y", True),
        ("spec.containers[0].args[1]: y", True),
        ("groups: admins", True),
        ("groups[0]: admins", False),
        ("groups|contains|all: [de, min]", True),  # each value by any element
        ("groups|neq: dev", False),
        ("groups|re: '^Ad'", True),
        ("groups: null", False),
        ("empty: null", True),  # a list without elements is no value
        ("empty|exists: true", False),
        ("empty: '*'", False),
        ("spec.containers[1].args: null", True),
        ("spec.absent: null", True),
        ("spec[0]: null", True),
        ("a.b: flat", True),  # a field of that very name comes first
        ("a.b: nested", False),
        ("spec..name: web", False),
    ],
)
def test_paths_lead_through_objects_and_lists(item: str, expected: bool) -> None:
    detection = f"    selection:\n        {item}\n    condition: selection\n"
    assert fires(detection, EVENT) is expected


def test_a_list_is_compared_with_another_field_element_by_element() -> None:
    detection = "    selection:\n        f|fieldref: g\n    condition: selection\n"
    assert fires(detection, {"f": ["x", "y"], "g": ["z", "Y"]})
    assert not fires(detection, {"f": ["x"], "g": []})


def test_lists_are_remembered_and_never_taken_for_their_elements() -> None:
    matcher = Matcher([rule_of("    s:\n        f: a\n        g: null\n    condition: s\n")])
    events: list[dict[str, Any]] = [{"f": ["a", "b"]}, {"f": ["b"]}, {"f": ["b", "a"]}, {"f": []}, {"f": ["a"]}]
    for _ in range(2):
        assert matcher.match(batch_of(SOURCE, events, [""] * 5)).rows[0].tolist() == [0, 2, 4]


def test_what_an_event_says_is_read_from_the_shapes_that_the_rule_reads_then_from_the_view() -> None:
    batch = batch_of(SOURCE, [{"f": None, "n": 1.0}, {"f": "second", "n": 2.5}], ["x"], event=[0, 0])
    rows = np.array([0])
    found = values_of(batch, LogSource("linux"), rows, ["f", "n", "subject.workload", "nowhere"])
    assert found == {"f": ["second"], "n": ["1"], "subject.workload": ["orders-1"], "nowhere": [None]}
    assert values_of(batch, LogSource("windows"), rows, ["f"]) == {"f": [None]}
