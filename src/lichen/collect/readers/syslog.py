"""Syslog lines: RFC 3164 and rsyslog's RSYSLOG_FileFormat (RFC 3339 times), to logins, DNS queries and the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

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
REMEDY = "syslog lines begin with a time: `Nov 24 08:06:07 host program[pid]: …` or RSYSLOG_FileFormat"
_SERVICES = """
cron=cron crond=cron anacron=cron crontab=cron sudo=sudo su=su sshd=sshd vsftpd=vsftpd clamd=clamav freshclam=clamav
guacd=guacamole nginx=nginx apache2=apache httpd=apache
"""
SERVICES = dict(pair.split("=") for pair in _SERVICES.split())  # program -> Sigma's name of the log


def looks_like_syslog(line: str) -> bool:
    """Whether a line begins as syslog lines do."""
    return _LINE.match(line) is not None


class SyslogReader:
    """Syslog lines to batches of kind "auth", "dns" and "other"."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._old_time = syslog_times(context.modified, context.zone)
        self._queries = Queries(context)

    def read(self, lines: Lines, last: bool) -> Reading:
        reading = Reading()
        messages = []
        for row, line in enumerate(lines.text):
            match = _LINE.fullmatch(line)
            time = None if match is None else self._old_time(match[1]) if match[1] else iso_time(match[2])
            if match is None or time is None or time < 0:
                reason = "not a syslog line" if match is None else f"not a time: {match[1] or match[2]!r}"
                reading.faults.append(Fault(row, reason, REMEDY))
                continue
            messages.append(Message(row, time, match[3], match[4], match[5], match[6]))
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
            Facts({"hostname": host}, user=users),
            syslog_shapes(messages, logins),
        )


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
        shapes.append(
            fields_shape(LogSource("linux", None, service), fields, len(places), np.array(places, dtype=np.int64))
        )
    return shapes
