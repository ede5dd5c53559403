"""The oracle: Sigma read from its specification and evaluated one event and one rule at a time, with nothing clever.

It shares no code with `lichen.detect.rules`, not even pySigma's parser: conditions, modifiers, wildcards and comparison
are written again. Whatever the engine does, it must never disagree with this.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

ANY, ONE = object(), object()
Lists = Mapping[str, Callable[[str], bool]]


def fires(rule: Mapping[str, Any], event: Mapping[str, Any], text: str = "", lists: Lists | None = None) -> bool:
    """Whether a rule (its YAML) fires on one record: fields by name (None or left out: absent) and its whole text."""
    detection = rule["detection"]
    conditions = detection["condition"]
    names = [name for name in detection if name != "condition"]

    def holds(name: str) -> bool:
        return detection_holds(detection[name], event, text, lists or {})

    return any(
        Condition(each, names, holds).value() for each in (conditions if isinstance(conditions, list) else [conditions])
    )


class Condition:
    """A recursive-descent reading of a condition: `or` binds least, then `and`, then `not`."""

    def __init__(self, text: str, names: list[str], holds: Callable[[str], bool]) -> None:
        self.tokens = re.findall(r"\(|\)|[\w*-]+", text)
        self.names, self.holds = names, holds

    def value(self) -> bool:
        result = self.either()
        assert not self.tokens, self.tokens
        return result

    def take(self, *wanted: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

    def either(self) -> bool:
        results = [self.both()]
        while self.take("or"):
            results.append(self.both())
        return any(results)

    def both(self) -> bool:
        results = [self.single()]
        while self.take("and"):
            results.append(self.single())
        return all(results)

    def single(self) -> bool:
        if self.take("not"):
            return not self.single()
        if self.take("("):
            result = self.either()
            assert self.take(")")
            return result
        quantity = self.take("1", "any", "all")
        if quantity and self.take("of"):
            chosen = self.chosen(self.tokens.pop(0))
            assert chosen
            return (all if quantity == "all" else any)([self.holds(name) for name in chosen])
        return self.holds(quantity or self.tokens.pop(0))

    def chosen(self, pattern: str) -> list[str]:
        pattern = "*" if pattern == "them" else pattern
        fitting = [name for name in self.names if matches(name, wild(pattern), cased=True)]
        return [name for name in fitting if pattern.startswith("_") or not name.startswith("_")]


def detection_holds(definition: Any, event: Mapping[str, Any], text: str, lists: Lists) -> bool:
    """A map: all its items. A list of maps: any. A list of plain values or one: keywords, any."""
    if isinstance(definition, dict):
        return all(item_holds(key, values, event, text, lists) for key, values in definition.items())
    if isinstance(definition, list):
        return any(detection_holds(each, event, text, lists) for each in definition)
    return item_holds("", definition, event, text, lists)


def item_holds(key: str, values: Any, event: Mapping[str, Any], text: str, lists: Lists) -> bool:
    """`field|modifier|…: value or values`; an empty field means keywords."""
    field, *modifiers = key.split("|")
    several = values if isinstance(values, list) else [values]
    each = [m for m in modifiers if m not in ("all", "neq")]
    results = [value_holds(field, each, value, event, text, lists) for value in several]
    result = all(results) if "all" in modifiers else any(results)
    return not result if "neq" in modifiers else result


def value_holds(
    field: str, modifiers: list[str], value: Any, event: Mapping[str, Any], text: str, lists: Lists
) -> bool:
    found = values_at(event, field) if field else [text]
    if value is None:
        return found is None
    if "exists" in modifiers:
        return (found is not None) == value
    return any(one_holds(each, modifiers, value, event, not field, lists) for each in found or [])


def values_at(event: Mapping[str, Any], field: str) -> list[str] | None:
    """The texts under a name: of the field itself, else along its path; a list stands for each of its elements."""
    if field in event:
        cells = [event[field]]
    else:
        cells = []
        parts = re.findall(r"[^.\[\]]+|\[\d+\]", field)
        for taken in range(len(parts) - 1, 0, -1):
            head = "".join(part if part[0] == "[" else f".{part}" for part in parts[:taken])[1:]
            if head in event:
                cells = [event[head]]
                for part in parts[taken:]:
                    cells = [below for cell in cells for below in step(cell, part)]
                break
    return [str(written(each)) for cell in cells for each in flat(cell)] or None


def step(cell: Any, part: str) -> list[Any]:
    if part[0] == "[":
        place = int(part[1:-1])
        return [cell[place]] if isinstance(cell, list) and place < len(cell) else []
    if isinstance(cell, list):
        return [[each[part] for each in cell if isinstance(each, dict) and part in each]]
    return [cell[part]] if isinstance(cell, dict) and part in cell else []


def flat(cell: Any) -> list[Any]:
    if isinstance(cell, list):
        return [below for each in cell for below in flat(each)]
    return [] if cell is None else [cell]


def one_holds(
    actual: str, modifiers: list[str], value: Any, event: Mapping[str, Any], keyword: bool, lists: Lists
) -> bool:
    for part in ("minute", "hour", "day", "week", "month", "year"):
        if part in modifiers:
            return time_part(actual, part) == value
    if "cidr" in modifiers:
        return in_network(actual, value)
    for relation in ("gte", "gt", "lte", "lt"):
        if relation in modifiers:
            return compares(actual, relation, value)
    if "fieldref" in modifiers:
        others = values_at(event, value) or []
        return any(matches(actual, anchored([each], modifiers, keyword=False), "cased" in modifiers) for each in others)
    if "expand" in modifiers:
        return lists[value.strip("%")](actual)
    if "re" in modifiers:
        return found_by(value, modifiers, actual)
    return any(
        matches(actual, anchored(spelling, modifiers, keyword=keyword), "cased" in modifiers)
        for spelling in spellings(value, modifiers)
    )


def written(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if value == int(value) else str(value)


def in_network(actual: str, network: str) -> bool:
    try:
        address = ip_address(actual)
    except ValueError:
        return False
    within = ip_network(network)
    mapped = getattr(address, "ipv4_mapped", None)
    if within.version == 4:
        return (mapped or address) in within
    if address.version == 4:  # a network within ::ffff:0:0/96 is one of IPv4 addresses
        return within.prefixlen >= 96 and ip_address(f"::ffff:{address}") in within
    return address in within


def time_part(actual: str, part: str) -> int | None:
    """A part of the time that a text begins with, or of a count of seconds, milliseconds or microseconds in UTC."""
    try:
        if re.fullmatch(r"[0-9]{1,16}(\.[0-9]{1,9})?", actual):
            count = int(actual.split(".")[0])
            unit = 1 if count < 10**11 else 1000 if count < 10**14 else 10**6
            time: Any = datetime.fromtimestamp(count // unit, UTC)
        elif re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", actual):
            clock = re.match(r"[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?(?![0-9:])", actual[10:])
            if not clock and re.match(r"[0-9:]", actual[10:]):
                return None
            time = datetime.combine(date.fromisoformat(actual[:10]), datetime.min.time())
            time = time.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0)) if clock else time
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return time.isocalendar()[1] if part == "week" else getattr(time, part)


def compares(actual: str, relation: str, number: float) -> bool:
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", actual):
        return False
    there = float(actual)
    return {"gt": there > number, "gte": there >= number, "lt": there < number, "lte": there <= number}[relation]


def found_by(pattern: str, modifiers: list[str], actual: str) -> bool:
    """RE2's reading of a pattern by Python's engine: classes are ASCII, and `$` is the very end without `m`."""
    flags = re.ASCII
    for names, flag in ((("i", "ignorecase"), re.I), (("m", "multiline"), re.M), (("s", "dotall"), re.S)):
        if set(names) & set(modifiers):
            flags |= flag
    if flags & re.I:  # beyond ASCII too: both sides folded, escapes left alone
        actual = "".join(map(single, actual))
        pattern = re.sub(r"\\.|.", lambda m: m[0] if m[0][0] == "\\" else single(m[0]), pattern)
    if not flags & re.M:
        pattern = re.sub(r"\\.|\[(?:\\.|[^\]\\])+\]|\$", lambda m: r"\Z" if m[0] == "$" else m[0], pattern)
    return re.search(pattern, actual, flags) is not None


def wild(value: str) -> list[Any]:
    """A text with wildcards: `*`, `?`, escaped by a backslash; a backslash before anything else is a backslash."""
    pieces: list[Any] = []
    i = 0
    while i < len(value):
        if value[i] == "\\" and value[i + 1 : i + 2] in ("*", "?", "\\"):
            pieces.append(value[i + 1])
            i += 1
        else:
            pieces.append({"*": ANY, "?": ONE}.get(value[i], value[i]))
        i += 1
    return pieces


def spellings(value: Any, modifiers: list[str]) -> list[list[Any]]:
    """The characters to look for, in each variant that encodings make of them."""
    variants = [wild(value) if isinstance(value, str) else list(written(value) or "")]
    codec = None
    for modifier in modifiers:
        if modifier in ("wide", "utf16le", "utf16be", "utf16"):
            codec = modifier
        elif modifier == "base64":
            variants = [list(b64encode(as_bytes(v, codec)).decode()) for v in variants]
            codec = None
        elif modifier == "base64offset":
            variants = [list(at_offset(as_bytes(v, codec), i)) for v in variants for i in range(3)]
            codec = None
        elif modifier == "windash":
            variants = [w for v in variants for w in dashed(v)]
    if codec:
        mark = ["\ufeff"] if codec == "utf16" else []
        order = "utf-16-be" if codec == "utf16be" else "utf-16-le"
        variants = [
            mark + [x for c in v for x in (c.encode(order).decode("latin-1") if isinstance(c, str) else [c])]
            for v in variants
        ]
    return variants


def as_bytes(characters: list[Any], codec: str | None) -> bytes:
    text = "".join(characters)
    if codec is None:
        return text.encode()
    if codec == "utf16":
        return b"\xff\xfe" + text.encode("utf-16-le")
    return text.encode("utf-16-be" if codec == "utf16be" else "utf-16-le")


def at_offset(raw: bytes, offset: int) -> str:
    """The base64 characters that depend on `raw` alone when `offset` bytes stand before it."""
    bits = "".join(f"{byte:08b}" for byte in b"\0" * offset + raw)
    sextets = range(-(-offset * 8 // 6), len(bits) // 6)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return "".join(alphabet[int(bits[6 * i : 6 * i + 6], 2)] for i in sextets)


def dashed(characters: list[Any]) -> list[list[Any]]:
    def word(i: int) -> bool:
        c = characters[i] if 0 <= i < len(characters) else None
        return isinstance(c, str) and (c.isalnum() or c == "_")

    places = [i for i, c in enumerate(characters) if c in ("-", "/") and not word(i - 1) and word(i + 1)]
    variants = []
    for dashes in product("-/–—―", repeat=len(places)):
        variant = list(characters)
        for place, dash in zip(places, dashes, strict=True):
            variant[place] = dash
        variants.append(variant)
    return variants


def anchored(characters: list[Any], modifiers: list[str], keyword: bool) -> list[Any]:
    before = [ANY] if keyword or "contains" in modifiers or "endswith" in modifiers else []
    after = [ANY] if keyword or "contains" in modifiers or "startswith" in modifiers else []
    return [*before, *(c for each in characters for c in (each if isinstance(each, str) else [each])), *after]


def matches(actual: str, pattern: list[Any], cased: bool = False) -> bool:
    """The whole of `actual` against characters and wildcards, by the textbook table."""
    reachable = {0}
    for piece in pattern:
        if piece is ANY:
            reachable = set(range(min(reachable), len(actual) + 1)) if reachable else set()
        else:
            reachable = {
                i + 1
                for i in reachable
                if i < len(actual) and (piece is ONE or (actual[i] == piece if cased else alike(actual[i], piece)))
            }
    return len(actual) in reachable


def alike(a: str, b: str) -> bool:
    return a == b or single(a) == single(b)


def single(character: str) -> str:
    folded, lower = character.casefold(), character.lower()
    return folded if len(folded) == 1 else lower if len(lower) == 1 else character
