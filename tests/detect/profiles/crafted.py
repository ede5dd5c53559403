"""Batches made by hand, for tests of profiles."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from lichen.core import ocsf
from lichen.core.batch import Batch, Stream

NOON = int(dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC).timestamp()) * 1_000_000
SECOND = 1_000_000
CLASS = {
    "exec": ocsf.PROCESS_ACTIVITY,
    "net": ocsf.NETWORK_ACTIVITY,
    "file": ocsf.FILE_ACTIVITY,
    "auth": ocsf.AUTHENTICATION,
    "http": ocsf.HTTP_ACTIVITY,
    "dns": ocsf.DNS_ACTIVITY,
}


def batch(kind: str, rows: Iterable[Mapping[str, Any]], place: str = "crafted.log") -> Batch:
    """A batch of a kind; each row names columns of the view, `time` and `class_uid` are filled in where absent."""
    events = [
        {
            "time": NOON + place_in * SECOND,
            "class_uid": CLASS[kind],
            "metadata.product.name": "crafted",
            **row,
        }
        for place_in, row in enumerate(rows)
    ]
    columns = {
        name: pa.array([event.get(name) for event in events], type=pa.int64() if name == "time" else kind_of)
        for name, kind_of in ocsf.VIEW.items()
        if any(name in event for event in events)
    }
    text = pa.array([repr(sorted(event.items())) for event in events], type=pa.large_string())
    offsets = np.arange(len(events), dtype=np.int64) * 100
    return Batch(Stream(place, place, "crafted"), kind, text, offsets, ocsf.view_of(columns, len(events)))


def workload(name: str, image: str | None = None, group: str | None = None) -> dict[str, Any]:
    """Subject columns: "orders-2" is a replica of the image orders@v1 in the group orders."""
    role = name.rpartition("-")[0] or name
    return {
        "subject.workload": name,
        "subject.image": image or f"{role}@v1",
        "subject.group": group or role,
    }


def program(who: str, image: str, command: str = "", parent: str | None = None, **more: Any) -> dict[str, Any]:
    """A program that a workload started."""
    return {
        **workload(who),
        "process.file.path": image,
        "process.cmd_line": command or image,
        "actor.process.file.path": parent,
        "activity_id": ocsf.LAUNCH,
        **more,
    }


def call(
    user: str, path: str, method: str = "GET", code: int = 200, on: str = "gateway-1", **more: Any
) -> dict[str, Any]:
    """A request of a user, logged by a workload."""
    return {
        **workload(on),
        "subject.user": user,
        "http_request.http_method": method,
        "http_request.url.path": path,
        "http_response.code": code,
        "http_response.length": 800,
        **more,
    }


def file_act(who: str, image: str, path: str, activity: int = ocsf.CREATE, **more: Any) -> dict[str, Any]:
    """A file that a workload's program touched."""
    return {**workload(who), "actor.process.file.path": image, "file.path": path, "activity_id": activity, **more}


def ordinary_orders(replicas: int = 6, minutes: int = 20) -> Batch:
    """What orders replicas do all day: a health check a minute, receipts now and then, the same on each."""
    rows = []
    for minute in range(minutes):
        for replica in range(1, replicas + 1):
            who, time = f"orders-{replica}", NOON + minute * 60 * SECOND
            rows.append(program(who, "/usr/bin/dash", "sh -c curl", "/usr/bin/tini", time=time))
            rows.append(program(who, "/usr/bin/curl", "curl -fsS -m 3 http://127.0.0.1/", "/usr/bin/dash", time=time))
            if (minute + replica) % 4 == 0:
                rows.append(
                    program(who, "/usr/bin/dash", "sh /srv/app/bin/receipt.sh", "/usr/bin/python3.11", time=time)
                )
                rows.append(program(who, "/usr/bin/date", "date +%F", "/usr/bin/dash", time=time))
    return batch("exec", rows)
