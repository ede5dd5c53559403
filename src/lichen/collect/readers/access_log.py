"""Access logs in nginx's and Apache's combined format, with whatever fields a site adds at the end.

http://nginx.org/en/docs/http/ngx_http_log_module.html. Added fields are told by what they are: an address with a port
is the upstream, 16 or more hexadecimal digits the request id, a decimal with a point the request's seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.collect.columns import Coded
from lichen.collect.identity import Facts
from lichen.collect.readers import Fault, Lines, Reading
from lichen.collect.readers.making import OTHER_ACTIVITY, Column, Context, batch_of, fields_shape
from lichen.collect.readers.times import access_time, remembering
from lichen.core import ocsf
from lichen.core.batch import LogSource, Shape

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
COMBINED = re.compile(
    r"(?:([\w.-]+:\d+) )?(\S+) (\S+) (\S+) \[([^\]]+)\] "
    + _QUOTED
    + r" (\d{3}) (\d+|-)(?: "
    + _QUOTED
    + " "
    + _QUOTED
    + r")?((?: .*)?)"
)
_EXTRA = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_REQUEST = re.compile(r"([A-Za-z]{1,32}) (.*?)(?: HTTP/[\d.]+)?")
_ADDRESS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):(\d{1,5})")
_REQUEST_ID = re.compile(r"[0-9a-fA-F-]{16,64}")
_SECONDS = re.compile(r"\d{1,7}\.\d{1,6}")
REMEDY = "nginx's combined format, fields of your own at the end; other layouts as JSON lines with a mapping"
WEBSERVER = LogSource(None, "webserver", None)
METHODS_ACTIVITY = {"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8}


class AccessLogReader:
    """Access log lines to batches of kind "http"."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._time = remembering(access_time)

    def read(self, lines: Lines, last: bool) -> Reading:
        reading = Reading()
        rows, times, found = [], [], []
        for row, line in enumerate(lines.text):
            match = COMBINED.fullmatch(line)
            time = self._time(match[5]) if match else None
            if match is None or time is None or time < 0:
                reason = "not an access log line" if match is None else f"not a time: {match[5]!r}"
                reading.faults.append(Fault(row, reason, REMEDY))
                continue
            rows.append(row)
            times.append(time)
            found.append(match.groups())
        if rows:
            when = np.array(times, dtype=np.int64)
            columns, facts, shape = http_columns(found)
            reading.batches.append(
                batch_of(
                    self._context,
                    "http",
                    [lines.text[row] for row in rows],
                    lines.offset[rows],
                    when,
                    self._context.clock.ran_backwards(when),
                    columns,
                    facts,
                    [shape],
                )
            )
        return reading

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing is in hand between lines."""


def http_columns(found: Sequence[tuple[str | None, ...]]) -> tuple[dict[str, Column], Facts, Shape]:
    """Columns of matched lines: the groups of COMBINED."""
    site, client, _, user, _, request, status, length, referrer, agent, extra = zip(*found, strict=True)
    parsed = [_request(text) for text in request]
    method, target, path, query = (Coded.of(column) for column in zip(*parsed, strict=True))
    extras = [_extras(text or "") for text in extra]
    upstream, port, request_id, duration = zip(*extras, strict=True)
    codes = [int(text) for text in status]
    callers = Coded.of(user).map(_given)
    columns: dict[str, Column] = {
        "metadata.product.name": Coded.constant("access", len(found)),
        "metadata.event_code": Coded.constant("request", len(found)),
        "metadata.uid": list(request_id),
        "activity_id": [METHODS_ACTIVITY.get((name or "").upper(), OTHER_ACTIVITY) for name, *_ in parsed],
        "status_id": [ocsf.SUCCESS if code < 400 else ocsf.FAILURE for code in codes],
        "actor.user.name": callers,
        "src_endpoint.ip": Coded.of(client),
        "dst_endpoint.ip": Coded.of(upstream),
        "dst_endpoint.port": [None if text is None else int(text) for text in port],
        "http_request.http_method": method,
        "http_request.url.hostname": Coded.of(site).map(lambda text: text.rpartition(":")[0]),
        "http_request.url.path": path,
        "http_request.url.query_string": query,
        "http_request.user_agent": Coded.of(agent).map(_given),
        "http_request.referrer": Coded.of(referrer).map(_given),
        "http_response.code": codes,
        "http_response.length": Coded.of(length).map(_given),
        "duration": [None if text is None else float(text) * 1000 for text in duration],
    }
    return columns, Facts({}, user=callers), _webserver_shape(columns, target, Coded.of(status), len(found))


def _webserver_shape(columns: dict[str, Column], target: Coded, status: Coded, length: int) -> Shape:
    """What Sigma's `category: webserver` reads; most rules test the path under the name of the query."""
    fields: dict[str, Column] = {
        "cs-method": columns["http_request.http_method"],
        "c-uri": target,
        "cs-uri-query": target,
        "cs-uri-stem": columns["http_request.url.path"],
        "c-ip": columns["src_endpoint.ip"],
        "cs-user-agent": columns["http_request.user_agent"],
        "cs-referer": columns["http_request.referrer"],
        "sc-status": status,
        "sc-bytes": columns["http_response.length"],
        "cs-username": columns["actor.user.name"],
        "cs-host": columns["http_request.url.hostname"],
    }
    return fields_shape(WEBSERVER, fields, length)


def _given(text: str) -> str | None:
    return None if text in ("-", "") else text


def _request(text: str | None) -> tuple[str | None, str | None, str | None, str | None]:
    """Method, whole target, path, query of a request line; what is no request line is a path without a method."""
    match = _REQUEST.fullmatch(text or "")
    method, target = (match[1], match[2]) if match else (None, text)
    if target is None or target == "-":
        return method, None, None, None
    path, _, query = target.partition("?")
    if "://" in path[:16]:  # the absolute form that proxies are sent
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    return method, target, path, query or None


def _extras(text: str) -> tuple[str | None, str | None, str | None, str | None]:
    """Upstream address and port, request id and seconds among the fields at the end."""
    upstream = port = request_id = seconds = None
    for quoted, bare in _EXTRA.findall(text[:4096]):
        value = quoted or bare
        if upstream is None and (address := _ADDRESS.match(value)):
            upstream, port = address[1].strip("[]"), address[2]
        elif seconds is None and _SECONDS.fullmatch(value):
            seconds = value
        elif request_id is None and _REQUEST_ID.fullmatch(value):
            request_id = value
    return upstream, port, request_id, seconds
