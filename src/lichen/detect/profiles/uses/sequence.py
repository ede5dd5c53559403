"""Sequences: which call a user makes after which, per service; a skipped step stands out though each call is usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.core.batch import Batch
from lichen.core.entity import route_template
from lichen.core.ocsf import HTTP_ACTIVITY
from lichen.detect.profiles.acts import Acts, Coded, column_of, joint, part
from lichen.detect.profiles.sequence import LADDER, calls_before
from lichen.detect.profiles.use import Use


def _call(method: str | None, path: str | None, code: int | None) -> str | None:
    if not path:
        return None
    refused = f" !{code // 100}xx" if code and code >= 400 else ""
    return f"{part((method or '?')[:12])} {part(route_template(path))}{refused}"


def read(batch: Batch, before: Mapping[str, Any]) -> tuple[Acts, Mapping[str, Any]]:
    """Every request of a known user, after the two calls that the same user made before it on the same service."""
    inside = batch.column("class_uid").to_numpy(zero_copy_only=False) == HTTP_ACTIVITY
    user, service = column_of(batch, "subject.user"), column_of(batch, "subject.group")
    names = ("http_request.http_method", "http_request.url.path", "http_response.code")
    call = joint([column_of(batch, name) for name in names], _call)
    rows = np.flatnonzero(inside & call.present & user.present)
    who = joint([user.take(rows), service.take(rows)], lambda u, s: f"{u}\0{s or '?'}")
    context, after = calls_before(who, call.take(rows), batch.times()[rows], before)
    where = Coded(service.codes[rows] + 1, ["?", *(part(str(name)) for name in service.values)])
    return Acts(rows, (where, *context, call.take(rows))), after


def said(parts: Sequence[str]) -> str:
    service, *calls, call = parts
    return f"called {call} on {service} after {' and '.join(calls)}"


USE = Use(
    name="sequence",
    kinds=frozenset({"http"}),
    read=read,
    ladders={"user": (LADDER,)},
    said=said,
    beside=lambda given: f"calls after {given[-1]}",
    given=3,
    attack_given=2,
    remembers=True,
)
