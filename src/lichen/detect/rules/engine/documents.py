"""Lines read whole: the JSON object of a line, and what it says under a field's name.

This is what a line means. The fast ways of reading are used only where they are sure to say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from lichen.detect.rules.event_fields import texts_of

Document: TypeAlias = dict[str, Any]
Texts: TypeAlias = tuple[str, ...]

_BAD_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\x")


def document_of(line: bytes) -> Document | None:
    """The object of a line, None where there is none. Bytes that are not UTF-8 are read as `\\xNN`."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        document = _repaired(line)
    return document if isinstance(document, dict) else None


def _repaired(line: bytes) -> Any:
    text = line.decode("utf-8", "backslashreplace")
    if "\\x" not in text:
        return None
    try:
        return orjson.loads(_BAD_ESCAPE.sub(r"\1\\\\x", text))
    except orjson.JSONDecodeError:
        return None


def splits_of(name: str) -> Iterator[tuple[str, ...]]:
    """The ways through nested objects that a dotted name may mean, the most literal first."""
    parts = name.split(".")
    for taken in range(len(parts), 0, -1):
        head = ".".join(parts[:taken])
        if taken == len(parts):
            yield (head,)
        else:
            for rest in splits_of(".".join(parts[taken:])):
                yield (head, *rest)


def is_indexed(name: str) -> bool:
    """Whether a name asks for one element of a list, as `a[0].b` does."""
    return "[" in name


def texts_under(document: Mapping[str, Any], name: str) -> Texts | None:
    """What a document says under a field's name: None for nothing, else one text, or as many as a list holds.
    A list on the way means each of its elements."""
    for way in _ways(name):
        found = texts_of(_below(document, way))
        if found is not None:
            return found
    return None


@lru_cache(maxsize=4096)
def _ways(name: str) -> tuple[tuple[str, ...], ...]:
    if "." not in name and not is_indexed(name):
        return ((name,),)
    return tuple(splits_of(name)) if name.count(".") < DOTS_LIMIT else ((name,), tuple(name.split(".")))


DOTS_LIMIT = 6  # a name with more is taken literally or as one way


def _below(value: Any, way: tuple[str, ...]) -> Any:
    for at, part in enumerate(way):
        if isinstance(value, list):
            inner = [_below(each, way[at:]) for each in value]
            return [each for each in inner if each is not None] or None
        if not isinstance(value, dict):
            return None
        value = _element(value, part) if part not in value and is_indexed(part) else value.get(part)
        if value is None:
            return None
    return value


_INDEXED = re.compile(r"([^\[\]]+)((?:\[\d{1,6}\])+)")


def _element(value: Mapping[str, Any], part: str) -> Any:
    found = _INDEXED.fullmatch(part)
    if found is None:
        return None
    inner = value.get(found[1])
    for index in re.findall(r"\d+", found[2]):
        if not isinstance(inner, list) or int(index) >= len(inner):
            return None
        inner = inner[int(index)]
    return inner
