"""Event log channels and ids to Sigma's log sources and field names (content/logsources/*.yml)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from lichen.core.batch import LogSource
from lichen.core.errors import ConfigError
from lichen.core.plain_yaml import plain_yaml

REMEDY = "see content/logsources/windows.yml"
_ENTRY_KEYS = frozenset({"channel", "event_id", "sources", "rename"})
_SOURCE_KEYS = frozenset({"product", "category", "service"})

Rename = Mapping[str, str]
Offered = tuple[tuple[LogSource, Rename], ...]


@dataclass(frozen=True, slots=True)
class LogSources:
    """What a channel's events are to Sigma. `by_channel`: casefolded channel -> event id (None: every id) -> log
    sources and renames (own field -> Sigma's name; fields that are not renamed keep their names). `values`: Sigma's
    name of a renamed field -> own value -> how Sigma's rules write it."""

    by_channel: Mapping[str, Mapping[int | None, Offered]]
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, channel: str, event_id: int | None) -> Offered:
        """Log sources and renames of one event: those of its id first, then those of its whole channel."""
        of_channel = self.by_channel.get(channel.casefold())
        if of_channel is None:
            return ()
        own = of_channel.get(event_id, ()) if event_id is not None else ()
        return own + tuple(each for each in of_channel.get(None, ()) if not _said(each, own))

    def __iter__(self) -> Iterator[tuple[str, int | None, Offered]]:
        """(casefolded channel, event id or None, log sources) of every entry."""
        for channel, by_id in self.by_channel.items():
            for event_id, offered in by_id.items():
                yield channel, event_id, offered


def _said(offer: tuple[LogSource, Rename], others: Offered) -> bool:
    """Whether one of the others offers all that this one does."""
    source, rename = offer
    return any(
        rename == other_rename and replace(other, category=source.category) == source and source.category is None
        for other, other_rename in others
    )


def load_logsources(path: Path) -> LogSources:
    """Read a file of log sources. Raises ConfigError with the place and the remedy."""
    try:
        loaded = plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot be read: {error}", place=str(path), remedy=REMEDY) from error
    if not isinstance(loaded, dict) or not loaded.keys() <= {"logsources", "values"}:
        raise ConfigError("it has the keys logsources and values", place=str(path), remedy=REMEDY)
    by_channel: dict[str, dict[int | None, Offered]] = {}
    for number, entry in enumerate(loaded.get("logsources") or []):
        channel, event_id, offered = _entry(entry, f"{path}: logsources[{number}]")
        by_id = by_channel.setdefault(channel.casefold(), {})
        by_id[event_id] = by_id.get(event_id, ()) + offered
    values = {
        str(name): {str(own): str(said) for own, said in table.items()}
        for name, table in (loaded.get("values") or {}).items()
    }
    return LogSources(by_channel, values)


def _entry(entry: Any, place: str) -> tuple[str, int | None, Offered]:
    if not isinstance(entry, dict) or not {"channel", "sources"} <= entry.keys() <= _ENTRY_KEYS:
        raise ConfigError("an entry has channel, sources and perhaps event_id, rename", place=place, remedy=REMEDY)
    event_id = entry.get("event_id")
    if event_id is not None and not isinstance(event_id, int):
        raise ConfigError(f"event_id is no number: {event_id!r}", place=place, remedy=REMEDY)
    rename = {str(own): str(name) for own, name in (entry.get("rename") or {}).items()}
    sources = []
    for source in entry["sources"]:
        if not isinstance(source, dict) or not source.keys() <= _SOURCE_KEYS:
            raise ConfigError(f"not a log source: {source!r}", place=place, remedy=REMEDY)
        sources.append((LogSource(**source), rename))
    return str(entry["channel"]), event_id, tuple(sources)
