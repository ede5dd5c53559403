"""JSON lines by a mapping: each document's kind, columns and Sigma shapes as its mapping says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from lichen.collect.columns import Coded
from lichen.collect.event_log import LOG, log_of
from lichen.collect.identity import Facts
from lichen.collect.mapping import KNOWN_AS, Document, Offer, RecordMap, SensorMapping, as_number, as_text
from lichen.collect.readers import Fault, Lines, Reading, Rows
from lichen.collect.readers.documents import parse_document as parse_document
from lichen.collect.readers.event_shapes import event_shapes
from lichen.collect.readers.making import OTHER_ACTIVITY, Column, Context, batch_of, fields_shape
from lichen.collect.readers.times import any_time, in_range
from lichen.collect.values import Value
from lichen.core import ocsf
from lichen.core.batch import Shape

NUMBERS_AT_MOST = 65536
LOGS_AT_MOST = 1024  # that are told by name
OWN_FIELDS = 512  # of one document
OWN_COLUMNS = 4096  # of the documents of one batch
OWN_DEPTH = 8
REMEDY = "one JSON object a line; `jq -c '.[]'` makes lines of an array"
_ANYTHING = RecordMap(lambda document: True, "other", {}, {}, ())


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document, the text that it stands in, and the row of its first line."""

    row: int
    text: str
    document: Document


class JsonLinesReader:
    """Documents of one sensor."""

    def __init__(self, context: Context, mapping: SensorMapping) -> None:
        self._context, self._mapping = context, mapping
        self._records = (*mapping.records, _ANYTHING)
        self._numbers: dict[tuple[str | None, ...], int] = {}
        self._logs: dict[str, str] = {}

    def read(self, lines: Lines, last: bool) -> Reading:
        reading = Reading()
        records, times = [], []
        for record in self._parsed(lines, last, reading):
            time = any_time(self._mapping.time(record.document))
            if time is None or not in_range(time):
                reason = "no time, or none that can be one"
                remedy = f"the mapping {self._mapping.name} says which field is its time"
                reading.faults.append(Fault(record.row, reason, remedy))
                continue
            records.append(record)
            times.append(time)
        reading.latest = times[-1] if times else None
        documents = [record.document for record in records]
        rows = [record.row for record in records]
        when = np.array(times, dtype=np.int64)
        backwards = self._context.clock.ran_backwards(when)
        numbers = [self._record_of(document) for document in documents]
        groups: dict[tuple[str, str | None], list[int]] = {}
        for place, number in enumerate(numbers):
            log = log_of(documents[place]) if self._context.by_record else None
            groups.setdefault((self._records[number].kind, log), []).append(place)
        for (kind, log), places in groups.items():
            group = [(documents[place], numbers[place]) for place in places]
            columns, facts, shapes = self._columns(group)
            text = [records[place].text for place in places]
            at_rows = lines.offset[[rows[place] for place in places]]
            context = self._context
            if log is not None:
                at_rows = np.array([int(documents[place]["EventRecordID"]) for place in places], dtype=np.int64)
                context = replace(context, stream=replace(context.stream, identity=log))
                if len(self._logs) < LOGS_AT_MOST:
                    first = documents[places[0]]
                    self._logs[log] = f"{first[LOG]} of {first.get('Computer')}"
            reading.batches.append(
                batch_of(context, kind, text, at_rows, when[places], backwards[places], columns, facts, shapes)
            )
        return reading

    def state(self) -> dict[str, Any]:
        """Nothing is in hand between lines; `logs` are the logs whose records were read, by their identity."""
        return {"logs": self._logs} if self._logs else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._logs = {str(log): str(name) for log, name in state.get("logs", {}).items()}

    def _parsed(self, lines: Lines, last: bool, reading: Reading) -> Iterator[Parsed]:
        """The documents of the lines; what is none is a fault of the reading."""
        for row, line in enumerate(lines.text):
            try:
                yield Parsed(row, line, self._mapping.named(parse_document(line)))
            except ValueError as error:
                reading.faults.append(Fault(row, f"not JSON that can be read: {error}", REMEDY))

    def _record_of(self, document: Document) -> int:
        """The number of the first record whose `when` the document fulfils."""
        key = None
        if self._mapping.event_log is not None:  # these records are told apart by channel, id and provider alone
            key = (document.get(LOG), document.get("EventID"), as_text(document.get("Provider_Name")))
            if (known := self._numbers.get(key)) is not None:
                return known
        number = next(number for number, record in enumerate(self._records) if record.when(document))
        if key is not None and len(self._numbers) < NUMBERS_AT_MOST:
            self._numbers[key] = number
        return number

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
        if self._mapping.event_log is not None:
            shapes += event_shapes(self._mapping.event_log, documents)
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
        columns = own_columns(documents)
        for name, get in offer.also.items():
            columns[name] = Coded.of([as_text(get(document)) for document in documents])
    else:
        columns = {
            name: Coded.of([as_text(get(document)) for document in documents]) for name, get in offer.fields.items()
        }
    return fields_shape(offer.source, columns, len(documents), event)


def own_columns(documents: Sequence[Document]) -> dict[str, Column]:
    """The documents' fields under their own dotted names, a column each; most have few of them."""
    rows: dict[str, list[int]] = {}
    texts: dict[str, list[str | None]] = {}
    for row, document in enumerate(documents):
        for name, text in flattened(document).items():
            if name not in rows and len(rows) >= OWN_COLUMNS:
                continue
            rows.setdefault(name, []).append(row)
            texts.setdefault(name, []).append(text)
    columns: dict[str, Column] = {}
    for name, held in rows.items():
        some = Coded.of(texts[name])
        codes = np.full(len(documents), -1, dtype=np.int32)
        codes[held] = some.codes
        columns[name] = Coded(codes, some.values)
    return columns


def flattened(document: Document) -> dict[str, str | None]:
    """A document's values by dotted name, as deep as OWN_DEPTH; what is deeper, lists and objects as JSON text too. A
    list of one object gives that object's values by name, as Sigma means them."""
    fields: dict[str, str | None] = {}

    def walk(inner: Document, before: str, depth: int) -> None:
        for name, got in inner.items():
            if len(fields) >= OWN_FIELDS:
                return
            if got != {}:
                fields[f"{before}{name}"] = as_text(got)
            only = got[0] if isinstance(got, list) and len(got) == 1 else got
            if isinstance(only, dict) and depth < OWN_DEPTH:
                walk(only, f"{before}{name}.", depth + 1)

    walk(document, "", 1)
    return fields
