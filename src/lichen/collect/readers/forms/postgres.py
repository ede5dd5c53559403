"""PostgreSQL's csvlog and stderr log, under the names that its jsonlog has (docs: 19.8, Error Reporting and Logging).

stderr is read with Debian's log_line_prefix, `%m [%p] %q%u@%d `; what its DETAIL, HINT and STATEMENT lines say is told
of the line before them.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Sequence

from lichen.collect.readers.forms.form import LINES_AT_MOST, Form
from lichen.collect.readers.times import in_microseconds
from lichen.collect.values import Document

_NAMES = """
timestamp user dbname pid remote session_id line_num ps session_start vxid txid error_severity state_code message detail
hint internal_query internal_position context statement cursor_position location application_name backend_type
leader_pid query_id
"""
_COLUMNS = _NAMES.split()
_FEWEST = 23
_STAMP = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?) ([A-Z][A-Za-z0-9+:-]{1,9}|[+-]\d\d(?::?\d\d)?)"
_CSV = re.compile(_STAMP + ",")
_LINE = re.compile(_STAMP + r" \[(\d{1,10})\] (?:([^@\s]{1,128})@(\S{1,128}) )?([A-Z]{3,9}\d?):  ?(.*)", re.S)
_MORE = frozenset({"DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY"})
_CONNECTION = re.compile(
    r"connection received: host=(\S{1,255}?)(?: port=(\d{1,5}))?$"
    r"|connection authorized: user=(\S{1,128}) database=(\S{1,128})"
)
_REFUSED = re.compile(r'(?:\w+ authentication failed for|no pg_hba\.conf entry for).{0,255}?user "([^"]{1,128})"')
_FROM = re.compile(r'no pg_hba\.conf entry for host "([^"]{1,64})"')


def _time(text: str, zone_name: str, form: Form) -> int | None:
    """A time with the zone's name after it; names other than UTC's mean the zone that was set."""
    try:
        if zone_name[0] in "+-":
            moment = dt.datetime.fromisoformat(text + (zone_name if len(zone_name) > 3 else zone_name + ":00"))
        else:
            zone: dt.tzinfo = dt.UTC if zone_name in ("UTC", "GMT", "Etc") else form.zone
            moment = dt.datetime.fromisoformat(text).replace(tzinfo=zone)
        return in_microseconds(moment)
    except (ValueError, OverflowError):
        return None


def _with_what_it_says(document: Document) -> Document:
    """With who connects, from where, and whether it was refused, where the message says so."""
    message = document.get("message") or ""
    if connection := _CONNECTION.match(message):
        host, port, user, database = connection.groups()
        document |= {"event": "connection received", "remote_host": host, "remote_port": port} if host else {}
        document |= {"event": "connection authorized", "user": user, "dbname": database} if user else {}
    elif refused := _REFUSED.match(message):
        document |= {"event": "authentication failed", "user": refused[1]}
        if source := _FROM.match(message):
            document["remote_host"] = source[1]
    return {key: got for key, got in document.items() if got not in (None, "")}


class PostgresCsv(Form):
    """csvlog; a record goes on while a quote is open."""

    name = "postgres-csv"
    title = "PostgreSQL's csvlog"
    several_lines = True

    def continues(self, record: Sequence[str], line: str) -> bool:
        return len(record) < LINES_AT_MOST and self.may_grow(record)

    def may_grow(self, record: Sequence[str]) -> bool:
        return sum(line.count('"') for line in record) % 2 == 1

    def document(self, record: str) -> Document | None:
        begins = _CSV.match(record)
        if begins is None:
            raise ValueError("not a line of PostgreSQL's csvlog")
        try:
            [cells] = csv.reader([record], strict=True) if "\n" not in record else csv.reader(record.splitlines(True))
        except (csv.Error, ValueError) as error:
            raise ValueError(f"not CSV: {error}") from error
        if len(cells) < _FEWEST:
            raise ValueError(f"{len(cells)} columns; csvlog has at least {_FEWEST}")
        document: Document = dict(zip(_COLUMNS, cells, strict=False))
        document["time"] = _time(begins[1], begins[2], self)
        host, _, port = document.pop("remote").rpartition(":")
        document |= {"remote_host": host or port, "remote_port": port if host else None}
        return _with_what_it_says(document)


class PostgresStderr(Form):
    """stderr log with Debian's prefix; lines that begin with a tab, and DETAIL and its like, go with the one before."""

    name = "postgres-stderr"
    title = "PostgreSQL's log"
    remedy = "log_line_prefix = '%m [%p] %q%u@%d ' is read; others as csvlog or jsonlog"
    several_lines = True

    def continues(self, record: Sequence[str], line: str) -> bool:
        if len(record) >= LINES_AT_MOST:
            return False
        begins = _LINE.match(line)
        if begins is None:
            return line.startswith("\t")
        first = _LINE.match(record[0])
        return begins[6] in _MORE and first is not None and first[3] == begins[3]

    def may_grow(self, record: Sequence[str]) -> bool:
        return True

    def document(self, record: str) -> Document | None:
        first, *others = re.split(r"\n(?!\t)", record)
        begins = _LINE.fullmatch(first)
        if begins is None:
            raise ValueError("not a line of PostgreSQL's log")
        when, zone, pid, user, database, level, message = begins.groups()
        document: Document = {"time": _time(when, zone, self), "pid": pid, "error_severity": level, "message": message}
        document |= {"user": user, "dbname": database}
        for line in others:
            if (more := _LINE.fullmatch(line)) is not None:
                document[more[6].lower()] = more[7]
        return _with_what_it_says(document)
