"""JSON lines by a mapping: each document's kind, columns and Sigma shapes as its mapping says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from lichen.collect.columns import Coded
from lichen.collect.identity import Facts
from lichen.collect.mapping import KNOWN_AS, Document, Offer, RecordMap, SensorMapping, Value, as_number, as_text
from lichen.collect.readers import Fault, Lines, Reading, Rows
from lichen.collect.readers.making import OTHER_ACTIVITY, Column, Context, batch_of, fields_shape
from lichen.collect.readers.times import any_time, in_range
from lichen.core import ocsf
from lichen.core.batch import Shape

DEEPEST = 64
OWN_FIELDS = 128
OWN_DEPTH = 6
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_BAD_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\x")
REMEDY = "one JSON object a line; `jq -c '.[]'` makes lines of an array"
_ANYTHING = RecordMap(lambda document: True, "other", {}, {}, ())


class TooDeep(ValueError):
    """A document nested deeper than DEEPEST."""


def parse_document(line: str) -> Document:
    """The JSON object of a line. Raises ValueError (TooDeep for one nested too deeply)."""
    if line.count("[") + line.count("{") > DEEPEST and depth_of(line) > DEEPEST:
        raise TooDeep(f"nested deeper than {DEEPEST}")
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        if "\\x" not in line:
            raise
        document = orjson.loads(_BAD_ESCAPE.sub(r"\1\\\\x", line))  # bytes that were not UTF-8, written as \xNN
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document


def depth_of(line: str) -> int:
    """How deeply a line's JSON is nested, strings left out."""
    deepest = depth = 0
    for sign in re.findall(r"[\[\]{}]", _STRING.sub("", line)):
        depth += 1 if sign in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


class JsonLinesReader:
    """Documents of one sensor."""

    def __init__(self, context: Context, mapping: SensorMapping) -> None:
        self._context, self._mapping = context, mapping
        self._records = (*mapping.records, _ANYTHING)

    def read(self, lines: Lines, last: bool) -> Reading:
        reading = Reading()
        rows, documents, times = [], [], []
        for row, line in enumerate(lines.text):
            try:
                document = parse_document(line)
            except ValueError as error:
                reading.faults.append(Fault(row, f"not JSON that can be read: {error}", REMEDY))
                continue
            time = any_time(self._mapping.time(document))
            if time is None or not in_range(time):
                reason = "no time, or none that can be one"
                reading.faults.append(Fault(row, reason, f"content/mappings/{self._mapping.name}.yml names its field"))
                continue
            rows.append(row)
            documents.append(document)
            times.append(time)
        when = np.array(times, dtype=np.int64)
        backwards = self._context.clock.ran_backwards(when)
        numbers = [self._record_of(document) for document in documents]
        by_kind: dict[str, list[int]] = {}
        for place, number in enumerate(numbers):
            by_kind.setdefault(self._records[number].kind, []).append(place)
        for kind, places in by_kind.items():
            group = [(documents[place], numbers[place]) for place in places]
            columns, facts, shapes = self._columns(group)
            chosen = [rows[place] for place in places]
            text = [lines.text[row] for row in chosen]
            at_rows = lines.offset[chosen]
            reading.batches.append(
                batch_of(self._context, kind, text, at_rows, when[places], backwards[places], columns, facts, shapes)
            )
        return reading

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing is in hand between lines."""

    def _record_of(self, document: Document) -> int:
        """The number of the first record whose `when` the document fulfils."""
        return next(number for number, record in enumerate(self._records) if record.when(document))

    def _columns(self, group: Sequence[tuple[Document, int]]) -> tuple[dict[str, Column], Facts, list[Shape]]:
        """Columns of documents of one kind, each by its own record."""
        documents = [document for document, _ in group]
        numbers = sorted({number for _, number in group})
        columns: dict[str, Column] = {
            "metadata.product.name": Coded.constant(self._mapping.name, len(group)),
            "activity_id": [OTHER_ACTIVITY] * len(group),
        }
        for name in dict.fromkeys(name for number in numbers for name in self._records[number].ocsf):
            by_record = {number: self._records[number].ocsf for number in numbers}
            columns[name] = column_of(_values(group, by_record, name), ocsf.VIEW[name])
        if "http_response.code" in columns and "status_id" not in columns:
            columns["status_id"] = _status(columns["http_response.code"])
        shapes = []
        for number in numbers:
            places = [place for place, (_, own) in enumerate(group) if own == number]
            event = None if len(places) == len(group) else np.array(places, dtype=np.int64)
            of_record = [documents[place] for place in places]
            shapes += [_shape(offer, of_record, event) for offer in self._records[number].sigma]
        facts = self._facts(group, numbers)
        if "hostname" in facts.known_as:
            columns.setdefault("device.hostname", facts.known_as["hostname"])
        return columns, facts, shapes

    def _facts(self, group: Sequence[tuple[Document, int]], numbers: Sequence[int]) -> Facts:
        by_record = {number: self._records[number].names for number in numbers}
        named = {
            key: Coded.of([as_text(got) for got in _values(group, by_record, key)])
            for key in dict.fromkeys(key for names in by_record.values() for key in names)
        }
        known_as = {key: column for key, column in named.items() if key in KNOWN_AS}
        return Facts(known_as, **{key: column for key, column in named.items() if key not in KNOWN_AS})


def _values(
    group: Sequence[tuple[Document, int]], by_record: Mapping[int, Mapping[str, Value]], name: str
) -> list[Any]:
    """What each document's own record says of a name."""
    getters = {number: values.get(name, _nothing) for number, values in by_record.items()}
    return [getters[number](document) for document, number in group]


def _nothing(document: Document) -> None:
    return None


def column_of(values: Sequence[Any], kind: pa.DataType) -> Column:
    """One column of the view; what does not fit its type is null."""
    if kind == ocsf.TEXT:
        return Coded.of([as_text(value) for value in values])
    numbers = [as_number(value) for value in values]
    if pa.types.is_integer(kind):
        return [round(number) if number is not None and abs(number) < 1 << 53 else None for number in numbers]
    return numbers


def _status(codes: Column) -> Column:
    assert isinstance(codes, list)
    return [None if code is None else ocsf.SUCCESS if code < 400 else ocsf.FAILURE for code in codes]


def _shape(offer: Offer, documents: Sequence[Document], event: Rows | None) -> Shape:
    if offer.fields is None:
        flat = [flattened(document) for document in documents]
        names = list(dict.fromkeys(name for fields in flat for name in fields))[:OWN_FIELDS]
        columns: dict[str, Column] = {name: Coded.of([fields.get(name) for fields in flat]) for name in names}
    else:
        columns = {
            name: Coded.of([as_text(get(document)) for document in documents]) for name, get in offer.fields.items()
        }
    return fields_shape(offer.source, columns, len(documents), event)


def flattened(document: Document) -> dict[str, str | None]:
    """A document's values by dotted name, as deep as OWN_DEPTH; what is deeper, and lists, as JSON text."""
    fields: dict[str, str | None] = {}

    def walk(inner: Document, before: str, depth: int) -> None:
        for name, got in inner.items():
            if isinstance(got, dict) and depth < OWN_DEPTH:
                walk(got, f"{before}{name}.", depth + 1)
            elif len(fields) < OWN_FIELDS:
                fields[f"{before}{name}"] = as_text(got)

    walk(document, "", 1)
    return fields
