"""auditd lines to batches: join, find out who acted, tell kinds apart, make each kind's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.collect.columns import Coded, Rows
from lichen.collect.processes import Process
from lichen.collect.readers import Lines, Reading
from lichen.collect.readers.auditd import kinds
from lichen.collect.readers.auditd.calls import OWN_FIELDS, Call, Calls
from lichen.collect.readers.auditd.forms import TypeForms
from lichen.collect.readers.auditd.join import LAST_RECORDS, Events, Joiner, RawRecords, held_events, latest_time
from lichen.collect.readers.auditd.picked import Picked
from lichen.collect.readers.auditd.tables import Table, record_shape
from lichen.collect.readers.auditd.tokens import parse, parse_execve
from lichen.collect.readers.making import Context, batch_of
from lichen.core.batch import Batch

RECORD_TYPES = 128  # whose forms are remembered; types are the sender's to choose
CUT_AT = {"PATH": (" dev=",)}
DISTINCT_EACH_TIME = frozenset({"a0", "a1", "a2", "a3", "ppid", "pid"})  # of OWN_FIELDS


class AuditdReader:
    """ENRICHED or RAW auditd lines, of one node or several. See docs/sources.md."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._joiner = Joiner()
        self._calls = Calls()
        self._forms: dict[str, TypeForms] = {}

    def read(self, lines: Lines, last: bool) -> Reading:
        self._trim()
        events = self._joiner.join(lines.text)
        growing = held_events(events, len(lines))
        reading = Reading(faults=events.faults, latest=latest_time(events) or None)
        reading.held = sorted(row for rows, held in zip(events.rows, growing, strict=True) if held for row in rows)
        whole = [place for place, held in enumerate(growing) if last or not held]
        if whole:
            reading.batches = _Block(self, lines, events, whole).batches()
        return reading

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing: what stands open is held in lines, and processes are the source's."""

    def forms(self, kind: str) -> TypeForms:
        """What was parsed lately of a record type."""
        if kind not in self._forms:
            self._forms[kind] = TypeForms(parse_execve if kind == "EXECVE" else parse, CUT_AT.get(kind, ()))
        return self._forms[kind]

    def _trim(self) -> None:
        self._calls.forms.trim()
        for forms in self._forms.values():
            forms.trim()
        if len(self._forms) > RECORD_TYPES:
            self._forms.clear()

    @property
    def context(self) -> Context:
        return self._context

    @property
    def calls(self) -> Calls:
        return self._calls


