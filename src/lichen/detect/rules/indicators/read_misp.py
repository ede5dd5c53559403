"""MISP JSON: an event, a list of events or attributes, and the answers of its search (`response`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lichen.detect.rules.indicators.collected import Collected
from lichen.detect.rules.indicators.read_lines import moment

WHOLE = {"ip-src", "ip-dst", "domain", "hostname", "url", "md5", "sha1", "sha256", "tlsh"}
FIRST = {"ip-src|port", "ip-dst|port", "hostname|port"}  # what stands before the bar
LAST = {"filename|md5", "filename|sha1", "filename|sha256", "filename|tlsh", "malware-sample"}
BOTH = {"domain|ip"}
CONFIDENCE = {  # the taxonomy misp:confidence-level
    "completely-confident": 100,
    "usually-confident": 75,
    "fairly-confident": 50,
    "rarely-confident": 25,
    "unconfident": 0,
}
DEEPEST = 8


def looks_like_misp(told: Any) -> bool:
    """Whether a parsed file is one of these forms."""
    first = told[0] if isinstance(told, list) and told else told
    return isinstance(first, dict) and bool({"Event", "Attribute", "response"} & first.keys())


def read_misp(told: Any, into: Collected) -> Iterator[str]:
    """Adds the attributes meant for detection (`to_ids`); yields what is wrong with others, and kinds left out."""
    left_out: Counter[str] = Counter()
    for event in _events(told, DEEPEST):
        organisation = event.get("Orgc") or event.get("Org")
        source = organisation.get("name") if isinstance(organisation, dict) else None
        for attribute in _attributes(event):
            kind, value = attribute.get("type"), attribute.get("value")
            if attribute.get("deleted") or not isinstance(kind, str) or not isinstance(value, str):
                continue
            texts = _texts(kind, value)
            if not texts or attribute.get("to_ids") in (False, 0, "0"):
                left_out[kind if not texts else f"{kind} not meant for detection"] += 1
                continue
            try:
                since = moment(attribute.get("first_seen")) or moment(attribute.get("timestamp"))
            except (ValueError, AttributeError):
                since = None
            for text in texts:
                fault = into.add(
                    text, source if isinstance(source, str) else None, _confidence(attribute, event), since
                )
                if fault:
                    yield fault
    for kind, count in sorted(left_out.items()):
        yield f"{count} attributes left out: {kind}"


def _events(told: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth and isinstance(told, list):
        for each in told:
            yield from _events(each, depth - 1)
    elif depth and isinstance(told, dict):
        inner = told.get("response", told.get("Event"))
        if inner is not None:
            yield from _events(inner, depth - 1)
        else:
            yield told


def _attributes(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    holders = [event, *(each for each in event.get("Object") or () if isinstance(each, dict))]
    for holder in holders:
        attributes = holder.get("Attribute") or ()
        listed = attributes if isinstance(attributes, list) else ()
        yield from (each for each in listed if isinstance(each, dict))


def _texts(kind: str, value: str) -> list[str]:
    parts = [part.strip() for part in value.split("|")]
    if kind in WHOLE:
        return [value.strip()]
    if kind in FIRST:
        return parts[:1]
    return parts[-1:] if kind in LAST else parts if kind in BOTH else []


def _confidence(attribute: Mapping[str, Any], event: Mapping[str, Any]) -> int | None:
    for holder in (attribute, event):
        for tag in holder.get("Tag") or ():
            name = tag.get("name") if isinstance(tag, dict) else None
            if isinstance(name, str) and name.startswith("misp:confidence-level="):
                return CONFIDENCE.get(name.partition("=")[2].strip('"'))
    return None
