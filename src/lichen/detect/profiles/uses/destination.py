"""Destinations: where a workload's programs connect to, which names it asks for, and who comes in."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lichen.core import ocsf
from lichen.core.batch import Batch
from lichen.core.entity import base_name, network_of, path_template, registered_domain, remembered
from lichen.detect.profiles.acts import Acts, Coded, column_of, joint, part
from lichen.detect.profiles.use import WORKLOAD_LADDER, Template, Use

LONG_LABEL, RANDOM_BITS = 20, 3.4  # letters; bits a letter, above which a long label counts as random


@remembered
def name_shape(name: str, domain: str) -> str:
    """What a DNS name looks like before its registered domain: plain, deep, long, random (several may hold)."""
    before = name[:253].rstrip(".").lower().removesuffix(domain).rstrip(".")
    if not before:
        return "bare"
    labels = before.split(".")
    longest = max(labels, key=len)
    words = []
    if len(labels) > 2:
        words.append("deep")
    if len(longest) > LONG_LABEL:
        words.append("long")
    counts = Counter(longest)
    bits = -sum(n / len(longest) * math.log2(n / len(longest)) for n in counts.values())
    digits = sum(letter.isdigit() for letter in longest)
    if len(longest) >= 10 and (bits > RANDOM_BITS or digits > len(longest) // 3):
        words.append("random")
    return " ".join(words) or "plain"


def _connection(
    image: str | None, host: str | None, address: str | None, port: int | None, activity: int | None, source: str | None
) -> str | None:
    who = part(path_template(image)) if image else "?"
    if activity == ocsf.ACCEPT:
        there = source or address
        return f"{who} from {part(network_of(there))}" if there else None
    there = part(registered_domain(host)) if host else part(network_of(address)) if address else None
    return f"{who} to {there} port {port if port is not None else '?'}" if there else None


def _query(name: str | None, kind: str | None) -> str | None:
    if not name:
        return None
    domain = registered_domain(name)
    if "." not in domain:
        domain = path_template(domain)  # hosts of the place itself, told apart by number alone
    return f"dns {part(name_shape(name, registered_domain(name)))} {part((kind or '?')[:8])} {part(domain)}"


def _login(
    user: str | None, service: str | None, address: str | None, status: int | None, activity: int | None
) -> str | None:
    if not address or (activity != ocsf.LOGON and status is not None):
        return None  # the other records of an attempt that is told once
    outcome = {ocsf.SUCCESS: "login", ocsf.FAILURE: "refused login"}.get(status or 0, "visit")
    name = f" of {part(user[:40])}" if user else ""
    return f"{part(base_name(service or '?'))} {outcome}{name} from {part(network_of(address))}"


_COLUMNS: dict[int, tuple[Callable[..., str | None], tuple[str, ...]]] = {
    ocsf.NETWORK_ACTIVITY: (
        _connection,
        (
            "actor.process.file.path",
            "dst_endpoint.hostname",
            "dst_endpoint.ip",
            "dst_endpoint.port",
            "activity_id",
            "src_endpoint.ip",
        ),
    ),
    ocsf.DNS_ACTIVITY: (_query, ("query.hostname", "query.type")),
    ocsf.AUTHENTICATION: (_login, ("user.name", "service.name", "src_endpoint.ip", "status_id", "activity_id")),
}


def read(batch: Batch, before: Mapping[str, Any]) -> tuple[Acts, Mapping[str, Any]]:
    """Connections by (image, domain or network, port), names by (registered domain, shape), logins by network."""
    classes = batch.column("class_uid").to_numpy(zero_copy_only=False)
    codes, missing = np.full(len(batch), -1, dtype=np.int64), 0
    values: list[str] = []
    for class_uid, (make, names) in _COLUMNS.items():
        rows = np.flatnonzero(classes == class_uid)
        if not len(rows):
            continue
        item = joint([column_of(batch, name).take(rows) for name in names], make)
        codes[rows] = np.where(item.present, item.codes + len(values), -1)
        values.extend(item.values)
        missing += int((~item.present).sum()) if class_uid != ocsf.AUTHENTICATION else 0
    rows = np.flatnonzero(codes >= 0)
    return Acts(rows, (Coded(codes[rows], values),), missing), {}


def said(parts: Sequence[str]) -> str:
    first, _, rest = parts[0].partition(" ")
    if first == "dns":
        *shape, kind, domain = rest.split(" ")
        return f"asked for {' '.join(shape)} names ({kind}) under {domain}"
    how, _, there = rest.rpartition(" ")
    if rest.startswith("to "):
        return f"connected {rest} by {base_name(first)}"
    return (
        f"{'accepted a connection' if how == 'from' else how.removesuffix(' from')} from {there} by {base_name(first)}"
    )


def template(item: str) -> Template | None:
    """The same program to the same place at any port; a domain's names of any shape."""
    if " port " in item:
        return Template(item.rpartition(" port ")[0] + " port ", "")
    if item.startswith("dns "):
        return Template("dns ", item[item.rfind(" ") :])
    return None


USE = Use(
    name="destination",
    kinds=frozenset({"net", "dns", "auth"}),
    read=read,
    ladders={"workload": (WORKLOAD_LADDER,)},
    said=said,
    beside=lambda given: "destinations",
    template=template,
)
