"""Sigma: a conjunction written as a rule that any Sigma engine reads, with its proof and its provenance."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from msgspec.structs import replace

from lichen.core.alert import Alert
from lichen.core.entity import base_name
from lichen.core.signature import Signature
from lichen.share.atoms import EXCLUDED, Atom
from lichen.share.fields import Dialect
from lichen.share.forms import IN_WORDS

_NAMESPACE = uuid.UUID("6f1d7c0a-8f0e-5f5e-9c53-0d3a3c1e5a11")
_NUMBERS = {"DestinationPort", "sc-status"}
LEVELS = (("high", 1e-3), ("medium", 1e-2))  # the false rate that may be meant by a level, as in settings/priors.yml
SORTS = {
    "process_creation": "Process",
    "network_connection": "Connection",
    "file_event": "File written",
    "file_access": "File read",
    "file_delete": "File deleted",
    "file_change": "File changed",
    "webserver": "Request",
    "dns": "DNS query",
}


def sigma_of(
    alert: Alert,
    dialect: Dialect,
    atoms: Sequence[Atom],
    *,
    support: int,
    benign_hits: int,
    benign_events: int,
    unjudged_hits: int = 0,
    hit: dict[str, str],
    miss: dict[str, str],
    near_miss: dict[str, str],
    date: str,
) -> Signature:
    """The signature as a Sigma rule, in the shadow stage."""
    keys = tuple(atom.key for atom in atoms)
    name = str(uuid.uuid5(_NAMESPACE, repr((alert.uid, dialect.category, keys))))
    title = title_of(dialect, atoms)
    made = Signature(name, title, "", keys, support, benign_hits, benign_events, alert.uid, hit, miss, near_miss)
    made = replace(made, unjudged_hits=unjudged_hits)
    told = f"{benign_hits} benign hits in {benign_events:,} events (95 % bound {made.false_rate_bound:.1e} an event)"
    if unjudged_hits:
        told += f"; {unjudged_hits} more hits in windows of alerts, which nobody judged"
    rule: dict[str, Any] = {
        "title": title,
        "id": name,
        "status": "experimental",
        "description": f"Made from a confirmed find: true of {support} confirmed events; {told}.",
        "references": [],
        "author": "Lichen",
        "date": date,
        "tags": tags_of(alert.techniques),
        "logsource": {
            key: value
            for key, value in (("product", dialect.source.product), ("category", dialect.source.category))
            if value
        },
        "detection": detection_of(atoms),
        "falsepositives": ["Benign events of this form that were never recorded"],
        "level": next((level for level, rate in LEVELS if made.false_rate_bound <= rate), "low"),
        "lichen": {
            "alert": alert.uid,
            "subject": f"{alert.subject.kind} {alert.subject.name}",
            "day": alert.day,
            "detectors": {name: alert.versions[name] for name in sorted(alert.versions)},
            "made": date,
            "support": support,
            "benign_hits": benign_hits,
            "benign_events": benign_events,
            "unjudged_hits": unjudged_hits,
            "hit": hit,
            "miss": miss,
            "near_miss": near_miss,
        },
    }
    rule = {key: value for key, value in rule.items() if value not in ([], "")}
    text = yaml.safe_dump(rule, sort_keys=False, allow_unicode=True, width=120)
    return replace(made, sigma=text)


def file_name(signature: Signature) -> str:
    """What the rule's file is called, as `lichen_process_with_an_address_83563f2d.yml`."""
    words = re.sub(r"[^a-z0-9]+", "_", signature.title.lower()).strip("_")[:48].strip("_")
    return f"lichen_{words}_{signature.id[:8]}.yml"


def detection_of(atoms: Sequence[Atom]) -> dict[str, Any]:
    """Sigma's detection: all plain atoms in `selection`, a second value of the same field and modifier in a selection
    of its own, what is excluded in filters."""
    selections: list[dict[str, Any]] = []
    filters: list[dict[str, Any]] = []
    for atom in atoms:
        modifier = atom.modifier.removeprefix("not ")
        key = f"{atom.field}|{modifier}" if modifier else atom.field
        value = _value(atom, modifier)
        if atom.modifier.startswith("not "):
            filters.append({key: value})
            continue
        home = next((one for one in selections if key not in one), None)
        if home is None:
            selections.append({})
            home = selections[-1]
        home[key] = value
    named = {f"selection{place or ''}": one for place, one in enumerate(selections)}
    excluded = {f"filter{place or ''}": one for place, one in enumerate(filters)}
    condition = " and ".join([*named, *(f"not {name}" for name in excluded)])
    return {**named, **excluded, "condition": condition}


def _value(atom: Atom, modifier: str) -> Any:
    if modifier == "cidr":
        networks = atom.value.split(",")
        return networks if len(networks) > 1 else networks[0]
    if atom.modifier == EXCLUDED:
        return [literal(one) for one in atom.value.split("\n")]
    if modifier == "re":
        return atom.value
    if (atom.field in _NUMBERS or modifier == "gt") and atom.value.isdigit():
        return int(atom.value)
    return literal(atom.value)


def literal(text: str) -> str:
    """A text as a Sigma value that means just this: wildcards and backslashes escaped."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def tags_of(techniques: Sequence[str]) -> list[str]:
    """ATT&CK techniques as Sigma tags, as attack.t1059.004."""
    return [f"attack.{technique.lower()}" for technique in dict.fromkeys(techniques)]


def title_of(dialect: Dialect, atoms: Sequence[Atom]) -> str:
    """A short title of what the conjunction says, as "dash started by python with an address in its command line"."""
    said = [_said(atom) for atom in sorted(atoms, key=lambda atom: _ORDER.get(atom.field, 9))]
    title = f"{SORTS[dialect.category]} {', '.join(said)}"
    if len(title) <= 100:
        return title
    digest = hashlib.blake2b(title.encode("utf-8", "backslashreplace"), digest_size=3).hexdigest()
    return f"{title[:88].rstrip(' ,')} … {digest}"


_ORDER = {"Image": 0, "TargetFilename": 0, "cs-uri-stem": 0, "query": 0, "ParentImage": 1, "CommandLine": 3}
_WORDS: Mapping[str, str] = {
    "Image": "of",
    "ParentImage": "by",
    "CommandLine": "saying",
    "User": "as",
    "CurrentDirectory": "in",
    "TargetFilename": "at",
    "DestinationIp": "to",
    "DestinationPort": "to port",
    "DestinationHostname": "to",
    "cs-method": "with",
    "cs-uri-stem": "for",
    "cs-uri-query": "with query",
    "cs-user-agent": "by agent",
    "cs-username": "of",
    "c-ip": "from",
    "sc-status": "answered",
    "query": "for",
    "record_type": "of type",
}


def _said(atom: Atom) -> str:
    word = _WORDS[atom.field]
    if atom.modifier == "not cidr":
        return "to a public address"
    if atom.modifier == EXCLUDED:
        return f"not {word} {', '.join(one.strip('/') for one in atom.value.splitlines())}"
    if atom.modifier == "gt":
        return f"{_WORDS[atom.field]} above {atom.value}"
    if atom.value in IN_WORDS:
        return f"{word} {IN_WORDS[atom.value]}"
    value = "".join(c if c.isprintable() else "·" for c in atom.value.strip())
    if atom.modifier == "endswith" and "/" in value:
        value = base_name(value)
    if atom.modifier == "startswith":
        return f"{word} {value}…"
    return f"{word} {value.strip('/')}" if atom.modifier == "contains" else f"{word} {value}"
