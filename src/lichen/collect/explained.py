"""What a file is taken for and why: its format, first rows, fields that nothing reads, log sources, dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lichen.collect.inputs.blocks import Cutter
from lichen.collect.inputs.reading import StreamReading
from lichen.collect.inputs.survey import Seen, Survey
from lichen.collect.offered import Offered
from lichen.collect.readers.choose import SAMPLE, Wanted, candidates, documents_of
from lichen.collect.readers.forms import FORMS
from lichen.collect.unmapped import Share, count
from lichen.core.batch import Batch, DeadLetter, Delivery
from lichen.core.time import to_text

DELIVERIES = 32  # of a stream that are looked at
ROWS = 3
LETTERS = 5


@dataclass(slots=True)
class Explained:
    """One stream. `taken_for` None: not read. `why`: of how many of the first lines each format is. `whole`: whether
    all of the stream was looked at. `share`: what a mapping reads of the fields; None of sensors without one."""

    place: str
    taken_for: str | None
    sensor: str | None = None
    converted: str | None = None
    why: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    offered: Offered = field(default_factory=Offered)
    share: Share | None = None
    letters: list[DeadLetter] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    whole: bool = True


def explained(survey: Survey) -> Iterator[Explained]:
    """Every stream under the survey's paths."""
    for origin in survey.origins():
        seen = survey.look(origin)
        found = Explained(origin.place, seen.format.told if seen.format else None, converted=seen.origin.converted)
        _say_why(found, survey, seen)
        begun = survey.begin(seen, {})
        if isinstance(begun, StreamReading):
            found.sensor = begun.format.sensor
            try:
                _read(found, begun)
            finally:
                begun.close()
        elif begun is not None:
            _count(found, begun)
        yield found


def _say_why(found: Explained, survey: Survey, seen: Seen) -> None:
    sample = [line for line in Cutter(survey.limits.line).add(seen.head).text if line.strip()][:SAMPLE]
    if survey.wanted is not None:
        found.why.append("as you said")
    for agreed, fmt in sorted(candidates(sample, survey.mappings, Wanted()), key=lambda pair: -pair[0]):
        found.why.append(f"{agreed} of the first {len(sample)} lines: {fmt.told}")
    if seen.format is not None and (mapping := seen.format.mapping) is not None:
        documents, _ = documents_of(FORMS[seen.format.layout], sample)
        found.share = Share()
        for document in map(mapping.named, documents):
            record = next((record for record in mapping.records if record.when(document)), None)
            count(found.share, document, record)


def _read(found: Explained, reading: StreamReading) -> None:
    for number, delivery in enumerate(reading.advance()):
        if number >= DELIVERIES:
            found.whole = False
            return
        _count(found, delivery)
    for delivery in reading.finish():
        _count(found, delivery)


def _count(found: Explained, delivery: Delivery) -> None:
    for batch in delivery.batches:
        found.kinds[batch.kind] += len(batch)
        found.offered.add(batch)
        found.rows += _rows(batch, ROWS - len(found.rows))
    for letter in delivery.dead_letters:
        found.reasons[letter.reason] += 1
        if len(found.letters) < LETTERS:
            found.letters.append(letter)


def _rows(batch: Batch, most: int) -> Sequence[dict[str, Any]]:
    """The first events as the view has them, what is null left out."""
    rows = []
    for row in batch.view.slice(0, max(0, most)).to_pylist():
        told = {name: got for name, got in row.items() if got is not None and got is not False}
        time = told.pop("time")
        rows.append({"kind": batch.kind, "time": to_text(round(time.timestamp() * 1_000_000)), **told})
    return rows
