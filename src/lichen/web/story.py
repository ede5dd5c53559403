"""What happened: the events behind a belief in order of time, as a process tree where process ids allow it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lichen.core import ocsf
from lichen.core.alert import Alert
from lichen.core.belief import Belief
from lichen.core.entity import base_name
from lichen.core.time import from_text, to_datetime

FILE_VERBS = {
    1: "creates",
    2: "reads",
    3: "writes",
    4: "deletes",
    5: "renames",
    6: "sets attributes of",
    7: "sets permissions of",
    12: "links",
}
ROWS_LIMIT = 200
DEPTH_LIMIT = 12
ASIDE = ("event_id", "raw", "time", "class_uid", "activity_id")  # columns that a row says in its own way

Event = Mapping[str, Any]
ProcessKey = tuple[str, int]


@dataclass(slots=True)
class Moment:
    """One event, or a process that only its children speak of (`event` empty), in its place in the tree."""

    time_us: int
    lead: str  # words before the value: "connect", "creates", "POST"
    value: str  # the telling part: the command line, the address, the path
    after: str = ""  # words behind it: the process id, the result
    event: Event = field(default_factory=dict)
    bars: tuple[int, ...] = ()  # numbers of the ledger's bars that name this event
    telling: bool = False  # the strongest event of a bar that moved the odds up
    guide: str = ""
    children: list[Moment] = field(default_factory=list)

    @property
    def event_id(self) -> str:
        return str(self.event.get("event_id", ""))

    @property
    def clock(self) -> str:
        return f"{to_datetime(self.time_us):%H:%M:%S}"

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Columns that the row itself does not say, in the order of the view."""
        known = [name for name in ocsf.VIEW if name in self.event and name not in ASIDE]
        return [(name, str(self.event[name])) for name in known]

    @property
    def raw(self) -> str:
        return str(self.event.get("raw", ""))


def time_of(event: Event) -> int:
    """µs UTC of a stored event, whose time is a datetime, RFC 3339 text or µs."""
    at = event.get("time", 0)
    if isinstance(at, dt.datetime):
        aware = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
        return round((aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1))
    return from_text(at) if isinstance(at, str) else int(at)


def sampled(belief: Belief) -> list[str]:
    """Ids of the events that a belief's ledger names, each once, strongest lines first."""
    return list(dict.fromkeys(uid for line in belief.ledger for uid in line.sample_event_ids))


def names_of(alert: Alert) -> set[str]:
    """Names that an alert's sentences speak of, for mono: images, paths, addresses, domains out of the causes."""
    found: set[str] = set()
    for line in alert.beliefs[0].ledger if alert.beliefs else ():
        kind, _, rest = line.cause.partition(" ")
        if kind in {"exec", "net", "file", "dns", "http"}:
            for part in rest.split(" ")[:4]:
                found |= {part, base_name(part)}
    return {name for name in found if name and not name.isdigit() and "<" not in name}


def told(events: Sequence[Event], bars: Mapping[str, tuple[int, ...]], telling: frozenset[str]) -> list[Moment]:
    """The events as rows of a tree, parents before children, each with the guide that draws its branch."""
    ordered = sorted(events, key=lambda event: (time_of(event), str(event.get("event_id", ""))))[:ROWS_LIMIT]
    roots = _grown(ordered, bars, telling)
    rows: list[Moment] = []
    for root in sorted(roots, key=lambda moment: moment.time_us):
        _lay(root, "", "", rows, 0)
    return rows


