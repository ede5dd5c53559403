"""Rows: how a noun becomes the columns of a row, and how rows are put so that a replay changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from lichen.core.batch import DeadLetter
from lichen.core.belief import Belief
from lichen.core.census import CensusRow
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.store.schema import Name, escaped

Noun = TypeVar("Noun")

EVIDENCE = ("window", "subject_kind", "subject", "detector", "score_nats", "body")
CENSUS = ("detector", "stream", "start", "first_window", "last_window", "body")
BELIEF = ("window", "subject_kind", "subject", "log_odds", "unusual_p", "body")
DEAD_LETTER = ("stream", "offset", "reason", "body")


def json(value: Any) -> str:
    """A struct as JSON text."""
    return as_json(value).decode()


def as_json(value: Any) -> bytes:
    """A struct as JSON. Half surrogate pairs, which no database stores, are written as \\udcXX."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_writable(msgspec.to_builtins(value)))


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_writable(key): _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value


_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


def struct(body: str | bytes, noun: type[Noun]) -> Noun:
    """The noun that `json` wrote."""
    if noun not in _DECODERS:
        _DECODERS[noun] = msgspec.json.Decoder(noun)
    return cast(Noun, _DECODERS[noun].decode(body))


def packed(value: Any) -> bytes:
    """A value as compressed JSON, its length before it: what is many and read rarely."""
    plain = as_json(value)
    return len(plain).to_bytes(8, "little") + bytes(pa.compress(plain, codec="lz4", asbytes=True))


def unpacked(body: bytes) -> bytes:
    """The JSON that `packed` wrote."""
    return bytes(pa.decompress(body[8:], int.from_bytes(body[:8], "little"), codec="lz4", asbytes=True))


def put_all(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    keep: Sequence[str] = (),
) -> None:
    """Insert or replace rows (their values in the order of `columns`) by the table's key; the columns in `keep` stay
    as an earlier row has them. One statement for all, past the ORM's handling of each value."""
    if not rows:
        return
    statement = _upsert(connection.dialect.name, table, tuple(columns), tuple(keep))
    chosen = [isinstance(table.c[name].type, Name) for name in columns]  # text that an attacker may have chosen
    clean = [tuple(escaped(v) if name else v for name, v in zip(chosen, row, strict=True)) for row in rows]
    connection.exec_driver_sql(statement, clean)


@lru_cache(maxsize=64)
def _upsert(dialect: str, table: sa.Table, columns: tuple[str, ...], keep: tuple[str, ...]) -> str:
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    key = [column.name for column in table.primary_key]
    values = insert.values({name: sa.bindparam(name) for name in columns})
    changed = {name: values.excluded[name] for name in columns if name not in key and name not in keep}
    whole = values.on_conflict_do_update(index_elements=key, set_=changed)
    dialects: Any = {"postgresql": postgresql.dialect, "sqlite": sqlite.dialect}
    compiled = whole.compile(dialect=dialects[dialect](paramstyle="format" if dialect == "postgresql" else "qmark"))
    order = [columns.index(name) for name in compiled.positiontup or ()]
    if order != list(range(len(columns))):
        raise AssertionError(f"columns of {table.name} must be in the table's order: {columns}")
    return str(compiled)


def evidence_row(row: Evidence) -> tuple[Any, ...]:
    subject = row.subject
    return row.window, subject.kind, subject.name, row.detector, row.score_nats, json(row)


def census_rows(rows: Iterable[CensusRow]) -> list[tuple[Any, ...]]:
    """A row for each batch that a detector saw: all that it counted of it, together."""
    together: dict[tuple[str, str, int], dict[tuple[Subject, int], tuple[Any, ...]]] = {}
    for row in rows:
        subject, counts = row.subject, (row.group, row.seen, row.fired, row.missing, row.sketch)
        batch = together.setdefault((row.detector, row.stream, row.start), {})
        batch[subject, row.window] = (subject.kind, subject.name, row.window, *counts)
    found = []
    for key, counted in together.items():
        windows = [window for _, window in counted]
        found.append((*key, min(windows), max(windows), packed(list(counted.values()))))
    return found


class _Counted(msgspec.Struct, array_like=True):
    """A census row without what it shares with the others of its batch."""

    kind: str
    name: str
    window: int
    group: str
    seen: int
    fired: int
    missing: int
    sketch: tuple[int, ...]


def census_of(detector: str, stream: str, start: int, body: bytes) -> list[CensusRow]:
    """The rows that `census_rows` put together."""
    return [
        CensusRow(
            detector=detector,
            subject=Subject(one.kind, one.name),
            group=one.group,
            window=one.window,
            stream=stream,
            start=start,
            seen=one.seen,
            fired=one.fired,
            missing=one.missing,
            sketch=one.sketch,
        )
        for one in struct(unpacked(body), list[_Counted])
    ]


def belief_row(row: Belief) -> tuple[Any, ...]:
    return row.window, row.subject.kind, row.subject.name, row.log_odds, row.unusual_p, json(row)


def dead_letter_row(row: DeadLetter) -> tuple[Any, ...]:
    return row.stream, row.offset, row.reason, json(row)
