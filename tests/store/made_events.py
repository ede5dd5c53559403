"""Events made for the tests of store, learn and share: lines of a stream, and the batches they become."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from lichen.core import ocsf
from lichen.core.batch import Batch, Delivery, LogSource, Position, Shape, Stream

START = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z
MINUTE = 60_000_000
CLASSES = {"exec": 1007, "net": 4001, "file": 1001, "http": 4002, "dns": 4003, "auth": 3002}
CATEGORIES = {
    "exec": LogSource("linux", "process_creation", None),
    "net": LogSource("linux", "network_connection", None),
    "http": LogSource(None, "webserver", None),
    "dns": LogSource(None, "dns", None),
}
FILE_CATEGORIES = {2: "file_access", 4: "file_delete", 6: "file_change", 7: "file_change"}
SIGMA = {
    "exec": {
        "Image": "process.file.path",
        "CommandLine": "process.cmd_line",
        "ParentImage": "actor.process.file.path",
        "User": "actor.user.name",
        "CurrentDirectory": "process.working_directory",
    },
    "net": {
        "Image": "actor.process.file.path",
        "DestinationIp": "dst_endpoint.ip",
        "DestinationPort": "dst_endpoint.port",
        "DestinationHostname": "dst_endpoint.hostname",
        "User": "actor.user.name",
    },
    "file": {"Image": "actor.process.file.path", "TargetFilename": "file.path", "User": "actor.user.name"},
    "http": {
        "cs-method": "http_request.http_method",
        "cs-uri-stem": "http_request.url.path",
        "cs-uri-query": "http_request.url.query_string",
        "cs-user-agent": "http_request.user_agent",
        "c-ip": "src_endpoint.ip",
        "cs-username": "actor.user.name",
        "sc-status": "http_response.code",
    },
    "dns": {"query": "query.hostname", "record_type": "query.type", "c-ip": "src_endpoint.ip"},
}


@dataclass(frozen=True)
class Event:
    """One event of a stream: its kind, its time, its place and what its view says."""

    kind: str
    time: int
    offset: int
    text: str
    view: dict[str, Any]


def stream_named(name: str = "audit.log") -> Stream:
    return Stream((name.encode().hex() * 32)[:32], f"/var/log/{name}", "auditd")


def lay(rows: Iterable[tuple[str, int, str, dict[str, Any]]]) -> list[Event]:
    """Events laid out one after the other in a stream, from (kind, time, workload, view columns)."""
    events, offset = [], 0
    for kind, time, workload, view in rows:
        text = f"type={kind} at={time} who={workload} {view!r}"
        known = {"subject.workload": workload, "subject.host": "node-1", **view}
        events.append(Event(kind, time, offset, text, known))
        offset += len(text) + 1
    return events


def batch_of(events: Sequence[Event], stream: Stream | None = None, shaped: bool = True) -> Batch:
    """One batch of events of one kind, in the given order, with its Sigma shape."""
    kind, n = events[0].kind, len(events)
    columns: dict[str, pa.Array] = {
        "time": pa.array([event.time for event in events]).cast(ocsf.TIME),
        "class_uid": pa.array([CLASSES.get(kind, 0)] * n, pa.int32()),
        "metadata.product.name": pa.array(["auditd"] * n),
    }
    for name in {name for event in events for name in event.view}:
        columns[name] = pa.array([event.view.get(name) for event in events], ocsf.VIEW[name])
    view = ocsf.view_of(columns, n)
    text = pa.array([event.text for event in events], pa.large_string())
    shapes = shapes_of(kind, view) if shaped else ()
    offset = np.array([event.offset for event in events], dtype=np.int64)
    return Batch(stream or stream_named(), kind, text, offset, view, shapes)


def shapes_of(kind: str, view: pa.RecordBatch) -> tuple[Shape, ...]:
    """The Sigma shapes of a view: one a category (files are told apart by what was done to them)."""
    if kind not in SIGMA:
        return ()
    fields = {name: view.column(column).cast(pa.large_string()) for name, column in SIGMA[kind].items()}
    lines = pa.record_batch(fields)
    if kind != "file":
        return (Shape(CATEGORIES[kind], lines),)
    done = np.array([FILE_CATEGORIES.get(one, "file_event") for one in view.column("activity_id").to_pylist()])
    found = []
    for category in sorted(set(done.tolist())):
        event = np.flatnonzero(done == category)
        found.append(Shape(LogSource("linux", category, None), lines.take(pa.array(event)), event))
    return tuple(found)


def delivery_of(events: Sequence[Event], until: int, stream: Stream | None = None, ended: bool = False) -> Delivery:
    """The delivery of some events of a stream: a batch a kind, in order of first appearance."""
    stream = stream or stream_named()
    kinds = dict.fromkeys(event.kind for event in events)
    batches = tuple(batch_of([event for event in events if event.kind == kind], stream) for kind in kinds)
    return Delivery(batches, (), Position(stream.identity, stream.place, until), ended)


def day_of_work(seed: int = 1, count: int = 300, workloads: int = 3, start: int = START) -> list[Event]:
    """Ordinary events of a few workloads, some seconds apart."""
    chance = random.Random(seed)
    rows: list[tuple[str, int, str, dict[str, Any]]] = []
    for i in range(count):
        workload, time = f"orders-{chance.randrange(workloads)}", start + i * 7_000_000
        kind = chance.choice(["exec", "exec", "file", "net", "http"])
        rows.append((kind, time, workload, _usual(kind, chance)))
    return lay(rows)


def _usual(kind: str, chance: random.Random) -> dict[str, Any]:
    python = "/usr/bin/python3.11"
    match kind:
        case "exec":
            tool = chance.choice(["gzip", "sort", "date"])
            line = f"{tool} -9 /var/app/report-{chance.randrange(40)}.csv"
            view = {"process.file.path": f"/usr/bin/{tool}", "process.cmd_line": line}
            return view | {"actor.process.file.path": python, "actor.user.name": "www-data"}
        case "file":
            return {"file.path": f"/var/app/report-{chance.randrange(40)}.csv", "actor.process.file.path": python}
        case "net":
            return {"dst_endpoint.ip": "10.77.0.31", "dst_endpoint.port": 5432, "actor.process.file.path": python}
    path = chance.choice(["/api/orders", f"/api/orders/{chance.randrange(99)}", "/api/cart"])
    return {"http_request.http_method": "GET", "http_request.url.path": path, "actor.user.name": "alice"}
