"""Routes: how a JSON line says what it is, and which log sources of Sigma it is then.

A `Layout` names the fields that tell kinds apart, and where the sensor puts the rest. All layouts are looked for in one
line; kinds are told apart by the texts of the route fields, each distinct combination of which is resolved once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lichen.core.batch import LogSource
from lichen.core.logsources import LogSources

Values = Mapping[str, Mapping[str, str]]
Said = tuple[str | None, ...]  # the text of each route field, None where the line has none


@dataclass(frozen=True, slots=True)
class Reading:
    """One way in which rules read a line: as `source`; `own` maps Sigma's field names to the line's own (others are
    read under `prefix` and their own name), `values` says what a value is called under Sigma's name."""

    source: LogSource
    own: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    values: Values = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()

    def name_of(self, wanted: str) -> str | None:
        """The line's own name of a field that a rule reads; None where it was renamed away."""
        if wanted in self.own:
            return self.own[wanted]
        return None if wanted in self.hidden else self.prefix + wanted


class Routes(Protocol):
    """What tells kinds apart."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the route fields."""

    @property
    def guides(self) -> tuple[tuple[str, ...], ...]:
        """Sets of route fields that are worth a guess at a line's kind, the likeliest first."""

    def readings(self, said: Said) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
        """How rules read a line whose route fields say this, and which of the fields decided that."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a shipper of Windows events writes channel and event id, and under which prefix the event's own fields."""

    channel: str
    event_id: str
    prefix: str = ""
    own: Mapping[str, str] = field(default_factory=dict)


LAYOUTS = (
    Layout("Channel", "EventID"),
    Layout("log_name", "event_id", "event_data.", {"Provider_Name": "source_name", "Computer": "computer_name"}),
    Layout(
        "winlog.channel",
        "winlog.event_id",
        "winlog.event_data.",
        {"Provider_Name": "winlog.provider_name", "Computer": "winlog.computer_name"},
    ),
    Layout(
        "Event.System.Channel",
        "Event.System.EventID",
        "Event.EventData.",
        {"Computer": "Event.System.Computer", "Provider_Name": "Event.System.Provider.#attributes.Name"},
    ),
)


class WindowsRoutes:
    """Windows events in any of the layouts; the first whose channel is known decides."""

    def __init__(self, sources: LogSources, layouts: Sequence[Layout] = LAYOUTS) -> None:
        self._sources, self._layouts = sources, tuple(layouts)
        self.fields = tuple(name for layout in self._layouts for name in (layout.channel, layout.event_id))
        self.guides = tuple((layout.channel, layout.event_id) for layout in self._layouts)

    def readings(self, said: Said) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
        for layout, channel, event_id in zip(self._layouts, said[::2], said[1::2], strict=True):
            if channel is not None:
                offered = self._sources.of(channel, _number(event_id))
                if offered:
                    readings = tuple(self._reading(layout, source, rename) for source, rename in offered)
                    return readings, (layout.channel, layout.event_id)
        return (), ()

    def _reading(self, layout: Layout, source: LogSource, rename: Mapping[str, str]) -> Reading:
        own = {"Channel": layout.channel, "EventID": layout.event_id, **layout.own}
        own |= {name: layout.prefix + before for before, name in rename.items()}
        named = {name: table for name, table in self._sources.values.items() if name in set(rename.values())}
        return Reading(source, own, layout.prefix, named, frozenset(rename) - frozenset(rename.values()))


@dataclass(frozen=True, slots=True)
class Route:
    """Lines that are a log source where every condition holds: (field, text, as the line has it)."""

    conditions: tuple[tuple[str, str], ...]
    reading: Reading


class GivenRoutes:
    """Routes of any JSON sensor; a line is whatever the routes say that hold."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)
        self.fields = tuple(dict.fromkeys(name for route in routes for name, _ in route.conditions))
        self.guides = (self.fields,) if self.fields else ()

    def readings(self, said: Said) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
        by_name = dict(zip(self.fields, said, strict=True))
        holding = [
            route.reading for route in self._routes if all(by_name[name] == text for name, text in route.conditions)
        ]
        return tuple(holding), self.fields


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else None


def distinct(readings: Sequence[Reading]) -> Iterator[Reading]:
    """The readings, each once."""
    seen: list[Reading] = []
    for reading in readings:
        if reading not in seen:
            seen.append(reading)
            yield reading
