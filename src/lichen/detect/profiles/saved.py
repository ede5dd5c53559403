"""Profiles on disk: one Arrow file, compressed, no code in it; read back with every part checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.ipc

from lichen.core.errors import ModelError
from lichen.detect.profiles.counts import Learned
from lichen.detect.profiles.use import Use, leaf_size

FILE = "profile.arrow"
FORMAT = 1
REMEDY = "learn and save it again"
BENIGN, MALICIOUS, SPAN = "benign", "malicious", "span"
SCHEMA = pa.schema(
    [
        ("subject", pa.dictionary(pa.int32(), pa.string())),
        ("table", pa.dictionary(pa.int32(), pa.string())),
        ("leaf", pa.dictionary(pa.int32(), pa.string())),  # JSON list of names
        ("item", pa.dictionary(pa.int32(), pa.string())),
        ("count", pa.float64()),  # of a span: its last time
        ("first", pa.int64()),
        ("last", pa.int64()),
    ]
)
Row = tuple[str, str, str, str, float, int, int]


def rows_of(learned: Mapping[str, Learned]) -> Iterator[Row]:
    """Everything learned, a row an entry, in an order that depends on content alone."""
    for kind in sorted(learned):
        own = learned[kind]
        for name, counts in ((BENIGN, own.benign), (MALICIOUS, own.malicious)):
            for leaf in sorted(counts):
                text = msgspec.json.encode(leaf).decode()
                for item in sorted(counts[leaf]):
                    yield kind, name, text, item, counts[leaf][item], 0, 0
        for entity in sorted(own.spans):
            first, last = own.spans[entity]
            yield kind, SPAN, msgspec.json.encode(entity).decode(), "", 0.0, first, last


def digest(learned: Mapping[str, Learned], settings: Mapping[str, Any]) -> str:
    """A name for exactly this content: 12 hex digits."""
    state = hashlib.blake2b(msgspec.json.encode(dict(sorted(settings.items()))), digest_size=6)
    for row in rows_of(learned):
        state.update(msgspec.json.encode(row))
    return state.hexdigest()


def save(folder: Path, learned: Mapping[str, Learned], settings: Mapping[str, Any]) -> None:
    """Write FILE into a folder (made if absent). `settings` are JSON-able."""
    write_table(folder, SCHEMA, rows_of(learned), settings)


def load(folder: Path) -> tuple[dict[str, Learned], dict[str, Any]]:
    """What was saved in a folder. Raises ModelError."""
    rows, settings = read_table(folder, SCHEMA)
    try:
        return _learned(rows), settings
    except (KeyError, ValueError, TypeError, msgspec.DecodeError) as error:
        raise ModelError(f"no profile: {error}", place=str(folder / FILE), remedy=REMEDY) from error


def write_table(folder: Path, schema: pa.Schema, rows: Iterable[Sequence[Any]], settings: Mapping[str, Any]) -> None:
    """Rows as one compressed Arrow file, the settings as its metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [() for _ in schema]
    arrays = [
        pa.array(column, type=pa.string()).dictionary_encode()
        if pa.types.is_dictionary(kind.type)
        else pa.array(column, type=kind.type)
        for column, kind in zip(columns, schema, strict=True)
    ]
    about = {b"lichen": msgspec.json.encode({"format": FORMAT, **settings})}
    table = pa.table(arrays, schema=schema.with_metadata(about))
    options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
    with pyarrow.ipc.new_file(str(folder / FILE), table.schema, options=options) as writer:
        writer.write_table(table)


def read_table(folder: Path, schema: pa.Schema) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows and settings of FILE. Raises ModelError where it is absent, damaged or of another format."""
    place = str(folder / FILE)
    try:
        with pa.OSFile(place) as source:
            table = pyarrow.ipc.open_file(source).read_all()
        settings = msgspec.json.decode(table.schema.metadata[b"lichen"], type=dict[str, Any])
        if settings.pop("format") != FORMAT or not table.schema.equals(schema):
            raise ValueError("it is of another format")
        return table.to_pylist(), settings
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException, msgspec.DecodeError) as error:
        raise ModelError(f"cannot be read: {error}", place=place, remedy=REMEDY) from error


def _learned(rows: list[dict[str, Any]]) -> dict[str, Learned]:
    parts: dict[str, dict[str, dict[Any, Any]]] = {}
    leaf_of = msgspec.json.Decoder(tuple[str, ...])
    leaves: dict[str, tuple[str, ...]] = {}
    for row in rows:
        own = parts.setdefault(row["subject"], {BENIGN: {}, MALICIOUS: {}, SPAN: {}})
        leaf = leaves.get(row["leaf"]) or leaves.setdefault(row["leaf"], leaf_of.decode(row["leaf"]))
        if row["table"] == SPAN:
            own[SPAN][leaf] = (row["first"], row["last"])
        elif row["count"] > 0.0:
            own[row["table"]].setdefault(leaf, {})[row["item"]] = row["count"]
    return {kind: Learned(own[BENIGN], own[MALICIOUS], own[SPAN]) for kind, own in parts.items()}


def settings_of(
    settings: Mapping[str, Any], learned: Mapping[str, Learned], folder: Path, uses: Mapping[str, Use]
) -> tuple[Use, int, int, float]:
    """(use, minutes, as_of, half_life_days) out of saved settings, if what was learned fits the use. Raises
    ModelError."""
    use = uses.get(str(settings.get("use")))
    if use is None:
        remedy = f"uses known here: {', '.join(sorted(uses))}"
        raise ModelError(f"no use is called {settings.get('use')!r}", place=str(folder / FILE), remedy=remedy)
    for kind, own in learned.items():
        size = leaf_size(use, kind) if kind in use.ladders else -1
        if any(len(leaf) != size for leaf in own.benign):
            fault = f"its {kind} values are not those that {use.name} reads"
            raise ModelError(fault, place=str(folder / FILE), remedy=REMEDY)
    try:
        return use, int(settings["minutes"]), int(settings["as_of"]), float(settings["half_life_days"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"settings: {error}", place=str(folder / FILE), remedy=REMEDY) from error
