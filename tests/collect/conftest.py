"""What the tests of collect share: a scan of files, told as plain events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lichen.collect.identity import Inventory
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import Batch, DeadLetter, Delivery, LogSource, Position

MAPPINGS = Path(__file__).parents[2] / "content" / "mappings"


@dataclass
class Scanned:
    """The deliveries of one scan, and the same told plainly."""

    deliveries: list[Delivery]
    notes: list[str] = field(default_factory=list)

    @property
    def batches(self) -> list[Batch]:
        return [batch for delivery in self.deliveries for batch in delivery.batches]

    @property
    def letters(self) -> list[DeadLetter]:
        return [letter for delivery in self.deliveries for letter in delivery.dead_letters]

    @property
    def positions(self) -> dict[str, Position]:
        return {delivery.position.stream: delivery.position for delivery in self.deliveries}

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Events in the order of their places, each with its view's columns that are not null, and id, text, kind."""
        told = []
        for batch in self.batches:
            if kind not in (None, batch.kind):
                continue
            ids = batch.event_ids(range(len(batch)))
            for row, view in enumerate(batch.view.to_pylist()):
                event = {name: got for name, got in view.items() if got is not None}
                event |= {"id": ids[row], "text": batch.text[row].as_py(), "kind": batch.kind}
                event |= {"offset": int(batch.offset[row]), "place": batch.stream.place}
                told.append(event)
        return sorted(told, key=lambda event: (event["place"], event["offset"]))

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events()]

    def lines(self, source: LogSource) -> list[dict[str, str]]:
        """What Sigma reads under a log source: the fields of each line that are not null."""
        rows = []
        for batch in self.batches:
            for shape in batch.shapes:
                if shape.source == source:
                    rows += [{k: v for k, v in line.items() if v is not None} for line in shape.fields.to_pylist()]
        return rows


Scan = Callable[..., Scanned]


def source_of(
    paths: Sequence[Path | str],
    inventory: Inventory | None = None,
    mappings: Path = MAPPINGS,
    notes: list[str] | None = None,
    **settings: Any,
) -> FileSource:
    """A source over paths with small settings; nothing is waited for."""
    source = FileSource(
        list(paths),
        settings=Settings(**settings),
        inventory=inventory,
        mappings=mappings,
        notes=[] if notes is None else notes,
    )
    source.settle_seconds = 0.0
    return source


@pytest.fixture
def scan() -> Scan:
    """Scan paths from the given positions: scan(path, …, since={}, inventory=None, **settings)."""

    def scan_paths(*paths: Path | str, since: Mapping[str, Position] | None = None, **options: Any) -> Scanned:
        notes: list[str] = []
        source = source_of(paths, notes=notes, **options)
        return Scanned(list(source.read(since or {})), notes)

    return scan_paths


@pytest.fixture
def golden() -> Iterator[Path]:
    """The folder of recorded lines with what they must become."""
    return Path(__file__).parent / "golden"
