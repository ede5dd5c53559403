"""Who an event is about: subjects by an inventory file, or by what the event itself says (docs/subjects.md)."""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from lichen.collect.columns import Coded
from lichen.core.errors import ConfigError
from lichen.core.plain_yaml import plain_yaml
from lichen.core.time import from_text

MATCH_KEYS = ("container", "auid", "unit", "ip", "hostname", "file")  # the first that matches names the subject
NAMES = ("workload", "host", "user", "image", "group")
NOBODY = frozenset({"", "-", "?", "unset", "(unknown)", "(invalid user)", "(unknown user)", "4294967295", "<NA>"})
EARLIEST = int(np.iinfo(np.int64).min)
Rows = npt.NDArray[np.int64]
REMEDY = "see docs/subjects.md: subjects: [{match: {auid: …}, workload: …, image: …, group: …, since: …}], users: […]"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an inventory: events that match all of `match` are about these names, from `since` (µs UTC) on."""

    match: Mapping[str, str]
    names: Mapping[str, str]
    since: int = EARLIEST


@dataclass(frozen=True, slots=True)
class Group:
    """Entries of one match in the order of their `since`: places in Inventory.entries, and their times."""

    match: Mapping[str, str]
    places: Rows
    since: Rows

    def in_force(self, times: Rows) -> Rows:
        """The entry of each time; what came before the earliest belongs to it too: someone it must have been."""
        return self.places[np.maximum(np.searchsorted(self.since, times, side="right") - 1, 0)]


@dataclass(frozen=True)
class Inventory:
    """Entries, and the names that are people or service accounts (None: every name is)."""

    entries: tuple[Entry, ...] = ()
    users: frozenset[str] | None = None
    exact: Mapping[str, Mapping[str, Group]] = field(init=False)  # by the one key matched, then its value
    others: tuple[Group, ...] = field(init=False)  # several keys, globs, networks, files: the most exact first

    def __post_init__(self) -> None:
        places: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for place, entry in enumerate(self.entries):
            places.setdefault(tuple(sorted(entry.match.items())), []).append(place)
        exact: dict[str, dict[str, Group]] = {key: {} for key in MATCH_KEYS}
        others = []
        for match, members in places.items():
            members.sort(key=lambda place: self.entries[place].since)
            since = np.array([self.entries[place].since for place in members], dtype=np.int64)
            group = Group(dict(match), np.array(members, dtype=np.int64), since)
            (key, value), *more = match
            if more or key == "file" or any(sign in value for sign in "*?[/"):
                others.append(group)
            else:
                exact[key][value] = group
        object.__setattr__(self, "exact", exact)
        object.__setattr__(self, "others", tuple(sorted(others, key=_most_exact_first)))


def _most_exact_first(group: Group) -> tuple[int, int]:
    return -len(group.match), min(MATCH_KEYS.index(key) for key in group.match)


def load_inventory(path: Path) -> Inventory:
    """Read an inventory.yml. Raises ConfigError with the place and the remedy."""
    try:
        loaded = plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot be read: {error}", place=str(path), remedy=REMEDY) from error
    if not isinstance(loaded, dict) or not loaded.keys() <= {"subjects", "users", "people"}:
        raise ConfigError("an inventory has the keys subjects and users", place=str(path), remedy=REMEDY)
    entries = tuple(
        _entry(entry, f"{path}: subjects[{place}]") for place, entry in enumerate(loaded.get("subjects") or [])
    )
    users = loaded.get("users")
    return Inventory(entries, None if users is None else frozenset(str(name) for name in users))


def _entry(entry: Any, place: str) -> Entry:
    if not isinstance(entry, dict) or not isinstance(entry.get("match"), dict) or not entry["match"]:
        raise ConfigError("an entry has a match", place=place, remedy=REMEDY)
    unknown = (entry.keys() - {"match", "since", *NAMES}) | (entry["match"].keys() - set(MATCH_KEYS))
    if unknown:
        raise ConfigError(f"unknown keys {sorted(unknown)}", place=place, remedy=REMEDY)
    since = EARLIEST
    if entry.get("since") is not None:
        text = entry["since"].isoformat() if hasattr(entry["since"], "isoformat") else str(entry["since"])
        try:
            since = from_text(text)
        except ValueError as error:
            raise ConfigError(f"since is no time: {text!r}", place=place, remedy=REMEDY) from error
    names = {name: str(entry[name]) for name in NAMES if entry.get(name) is not None}
    if not names.keys() & {"workload", "host", "user"}:
        raise ConfigError("an entry names a workload, a host or a user", place=place, remedy=REMEDY)
    return Entry({key: str(value) for key, value in entry["match"].items()}, names, since)


@dataclass(frozen=True, slots=True)
class Facts:
    """What events of one batch say about who they are about; each a column, or None where the sensor has no such
    thing. `acting`: the executable that acted; `client`: the address that is itself the workload where nothing names
    it (DNS); `user`: a name that logged on or called; `image` and `group` if the sensor says them; `known_as`: columns
    that an inventory may match."""

    known_as: Mapping[str, Coded]
    acting: Coded | None = None
    client: Coded | None = None
    user: Coded | None = None
    image: Coded | None = None
    group: Coded | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """Names the subjects of one stream's events. `fallback_host`: --host, else the folder's name."""

    inventory: Inventory | None
    place: str
    fallback_host: str

    def subjects(self, facts: Facts, times: Rows) -> dict[str, Coded]:
        """subject.* columns: exactly what a matching entry says; without one, what the events themselves say."""
        length = len(times)
        entry = self._entries(facts.known_as, times)
        entries = self.inventory.entries if self.inventory is not None else ()
        named = {name: Coded.of([e.names.get(name) for e in entries]).take(entry) for name in NAMES}
        unmatched = entry < 0
        nothing = Coded.constant(None, length)
        known_as = facts.known_as
        own = known_as.get("container", nothing).or_else(known_as.get("unit", nothing))
        own = own.or_else(facts.client or nothing).or_else(facts.acting or nothing)
        node = known_as.get("node", nothing)
        own_host = node.or_else(known_as.get("hostname", nothing)).or_else(Coded.constant(self.fallback_host, length))
        user = self._users(facts, unmatched, length)
        return {
            "subject.workload": named["workload"].or_else(own.where(unmatched)),
            "subject.host": named["host"].or_else(own_host.where(unmatched)).or_else(node),
            "subject.user": named["user"].or_else(user),
            "subject.image": named["image"].or_else((facts.image or nothing).where(unmatched)),
            "subject.group": named["group"].or_else((facts.group or nothing).where(unmatched)),
        }

    def _users(self, facts: Facts, unmatched: npt.NDArray[np.bool_], length: int) -> Coded:
        """Users: only names that the inventory lists, or every name that is somebody's where it lists none. A login
        uid that names a workload is no user."""
        listed = self.inventory.users if self.inventory is not None else None

        def somebody(name: str) -> str | None:
            return None if name in NOBODY or (listed is not None and name not in listed) else name

        given = facts.user.map(somebody) if facts.user is not None else Coded.constant(None, length)
        login = facts.known_as.get("login")
        if login is None:
            return given
        return given.or_else(login.map(somebody) if listed is not None else login.map(somebody).where(unmatched))

    def _entries(self, known_as: Mapping[str, Coded], times: Rows) -> Rows:
        """The inventory entry of each event; -1 where none matches. Matches of several keys come first, then single
        ones in the order of MATCH_KEYS."""
        chosen = np.full(len(times), -1, dtype=np.int64)
        if self.inventory is None:
            return chosen
        several = [group for group in self.inventory.others if len(group.match) > 1]
        single = [group for group in self.inventory.others if len(group.match) == 1]
        for group in several:
            self._choose(group, known_as, times, chosen)
        for key in MATCH_KEYS:
            if key in known_as:
                _choose_exact(self.inventory.exact[key], known_as[key], times, chosen)
            for group in single:
                if key in group.match:
                    self._choose(group, known_as, times, chosen)
        return chosen

    def _choose(self, group: Group, known_as: Mapping[str, Coded], times: Rows, chosen: Rows) -> None:
        """Give the group's entry to events without one that agree with all of its match."""
        free = chosen < 0
        for key, wanted in group.match.items():
            if key == "file":
                agrees: Any = _is_file(self.place, wanted)
            elif key in known_as:
                column = known_as[key]
                hits = [place for place, value in enumerate(column.values) if _agrees(key, value, wanted)]
                agrees = np.isin(column.codes, hits)
            else:
                agrees = False
            free = free & agrees
        rows = np.flatnonzero(free)
        chosen[rows] = group.in_force(times[rows])


def _choose_exact(groups: Mapping[str, Group], column: Coded, times: Rows, chosen: Rows) -> None:
    """Give each event without an entry the one whose value is its own."""
    found = [groups.get(value) for value in column.values]
    entry = np.array([-1 if group is None else group.places[0] for group in found] + [-1], dtype=np.int64)
    free = chosen < 0
    chosen[free] = entry[column.codes[free]]
    for code, group in enumerate(found):
        if group is not None and len(group.places) > 1:
            rows = np.flatnonzero(free & (column.codes == code))
            chosen[rows] = group.in_force(times[rows])


def _is_file(place: str, pattern: str) -> bool:
    name = place if "/" in pattern else Path(place.rpartition("!")[2]).name
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"*/{pattern}")


def _agrees(key: str, value: str, wanted: str) -> bool:
    """Whether a value is what an entry wants: an address may be a network, a name may be a glob."""
    if value == wanted:
        return True
    if key == "ip" and "/" in wanted:
        try:
            return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
        except ValueError:
            return False
    return any(sign in wanted for sign in "*?[") and fnmatch.fnmatchcase(value, wanted)
