"""Loading indicator lists: a file is a list, named by its stem; a MISP feed's folder (with manifest.json) is one too.

Beside a list `NAME.about.yml` may say what holds of it as a whole (the fields of `About`); plain text and CSV can say
the same in `# name: text` lines at their top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from lichen.core.errors import RuleError
from lichen.core.plain_yaml import plain_yaml
from lichen.detect.rules.indicators.collected import Collected
from lichen.detect.rules.indicators.entry import About
from lichen.detect.rules.indicators.lists import IndicatorList
from lichen.detect.rules.indicators.read_lines import Fault, read_csv, read_text
from lichen.detect.rules.indicators.read_misp import looks_like_misp, read_misp
from lichen.detect.rules.indicators.read_stix import looks_like_stix, read_stix
from lichen.detect.rules.indicators.warning import Warnings, load_warnings

FILE_LIMIT_BYTES = 256 << 20
FAULTS_TOLD = 1000  # of one file; the rest is counted
SUFFIXES = (".txt", ".csv", ".json")
MANIFEST, ABOUT = "manifest.json", ".about.yml"
TOP_LINES = 64
_ABOUT = re.compile(r"#\s*(\w+)\s*:\s*(.+)")
_NUMBERS = {"confidence": int, "half_life_days": float, "least_confidence": int, "tlsh_distance": int}


def load_indicators(
    places: Iterable[Path], warnings: Iterable[Path] = ()
) -> tuple[tuple[IndicatorList, ...], tuple[RuleError, ...]]:
    """The lists in files and folders, and what of them could not be read, each with its line. `warnings` are files and
    folders of warning lists, whose members are never a match."""
    known_good, faults = load_warnings(warnings)
    lists: dict[str, IndicatorList] = {}
    refused = list(faults)
    for path in _files(places):
        if path.stem in lists:
            fault = f"a list named {path.stem} is loaded already"
            refused.append(RuleError(fault, place=str(path), remedy="rename the file"))
            continue
        loaded = load_list(path, refused, known_good)
        if loaded is not None:
            lists[path.stem] = loaded
    return tuple(lists.values()), tuple(refused)


def load_list(path: Path, refused: list[RuleError], warnings: Warnings | None = None) -> IndicatorList | None:
    """One list from a file or a MISP feed's folder; None where nothing of it can be read. Faults go to `refused`."""
    collected = Collected()
    about: dict[str, Any] = {"title": path.stem.replace("_", " ")}
    try:
        if path.is_dir():
            for member in sorted(path.glob("*.json")):
                if member.name != MANIFEST:
                    _read(member, collected, about, refused)
        else:
            _read(path, collected, about, refused)
        about |= _beside(path)
        told = _about(about)
    except (OSError, ValueError, TypeError, OverflowError, RecursionError, yaml.YAMLError) as error:
        fault = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        refused.append(RuleError(f"cannot be read: {fault}", place=str(path), remedy="check the file"))
        return None
    return IndicatorList(path.stem, told, collected, warnings)


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if not place.is_dir() or (place / MANIFEST).is_file():
            yield place
            continue
        feeds = [path.parent for path in sorted(place.rglob(MANIFEST))]
        yield from feeds
        for path in sorted(place.rglob("*")):
            inside = any(feed in path.parents for feed in feeds)
            if path.suffix in SUFFIXES and path.is_file() and not inside and not path.name.startswith("."):
                yield path


def _read(path: Path, into: Collected, about: dict[str, Any], refused: list[RuleError]) -> None:
    if path.stat().st_size > FILE_LIMIT_BYTES:
        limit = f"{FILE_LIMIT_BYTES} bytes"
        refused.append(RuleError("the file is too large", place=str(path), limit=limit, remedy="split it"))
        return
    if path.suffix == ".json":
        faults: Iterator[Fault] = ((0, fault) for fault in _json_faults(path, into))
    else:
        about |= _top(_lines(path))
        faults = read_csv(_lines(path), into) if path.suffix == ".csv" else read_text(_lines(path), into)
    _told(path, faults, refused)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        for line in lines:
            yield line.rstrip("\n")


def _json_faults(path: Path, into: Collected) -> Iterator[str]:
    told = json.loads(path.read_bytes())
    if looks_like_stix(told):
        yield from read_stix(told, into)
    elif looks_like_misp(told):
        yield from read_misp(told, into)
    else:
        yield "neither a MISP event nor a STIX bundle"


def _told(path: Path, faults: Iterable[Fault], refused: list[RuleError]) -> None:
    more = 0
    for count, (line, fault) in enumerate(faults):
        if count < FAULTS_TOLD:
            place = f"{path}:{line}" if line else str(path)
            refused.append(RuleError(fault, place=place, remedy="mend or remove it"))
        else:
            more += 1
    if more:
        refused.append(RuleError(f"{more} more faults", place=str(path), remedy="mend those told first"))


def _top(lines: Iterable[str]) -> dict[str, str]:
    found = (_ABOUT.fullmatch(line.strip()) for line in islice(lines, TOP_LINES) if line.startswith("#"))
    return {each[1].lower(): each[2].strip() for each in found if each}


def _beside(path: Path) -> dict[str, Any]:
    """What `NAME.about.yml` says of the list."""
    place = path.with_name(path.stem + ABOUT)
    if not place.is_file():
        return {}
    told = plain_yaml(place.read_text(encoding="utf-8")) or {}
    if not isinstance(told, dict) or not told.keys() <= set(About.__dataclass_fields__):
        raise ValueError(f"{place.name} may say only: {', '.join(About.__dataclass_fields__)}")
    return told


def _about(told: Mapping[str, Any]) -> About:
    known: dict[str, Any] = {"title": str(told["title"])[:200], "source": str(told.get("source", ""))[:500]}
    listed = told.get("techniques", ())
    parts = listed.split(",") if isinstance(listed, str) else listed
    known["techniques"] = tuple(str(each).strip().upper() for each in parts if str(each).strip())
    for name, number in _NUMBERS.items():
        if told.get(name) is not None:
            known[name] = number(told[name])
    if known.get("half_life_days", 1.0) <= 0:
        raise ValueError("half_life_days must be more than 0")
    return About(**known)