class _Block:
    """The whole events of some lines on their way to batches."""

    def __init__(self, reader: AuditdReader, lines: Lines, events: Events, whole: Sequence[int]) -> None:
        self.reader, self.lines, self.events, self.whole = reader, lines, events, whole
        self.times = np.array(events.time, dtype=np.int64)
        backwards = np.zeros(len(events), dtype=bool)
        backwards[whole] = reader.context.clock.ran_backwards(self.times[whole])
        self.backwards = backwards
        wanted = set(whole) if len(whole) < len(events) else None
        self.records = {kind: _only(raw, wanted) for kind, raw in events.records.items()}
        self.calls: list[Call | None] = [None] * len(events)
        raw = self.records.get("SYSCALL", RawRecords())
        self.parsed_calls, self.call_numbers = reader.calls.parse(raw.bodies)
        for event, call in zip(raw.event, self.parsed_calls, strict=True):
            if self.calls[event] is None:
                self.calls[event] = call
        self.numbers = {
            kind: reader.forms(kind).numbers_of(raw.bodies) for kind, raw in self.records.items() if kind != "SYSCALL"
        }
        self.event_of = {kind: np.array(raw.event, dtype=np.int64) for kind, raw in self.records.items()}
        self.row_of = {kind: np.array(raw.row, dtype=np.int64) for kind, raw in self.records.items()}
        self.commands = self._commands()

    def _commands(self) -> list[str | None]:
        """The command line of each event that has EXECVE records (a long one has several)."""
        commands: list[str | None] = [None] * len(self.events)
        if "EXECVE" not in self.records:
            return commands
        parsed = self.reader.forms("EXECVE").parts[0].records
        several: dict[int, dict[int, str]] = {}
        for event, number in zip(self.records["EXECVE"].event, self.numbers["EXECVE"][0].tolist(), strict=True):
            record = parsed[number]
            if commands[event] is None:
                commands[event] = record.command
                several[event] = record.arguments
            else:
                several[event] = {**several[event], **record.arguments}
                commands[event] = " ".join(several[event][place] for place in sorted(several[event]))
        return commands

    def _kinds(self) -> list[str]:
        """The kind of each event."""
        has: dict[str, set[int]] = {kind: set(raw.event) for kind, raw in self.records.items()}
        logins: set[int] = set().union(*(events for kind, events in has.items() if kind in kinds.LOGINS))
        none: set[int] = set()
        executed, addressed, named = (has.get(kind, none) for kind in ("EXECVE", "SOCKADDR", "PATH"))
        return [
            "auth" if event in logins else kinds.kind_of(call, event in executed, event in addressed, event in named)
            for event, call in enumerate(self.calls)
        ]

    def _actors(self) -> list[Process | None]:
        """Who acted in each event, in the order of the log; the process table learns on the way."""
        actors: list[Process | None] = [None] * len(self.events)
        table, nodes = self.reader.context.processes, self.events.node
        fallback = self.reader.context.naming.fallback_host
        for event in self.whole:
            call = self.calls[event]
            if call is None:
                continue
            image = call.image
            if image is None or not call.pid:
                continue
            host = table.host(nodes[event] or fallback, int(self.events.serial[event]))
            command = self.commands[event]
            if command is not None and call.succeeded:
                actors[event] = host.started(call.pid, call.ppid, image, command)
            else:
                actors[event] = host.acting(call.pid, call.ppid, image)
        return actors

    def batches(self) -> list[Batch]:
        actors = self._actors()
        by_kind: dict[str, list[int]] = {}
        kind_of = self._kinds()
        for event in self.whole:
            by_kind.setdefault(kind_of[event], []).append(event)
        return [self._batch(kind, members, actors) for kind, members in by_kind.items()]

    def _batch(self, kind: str, members: list[int], actors: Sequence[Process | None]) -> Batch:
        rows = np.array(members, dtype=np.int64)
        place = np.full(len(self.events), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        tables = self._tables(place)
        node = Coded.of([self.events.node[event] or None for event in members])
        picked = Picked(
            serial=[self.events.serial[event] for event in members],
            node=node,
            calls=[self.calls[event] for event in members],
            acting=[actors[event] for event in members],
            tables=tables,
        )
        if kind == "exec":
            columns, facts, shapes = kinds.exec_columns(picked, [self.commands[event] for event in members])
        elif kind == "net":
            columns, facts, shapes = kinds.net_columns(picked)
        elif kind == "file":
            columns, facts, shapes = kinds.file_columns(picked)
        elif kind == "auth":
            columns, facts, shapes = kinds.auth_columns(picked, [self._first(event, True) for event in members])
        else:
            columns, facts, shapes = kinds.other_columns(picked, [self._first(event, False) for event in members])
        text = self.lines.text
        records = [record_shape(list(tables.values()), node, text)] if tables else []  # events of an EOE alone
        return batch_of(
            self.reader.context,
            kind,
            ["\n".join([text[row] for row in self.events.rows[event]]) for event in members],
            self.lines.offset[[self.events.rows[event][0] for event in members]],
            self.times[rows],
            self.backwards[rows],
            columns,
            facts,
            [*records, *shapes],
        )

    def _first(self, event: int, login: bool) -> str:
        """The type that says what an event is: of a login the login's own, else the first that is not SYSCALL."""
        types = [self.events.types[row] for row in self.events.rows[event]]
        wanted = (kind for kind in types if (kind in kinds.LOGINS if login else kind != "SYSCALL"))
        return next(wanted, types[0])

    def _tables(self, place: Rows) -> dict[str, Table]:
        """Tables of the records whose event has a place in the batch."""
        tables = {}
        for kind, raw in self.records.items():
            if kind in LAST_RECORDS[:1] or not raw.event:
                continue
            events = place[self.event_of[kind]]
            kept = np.flatnonzero(events >= 0)
            if not len(kept):
                continue
            rows = self.row_of[kind][kept]
            if kind == "SYSCALL":
                tables[kind] = self._call_table(events[kept], rows, kept)
            else:
                tables[kind] = Table(kind, events[kept], rows, self.numbers[kind][:, kept], self.reader.forms(kind))
        return tables

    def _call_table(self, event: Rows, row: Rows, kept: Rows) -> Table:
        """SYSCALL records: the part that repeats by its form, the numbers as columns of their own."""
        calls = [self.parsed_calls[i] for i in kept.tolist()]
        table = Table("SYSCALL", event, row, self.call_numbers[:, kept], self.reader.calls.forms)
        for name, column in zip(OWN_FIELDS, zip(*[call.own for call in calls], strict=True), strict=True):
            if name in DISTINCT_EACH_TIME and None not in column:
                table.own[name] = Coded(np.arange(len(column), dtype=np.int32), list(column))
            else:
                table.own[name] = Coded.of(column)
        return table


def _only(raw: RawRecords, wanted: set[int] | None) -> RawRecords:
    """The records of the wanted events (None: all)."""
    if wanted is None:
        return raw
    kept = [i for i, event in enumerate(raw.event) if event in wanted]
    return RawRecords([raw.bodies[i] for i in kept], [raw.event[i] for i in kept], [raw.row[i] for i in kept])
