"""Records of one event belong together however they stand in the log: joined by node and time:serial.

auditd writes records as the kernel sends them, so that those of concurrent events interleave (audit.log(5); the same
rule as ausearch and auparse: an event ends two seconds after its own time).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lichen.collect.readers import Fault
from lichen.core.time import MICROSECONDS

EVENT_ENDS_AFTER = 2 * MICROSECONDS
HELD_AT_MOST = 1024  # lines from the end whose events may still grow; what is older is taken as whole
REMEMBERED_HEADINGS = 4096

_HEADING = re.compile(r"(?:node=(\S{1,255}) )?type=([A-Za-z0-9_\[\]]{1,64}) msg=")
_STAMP = re.compile(r"([0-9]{1,10})\.([0-9]{1,6}):([0-9]{1,18})")
LAST_RECORDS = ("EOE", "PROCTITLE")  # nothing follows these within an event
REMEDY = "auditd lines read type=… msg=audit(seconds.milliseconds:serial): …; was this line cut or overwritten?"


def looks_like_audit(line: str) -> bool:
    """Whether a line begins as an audit record does."""
    prefix, found, rest = line.partition("audit(")
    return bool(found) and _HEADING.fullmatch(prefix) is not None and _STAMP.match(rest) is not None


@dataclass(slots=True)
class RawRecords:
    """The records of one type: their bodies, the event each belongs to, and the line each stands in."""

    bodies: list[str] = field(default_factory=list)
    event: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Events:
    """Events of some lines in the order in which they began: node, time (µs UTC), serial, the rows of their lines."""

    node: list[str] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    serial: list[str] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    types: dict[int, str] = field(default_factory=dict)  # the record type of each line
    records: dict[str, RawRecords] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    last: int = -1  # the event of the last line

    def __len__(self) -> int:
        return len(self.time)


class Joiner:
    """Lines to events; remembers the headings (`node=… type=… msg=`) it has seen, since there are few."""

    def __init__(self) -> None:
        self._headings: dict[str, tuple[str, str]] = {}

    def join(self, lines: Sequence[str]) -> Events:
        """The events of these lines; a line that is no audit record becomes a fault."""
        events = Events()
        places: dict[tuple[str, str], int] = {}
        headings, records, types = self._headings, events.records, events.types
        for row, line in enumerate(lines):
            head, found, body = line.partition("): ")
            prefix, _, stamp = head.partition("audit(")
            heading = headings.get(prefix) or self._heading(prefix)
            if heading is None:
                events.faults.append(Fault(row, "not an audit record", REMEDY))
                continue
            node, kind = heading
            if not found:  # a record without fields, such as EOE
                stamp = stamp.rstrip().removesuffix("):")
            place = places.get((node, stamp))
            if place is None:
                place = self._begin(events, node, stamp)
                if place is None:
                    events.faults.append(Fault(row, "an audit record without a readable time:serial", REMEDY))
                    continue
                places[node, stamp] = place
            events.rows[place].append(row)
            if kind in records:
                of_kind = records[kind]
            else:
                of_kind = records[kind] = RawRecords()
            of_kind.bodies.append(body)
            of_kind.event.append(place)
            of_kind.row.append(row)
            types[row] = kind
            events.last = place
        return events

    def _heading(self, prefix: str) -> tuple[str, str] | None:
        """(node, type) of a prefix, remembered; None if it is no heading."""
        match = _HEADING.fullmatch(prefix)
        if match is None:
            return None
        if len(self._headings) >= REMEMBERED_HEADINGS:
            self._headings.clear()
        self._headings[prefix] = (match[1] or "", match[2])
        return self._headings[prefix]

    @staticmethod
    def _begin(events: Events, node: str, stamp: str) -> int | None:
        """The place of a new event; None if its time:serial cannot be read."""
        match = _STAMP.fullmatch(stamp)
        if match is None:
            return None
        events.node.append(node)
        events.time.append(int(match[1]) * MICROSECONDS + int(match[2].ljust(6, "0")))
        events.serial.append(match[3])
        events.rows.append([])
        return len(events.time) - 1


def held_events(events: Events, lines: int) -> list[bool]:
    """Which events may still grow: those without a closing record that are close to the last line both in time and in
    lines."""
    now = latest_time(events)
    whole = {place for kind in LAST_RECORDS if kind in events.records for place in events.records[kind].event}
    return [
        place not in whole
        and abs(now - events.time[place]) <= EVENT_ENDS_AFTER
        and events.rows[place][-1] >= lines - HELD_AT_MOST
        for place in range(len(events))
    ]


def latest_time(events: Events) -> int:
    """The time of the last line's event; 0 if there is none."""
    return events.time[events.last] if len(events) else 0
