"""Places: what holds a subject is read from its newest events, and asked of the store where it was not met."""

from collections.abc import Mapping

import pyarrow as pa

from lichen.core.entity import Subject
from lichen.core.places import PLACE_COLUMNS, Places, places_in

ORDERS = Subject("workload", "orders-1")


def columns(*rows: tuple[str | None, str | None, str | None, str | None]) -> Mapping[str, pa.Array]:
    return {name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(PLACE_COLUMNS)}


def test_the_last_image_and_group_that_events_name_count() -> None:
    found = places_in(columns(("orders-1", None, "orders", "orders@1"), ("orders-1", None, None, "orders@2")))
    assert found == {ORDERS: {"group": "orders", "image": "orders@2"}}


def test_a_host_is_not_placed_by_what_its_workloads_do() -> None:
    found = places_in(columns(("orders-1", "node-1", "orders", "orders@1"), (None, "node-1", "nodes", None)))
    assert found[Subject("host", "node-1")] == {"group": "nodes"}


def test_nodes_are_told_broadest_first_and_a_user_is_among_users() -> None:
    asked: list[Subject] = []

    def ask(subject: Subject) -> dict[str, str]:
        asked.append(subject)
        return {"image": "orders@1", "group": "orders"} if subject == ORDERS else {}

    places = Places(ask)
    assert places.of(ORDERS) == ("group orders", "image orders@1")
    assert places.of(ORDERS) == ("group orders", "image orders@1")
    assert asked == [ORDERS]
    assert places.of(Subject("user", "ada")) == ("users",)
    assert places.over([Subject("workload", "unknown")]) == {Subject("workload", "unknown"): ()}
