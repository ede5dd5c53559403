"""How much of what a JSON sensor says its mapping does not read into the view: counted over a sample of documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lichen.collect.mapping import RecordMap, SensorMapping
from lichen.collect.readers.json_lines import parse_document
from lichen.collect.values import Path as FieldPath
from lichen.core.batch import Batch

SAMPLED = 500  # documents of a sensor
LEAVES = 1000  # of one document
DEEPEST = 16


@dataclass(slots=True)
class Share:
    """Leaf fields of the documents looked at, those of them that no column reads, and how often each name of these
    was seen."""

    documents: int = 0
    leaves: int = 0
    unread: int = 0
    names: dict[str, int] = field(default_factory=dict)

    @property
    def unmapped(self) -> float:
        """The share of leaf fields that the mapping does not read into the view, 0 to 1."""
        return self.unread / self.leaves if self.leaves else 0.0

    def most(self, count: int) -> list[str]:
        """The names that are most often unread."""
        return sorted(self.names, key=lambda name: (-self.names[name], name))[:count]


@dataclass(slots=True)
class Unmapped:
    """Shares by sensor; only of sensors that a mapping reads, since the others have readers of their own."""

    mappings: Mapping[str, SensorMapping]
    shares: dict[str, Share] = field(default_factory=dict)

    @classmethod
    def of(cls, mappings: Sequence[SensorMapping]) -> Unmapped:
        return cls({mapping.name: mapping for mapping in mappings})

    def add(self, batch: Batch) -> None:
        """Count one more batch, until SAMPLED documents of its sensor were looked at."""
        mapping = self.mappings.get(batch.stream.sensor)
        if mapping is None:
            return
        share = self.shares.setdefault(mapping.name, Share())
        for text in batch.text[: max(0, SAMPLED - share.documents)]:
            try:
                document = mapping.named(parse_document(text.as_py()))
            except ValueError:
                continue
            record = next((record for record in mapping.records if record.when(document)), None)
            count(share, document, record)


def count(share: Share, document: dict[str, Any], record: RecordMap | None) -> None:
    """Add a document to a share, read as its record says."""
    read = {".".join(_without_places(path)) for path in record.reads} if record is not None else set()
    share.documents += 1
    for number, leaf in enumerate(leaves_of(document)):
        if number >= LEAVES:
            break
        share.leaves += 1
        parts = ".".join(leaf).split(".")  # some sensors write the dots into the names
        if not any(".".join(parts[:length]) in read for length in range(1, len(parts) + 1)):
            share.unread += 1
            name = ".".join(leaf)
            if name in share.names or len(share.names) < LEAVES:
                share.names[name] = share.names.get(name, 0) + 1


def leaves_of(value: Any, before: FieldPath = ()) -> Iterator[FieldPath]:
    """The paths of a document's values, without places in lists; what is null or empty is none."""
    if isinstance(value, dict) and len(before) < DEEPEST:
        for name, inner in value.items():
            yield from leaves_of(inner, (*before, name))
    elif isinstance(value, list) and len(before) < DEEPEST:
        for inner in value[:LEAVES]:
            yield from leaves_of(inner, before)
    elif value not in (None, "", [], {}):
        yield before


def _without_places(path: FieldPath) -> FieldPath:
    return tuple(part for part in path if not part.isdecimal())
