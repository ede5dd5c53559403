"""Rate profiles on disk: one Arrow file like the others', a row a minute, a window or the moments of closed ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from lichen.core.errors import ModelError
from lichen.detect.profiles.moments import Moments
from lichen.detect.profiles.saved import FILE, read_table, write_table
from lichen.detect.profiles.volumes import Volumes

SERIES, CLOSED, SPAN = "series", "closed", "span"
SCHEMA = pa.schema(
    [
        ("subject", pa.dictionary(pa.int32(), pa.string())),
        ("table", pa.dictionary(pa.int32(), pa.string())),
        ("entity", pa.dictionary(pa.int32(), pa.string())),  # JSON list of names
        ("counter", pa.dictionary(pa.int32(), pa.string())),
        ("scale", pa.int32()),
        ("start", pa.int64()),  # of a span: its first time
        ("last", pa.int64()),
        ("windows", pa.float64()),
        ("any", pa.float64()),
        ("total", pa.float64()),
        ("squares", pa.float64()),
        ("logs", pa.float64()),
        ("log_squares", pa.float64()),
    ]
)
Row = tuple[str, str, str, str, int, int, int, float, float, float, float, float, float]
NONE = (0.0,) * 6


def rows_of(learned: Mapping[str, Volumes]) -> Iterator[Row]:
    """Everything counted, in an order that depends on content alone."""
    for kind in sorted(learned):
        own = learned[kind]
        for key in sorted(own.series):
            entity, counter, scale = key
            name = msgspec.json.encode(entity).decode()
            for start in sorted(own.series[key]):
                yield kind, SERIES, name, counter, scale, start, 0, *NONE[:2], own.series[key][start], *NONE[:3]
        for key in sorted(own.closed):
            entity, counter, scale = key
            yield kind, CLOSED, msgspec.json.encode(entity).decode(), counter, scale, 0, 0, *own.closed[key]
        for entity in sorted(own.spans):
            first, last = own.spans[entity]
            yield kind, SPAN, msgspec.json.encode(entity).decode(), "", 0, first, last, *NONE


def digest(learned: Mapping[str, Volumes], settings: Mapping[str, Any]) -> str:
    """A name for exactly this content: 12 hex digits."""
    state = hashlib.blake2b(msgspec.json.encode(dict(sorted(settings.items()))), digest_size=6)
    for row in rows_of(learned):
        state.update(msgspec.json.encode(row))
    return state.hexdigest()


def save(folder: Path, learned: Mapping[str, Volumes], settings: Mapping[str, Any]) -> None:
    """Write FILE into a folder (made if absent)."""
    write_table(folder, SCHEMA, rows_of(learned), settings)


def load(folder: Path) -> tuple[dict[str, Volumes], dict[str, Any]]:
    """What was saved in a folder. Raises ModelError."""
    rows, settings = read_table(folder, SCHEMA)
    try:
        about = {
            "minutes": int(settings["minutes"]),
            "as_of": int(settings["as_of"]),
            "half_life_days": float(settings["half_life_days"]),
        }
        return _volumes(rows), about
    except (KeyError, ValueError, TypeError, msgspec.DecodeError) as error:
        remedy = "learn and save it again"
        raise ModelError(f"no rate profile: {error}", place=str(folder / FILE), remedy=remedy) from error


def _volumes(rows: list[dict[str, Any]]) -> dict[str, Volumes]:
    parts: dict[str, dict[str, dict[Any, Any]]] = {}
    for row in rows:
        own = parts.setdefault(row["subject"], {SERIES: {}, CLOSED: {}, SPAN: {}})
        entity = msgspec.json.decode(row["entity"], type=tuple[str, ...])
        key = (entity, row["counter"], row["scale"])
        if row["table"] == SPAN:
            own[SPAN][entity] = (row["start"], row["last"])
        elif row["table"] == CLOSED:
            own[CLOSED][key] = Moments(*(row[name] for name in Moments._fields))
        else:
            own[SERIES].setdefault(key, {})[row["start"]] = row["total"]
    return {kind: Volumes(own[SERIES], own[CLOSED], own[SPAN]) for kind, own in parts.items()}
