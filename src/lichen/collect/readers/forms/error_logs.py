"""Error logs of nginx and of Apache httpd (2.2 and 2.4)."""

from __future__ import annotations

import datetime as dt
import re

from lichen.collect.readers.forms.form import Form
from lichen.collect.readers.times import in_microseconds
from lichen.collect.values import Document

_NGINX = re.compile(
    r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[([a-z]{1,16})\] (\d{1,10})#(\d{1,10}): (?:\*(\d{1,18}) )?(.*)", re.S
)
_NGINX_FIELD = re.compile(
    r', (client|server|request|subrequest|upstream|host|referrer): ("(?:[^"\\]|\\.)*"|[^",\s]*)(?=, [a-z]{1,16}: |$)'
)
_APACHE = re.compile(
    r"\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{4})\] "
    r"\[(?:([\w.-]{0,64}):)?([a-z]{1,16}\d?)\] (?:\[pid (\d{1,10})(?::tid (\d{1,20}))?\] )?"
    r"(?:\[client ([^\]\s]{1,80}?)(?::(\d{1,5}))?\] )?(?:(AH\d{5}): )?(.*)",
    re.S,
)


class NginxError(Form):
    """`2026/11/24 11:14:32 [error] 17#17: *5 message, client: …, request: "…"`."""

    name = "nginx-error"
    title = "nginx's error log"

    def document(self, record: str) -> Document | None:
        match = _NGINX.fullmatch(record)
        if match is None:
            raise ValueError("not a line of nginx's error log")
        when, level, pid, _, connection, said = match.groups()
        document: Document = {"level": level, "pid": pid, "connection": connection}
        begin = len(said)
        for found in _NGINX_FIELD.finditer(said):
            document[found[1]] = found[2].strip('"')
            begin = min(begin, found.start())
        document["message"] = said[:begin]
        document["time"] = _local(when, "%Y/%m/%d %H:%M:%S", self)
        return document


class ApacheError(Form):
    """`[Tue Nov 24 11:14:32.123456 2026] [core:error] [pid 1:tid 2] [client 192.0.2.1:5] AH00124: message`."""

    name = "apache-error"
    title = "Apache's error log"

    def document(self, record: str) -> Document | None:
        match = _APACHE.fullmatch(record)
        if match is None:
            raise ValueError("not a line of Apache's error log")
        when, module, level, pid, tid, client, port, code, message = match.groups()
        pattern = "%a %b %d %H:%M:%S.%f %Y" if "." in when else "%a %b %d %H:%M:%S %Y"
        document: Document = {"module": module, "level": level, "pid": pid, "tid": tid, "client": client, "port": port}
        document |= {"code": code, "message": message, "time": _local(when, pattern, self)}
        return document


def _local(text: str, pattern: str, form: Form) -> int | None:
    try:
        return in_microseconds(dt.datetime.strptime(text, pattern).replace(tzinfo=form.zone))
    except (ValueError, OverflowError):
        return None
