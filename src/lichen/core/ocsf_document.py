"""A row of the OCSF view as one OCSF 1.8.0 document: nested, with what its class requires, valid against its schema.

What a class has no place for, and `subject.*`, stands in `unmapped`, under the view's own names. What it requires and
the sensor did not say is "unknown" (texts) or 0 (the schema's own number for unknown). Spec: schema.ocsf.io/1.8.0.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from lichen.core import ocsf
from lichen.core.ocsf_classes import CLASSES, OTHER, VERSION, OcsfClass
from lichen.core.ocsf_parts import RENAMED, UNKNOWN, Nested, completed

METHODS = frozenset({"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"})
WINDOWS = 200_000  # classes of OCSF's extension `win` begin here
_OWN = frozenset({"time", "class_uid", "activity_id", "status_id", "severity_id", "duration", "clock_ran_backwards"})


def document_of(row: Mapping[str, Any], event_id: str | None = None, raw: str | None = None) -> dict[str, Any]:
    """The document of a row (the view's columns by name; nulls may be left out; `time` as datetime or µs). `event_id`
    stands in metadata.uid where the sensor gave no id of its own, `raw` in raw_data."""
    known = {name: value for name, value in row.items() if value is not None and name in ocsf.VIEW}
    class_uid = int(known.get("class_uid", ocsf.BASE_EVENT))
    of_class = CLASSES[class_uid]
    activity = activity_of(class_uid, known.get("activity_id"))
    if event_id is not None:
        known.setdefault("metadata.uid", event_id)
    nested, unmapped = _placed(known, class_uid, of_class)
    completed(nested, known, of_class, unmapped)
    profiles = [name for name, used in (("cloud", "cloud" in nested), ("host", of_class.host & nested.keys())) if used]
    document: dict[str, Any] = {
        "class_uid": class_uid,
        "category_uid": of_class.category,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "time": milliseconds(known["time"]),
        "severity_id": known["severity_id"] if known.get("severity_id") in range(7) else 0,
        "metadata": _metadata(known, class_uid, profiles),
        **nested,
    }
    if class_uid == ocsf.FILE_ACTIVITY and known.get("activity_id") == ocsf.LINK:
        document["activity_name"] = "Link"
    if known.get("status_id") in (ocsf.SUCCESS, ocsf.FAILURE):
        document["status_id"] = known["status_id"]
    if "duration" in known and abs(known["duration"]) < 1 << 53:
        document["duration"] = round(known["duration"])
    if raw is not None:
        document["raw_data"] = raw
    if unmapped:
        document["unmapped"] = unmapped
    return document


def activity_of(class_uid: int, activity: int | None) -> int:
    """The class's own number of an activity: 0 where it is unknown, 99 where the class has no number for it."""
    if activity is None:
        return 0
    if class_uid == ocsf.FILE_ACTIVITY and activity == ocsf.LINK:  # OCSF has mounting there
        return OTHER
    return activity if activity in CLASSES[class_uid].activities or activity == 0 else OTHER


def milliseconds(time: dt.datetime | int) -> int:
    """ms UTC of an event time, which is a datetime or µs UTC."""
    if isinstance(time, dt.datetime):
        return (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    return time // 1000


def _metadata(known: Mapping[str, Any], class_uid: int, profiles: list[str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "version": VERSION,
        "product": {"name": known.get("metadata.product.name", UNKNOWN)},
    }
    for name in ("uid", "event_code"):
        if f"metadata.{name}" in known:
            metadata[name] = known[f"metadata.{name}"]
    if profiles:
        metadata["profiles"] = profiles
    if class_uid >= WINDOWS:
        metadata["extensions"] = [{"name": "win", "uid": "2", "version": VERSION}]
    return metadata


def _placed(known: Mapping[str, Any], class_uid: int, of_class: OcsfClass) -> tuple[Nested, dict[str, Any]]:
    """Each column where the class has a place for it; the others by their own names."""
    nested: Nested = {}
    unmapped: dict[str, Any] = {}
    renamed = RENAMED.get(class_uid, {})
    for column, value in known.items():
        name = renamed.get(column, column)
        top = name.partition(".")[0]
        if name in _OWN or top == "metadata":
            if name == "clock_ran_backwards" and value:
                unmapped[name] = True
        elif top in of_class.admitted and fits(name, value):
            inner = nested
            *before, last = name.split(".")
            for part in before:
                inner = inner.setdefault(part, {})
            inner[last] = value
        else:
            unmapped[column] = value
    return nested, unmapped


def fits(name: str, value: Any) -> bool:
    """Whether the schema allows a value where the view has it; addresses that are none become names later."""
    if name.endswith("_endpoint.port"):
        return 0 <= int(value) < 1 << 16
    if name == "http_request.http_method":
        return value in METHODS
    return True
