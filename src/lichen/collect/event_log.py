"""Events of Windows' log and of Sysmon, however a shipper wrote them down: to one flat document each.

A mapping says under `event_log` where channel, id and the event's own fields stand; what the events are is said once
for all of them, in content/mappings/event_logs/*.yml (kinds and columns) and content/logsources/*.yml (Sigma).

A flat document has the event's own fields under their names, with EventID, Channel, Provider_Name, Computer and the
like beside them as Sigma's rules call them. `@log` is the channel that events are told apart by, in lower case, `@time`
the time. Where an event has a field of its own called Channel (a log was cleared: which?), rules mean that one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lichen.collect.values import Document, Value, as_text, only_keys, value
from lichen.core.logsources import LogSources, load_logsources
from lichen.core.plain_yaml import plain_yaml

KEYS = frozenset({"channel", "event_id", "time", "fields", "message", "about", "leave", "of"})
LOG, TIME = "@log", "@time"
OURS = frozenset({LOG, TIME})
SYSTEM_FIELDS = frozenset({"EventID", "Provider_Name", "Computer", "EventRecordID"})  # never an event's own
FIELDS_AT_MOST = 512  # of one event
DEEPEST = 6
LONGEST_LIST = 1024
SELF = "."
_ATTRIBUTES = ("#attributes", "@xmlns")


@dataclass(frozen=True, slots=True)
class EventLog:
    """Where a shipper puts what. `about`: Sigma's name of what stands beside the event's own fields -> where it is;
    `fields`: the objects that hold the event's own fields (None: the document itself, without `leave`)."""

    channel: Value
    event_id: Value
    time: Value
    fields: tuple[Value | None, ...]
    message: Value
    about: Mapping[str, Value]
    leave: frozenset[str]
    logsources: LogSources
    sources: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False)

    def flat(self, document: Document) -> Document:
        """The flat document; the given one where this is no event of a log."""
        event_id, channel = as_text(_inner(self.event_id(document))), as_text(self.channel(document))
        if event_id is None or (time := self.time(document)) is None:
            return {name: got for name, got in document.items() if name not in OURS}
        own: Document = {}
        for place in self.fields:
            if place is None:
                for name, got in document.items():
                    if name not in self.leave:
                        _put(own, name, got, 1)
            elif isinstance(found := place(document), dict):
                _fill(own, found, 1)
        _with_text(own, self.message(document))
        about = {name: got for name, place in self.about.items() if (got := place(document)) is not None}
        flat = {**about, "Channel": channel, **own}
        flat |= {name: about[name] for name in SYSTEM_FIELDS & about.keys() & own.keys()}
        flat["EventID"] = event_id
        flat[LOG], flat[TIME] = (channel or "").lower(), time
        return flat


def log_of(document: Document) -> str | None:
    """The identity of the log that a flat document is a record of: one of a computer's channels. None where it lacks a
    record number, by which its place in the log would be known."""
    number, computer = as_text(document.get("EventRecordID")) or "", document.get("Computer")
    if not (number.isdecimal() and len(number) <= 18) or not isinstance(computer, str) or not document.get(LOG):
        return None
    return hashlib.blake2b(f"{computer.lower()}\0{document[LOG]}".encode(), digest_size=16).hexdigest()


def _inner(got: Any) -> Any:
    """An element's text where it has attributes, too."""
    return got.get("#text") if isinstance(got, dict) else got


def _fill(own: Document, found: Document, depth: int) -> None:
    for name, got in found.items():
        if name not in _ATTRIBUTES:
            _put(own, name, got, depth)


def _put(own: Document, name: str, got: Any, depth: int) -> None:
    """One of the event's own fields; objects (UserData) give what is in them under its own name."""
    if isinstance(got, dict) and "#text" in got:
        got = got["#text"]
    if isinstance(got, dict):
        if depth < DEEPEST:
            _fill(own, got, depth + 1)
    elif name not in own and len(own) < FIELDS_AT_MOST:
        if isinstance(got, list):
            own[name] = [as_text(_inner(each)) or "" for each in got[:LONGEST_LIST]]
        else:
            own[name] = "" if got is None else as_text(got)


