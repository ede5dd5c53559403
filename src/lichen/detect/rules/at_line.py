"""The line on which a rule fires: an event may have many, and each is judged for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from lichen.core.batch import Batch, Rows, Shape
from lichen.detect.rules.event_fields import column_of, texts_of
from lichen.detect.rules.rule import Rule
from lichen.detect.rules.sigma_match import Matcher

VALUE_LIMIT = 512  # characters of a value that are told
FIELDS_LIMIT = 32  # of one line that are told


def as_lines(batch: Batch, shape: Shape) -> Batch:
    """The batch as one of its shapes reads it: every line an event of its own."""
    events = shape.events_of(np.arange(shape.fields.num_rows))
    taken = pa.array(events)
    alone = Shape(shape.source, shape.fields, None, shape.keywords)
    return Batch(
        batch.stream, batch.kind, batch.text.take(taken), batch.offset[events], batch.view.take(taken), (alone,)
    )


def first_lines(matcher: Matcher, batch: Batch, fired: Mapping[int, Rows]) -> Iterator[tuple[int, int, Shape, int]]:
    """(rule, event row, shape, line) of the first line on which each rule fires on each event; `fired`: what the
    matcher said of the batch."""
    if not fired:
        return
    rows = np.unique(np.concatenate(list(fired.values())))
    cut = batch.take(rows)
    seen: set[tuple[int, int]] = set()
    for shape in cut.shapes:
        if not shape.fields.num_rows:
            continue
        for rule, lines in matcher.match(as_lines(cut, shape)).rows.items():
            for line, event in zip(lines.tolist(), shape.events_of(lines).tolist(), strict=True):
                if (rule, event) not in seen:
                    seen.add((rule, event))
                    yield rule, int(rows[event]), shape, line


def values_at(shape: Shape, line: int, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What a line has under these names; those without a value are left out."""
    found = {}
    for name in names:
        column = column_of(shape.fields, name)
        texts = None if column is None else texts_of(column[line].as_py())
        if texts is not None:
            found[name] = texts
    return found


def matched_fields(rule: Rule, shape: Shape, line: int) -> dict[str, str]:
    """The fields that the rule reads, as they stand in the line, of bounded number and length."""
    found = values_at(shape, line, rule.fields[:FIELDS_LIMIT])
    return {name: shortened(", ".join(texts)) for name, texts in found.items()}


def shortened(text: str) -> str:
    """The text, of bounded length."""
    return text if len(text) <= VALUE_LIMIT else f"{text[:VALUE_LIMIT]}… ({len(text):,} characters)"
