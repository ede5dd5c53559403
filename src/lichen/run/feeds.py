"""Feeds: indicator lists that a store keeps, from files and URLs, and how they are brought up to date.

The list stands in `STORE/indicators/NAME.txt|csv|json`, what it came from in `STORE/feeds/NAME.json`. A new version
replaces the old one in one step, and only where it could be read and holds anything.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from lichen import assemble
from lichen.config import Settings
from lichen.core.errors import ConfigError, InputError, RuleError
from lichen.detect.rules.indicators.lists import IndicatorList
from lichen.detect.rules.indicators.load import ABOUT, FILE_LIMIT_BYTES, SUFFIXES, load_list
from lichen.run.fetch import Answer, fetch_changed

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Feed(msgspec.Struct, frozen=True):
    """Where a list comes from, and what was fetched last. `checked` and `changed` in µs UTC."""

    name: str
    source: str  # URL or path
    suffix: str
    indicators: int = 0
    refused: int = 0
    checked: int = 0
    changed: int = 0
    etag: str = ""
    modified: str = ""
    allow_private: bool = False

    @property
    def is_remote(self) -> bool:
        return "://" in self.source


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A feed after it was asked: `loaded` is None where nothing changed."""

    feed: Feed
    loaded: IndicatorList | None
    faults: tuple[RuleError, ...] = ()


def feeds(settings: Settings) -> list[Feed]:
    """The feeds of a store, by name."""
    return [_read(path) for path in sorted((settings.store / "feeds").glob("*.json"))]


def add(
    settings: Settings,
    source: str,
    name: str | None = None,
    about: Mapping[str, Any] | None = None,
    allow_private: bool = False,
) -> Refreshed:
    """Takes a list into the store. Raises ConfigError where the name is taken or none, InputError where nothing of the
    source can be had or read."""
    if "://" not in source:
        source = str(Path(source).resolve())
    stem = name or name_of(source)
    if not NAME.fullmatch(stem):
        raise ConfigError(f"{stem!r} is no name of a list", place=source, remedy="give one with --name")
    if any(feed.name == stem for feed in feeds(settings)):
        raise ConfigError(f"a list named {stem} is there", place=source, remedy="lichen intel refresh, or --name")
    said = {key: value for key, value in (about or {}).items() if value not in (None, (), [], "")}
    folder = assemble.indicators_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    if said:
        text = yaml.safe_dump({**said, "title": said.get("title", stem.replace("_", " "))}, allow_unicode=True)
        (folder / (stem + ABOUT)).write_text(text, encoding="utf-8")
    try:
        return refresh(settings, Feed(stem, source, "", allow_private=allow_private))
    except BaseException:
        (folder / (stem + ABOUT)).unlink(missing_ok=True)
        raise


def name_of(source: str) -> str:
    """The name that a source suggests."""
    path = urlsplit(source).path if "://" in source else source
    return re.sub(r"[^A-Za-z0-9_-]+", "_", Path(path).stem).strip("_-")[:64]


def refresh(settings: Settings, feed: Feed) -> Refreshed:
    """Asks a feed for news. Raises InputError where it cannot be had, or holds nothing that can be read: the old list
    then stays in force."""
    now = time.time_ns() // 1000
    data, answer = _content(feed)
    if data is None:
        checked = msgspec.structs.replace(feed, checked=now)
        _write(settings, checked)
        return Refreshed(checked, None)
    folder = assemble.indicators_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    suffix = _suffix(feed.source, data)
    place = folder / (feed.name + suffix)
    if place.exists() and place.read_bytes() == data:
        checked = msgspec.structs.replace(feed, checked=now, etag=answer.etag, modified=answer.modified)
        _write(settings, checked)
        return Refreshed(checked, None)
    faults: list[RuleError] = []
    incoming = settings.store / "feeds" / ".incoming"
    loaded = _loaded(incoming, folder, feed.name, suffix, data, faults)
    if loaded is None or not len(loaded):
        why = faults[0].fault if faults else "it is empty"
        raise InputError(f"holds no indicator that can be read: {why}", place=feed.source, remedy="check the source")
    os.replace(incoming / place.name, place)
    for other in SUFFIXES:
        if other != suffix:
            (folder / (feed.name + other)).unlink(missing_ok=True)
    counted = msgspec.structs.replace(
        feed, suffix=suffix, indicators=len(loaded), refused=len(faults), checked=now, changed=now,
        etag=answer.etag, modified=answer.modified,
    )  # fmt: skip
    _write(settings, counted)
    return Refreshed(counted, loaded, tuple(faults))


def _loaded(
    incoming: Path, folder: Path, name: str, suffix: str, data: bytes, faults: list[RuleError]
) -> IndicatorList | None:
    """The list that the data would be, written where nothing else reads it yet."""
    incoming.mkdir(parents=True, exist_ok=True)
    (incoming / (name + suffix)).write_bytes(data)
    beside = folder / (name + ABOUT)
    (incoming / beside.name).write_bytes(beside.read_bytes() if beside.exists() else b"")
    return load_list(incoming / (name + suffix), faults)


def _content(feed: Feed) -> tuple[bytes | None, Answer]:
    """(the content, None where it did not change; what the server said)."""
    if feed.is_remote:
        since = Answer(None, feed.etag, feed.modified) if feed.changed else None
        answer = fetch_changed(feed.source, FILE_LIMIT_BYTES, feed.allow_private, since)
        return answer.data, answer
    path = Path(feed.source)
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            limit = f"{FILE_LIMIT_BYTES} bytes"
            raise InputError("the file is too large", place=feed.source, limit=limit, remedy="split it")
        return path.read_bytes(), Answer(None)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=feed.source, remedy="check the path") from error


def _suffix(source: str, data: bytes) -> str:
    if data.lstrip()[:1] in (b"{", b"["):
        return ".json"
    suffix = Path(urlsplit(source).path).suffix.lower()
    return suffix if suffix in SUFFIXES and suffix != ".json" else ".txt"


def _read(path: Path) -> Feed:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Feed)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"no feed: {error}", place=str(path), remedy="remove it and add the feed again") from error


def _write(settings: Settings, feed: Feed) -> None:
    folder = settings.store / "feeds"
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / f".{feed.name}"
    whole.write_bytes(msgspec.json.encode(feed))
    os.replace(whole, folder / f"{feed.name}.json")


def named(settings: Settings, names: Sequence[str]) -> list[Feed]:
    """The feeds of these names; of none, all. Raises ConfigError for a name that is none."""
    known = {feed.name: feed for feed in feeds(settings)}
    for name in names:
        if name not in known:
            raise ConfigError(f"no feed is named {name}", place=str(settings.store), remedy="lichen intel list")
    return [known[name] for name in names or known]
