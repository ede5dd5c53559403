"""STIX 2.1 bundles: indicators whose pattern says of one thing that it is this or that (OASIS STIX 2.1 §9).

Read are comparisons with `=`, `IN` and, for addresses, `ISSUBSET`, joined by `OR` within an observation or between
observations. `AND`, `FOLLOWEDBY`, `NOT`, other operators, objects and qualifiers are refused: an indicator of half a
pattern would say more than its author did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lichen.detect.rules.indicators.collected import Collected
from lichen.detect.rules.indicators.read_lines import moment

PATHS = re.compile(
    r"(?:ipv4-addr:value|ipv6-addr:value|domain-name:value|url:value|network-traffic:(?:dst|src)_ref\.value"
    r"|file:hashes\.'?(?:MD5|SHA-?1|SHA-?256|TLSH)'?)",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<mark>[\[\](),]|!?=|[<>]=?)"
    r"|(?P<word>[A-Za-z][\w:.-]*(?:\.?'[^']*')?(?:\.[\w-]+)*))"
)
PATTERN_LIMIT = 1 << 16


class NotSimple(ValueError):
    """A pattern that is more than a choice of values."""


def looks_like_stix(told: Any) -> bool:
    """Whether a parsed file is a bundle."""
    return isinstance(told, dict) and told.get("type") == "bundle"


def read_stix(told: Mapping[str, Any], into: Collected) -> Iterator[str]:
    """Adds the indicators of a bundle; yields why one is refused, with its id. Revoked ones are left out."""
    objects = [each for each in told.get("objects") or () if isinstance(each, dict)]
    names = {each.get("id"): each.get("name") for each in objects if each.get("type") == "identity"}
    for each in objects:
        if each.get("type") != "indicator" or each.get("revoked"):
            continue
        name = str(each.get("id"))[:80]
        if each.get("pattern_type", "stix") != "stix":
            yield f"{name}: a pattern of type {str(each.get('pattern_type'))[:20]}; only stix is read"
            continue
        source, confidence = names.get(each.get("created_by_ref")), each.get("confidence")
        try:
            values = values_of(str(each.get("pattern")))
            first, last = moment(each.get("valid_from")), moment(each.get("valid_until"))
        except (ValueError, AttributeError) as error:
            yield f"{name}: {error}"
            continue
        for value in values:
            said = confidence if isinstance(confidence, int) else None
            fault = into.add(value, source if isinstance(source, str) else None, said, first, last)
            if fault:
                yield f"{name}: {fault}"


def values_of(pattern: str) -> list[str]:
    """The values of which a pattern asks for one. Raises NotSimple where it asks for more than that."""
    tokens = _tokens(pattern)
    found: list[str] = []
    at = 0
    while True:
        at = _expect(tokens, at, "[")
        while True:
            at, values = _comparison(tokens, at)
            found += values
            if tokens[at].upper() != "OR":
                break
            at += 1
        at = _expect(tokens, at, "]")
        if not tokens[at]:
            return found
        if tokens[at].upper() != "OR":
            raise NotSimple(f"{tokens[at][:20]} between observations; only OR is read")
        at += 1


def _tokens(pattern: str) -> list[str]:
    """The words and marks of a pattern, and an empty one at its end."""
    if len(pattern) > PATTERN_LIMIT:
        raise NotSimple(f"a pattern longer than {PATTERN_LIMIT} characters")
    tokens, at, pattern = [], 0, pattern.rstrip()
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        if found is None:
            raise NotSimple(f"{pattern[at : at + 20]!r} cannot be read")
        tokens.append(found[0].strip())
        at = found.end()
    return [*tokens, "", ""]


def _expect(tokens: list[str], at: int, mark: str) -> int:
    if tokens[at] != mark:
        raise NotSimple(f"{tokens[at][:20] or 'the end'} where {mark} must stand")
    return at + 1


def _comparison(tokens: list[str], at: int) -> tuple[int, list[str]]:
    path, operator = tokens[at], tokens[at + 1].upper()
    if not PATHS.fullmatch(path):
        raise NotSimple(f"{path[:40] or 'the end'} is not compared")
    if operator == "IN":
        at = _expect(tokens, at + 2, "(")
        values = [_text(tokens[at])]
        while tokens[at + 1] == ",":
            at += 2
            values.append(_text(tokens[at]))
        return _expect(tokens, at + 1, ")"), values
    if operator == "=" or (operator == "ISSUBSET" and path.lower().startswith("ip")):
        return at + 3, [_text(tokens[at + 2])]
    raise NotSimple(f"{operator[:20] or 'the end'} of {path[:40]}; only =, IN and ISSUBSET of addresses are read")


def _text(token: str) -> str:
    if len(token) < 2 or token[0] != "'":
        raise NotSimple(f"{token[:20] or 'the end'} where a text must stand")
    return re.sub(r"\\(.)", r"\1", token[1:-1])
