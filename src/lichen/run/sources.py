"""Sources told to people: every sensor that is read, what a file is taken for, and a first mapping from a sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lichen import assemble, catalogue
from lichen.collect.explained import Explained, explained
from lichen.collect.inputs.blocks import Cutter
from lichen.collect.inputs.files import FileSource
from lichen.collect.mapping import load_mappings, with_own
from lichen.collect.readers.choose import BUILT_IN, documents_of
from lichen.collect.readers.forms import FORMS
from lichen.collect.skeleton import skeleton
from lichen.config import Settings
from lichen.core.errors import InputError

LINES = 1000  # of a sample


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor that is read."""

    name: str
    title: str
    formats: tuple[str, ...]
    provenance: str
    kinds: tuple[str, ...]


def sensors(settings: Settings) -> list[Sensor]:
    """Every sensor, by name. Raises ConfigError for a mapping that is at fault."""
    found = [Sensor(each.name, each.title, each.layouts, each.provenance, each.kinds) for each in BUILT_IN]
    for mapping in with_own(load_mappings(catalogue.content("mappings")), settings.mappings):
        kinds = tuple(dict.fromkeys(record.kind for record in mapping.records))
        found.append(Sensor(mapping.name, mapping.title, mapping.formats, mapping.provenance, kinds))
    return sorted(found, key=lambda sensor: sensor.name)


def explain(settings: Settings, path: Path | str) -> Iterator[Explained]:
    """Every stream under a path, explained. Raises InputError and ConfigError."""
    return explained(_source(settings, path).survey)


def new(settings: Settings, path: Path | str, name: str) -> str:
    """The text of a first mapping for the documents of a file. Raises InputError."""
    survey = _source(settings, path).survey
    for origin in survey.origins():
        seen = survey.look(origin)
        lines = Cutter(settings.line_limit_bytes).add(seen.head + b"\n").text[:LINES]
        for form in FORMS.values():
            documents, _ = documents_of(form, lines)
            if documents and len(documents) * 2 > len(lines):
                try:
                    text = skeleton(documents, name)
                except ValueError as error:
                    raise InputError(
                        str(error), place=origin.place, remedy="add one, or name another sample"
                    ) from error
                return text if form.name == "json" else text.replace("\ndetect:", f"\nformats: {form.name}\ndetect:", 1)
    raise InputError("no documents in it", place=str(path), remedy="a sample is JSON, one object a line, or logfmt")


def _source(settings: Settings, path: Path | str) -> FileSource:
    return FileSource(
        [path],
        settings=settings,
        inventory=assemble.inventory_of(settings),
        mappings=catalogue.content("mappings"),
        notes=[],
    )
