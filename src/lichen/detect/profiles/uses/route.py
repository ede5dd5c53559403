"""Routes: which calls a user makes and a workload answers, with what sort of parameters and what outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.core.batch import Batch
from lichen.core.entity import parameter_class, route_template
from lichen.core.ocsf import HTTP_ACTIVITY
from lichen.detect.profiles.acts import Acts, column_of, joint, part
from lichen.detect.profiles.use import USER_LADDER, WORKLOAD_LADDER, Template, Use


def _item(service: str | None, method: str | None, path: str | None, query: str | None, code: int | None) -> str | None:
    if not path:
        return None
    outcome = f"{(code or 0) // 100}xx"
    parameters = parameter_class(query) if query else ""
    route = f"{part(service or '?')} {part((method or '?')[:12])} {part(route_template(path))}"
    return f"{route} {outcome} {part(parameters)}".rstrip()


def read(batch: Batch, before: Mapping[str, Any]) -> tuple[Acts, Mapping[str, Any]]:
    """Every request: (service, method, route template, outcome class, parameter classes)."""
    inside = batch.column("class_uid").to_numpy(zero_copy_only=False) == HTTP_ACTIVITY
    names = (
        "subject.group",
        "http_request.http_method",
        "http_request.url.path",
        "http_request.url.query_string",
        "http_response.code",
    )
    item = joint([column_of(batch, name) for name in names], _item)
    rows = np.flatnonzero(inside & item.present)
    return Acts(rows, (item.take(rows),), int(inside.sum()) - len(rows)), {}


def said(parts: Sequence[str]) -> str:
    service, method, route, outcome, *parameters = (*parts[0].split(" "), "", "", "", "")
    with_what = f" with {', '.join(p for p in parameters if p)}" if any(parameters) else ""
    return f"called {method} {route} on {service}{with_what} ({outcome})"


def template(item: str) -> Template | None:
    """The same call with the same outcome, whatever its parameters."""
    parts = item.split(" ")
    return Template(" ".join(parts[:4]), "") if len(parts) >= 4 else None


USE = Use(
    name="route",
    kinds=frozenset({"http"}),
    read=read,
    ladders={"user": (USER_LADDER,), "workload": (WORKLOAD_LADDER,)},
    said=said,
    beside=lambda given: "calls",
    template=template,
)
