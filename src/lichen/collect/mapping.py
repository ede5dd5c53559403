"""Mappings: a JSON sensor is one YAML file that says which of its fields is what (docs/sources.md).

Paths are dotted (`process.parent.name`); a part in brackets is taken literally (`output_fields[proc.name]`), a number
picks from a list (`answers.0.rdata`). Nothing of a mapping is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from lichen.collect.readers.making import CLASS_OF
from lichen.core import ocsf
from lichen.core.batch import LogSource
from lichen.core.errors import ConfigError
from lichen.core.plain_yaml import plain_yaml

Document = dict[str, Any]
Value = Callable[[Document], Any]
Condition = Callable[[Document], bool]
REMEDY = "see docs/sources.md for the format of a mapping"
KEYS = frozenset({"name", "title", "provenance", "detect", "time", "names", "records", "kind", "ocsf", "sigma", "last"})
RECORD_KEYS = frozenset({"when", "kind", "names", "ocsf", "sigma"})
KNOWN_AS = frozenset({"hostname", "ip", "container", "unit", "auid", "node"})  # what an inventory may match
NAME_KEYS = KNOWN_AS | {"acting", "client", "user", "image", "group"}
_PART = re.compile(r"\[([^\]]+)\]|([^.\[\]]+)")
OWN = "own"


@dataclass(frozen=True, slots=True)
class Offer:
    """One way in which Sigma reads the records: a log source and its fields (None: the sensor's own names)."""

    source: LogSource
    fields: Mapping[str, Value] | None


@dataclass(frozen=True, slots=True)
class RecordMap:
    """What records that fulfil `when` become. `names`: what they are known as (KNOWN_AS), and who acts in them."""

    when: Condition
    kind: str
    names: Mapping[str, Value]
    ocsf: Mapping[str, Value]
    sigma: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class SensorMapping:
    """One sensor. `exactness`: how much `detect` asks for, so that the most exact mapping wins."""

    name: str
    title: str
    provenance: str
    detect: Condition
    exactness: int
    time: Value
    records: tuple[RecordMap, ...]


def load_mappings(folder: Path) -> tuple[SensorMapping, ...]:
    """Every mapping of a folder, the most exact first. Raises ConfigError with the place and the remedy."""
    if not folder.is_dir():
        raise ConfigError("no such folder", place=str(folder), remedy="name the folder that holds the mappings")
    files = sorted(path for path in folder.glob("*.yml") if not path.name.endswith(".expected.yml"))
    mappings = [load_mapping(path) for path in files]
    return tuple(sorted(mappings, key=lambda mapping: (-mapping.exactness, mapping.name)))


def load_mapping(path: Path) -> SensorMapping:
    """One mapping. Raises ConfigError with the place and the remedy."""
    try:
        loaded = plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot be read: {error}", place=str(path), remedy=REMEDY) from error
    try:
        return _mapping(loaded, path.stem)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigError(f"not a mapping: {error}", place=str(path), remedy=REMEDY) from error


def _mapping(loaded: Any, stem: str) -> SensorMapping:
    _only_keys(loaded, KEYS, "the file")
    if loaded["name"] != stem:
        raise ValueError(f"name is {loaded['name']!r}, the file says {stem!r}")
    names = _names(loaded.get("names") or {}, "the file")
    if "records" in loaded:
        each = enumerate(loaded["records"])
        records = tuple(_record(record, names, f"records[{place}]") for place, record in each)
    else:
        own = {key: loaded[key] for key in RECORD_KEYS - {"when", "names"} if key in loaded}
        records = (_record(own, names, "the file"),)
    return SensorMapping(
        name=loaded["name"],
        title=str(loaded["title"]),
        provenance=str(loaded["provenance"]),
        detect=condition(loaded["detect"]),
        exactness=0 if loaded.get("last") else 1 + sum(len(asked) for asked in loaded["detect"].values()),
        time=value(loaded["time"]),
        records=records,
    )


def _names(loaded: Any, where: str) -> dict[str, Value]:
    _only_keys(loaded, NAME_KEYS, f"{where}: names")
    return {key: value(said) for key, said in loaded.items()}


def _record(loaded: Any, names: Mapping[str, Value], where: str) -> RecordMap:
    _only_keys(loaded, RECORD_KEYS, where)
    if loaded["kind"] not in CLASS_OF:
        raise ValueError(f"{where}: kind is one of {', '.join(CLASS_OF)}, not {loaded['kind']!r}")
    unknown = (loaded.get("ocsf") or {}).keys() - ocsf.VIEW.keys()
    if unknown:
        raise ValueError(f"{where}: ocsf has no columns {sorted(unknown)}")
    return RecordMap(
        when=condition(loaded.get("when") or {}),
        kind=loaded["kind"],
        names={**names, **_names(loaded.get("names") or {}, where)},
        ocsf={column: value(said) for column, said in (loaded.get("ocsf") or {}).items()},
        sigma=tuple(_offer(offer, where) for offer in loaded.get("sigma") or ()),
    )


def _offer(loaded: Any, where: str) -> Offer:
    _only_keys(loaded, frozenset({"source", "fields"}), f"{where}: sigma")
    _only_keys(loaded["source"], frozenset({"product", "category", "service"}), f"{where}: source")
    fields = loaded["fields"]
    own = None if fields == OWN else {name: value(said) for name, said in fields.items()}
    return Offer(LogSource(**loaded["source"]), own)


def _only_keys(loaded: Any, known: frozenset[str], where: str) -> None:
    if not isinstance(loaded, dict):
        raise TypeError(f"{where} is no mapping of keys")
    if unknown := loaded.keys() - known:
        raise ValueError(f"{where} has unknown keys {sorted(unknown)}; known are {', '.join(sorted(known))}")


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
    """What a mapping says of one value: a path, or one of {value}, {first}, {join, with}, {of, map, default, times,
    without}, {of, part, at}. Raises ValueError for anything else."""
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
        case keys if {"of"} < keys <= {"of", "map", "default", "times", "without"}:
            return _changed(value(said["of"]), said)
        case keys if keys == {"of", "part", "at"}:
            return _part(value(said["of"]), said["part"], str(said["at"]))
    raise ValueError(f"unknown rule with the keys {sorted(said)}")


def _first(options: Sequence[Value]) -> Value:
    """The first that is there and is a single value."""

    def first(document: Document) -> Any:
        found = (one(document) for one in options)
        return next((got for got in found if got not in (None, "") and not isinstance(got, dict | list)), None)

    return first


def _part(of: Value, which: str, sign: str) -> Value:
    """What stands before or after the first `sign` of a text."""
    if which not in ("before", "after"):
        raise ValueError(f"part is before or after, not {which!r}")
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
    """A value looked up in a table, multiplied, or dropped where it is one of `without`."""
    table = {as_text(key): mapped for key, mapped in (said.get("map") or {}).items()}
    default, factor = said.get("default"), said.get("times")
    without = {as_text(each) for each in said.get("without") or ()}

    def change(document: Document) -> Any:
        got = of(document)
        if got is None or as_text(got) in without:
            return default
        if table:
            return table.get(as_text(got), default)
        if factor is not None:
            number = as_number(got)
            return default if number is None else number * factor
        return got

    return change


def condition(said: Any) -> Condition:
    """A test of a document: {has: [paths], lacks: [paths], equals: {path: value or list of values}}; all must hold."""
    _only_keys(said, frozenset({"has", "lacks", "equals"}), "a condition")
    tests = [_is_there(at(path), True) for path in said.get("has") or ()]
    tests += [_is_there(at(path), False) for path in said.get("lacks") or ()]
    tests += [_equals(at(path), wanted) for path, wanted in (said.get("equals") or {}).items()]
    return lambda document: all(test(document) for test in tests)


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
        return float(got) if isinstance(got, str) and len(got) < 40 else None
    except ValueError:
        return None
