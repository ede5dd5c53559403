"""Mappings: a JSON sensor is one YAML file that says which of its fields is what (docs/sources.md).

What stands in it of a value is in values.py. Nothing of a mapping is ever executed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from lichen.collect.event_log import TIME, EventLog, load_event_log
from lichen.collect.readers.forms import FORMS
from lichen.collect.readers.making import CLASS_OF
from lichen.collect.values import Condition, Value, condition, only_keys, parts_of, reads, respelled, value
from lichen.collect.values import Document as Document
from lichen.collect.values import Path as FieldPath
from lichen.collect.values import as_number as as_number
from lichen.collect.values import as_text as as_text
from lichen.core import ocsf
from lichen.core.batch import LogSource
from lichen.core.errors import ConfigError
from lichen.core.plain_yaml import plain_yaml

REMEDY = "see docs/sources.md for the format of a mapping"
KEYS = frozenset(
    {
        "name",
        "title",
        "provenance",
        "detect",
        "each",
        "carry",
        "lowered",
        "time",
        "names",
        "records",
        "kind",
        "ocsf",
        "sigma",
        "last",
        "formats",
        "event_log",
    }
)
RECORD_KEYS = frozenset({"when", "kind", "names", "ocsf", "sigma"})
KNOWN_AS = frozenset({"hostname", "ip", "container", "unit", "auid", "node"})  # what an inventory may match
NAME_KEYS = KNOWN_AS | {"acting", "client", "user", "image", "group"}
OWN = "own"
OWN_COME_FIRST = 1000


@dataclass(frozen=True, slots=True)
class Offer:
    """One way in which Sigma reads the records: a log source and its fields (None: the sensor's own names, and `also`
    some that rules use instead)."""

    source: LogSource
    fields: Mapping[str, Value] | None
    also: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordMap:
    """What records that fulfil `when` become. `names`: what they are known as (KNOWN_AS), and who acts in them.
    `reads`: the paths that the view is made of."""

    when: Condition
    kind: str
    names: Mapping[str, Value]
    ocsf: Mapping[str, Value]
    sigma: tuple[Offer, ...]
    reads: frozenset[FieldPath] = frozenset()


@dataclass(frozen=True, slots=True)
class SensorMapping:
    """One sensor. `exactness`: how much `detect` asks for, so that the most exact mapping wins. `each`: where records
    stand in envelopes, and `carry`: what envelopes say of all their records (lichen.collect.inputs.documents).
    `spelled`: names in lower case -> as the sensor spells them. `formats`: the forms of its lines
    (readers/forms). `event_log`: how its documents are events of a log."""

    name: str
    title: str
    provenance: str
    detect: Condition
    exactness: int
    time: Value
    records: tuple[RecordMap, ...]
    each: tuple[tuple[str, ...], ...] = ()
    carry: frozenset[str] = frozenset()
    spelled: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ("json",)
    event_log: EventLog | None = None

    def named(self, document: Document) -> Document:
        """The document under the sensor's own names, where a lake on the way wrote them in lower case; an event of a
        log as a flat document (lichen.collect.event_log)."""
        if self.event_log is not None:
            return self.event_log.flat(document)
        return respelled(document, self.spelled) if self.spelled.keys() & document.keys() else document


def load_mappings(folder: Path) -> tuple[SensorMapping, ...]:
    """Every mapping of a folder, the most exact first. Raises ConfigError with the place and the remedy."""
    if not folder.is_dir():
        raise ConfigError("no such folder", place=str(folder), remedy="name the folder that holds the mappings")
    files = sorted(path for path in folder.glob("*.yml") if not path.name.endswith(".expected.yml"))
    mappings = [_loaded(path, (stat := path.stat()).st_mtime_ns, stat.st_size) for path in files]
    return tuple(sorted(mappings, key=lambda mapping: (-mapping.exactness, mapping.name)))


def with_own(shipped: Sequence[SensorMapping], own: Sequence[Path]) -> tuple[SensorMapping, ...]:
    """The mappings with a person's own before them; one of the same name replaces ours. Raises ConfigError."""
    found = [mapping for path in own for mapping in (load_mappings(path) if path.is_dir() else [load_mapping(path)])]
    preferred = tuple(replace(mapping, exactness=mapping.exactness + OWN_COME_FIRST) for mapping in found)
    names = {mapping.name for mapping in preferred}
    return (*preferred, *(mapping for mapping in shipped if mapping.name not in names))


@lru_cache(maxsize=512)
def _loaded(path: Path, modified: int, size: int) -> SensorMapping:
    """A mapping, read once for as long as its file stays as it is."""
    return load_mapping(path)


