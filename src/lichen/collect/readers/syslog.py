"""Syslog lines: RFC 3164, RFC 5424 and rsyslog's RSYSLOG_FileFormat, to logins, DNS queries and the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from lichen.collect.columns import Coded
from lichen.collect.identity import Facts
from lichen.collect.readers import Fault, Lines, Reading
from lichen.collect.readers.dns_log import Queries
from lichen.collect.readers.logins import AUTH_PROGRAMS, Login, read_login
from lichen.collect.readers.making import OTHER_ACTIVITY, Column, Context, batch_of, fields_shape
from lichen.collect.readers.message import Message
from lichen.collect.readers.times import iso_time, syslog_times
from lichen.core.batch import Batch, LogSource, Shape

_LINE = re.compile(
    r"(?:<\d{1,3}>)?"
    r"(?:([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)|(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)) "
    r"(?:([^\s\[]*[^\s\[:]) )?(?:([\w./()@-]{1,64})(?:\[(\d{1,10})\])?: ?)?(.*)",
    re.DOTALL,
)
_NEW = re.compile(  # RFC 5424: <priority>1 time host program pid message-id structured-data message
    r"(?:<\d{1,3}>)?1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) "
    r"(\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) (?=-|\[)"
)
_ELEMENT = re.compile(r'\[([^\s=\]"]{1,64})((?: [^\s=\]"]{1,64}="(?:[^"\\\]]|\\.)*")*)\]')
_PARAMETER = re.compile(r' ([^\s=\]"]{1,64})="((?:[^"\\\]]|\\.)*)"')
_QUOTED_SIGN = re.compile(r'\\(["\\\]])')
FIELDS_AT_MOST = 64
REMEDY = "syslog lines begin with a time: `Nov 24 08:06:07 host program[pid]: …`, RSYSLOG_FileFormat or RFC 5424"
_SERVICES = """
cron=cron crond=cron anacron=cron crontab=cron sudo=sudo su=su sshd=sshd vsftpd=vsftpd clamd=clamav freshclam=clamav
guacd=guacamole nginx=nginx apache2=apache httpd=apache
"""
SERVICES = dict(pair.split("=") for pair in _SERVICES.split())  # program -> Sigma's name of the log


def looks_like_syslog(line: str) -> bool:
    """Whether a line begins as syslog lines do."""
    return _LINE.match(line) is not None or _NEW.match(line) is not None


def syslog_time(line: str, modified: int, zone: ZoneInfo) -> int | None:
    """The time (µs UTC) of a line; None if it says none."""
    if (new := _NEW.match(line)) is not None:
        return iso_time(new[1])
    match = _LINE.match(line)
    if match is None:
        return None
    return syslog_times(modified, zone)(match[1]) if match[1] else iso_time(match[2])


class SyslogReader:
    """Syslog lines to batches of kind "auth", "dns" and "other"."""

    remedy = REMEDY

    def __init__(self, context: Context) -> None:
        self._context = context
        self._old_time = syslog_times(context.modified, context.zone)
        self._queries = Queries(context)

    def read(self, lines: Lines, last: bool) -> Reading:
        reading = Reading()
        messages = []
        for row, line in enumerate(lines.text):
            try:
                messages.append(self._message(row, line))
            except ValueError as error:
                reading.faults.append(Fault(row, str(error), self.remedy))
        reading.latest = messages[-1].time if messages else None
        backwards = self._context.clock.ran_backwards(np.array([m.time for m in messages], dtype=np.int64))
        kinds: dict[str, list[int]] = {"dns": [], "auth": [], "other": []}
        for place, message in enumerate(messages):
            service = message.service
            kind = "dns" if service == "dnsmasq" else "auth" if service in AUTH_PROGRAMS else "other"
            kinds[kind].append(place)
        if kinds["dns"]:
            found = [messages[place] for place in kinds["dns"]]
            asked = self._queries.read(lines, found, backwards[kinds["dns"]], last)
            reading.held = asked.held
            reading.batches += asked.batches
            kinds["other"] = sorted([*kinds["other"], *(kinds["dns"][place] for place in asked.others)])
        for kind in ("auth", "other"):
            if kinds[kind]:
                chosen = [messages[place] for place in kinds[kind]]
                reading.batches.append(self._batch(kind, lines, chosen, backwards[kinds[kind]]))
        return reading

    def _message(self, row: int, line: str) -> Message:
        """One line in its parts. Raises ValueError."""
        if (new := _NEW.match(line)) is not None:
            return self._new_message(row, line, new)
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError("not a syslog line")
        time = self._old_time(match[1]) if match[1] else iso_time(match[2])
        if time is None or time < 0:
            raise ValueError(f"not a time: {match[1] or match[2]!r}")
        return Message(row, time, match[3], match[4], match[5], match[6])

    def _new_message(self, row: int, line: str, new: re.Match[str]) -> Message:
        stamp, host, program, pid, kind = (None if part == "-" else part for part in new.groups())
        time = self._context.modified if stamp is None else iso_time(stamp)
        if time is None or time < 0:
            raise ValueError(f"not a time: {stamp!r}")
        fields, end = structured_data(line, new.end())
        if kind is not None:
            fields["msgid"] = kind
        number = pid if pid is not None and pid.isdecimal() and pid.isascii() and len(pid) <= 10 else None
        text = line[end:].removeprefix(" ").removeprefix("\ufeff")
        return Message(row, time, host, program, number, text, fields)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing is in hand between lines but what is held."""

    def _batch(self, kind: str, lines: Lines, messages: Sequence[Message], backwards: Any) -> Batch:
        rows = [message.row for message in messages]
        host = Coded.of([message.host for message in messages])
        columns: dict[str, Column] = {
            "metadata.product.name": Coded.of([message.service or "syslog" for message in messages]),
            "metadata.event_code": Coded.of([message.service or None for message in messages]),
            "device.hostname": host,
            "actor.process.pid": [int(m.pid) if m.pid else None for m in messages],
        }
        known_as = {"hostname": host}
        for name in ("unit", "container"):
            if any(getattr(m, name) for m in messages):
                known_as[name] = Coded.of([getattr(m, name) for m in messages])
        if any(m.exe or m.command for m in messages):
            columns["actor.process.file.path"] = Coded.of([m.exe for m in messages])
            columns["actor.process.cmd_line"] = Coded.of([m.command for m in messages])
            columns["actor.user.uid"] = Coded.of([m.uid for m in messages])
        users = None
        logins: list[Login] = []
        if kind == "auth":
            logins = [read_login(message.service, message.text) for message in messages]
            users = Coded.of([None if login.nobody else login.user for login in logins])
            columns |= {
                "activity_id": [login.activity for login in logins],
                "status_id": [login.status for login in logins],
                "metadata.event_code": Coded.of([login.what for login in logins]),
                "user.name": Coded.of([login.user for login in logins]),
                "actor.user.name": Coded.of([login.by for login in logins]),
                "service.name": Coded.of([message.service or None for message in messages]),
                "src_endpoint.ip": Coded.of([login.address for login in logins]),
                "src_endpoint.port": Coded.of([login.port for login in logins]),
                "actor.process.cmd_line": Coded.of([login.command for login in logins]),
            }
        else:
            columns["activity_id"] = [OTHER_ACTIVITY] * len(messages)
        return batch_of(
            self._context,
            kind,
            [lines.text[row] for row in rows],
            lines.offset[rows],
            np.array([message.time for message in messages], dtype=np.int64),
            backwards,
            columns,
            Facts(known_as, user=users),
            syslog_shapes(messages, logins),
        )


