"""Values of documents: what a mapping says of one column, as a function of a document (docs/sources.md has the rules).

Paths are dotted (`process.parent.name`); a part in brackets is taken literally (`output_fields[proc.name]`), a number
picks from a list (`answers.0.rdata`). Nothing of a mapping is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

Document = dict[str, Any]
Value = Callable[[Document], Any]
Condition = Callable[[Document], bool]
Path = tuple[str, ...]
_PART = re.compile(r"\[([^\]]+)\]|([^.\[\]]+)")
CONDITION_KEYS = frozenset({"has", "lacks", "equals", "begins", "any"})
DEEPEST_RESPELLED = 8
LONGEST_PICKED = 1024  # items of a list that are looked through


def only_keys(loaded: Any, known: frozenset[str], where: str) -> None:
    if not isinstance(loaded, dict):
        raise TypeError(f"{where} is no mapping of keys")
    if unknown := loaded.keys() - known:
        raise ValueError(f"{where} has unknown keys {sorted(unknown)}; known are {', '.join(sorted(known))}")


def respelled(got: Any, spelled: Mapping[str, str], depth: int = 0) -> Any:
    """A JSON value with the names of its objects as `spelled` has them, a few objects deep."""
    if depth > DEEPEST_RESPELLED:
        return got
    if isinstance(got, dict):
        return {spelled.get(name, name): respelled(inner, spelled, depth + 1) for name, inner in got.items()}
    if isinstance(got, list):
        return [respelled(inner, spelled, depth + 1) for inner in got]
    return got


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a dotted path."""
    return tuple(literal or plain for literal, plain in _PART.findall(path))


def at(path: str) -> Value:
    """A function that gives what stands at a path; None where there is nothing."""
    parts = parts_of(path)
    if not parts:
        raise ValueError(f"not a path: {path!r}")
    if len(parts) == 1:
        only = parts[0]
        return lambda document: document.get(only)
    written_flat = ".".join(parts)

    def walk(document: Document) -> Any:
        found: Any = document
        for part in parts:
            if isinstance(found, dict):
                found = found.get(part)
            elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            else:
                found = None
            if found is None:
                return document.get(written_flat)
        return found

    return walk


def value(said: Any) -> Value:
    """What a mapping says of one value: a path, or one of {value}, {first}, {join, with}, {of, map, default, otherwise,
    times, without}, {of, part, at}, {of, begins, default}, {of, ends, default}, {pick, where, take}. Raises ValueError
    for anything else."""
    if isinstance(said, str):
        return at(said)
    if not isinstance(said, dict):
        raise ValueError(f"neither a path nor a rule: {said!r}")
    match frozenset(said):
        case keys if keys == {"value"}:
            constant = said["value"]
            return lambda document: constant
        case keys if keys == {"first"}:
            return _first([value(one) for one in said["first"]])
        case keys if {"join"} <= keys <= {"join", "with"}:
            return _joined([value(one) for one in said["join"]], str(said.get("with", " ")))
        case keys if {"of"} < keys <= {"of", "map", "default", "otherwise", "times", "without"}:
            return _changed(value(said["of"]), said)
        case keys if keys == {"of", "part", "at"}:
            return _part(value(said["of"]), said["part"], str(said["at"]))
        case keys if {"of", "begins"} <= keys <= {"of", "begins", "default"}:
            return _told_by(value(said["of"]), said["begins"], str.startswith, said.get("default"))
        case keys if {"of", "ends"} <= keys <= {"of", "ends", "default"}:
            return _told_by(value(said["of"]), said["ends"], str.endswith, said.get("default"))
        case keys if keys == {"pick", "where", "take"}:
            return _picked(value(said["pick"]), condition({"equals": said["where"]}), value(said["take"]))
    raise ValueError(f"unknown rule with the keys {sorted(said)}")


def _first(options: Sequence[Value]) -> Value:
    """The first that is there and is a single value."""

    def first(document: Document) -> Any:
        found = (one(document) for one in options)
        return next((got for got in found if got not in (None, "") and not isinstance(got, dict | list)), None)

    return first


def _part(of: Value, which: str, sign: str) -> Value:
    """What stands before or after the first `sign` of a text, or behind the last."""
    if which not in ("before", "after", "behind"):
        raise ValueError(f"part is before, after or behind, not {which!r}")
    if which == "behind":
        return lambda document: (as_text(of(document)) or "").rpartition(sign)[2] or None
    place = 0 if which == "before" else 2
    return lambda document: (as_text(of(document)) or "").partition(sign)[place] or None


def _joined(options: Sequence[Value], between: str) -> Value:
    def join(document: Document) -> str | None:
        words: list[str] = []
        for one in options:
            got = one(document)
            words += [as_text(each) or "" for each in got] if isinstance(got, list) else [as_text(got) or ""]
        return between.join(word for word in words if word) or None

    return join