def _grown(events: Sequence[Event], bars: Mapping[str, tuple[int, ...]], telling: frozenset[str]) -> list[Moment]:
    parent_of = {key: parent for event in events if (key := _started(event)) and (parent := _parent(event)) is not None}
    running: dict[ProcessKey, Moment] = {}
    roots: list[Moment] = []

    def process(key: ProcessKey, image: str, time_us: int, depth: int = 0) -> Moment:
        """The process of that id as it ran at that time; one that is only spoken of is put in as context."""
        if key not in running:
            spoken = Moment(time_us, "", base_name(image) or "a process", f"({key[1]})")
            running[key] = spoken
            above = parent_of.get(key)
            if above in running and depth < DEPTH_LIMIT and above != key:
                running[above].children.append(spoken)
            else:
                roots.append(spoken)
        return running[key]

    for event in events:
        uid, at = str(event.get("event_id", "")), time_of(event)
        lead, value, after = _words(event)
        moment = Moment(at, lead, value, after, event, bars.get(uid, ()), uid in telling)
        actor = _parent(event)
        if actor is None:
            roots.append(moment)
        else:
            process(actor, str(event.get("actor.process.file.path") or ""), at).children.append(moment)
        started = _started(event)
        if started is not None:
            running[started] = moment
    return roots


def _place(event: Event) -> str:
    return str(event.get("device.hostname") or event.get("subject.workload") or event.get("subject.host") or "")


def _started(event: Event) -> ProcessKey | None:
    pid = event.get("process.pid")
    return (_place(event), int(pid)) if event.get("class_uid") == ocsf.PROCESS_ACTIVITY and pid is not None else None


def _parent(event: Event) -> ProcessKey | None:
    """The process that acts: the parent of one that is started, else the one that connects, writes or asks."""
    pid = event.get("actor.process.pid")
    return None if pid is None else (_place(event), int(pid))


def _words(event: Event) -> tuple[str, str, str]:
    """An event as (words, the telling value, words behind it)."""

    def text(name: str) -> str:
        value = event.get(name)
        return "" if value is None else str(value)

    match event.get("class_uid"):
        case ocsf.PROCESS_ACTIVITY:
            pid = f"({text('process.pid')})" if text("process.pid") else ""
            return "", text("process.cmd_line") or text("process.file.path"), pid
        case ocsf.NETWORK_ACTIVITY:
            there = text("dst_endpoint.hostname") or text("dst_endpoint.ip")
            accepted = event.get("activity_id") == ocsf.ACCEPT
            there = text("src_endpoint.ip") if accepted and text("src_endpoint.ip") else there
            port = text("src_endpoint.port" if accepted else "dst_endpoint.port")
            return "accept from" if accepted else "connect", f"{there}:{port}" if port else there, _outcome(event)
        case ocsf.FILE_ACTIVITY:
            verb = FILE_VERBS.get(int(event.get("activity_id") or 0), "touches")
            return verb, text("file.path"), _outcome(event)
        case ocsf.HTTP_ACTIVITY:
            query = text("http_request.url.query_string")
            path = text("http_request.url.path") + (f"?{query}" if query else "")
            who = text("actor.user.name") or text("src_endpoint.ip")
            return text("http_request.http_method"), path, " · ".join(x for x in (text("http_response.code"), who) if x)
        case ocsf.AUTHENTICATION:
            source = f"from {text('src_endpoint.ip')}" if text("src_endpoint.ip") else ""
            off = event.get("activity_id") == ocsf.LOGOFF
            return (
                "log-off of" if off else "log-on of",
                text("user.name") or text("actor.user.name"),
                " ".join(x for x in (source, text("service.name"), _outcome(event)) if x),
            )
        case ocsf.DNS_ACTIVITY:
            return f"asks {text('query.type')}".strip(), text("query.hostname"), text("rcode")
    return text("metadata.event_code"), text("raw").split("\n", 1)[0], ""


def _outcome(event: Event) -> str:
    return "failed" if event.get("status_id") == ocsf.FAILURE else ""


def _lay(moment: Moment, before: str, branch: str, rows: list[Moment], depth: int) -> None:
    """Lays the tree into rows. `before` is what stands left of the children's branches."""
    moment.guide = before + branch
    rows.append(moment)
    inner = before if not branch else before + ("│ " if branch.startswith("├") else "  ")
    children = sorted(moment.children, key=lambda child: child.time_us)
    for at, child in enumerate(children):
        last = at == len(children) - 1
        if depth >= DEPTH_LIMIT:
            _lay(child, before, branch or "└ ", rows, depth)
        else:
            _lay(child, inner, "└ " if last else "├ ", rows, depth + 1)