def parse_mapping(text: str, name: str) -> SensorMapping:
    """The mapping that a text says. Raises ConfigError."""
    try:
        return _mapping(plain_yaml(text), Path(f"{name}.yml"))
    except (ValueError, TypeError, AttributeError, KeyError, yaml.YAMLError) as error:
        raise ConfigError(f"not a mapping: {error}", place=name, remedy=REMEDY) from error


def load_mapping(path: Path) -> SensorMapping:
    """One mapping. Raises ConfigError with the place and the remedy."""
    try:
        loaded = plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot be read: {error}", place=str(path), remedy=REMEDY) from error
    try:
        return _mapping(loaded, path)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigError(f"not a mapping: {error}", place=str(path), remedy=REMEDY) from error


def _mapping(loaded: Any, path: Path) -> SensorMapping:
    only_keys(loaded, KEYS, "the file")
    if loaded["name"] != path.stem:
        raise ValueError(f"name is {loaded['name']!r}, the file says {path.stem!r}")
    event_log = None
    if "event_log" in loaded:
        event_log, described = load_event_log(loaded["event_log"], path.parent)
        loaded = {"time": TIME, **loaded, "records": described}
    if unknown := set(_listed(loaded.get("formats"))) - FORMS.keys():
        raise ValueError(f"formats are of {', '.join(FORMS)}, not {sorted(unknown)}")
    names = _names(loaded.get("names") or {}, "the file")
    common = frozenset(reads([loaded["time"], loaded.get("names") or {}]))
    if "records" in loaded:
        if "kind" in loaded:
            raise ValueError("kind stands in each of the records, or in the file where there are none")
        shared = {"ocsf": loaded.get("ocsf") or {}, "sigma": loaded.get("sigma") or ()}
        each = enumerate(_with_shared(record, shared) for record in loaded["records"])
        records = tuple(_record(record, names, common, f"records[{place}]") for place, record in each)
    else:
        own = {key: loaded[key] for key in RECORD_KEYS - {"when", "names"} if key in loaded}
        records = (_record(own, names, common, "the file"),)
    return SensorMapping(
        name=loaded["name"],
        title=str(loaded["title"]),
        provenance=str(loaded["provenance"]),
        detect=condition(loaded["detect"]),
        exactness=0 if loaded.get("last") else 1 + exactness_of(loaded["detect"]),
        time=value(loaded["time"]),
        records=records,
        each=tuple(parts_of(path) for path in _listed(loaded.get("each"))),
        carry=frozenset(_listed(loaded.get("carry"))),
        formats=tuple(_listed(loaded.get("formats")) or ["json"]),
        event_log=event_log,
        spelled={name.lower(): name for name in _listed(loaded.get("lowered")) if name.lower() != name},
    )


def exactness_of(detect: Mapping[str, Any]) -> int:
    """How much a condition asks for; of alternatives the least."""
    least = min((exactness_of(each) for each in detect.get("any") or ()), default=0)
    return least + sum(len(asked) for key, asked in detect.items() if key != "any")


def _listed(said: Any) -> list[str]:
    """A text or a list of texts."""
    listed = said if isinstance(said, list) else [] if said is None else [said]
    if not all(isinstance(each, str) and each for each in listed):
        raise ValueError(f"neither a name nor a list of names: {said!r}")
    return listed


def _names(loaded: Any, where: str) -> dict[str, Value]:
    only_keys(loaded, NAME_KEYS, f"{where}: names")
    return {key: value(said) for key, said in loaded.items()}


def _with_shared(record: Any, shared: Mapping[str, Any]) -> Any:
    """A record with the columns and offers that stand in the file for all of them; its own come first."""
    if not isinstance(record, dict):
        return record
    columns = {**shared["ocsf"], **(record.get("ocsf") or {})}
    return {**record, "ocsf": columns, "sigma": record.get("sigma", shared["sigma"])}


def _record(loaded: Any, names: Mapping[str, Value], common: frozenset[FieldPath], where: str) -> RecordMap:
    only_keys(loaded, RECORD_KEYS, where)
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
        reads=frozenset([*reads([loaded.get("ocsf") or {}, loaded.get("names") or {}]), *common]),
    )


def _offer(loaded: Any, where: str) -> Offer:
    only_keys(loaded, frozenset({"source", "fields", "also"}), f"{where}: sigma")
    only_keys(loaded["source"], frozenset({"product", "category", "service"}), f"{where}: source")
    fields = loaded["fields"]
    own = None if fields == OWN else {name: value(said) for name, said in fields.items()}
    also = {name: value(said) for name, said in (loaded.get("also") or {}).items()}
    if also and own is not None:
        raise ValueError(f"{where}: sigma: `also` goes with `fields: own` only")
    return Offer(LogSource(**loaded["source"]), own, also)