def _with_text(own: Document, message: Any) -> None:
    """Data that has no name is `Data` to rules; shippers number it (param1, …) or keep the message alone."""
    if "Data" in own:
        return
    numbered = [own[name] for name in own if name.startswith("param") and name[5:].isdecimal()]
    if numbered:
        own["Data"] = numbered
    elif isinstance(message, str) and message and not own.keys() - {"Message"}:
        own["Data"] = message


def load_event_log(loaded: Any, folder: Path) -> tuple[EventLog, list[dict[str, Any]]]:
    """What a mapping in `folder` says under `event_log`, and the records of all such mappings. Raises ValueError."""
    only_keys(loaded, KEYS, "event_log")
    name = str(loaded["of"])
    sources = load_logsources(_content(folder, f"logsources/{name}.yml"))
    places = loaded["fields"] if isinstance(loaded["fields"], list) else [loaded["fields"]]
    log = EventLog(
        channel=value(loaded["channel"]),
        event_id=value(loaded["event_id"]),
        time=value(loaded["time"]),
        fields=tuple(None if place == SELF else value(place) for place in places),
        message=value(loaded.get("message", "Message")),
        about={str(sigma): value(said) for sigma, said in (loaded.get("about") or {}).items()},
        leave=frozenset(map(str, loaded.get("leave") or ())),
        logsources=sources,
    )
    path = _content(folder, f"mappings/event_logs/{name}.yml")
    described = plain_yaml(path.read_text(encoding="utf-8"))
    return log, list(_records(described))


def _content(folder: Path, name: str) -> Path:
    """A file beside the mappings that lie in `folder`, else the one that ships. Raises ValueError."""
    package = Path(__file__).parents[1]
    for top in (folder.parent, package / "content", package.parents[1] / "content"):
        if (top / name).exists():
            return top / name
    raise ValueError(f"event_log: there is no {name}")


def _records(described: Any) -> Iterator[dict[str, Any]]:
    """Records as mappings have them: `channel` and `event_id` as a condition, what all share beside their own."""
    only_keys(described, frozenset({"shared", "names", "ocsf", "records"}), "the records of event logs")
    for record in described["records"]:
        said = dict(record)
        asked: dict[str, Any] = {}
        if "channel" in said:
            asked[LOG] = [str(each).lower() for each in _listed(said.pop("channel"))]
        if "event_id" in said:
            asked["EventID"] = _listed(said.pop("event_id"))
        if "provider" in said:
            asked["Provider_Name"] = _listed(said.pop("provider"))
        names = {**(described.get("names") or {}), **(said.get("names") or {})}
        columns = {**(described.get("ocsf") or {}), **(said.get("ocsf") or {})}
        yield {**said, "names": names, "ocsf": columns, "when": {"equals": asked} if asked else {}}


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def routed(log: EventLog, documents: Sequence[Document]) -> dict[tuple[Any, int], tuple[Any, list[int]]]:
    """The rows of each (log source, rename): what Sigma reads of these flat documents, and as what."""
    groups: dict[tuple[Any, int], tuple[Any, list[int]]] = {}
    known = log.sources
    for row, document in enumerate(documents):
        if LOG not in document:  # no event of a log, in a stream of such
            continue
        key = (document[LOG], document["EventID"])
        offered = known.get(key)
        if offered is None:
            offered = log.logsources.of(key[0], int(key[1]) if key[1].isdecimal() and len(key[1]) < 10 else None)
            if len(known) < 65536:
                known[key] = offered
        for source, rename in offered:
            groups.setdefault((source, id(rename) if rename else 0), (rename, []))[1].append(row)
    return groups
