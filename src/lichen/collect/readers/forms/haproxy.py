"""HAProxy's httplog and tcplog, bare or in syslog (docs.haproxy.org, configuration manual, 8.2)."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from lichen.collect.readers.forms.form import Form
from lichen.collect.readers.forms.header import head_of
from lichen.collect.readers.times import iso_time, local_access_time, syslog_times
from lichen.collect.values import Document

_SESSION = re.compile(
    r"(\S{2,64}):(\d{1,5}) \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d{1,6})?)\] "
    r"(\S{1,255}) ([^/\s]{1,255})/(\S{1,255}) ([-+\d/]{3,64}) (?:(-1|\d{3}) )?\+?(\d{1,18}) "
)
_STATE = re.compile(r"(?:(\S{1,255}) (\S{1,255}) )?(\S{2,4}) ([-+\d/]{5,64}) (\d{1,9}/\d{1,9})")
_CAPTURED = re.compile(r" \{([^{}]{0,4096})\}")
_REQUEST = re.compile(r' "([A-Z]{1,32}) ([^\s"]*)(?: (HTTP/[\d.]+))?"?')
SESSION, OTHER = "session", "other"


class Haproxy(Form):
    """One line a session: `type` is http, tcp, or other (what else HAProxy says)."""

    name = "haproxy"
    title = "HAProxy log"
    remedy = "option httplog or option tcplog, in HAProxy's own format"

    def __init__(self, modified: int, zone: ZoneInfo) -> None:
        super().__init__(modified, zone)
        self._old_time = syslog_times(modified, zone)

    def document(self, record: str) -> Document | None:
        head = head_of(record)
        start = head.end if head is not None else 0
        session = _SESSION.match(record, start)
        if session is None and (head is None or not (head.program or "").startswith("haproxy")):
            raise ValueError("not a line of HAProxy")
        document: Document = {"type": "other", "message": record[start:]}
        if head is not None:
            document |= {"host": head.host, "program": head.program, "pid": head.pid}
            document["time"] = self._old_time(head.old) if head.old else iso_time(head.new or "")
        if session is not None:
            document |= self._session(record, session)
        return document

    def _session(self, record: str, session: re.Match[str]) -> Document:
        client, port, accepted, front, back, server, timers, status, sent = session.groups()
        said: Document = {"type": "http" if status else "tcp", "client_ip": client, "client_port": port}
        if (time := local_access_time(accepted, self.zone)) is not None:
            said["time"] = time
        said |= {"frontend": front, "backend": back, "server": server, "timers": timers, "bytes_read": sent}
        said["total_ms"] = timers.split("/")[-1].lstrip("+")
        if status is not None and status != "-1":
            said["status"] = status
        state = _STATE.match(record, session.end())
        if state is None:
            return said
        said |= {"termination_state": state[3], "connections": state[4], "queues": state[5]}
        place = state.end()
        for name in ("captured_request", "captured_response"):
            if (captured := _CAPTURED.match(record, place)) is not None:
                said[name], place = captured[1], captured.end()
        if (request := _REQUEST.match(record, place)) is not None:
            said |= {"method": request[1], "uri": request[2]}
        return said
