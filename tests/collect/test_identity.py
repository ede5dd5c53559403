"""Who an event is about: by an inventory, or by what the event says itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lichen.collect.columns import Coded
from lichen.collect.identity import Facts, Inventory, Naming, load_inventory
from lichen.core.errors import ConfigError
from lichen.core.time import from_text

TEN, ELEVEN, NOON = (from_text(f"2026-11-24T{hour}:00:00Z") for hour in (10, 11, 12))
LAB = """
subjects:
  - {match: {auid: "2021"}, workload: gateway-3, image: "gateway@1", group: gateway, since: 2026-11-24T10:30:00Z}
  - {match: {auid: 2021}, workload: gateway-3, image: "gateway@2", group: gateway, since: 2026-11-24T11:30:00Z}
  - {match: {ip: 10.77.0.21}, workload: gateway-3, group: gateway}
  - {match: {ip: 10.78.0.0/16}, workload: branch}
  - {match: {hostname: "web-*"}, workload: the-web, host: rack-1}
  - {match: {file: "access-web-1.log*"}, workload: web-1}
  - {match: {hostname: db, container: pg}, workload: postgres}
users: [alice, monitor]
people: [anke]
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    path = tmp_path / "inventory.yml"
    path.write_text(LAB, encoding="utf-8")
    return load_inventory(path)


def named(
    inventory: Inventory | None, place: str = "/logs/x.log", times: list[int] | None = None, **facts: list[str | None]
) -> list[dict[str, str | None]]:
    """The subjects of events with these facts, a dict an event."""
    length = len(next(iter(facts.values())))
    columns = {name: Coded.of(texts) for name, texts in facts.items()}
    own = {name: columns.pop(name) for name in ("acting", "client", "user") if name in columns}
    naming = Naming(inventory, place, "fallback")
    subjects = naming.subjects(Facts(columns, **own), np.array(times or [NOON] * length, dtype=np.int64))
    texts = {name.removeprefix("subject."): column.texts() for name, column in subjects.items()}
    return [{name: column[row] for name, column in texts.items() if column[row] is not None} for row in range(length)]


def test_an_entry_in_force_at_the_events_time_names_it(inventory: Inventory) -> None:
    rows = named(inventory, auid=["2021"] * 3, times=[TEN, ELEVEN, NOON])
    assert [row["image"] for row in rows] == ["gateway@1", "gateway@1", "gateway@2"]
    assert {row["workload"] for row in rows} == {"gateway-3"}


def test_an_entry_gives_exactly_what_it_says(inventory: Inventory) -> None:
    assert named(inventory, ip=["10.77.0.21"], acting=["/bin/sh"]) == [{"workload": "gateway-3", "group": "gateway"}]
    assert named(inventory, hostname=["web-7"]) == [{"workload": "the-web", "host": "rack-1"}]


def test_a_node_is_the_host_of_a_workload_that_an_entry_names(inventory: Inventory) -> None:
    assert named(inventory, ip=["10.77.0.21"], node=["vm-1"])[0]["host"] == "vm-1"


def test_networks_globs_and_files_match(inventory: Inventory) -> None:
    rows = named(inventory, ip=["10.78.4.4", "10.79.4.4", "not an address"])
    assert [row.get("workload") for row in rows] == ["branch", None, None]
    assert named(inventory, place="/l/access-web-1.log.xz", ip=["10.9.9.9"])[0]["workload"] == "web-1"
    assert named(inventory, place="/l/a.zip!in/access-web-1.log", ip=["10.9.9.9"])[0]["workload"] == "web-1"
    assert named(inventory, place="/l/access-web-1.log", ip=["10.77.0.21"])[0]["workload"] == "gateway-3"


def test_a_match_of_two_keys_needs_both_and_comes_first(inventory: Inventory) -> None:
    rows = named(inventory, hostname=["db", "db", "web-1"], container=["pg", "other", "pg"])
    assert [row["workload"] for row in rows] == ["postgres", "other", "the-web"]


def test_only_listed_names_are_users(inventory: Inventory) -> None:
    rows = named(inventory, user=["alice", "mallory", "-", None, "monitor"])
    assert [row.get("user") for row in rows] == ["alice", None, None, None, "monitor"]


def test_without_an_inventory_every_name_that_is_somebodys_is_a_user() -> None:
    rows = named(None, user=["alice", "-", "?", "(unknown)", "", None])
    assert [row.get("user") for row in rows] == ["alice", None, None, None, None, None]


def test_a_login_uid_that_names_a_workload_is_no_user(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text('subjects: [{match: {auid: "7"}, workload: w}]\n')
    rows = named(load_inventory(path), auid=["7", "8"], login=["replica", "rosa"])
    assert [row.get("user") for row in rows] == [None, "rosa"]


def test_without_an_entry_container_unit_client_executable_name_the_workload_in_this_order() -> None:
    rows = named(
        None,
        container=["c", None, None, None, None],
        unit=["u", "u", None, None, None],
        client=["10.0.0.1", "10.0.0.1", "10.0.0.1", None, None],
        acting=["/bin/x", "/bin/x", "/bin/x", "/bin/x", None],
    )
    assert [row.get("workload") for row in rows] == ["c", "u", "10.0.0.1", "/bin/x", None]
    assert {row["host"] for row in rows} == {"fallback"}


def test_the_host_is_node_then_hostname_then_what_was_told() -> None:
    rows = named(None, node=["n", None, None], hostname=["h", "h", None])
    assert [row["host"] for row in rows] == ["n", "h", "fallback"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("subjects: [{match: {auid: 1}}]", "names a workload"),
        ("subjects: [{match: {pid: 1}, workload: w}]", "pid"),
        ("subjects: [{match: {}, workload: w}]", "has a match"),
        ("subjects: [{workload: w}]", "has a match"),
        ("subjects: [{match: {auid: 1}, workload: w, colour: red}]", "colour"),
        ("subjects: [{match: {auid: 1}, workload: w, since: yesterday}]", "yesterday"),
        ("hosts: []", "keys subjects and users"),
        ("[", "cannot be read"),
        ("7", "keys subjects and users"),
    ],
)
def test_an_inventory_that_says_something_unknown_is_refused_with_place_and_remedy(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_inventory(path)
    assert fault in str(caught.value)
    assert str(path) in caught.value.place
    assert caught.value.remedy


def test_an_inventory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_inventory(tmp_path / "none.yml")
