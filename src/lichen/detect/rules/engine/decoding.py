"""Decoding of no more than some fields of a line, by msgspec, and only if it is what it is thought to be.

A type is made for each kind: the fields that rules read are texts, whole numbers or nothing; those that tell kinds
apart are typed as the very values that they must say. Anything else makes the decoding fail, and the line is read
whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from lichen.detect.rules.engine.documents import Document, splits_of

NEVER: Any = Literal["\0 is no value of any field"]
PLAIN: Any = str | int | None


def plain_below(document: Document, name: str) -> str | int | None:
    """The text or whole number that a document says under a dotted name, if it is one object in the other."""
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def decoder_of(
    fields: Sequence[str], expected: Mapping[str, Any], never: Iterable[str] = ()
) -> tuple[Callable[[bytes], Any], Callable[[Any], tuple[Any, ...]]]:
    """(decode, flat): a line to an object, and the object to the values of the fields. Lines that say something else
    under the names expected cannot be decoded, nor those that have a field that is `never` there."""
    tree: dict[str, Any] = {}
    for name in [*expected, *(field for field in fields if field not in expected)]:
        leaf = (Literal[expected[name]],) if name in expected else (PLAIN, None)
        for way in splits_of(name):
            _put(tree, way, leaf if way == tuple(name.split(".")) else (NEVER | None, None))
    for name in never:
        for way in splits_of(name):
            _put(tree, way, (NEVER | None, None))
    ways = [_members_on(tree, name.split(".")) for name in fields]
    decode = msgspec.json.Decoder(_type(tree, "Line")).decode
    if all(len(way) == 1 for way in ways):
        places = [int(way[0][1:]) for way in ways]
        return decode, lambda decoded: tuple(map(msgspec.structs.astuple(decoded).__getitem__, places))
    return decode, lambda decoded: tuple(_at(decoded, way) for way in ways)


def _put(tree: dict[str, Any], way: Sequence[str], leaf: tuple[Any, ...]) -> None:
    """Adds a field. Where a text stands in the way of an object, lines with the object cannot be decoded."""
    for part in way[:-1]:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree.setdefault(way[-1], leaf)


def _members_on(tree: Mapping[str, Any], way: Sequence[str]) -> list[str]:
    members = []
    inner: Any = tree
    for part in way:
        members.append(f"c{list(inner).index(part)}")
        inner = inner[part]
        if not isinstance(inner, dict):
            break
    return members


def _type(tree: Mapping[str, Any], name: str) -> Any:
    members: list[Any] = []
    renamed = {}
    for place, (part, below) in enumerate(tree.items()):
        renamed[f"c{place}"] = part
        if not isinstance(below, dict):
            members.append((f"c{place}", *below))
        elif _is_needed(below):
            members.append((f"c{place}", _type(below, f"{name}_{place}")))
        else:
            members.append((f"c{place}", _type(below, f"{name}_{place}") | None, None))
    return msgspec.defstruct(name, members, rename=renamed, frozen=True, gc=False, kw_only=True, eq=True)


def _is_needed(tree: Mapping[str, Any]) -> bool:
    return any(_is_needed(below) if isinstance(below, dict) else len(below) == 1 for below in tree.values())


def _at(decoded: Any, way: Sequence[str]) -> Any:
    for member in way:
        if decoded is None:
            return None
        decoded = getattr(decoded, member)
    return decoded
