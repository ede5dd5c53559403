"""Which events are a step's: by process tree, by request, by client address, by the step's marks; nothing else."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from recorder.audit_text import AuditEvent
from recorder.forks import Forks
from recorder.plan import Estate
from recorder.play import Played

MARKS_AFTER_S = 120.0
AFTER_S = 5.0
NGINX = re.compile(r'^(\S+) \S+ \S+ \[([^\]]+)\] .*"([^"]*)"$')
DNS = re.compile(r"^(\w{3} +\d+ [\d:]{8}) dnsmasq\[\d+\]: (\S+) (\S+)(?: from (\S+))?")
SYSLOG = re.compile(r"^(\S+) (\S+) ([\w./-]+)(?:\[(\d+)\])?: (.*)$")


@dataclass
class Line:
    """One log line, read as far as labelling needs."""

    replica: str
    raw: bytes
    time: float = 0.0
    client: str = ""
    user: str = ""
    request: str = ""
    program: str = ""
    tag: str = ""
    name: str = ""
    text: str = ""
    steps: set[str] = field(default_factory=set)


def read_line(output: str, replica: str, raw: bytes, year: int) -> Line:
    """A line of an access, DNS or auth log; what cannot be read keeps time 0 and is labelled by nothing."""
    line, text = Line(replica, raw), raw.decode("utf-8", "replace")
    line.text = text
    if text.startswith("{"):
        row = json.loads(text)
        line.time, line.client, line.user, line.request = (
            _iso(row["time"]),
            row["client"],
            row["user"],
            row["request_id"],
        )
        line.program, line.text = "json", unquote_plus(f"{row['path']} {row['query']}")
    elif output.startswith("dns") and (found := DNS.match(text)):
        moment = datetime.strptime(f"{year} {found[1]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
        line.time, line.program, line.name, line.client = moment.timestamp(), found[2], found[3], found[4] or ""
    elif output.startswith("auth") and (found := SYSLOG.match(text)):
        line.time, line.program, line.tag = _iso(found[1]), found[3], f"{found[3]}[{found[4]}]"
        address = re.search(r"\b(\d+\.\d+\.\d+\.\d+)\b", found[5])
        line.client, line.text = address[1] if address else "", found[5]
    elif found := NGINX.match(text):
        line.time = datetime.strptime(found[2], "%d/%b/%Y:%H:%M:%S %z").timestamp()
        line.client, line.request, line.text = found[1], found[3], unquote_plus(text)
    return line


def _iso(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Labeller:
    """Labels one session's events and lines with the ids of its steps."""

    def __init__(self, estate: Estate, forks: Forks, steps: Iterable[Played], events: list[AuditEvent]) -> None:
        self.estate, self.forks, self.events = estate, forks, events
        self.steps = [step for step in steps if step.start]
        self.replica_of = {replica.auid: replica for replica in estate.replicas.values()}
        self.address_of = {replica.address: replica.name for replica in estate.replicas.values()}
        self.instances = [forks.instance(event.pid, event.time) for event in events]
        self.roots: dict[int, set[str]] = defaultdict(set)
        self.by_event: list[set[str]] = [set() for _ in events]
        self.connects: list[tuple[float, str, str, int, str]] = []  # time, from address, to replica, port, step

    def label_events(self) -> list[set[str]]:
        """The steps of each audit event, in order."""
        for step in self.steps:
            for pid, at in step.roots:
                self.roots[self.forks.instance(pid, at)].add(step.entry["id"])
            self._mark_roots(step)
            self._login_roots(step)
        for _ in range(4):
            known = len(self.roots)
            self._spread()
            self._lateral_roots()
            if len(self.roots) == known:
                break
        self._spread()
        return self.by_event

    def _mark_roots(self, step: Played) -> None:
        """Programs started with a mark in their words are roots; other events with a mark are the step's alone."""
        until, marks = step.end + MARKS_AFTER_S, step.entry.get("marks", [])
        for place, event in enumerate(self.events):
            if not (step.start - 0.05 <= event.time <= until and self.replica_of[event.auid].name in step.names):
                continue
            if any(event.contains(mark) for mark in marks):
                self.by_event[place].add(step.entry["id"])
                if event.executes and self.instances[place] >= 0:
                    self.roots[self.instances[place]].add(step.entry["id"])

    def _login_roots(self, step: Played) -> None:
        """The sshd process of a connection from one of the step's addresses."""
        for place, event in enumerate(self.events):
            if not event.address or self.instances[place] < 0:
                continue
            host = self.replica_of[event.auid].name
            by_address = event.address in step.clients and step.start <= event.time <= step.end + AFTER_S
            by_login = any(
                host == where and event.address == source and start <= event.time <= end + AFTER_S
                for where, source, start, end in step.logins
            )
            if by_address or by_login:
                self.roots[self.instances[place]].add(step.entry["id"])

    def _spread(self) -> None:
        """Give each event the steps of the processes above it."""
        memory: dict[int, set[str]] = {}
        for place, instance in enumerate(self.instances):
            if instance not in memory:
                memory[instance] = set().union(*(self.roots.get(one, set()) for one in self.forks.ancestors(instance)))
            self.by_event[place] |= memory[instance]

    def _lateral_roots(self) -> None:
        """A step's connection to port 22 of another replica: the sshd process forked there at that moment."""
        self.connects = [
            (
                event.time,
                self.replica_of[event.auid].address,
                self.address_of.get(event.target[0], ""),
                event.target[1],
                step,
            )
            for event, steps in zip(self.events, self.by_event, strict=True)
            if event.target[1] and event.key == "net"
            for step in steps
        ]
        for place, event in enumerate(self.events):
            if not event.address or self.instances[place] < 0:
                continue
            host, born = self.replica_of[event.auid].name, self.forks.born[self.instances[place]]
            for at, source, target, port, step in self.connects:
                if port == 22 and source == event.address and target == host and at - 0.05 <= born <= at + 0.5:
                    self.roots[self.instances[place]].add(step)

    def label_lines(self, output: str, lines: list[Line]) -> None:
        """Add its steps to each line of one log file."""
        owners = {request: step.entry["id"] for step in self.steps for request in step.requests}
        for line in lines:
            if line.request in owners:
                line.steps.add(owners[line.request])
                continue
            for step in self.steps:
                near = step.start - 0.2 <= line.time <= step.end + AFTER_S
                later = step.start - 1 <= line.time <= step.end + MARKS_AFTER_S
                if (near and self._is_of(step, line, output)) or (later and self._has_mark(step, line, output)):
                    line.steps.add(step.entry["id"])
            self._label_by_connect(output, line)
        if output.startswith("dns"):
            self._label_answers(lines)
        if output.startswith("auth"):
            self._label_tags(lines)

    def _is_of(self, step: Played, line: Line, output: str) -> bool:
        if output.startswith("dns"):
            return False
        return line.client in step.clients or any(
            line.replica == where and line.client == source and start - 0.2 <= line.time <= end + AFTER_S
            for where, source, start, end in step.logins
            if output.startswith("auth")
        )

    def _has_mark(self, step: Played, line: Line, output: str) -> bool:
        near = self.address_of.get(line.client) in step.names or line.client in step.clients
        if not output.startswith("dns"):
            near = near or line.replica in step.names
        return near and any(mark in line.text for mark in step.entry.get("marks", []))

    def _label_by_connect(self, output: str, line: Line) -> None:
        """Lines that a replica's own direct connection caused (a step's curl from one replica to another)."""
        if line.client not in self.address_of or output.startswith("dns"):
            return
        for at, source, target, port, step in self.connects:
            same = source == line.client and target == line.replica and (port == 22) == output.startswith("auth")
            early, late = (0.05, 1.0) if line.program == "json" else (1.0, AFTER_S)
            if same and at - early <= line.time <= at + late:
                line.steps.add(step)

    def _label_answers(self, lines: list[Line]) -> None:
        """Queries by a step's processes for names their replica never asks for otherwise; then each query's answers."""
        asked = [(at, source, step) for at, source, target, port, step in self.connects if port == 53]
        busy = {(source, int(at) + more) for at, source, _ in asked for more in (0, 1)}
        usual = {
            (line.client, line.name)
            for line in lines
            if line.client and (line.client, int(line.time)) not in busy and not line.steps
        }
        last: dict[str, set[str]] = {}
        for line in lines:
            if line.program.startswith("query"):
                if (line.client, line.name) not in usual:
                    line.steps |= {
                        step for at, source, step in asked if source == line.client and int(at) <= line.time <= at + 1
                    }
                last[line.name] = line.steps
            elif line.name in last:
                line.steps |= last[line.name]

    def _label_tags(self, lines: list[Line]) -> None:
        """The other lines of a labelled sshd process; sudo and cron lines whose moment's audit events are a step's."""
        tagged: dict[tuple[str, str], set[str]] = defaultdict(set)
        for line in lines:
            if line.steps and line.program == "sshd":
                tagged[line.replica, line.tag] |= line.steps
        moments: dict[tuple[str, str], list[tuple[float, frozenset[str]]]] = defaultdict(list)
        for event, steps in zip(self.events, self.by_event, strict=True):
            if any(kind.startswith(("USER_", "CRED_")) for kind in event.types):
                moments[self.replica_of[event.auid].name, event.exe.rpartition("/")[2]].append(
                    (event.time, frozenset(steps))
                )
        for line in lines:
            line.steps |= tagged.get((line.replica, line.tag), set())
            near = [
                steps
                for at, steps in moments.get((line.replica, line.program.lower()), [])
                if abs(at - line.time) < 0.15
            ]
            if near and all(near):
                line.steps |= set().union(*near)


def subjects_of(line: Line) -> Iterable[tuple[str, str]]:
    """The subjects that a line is an own event of: its replica, and the user who called."""
    yield "workload", line.replica
    if line.user and line.user != "-":
        yield "user", line.user


def as_document(step: Played) -> dict[str, Any]:
    """A step as steps.yml tells it."""
    entry = step.entry
    wanted = ("id", "kind", "variant", "technique", "subject")
    return {
        **{name: entry.get(name) for name in wanted},
        "also": entry.get("also", []),
        "start": stamp(step.start),
        "end": stamp(step.end),
        "in_reach": entry.get("in_reach", True),
        "what": entry.get("what", ""),
    }


def stamp(moment: float) -> str:
    """A time as UTC text with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