def _changed(of: Value, said: Mapping[str, Any]) -> Value:
    """A value looked up in a table (`default` where there is none; `otherwise`, if given, where the table has it not),
    multiplied, or dropped where it is one of `without`."""
    table = {as_text(key): mapped for key, mapped in (said.get("map") or {}).items()}
    default, factor = said.get("default"), said.get("times")
    without = {as_text(each) for each in said.get("without") or ()}

    def change(document: Document) -> Any:
        got = of(document)
        if got is None or as_text(got) in without:
            return default
        if "map" in said:
            return table.get(as_text(got), said.get("otherwise", default))
        if factor is not None:
            number = as_number(got)
            return default if number is None else number * factor
        return got

    return change


def _told_by(of: Value, table: Mapping[str, Any], test: Callable[[str, str], bool], default: Any) -> Value:
    """What a table says of the longest of its words that a text begins (or ends) with."""
    words = sorted(((str(word), told) for word, told in table.items()), key=lambda pair: -len(pair[0]))

    def told_by(document: Document) -> Any:
        text = as_text(of(document))
        if text is None:
            return default
        return next((told for word, told in words if test(text, word)), default)

    return told_by


def _picked(of: Value, wanted: Condition, take: Value) -> Value:
    """Of the first item of a list that is as wanted, what `take` says."""

    def picked(document: Document) -> Any:
        items = of(document)
        if isinstance(items, dict):
            items = [items]
        if not isinstance(items, list):
            return None
        found = (item for item in items[:LONGEST_PICKED] if isinstance(item, dict) and wanted(item))
        return next((take(item) for item in found), None)

    return picked


def reads(said: Any) -> Iterator[Path]:
    """The paths of a document that a value (or a mapping of names to values) reads."""
    if isinstance(said, str):
        yield parts_of(said)
    elif isinstance(said, dict) and "pick" in said:
        for path in reads(said["pick"]):
            yield from ((*path, *parts_of(inner)) for inner in (*said["where"], said["take"]))
    elif isinstance(said, dict) and said.keys() & {"of", "first", "join"}:
        for key in ("of", "first", "join"):
            yield from reads(said.get(key))
    elif isinstance(said, dict) and "value" not in said:
        for inner in said.values():
            yield from reads(inner)
    elif isinstance(said, list):
        for inner in said:
            yield from reads(inner)


def condition(said: Any) -> Condition:
    """A test of a document: {has: [paths], lacks: [paths], equals: {path: value or list of values}, begins: {path: word
    or list of words}}; all must hold. `any`: a list of conditions, one of which must hold too."""
    only_keys(said, CONDITION_KEYS, "a condition")
    tests = [_is_there(at(path), True) for path in said.get("has") or ()]
    tests += [_is_there(at(path), False) for path in said.get("lacks") or ()]
    tests += [_equals(at(path), wanted) for path, wanted in (said.get("equals") or {}).items()]
    tests += [_begins(at(path), wanted) for path, wanted in (said.get("begins") or {}).items()]
    if options := [condition(each) for each in said.get("any") or ()]:
        tests.append(lambda document: any(option(document) for option in options))
    return lambda document: all(test(document) for test in tests)


def _begins(get: Value, wanted: Any) -> Condition:
    words = tuple(as_text(each) or "" for each in (wanted if isinstance(wanted, list) else [wanted]))
    return lambda document: (as_text(get(document)) or "").startswith(words)


def _is_there(get: Value, wanted: bool) -> Condition:
    return lambda document: (get(document) is not None) is wanted


def _equals(get: Value, wanted: Any) -> Condition:
    values = {as_text(each) for each in (wanted if isinstance(wanted, list) else [wanted])}
    return lambda document: as_text(get(document)) in values


def as_text(got: Any) -> str | None:
    """A JSON value as the text that rules compare: true, 200, lists and objects as JSON."""
    if got is None or isinstance(got, str):
        return got
    if isinstance(got, bool):
        return "true" if got else "false"
    if isinstance(got, int):
        return str(got)
    if isinstance(got, float):
        return str(int(got)) if got.is_integer() and abs(got) < 1e15 else repr(got)
    try:
        return orjson.dumps(got).decode()
    except (TypeError, orjson.JSONEncodeError):
        return None


def as_number(got: Any) -> float | None:
    """A JSON value as a number: numbers themselves, and texts that are numbers."""
    if isinstance(got, bool):
        return None
    if isinstance(got, int | float):
        return float(got)
    try:
        if isinstance(got, str) and got[:2] in ("0x", "0X"):
            return float(int(got, 16)) if len(got) < 40 else None
        return float(got) if isinstance(got, str) and len(got) < 40 else None
    except ValueError:
        return None