def structured_data(line: str, place: int) -> tuple[dict[str, str], int]:
    """The parameters of RFC 5424's structured data that begins at a place, and where it ends."""
    if line.startswith("-", place):
        return {}, place + 1
    fields: dict[str, str] = {}
    while (element := _ELEMENT.match(line, place)) is not None:
        place = element.end()
        for name, written in _PARAMETER.findall(element[2]):
            if len(fields) < FIELDS_AT_MOST:
                fields[f"{element[1]}.{name}"] = _QUOTED_SIGN.sub(r"\1", written)
    return fields, place


def syslog_shapes(messages: Sequence[Message], logins: Sequence[Login]) -> list[Shape]:
    """Each line under the service of its program; logins under `auth` too, what is neither under `syslog`."""
    services: dict[str, list[int]] = {}
    for place, message in enumerate(messages):
        named = SERVICES.get(message.service)
        if named is not None:
            services.setdefault(named, []).append(place)
        if message.service in AUTH_PROGRAMS and named != "cron":
            services.setdefault("auth", []).append(place)
        elif named is None:
            services.setdefault("syslog", []).append(place)
    shapes = []
    for service, places in services.items():
        fields: dict[str, Column] = {
            "program": Coded.of([messages[place].program for place in places]),
            "hostname": Coded.of([messages[place].host for place in places]),
            "message": Coded.of([messages[place].text for place in places]),
        }
        for name in ("TTY", "PWD", "USER", "COMMAND") if service == "sudo" else ():
            fields[name] = Coded.of([logins[place].fields.get(name) for place in places])
        said = dict.fromkeys(name for place in places for name in messages[place].fields)
        for name in list(said)[:FIELDS_AT_MOST]:
            fields.setdefault(name, Coded.of([messages[place].fields.get(name) for place in places]))
        shapes.append(
            fields_shape(LogSource("linux", None, service), fields, len(places), np.array(places, dtype=np.int64))
        )
    return shapes
