"""Parts: one Parquet file of the lake holds one batch's events of one day, with their raw text, view and shapes.

A row an event: event_id, offset, text, and the columns of the OCSF view that hold anything. `shapes`, where they are
stored, is one value in the first row: the sensor's own fields as Sigma reads them, in Arrow IPC. The file's metadata
names stream and kind. A part is whole or absent: written beside, brought to disk, and renamed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lichen.core import ocsf
from lichen.core.batch import Batch, LogSource, Shape, Stream
from lichen.core.errors import LichenError
from lichen.store.rows import json

ID_BYTES = 16
COMPRESSION_LEVEL = 1  # of zstd: level 3 costs half as much again in time and saves 4 %
SHAPES = "shapes"
_NUMBERS = {"time", "offset", "process.pid", "actor.process.pid", "src_endpoint.port"}
_PLAIN = {SHAPES, "event_id", "text", "metadata.uid", *_NUMBERS}  # columns that a dictionary would not make smaller
_CODECS = {
    SHAPES: "NONE",
    "event_id": "NONE",
    "text": "ZSTD",
}  # the rest Snappy: zstd on fifty short columns costs 1 µs
_META = b"lichen"


class Part(msgspec.Struct, frozen=True):
    """One committed file of the lake: what it holds, so that reading can pass it by unopened. Times are µs UTC,
    offsets those of its first and last event."""

    path: str  # below the lake's folder, without suffix
    stream: str
    kind: str
    day: str
    first_offset: int
    last_offset: int
    rows: int
    first_time: int
    last_time: int
    delivery: int = 0


def event_ids(batch: Batch) -> pa.FixedSizeBinaryArray:
    """The ids of all events of a batch as bytes; the same as Batch.event_ids, in one pass over the text's buffer."""
    data, starts = _bytes_of(batch.text)
    begun = hashlib.blake2b(batch.stream.identity.encode(), digest_size=ID_BYTES)
    out = bytearray()
    for start, end, offset in zip(starts[:-1], starts[1:], batch.offset.tolist(), strict=True):
        digest = begun.copy()
        digest.update(offset.to_bytes(8, "little"))
        digest.update(data[start:end])
        out += digest.digest()
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(ID_BYTES), len(batch), [None, pa.py_buffer(bytes(out))])


def _bytes_of(text: pa.Array) -> tuple[memoryview, list[int]]:
    """The buffer that holds an array's strings, and where each begins (one more at the end)."""
    wide = pa.types.is_large_string(text.type) or pa.types.is_large_binary(text.type)
    if not wide and not (pa.types.is_string(text.type) or pa.types.is_binary(text.type)):
        text, wide = text.cast(pa.large_binary()), True
    _, offsets, data = text.buffers()
    numbers = np.frombuffer(offsets, dtype=np.int64 if wide else np.int32)
    starts: list[int] = numbers[text.offset : text.offset + len(text) + 1].tolist()
    return memoryview(data if data is not None else b""), starts


def id_list(ids: pa.FixedSizeBinaryArray) -> list[bytes]:
    """Ids as bytes, a string of 16 each."""
    _, data = ids.buffers()
    start, raw = ids.offset, data.to_pybytes()
    return [raw[place : place + ID_BYTES] for place in range(start * ID_BYTES, (start + len(ids)) * ID_BYTES, ID_BYTES)]


def write_part(folder: Path, name: str, batch: Batch, ids: pa.Array, *, with_shapes: bool, to_disk: bool) -> None:
    """Write a batch as the part `name`, replacing what stood there. Raises LichenError where the disk refuses."""
    target = folder / f"{name}.parquet"
    columns: dict[str, Any] = {"event_id": ids, "offset": pa.array(batch.offset), "text": batch.text}
    for column in batch.view.schema.names:
        values = batch.view.column(column)
        if values.null_count < len(values):
            columns[column] = values
    if with_shapes and batch.shapes:
        columns[SHAPES] = pa.array([pack_shapes(batch.shapes), *[None] * (len(batch) - 1)], pa.large_binary())
    about = {"identity": batch.stream.identity, "place": batch.stream.place, "sensor": batch.stream.sensor}
    told = {_META: json({**about, "kind": batch.kind}).encode()}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, pa.table(columns).replace_schema_metadata(told), to_disk)
    except OSError as error:
        fault, remedy = f"events cannot be stored: {error}", "free or mend the disk"
        raise LichenError(fault, place=str(target), remedy=remedy) from error


def _replace(target: Path, table: pa.Table, to_disk: bool) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    names = table.schema.names
    pq.write_table(
        table,
        beside,
        compression={name: _CODECS.get(name, "SNAPPY") for name in names},
        compression_level={"text": COMPRESSION_LEVEL},
        use_dictionary=[name for name in names if name not in _PLAIN],
        write_statistics=["time", "offset"],
    )
    if to_disk:
        flush(beside)
    os.replace(beside, target)


def flush(path: Path) -> None:
    """Bring a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def pack_shapes(shapes: Sequence[Shape]) -> bytes:
    """Shapes as Arrow IPC streams one after the other, compressed as one: their columns repeat each other."""
    out = pa.BufferOutputStream()
    for shape in shapes:
        columns = {f"f:{name}": shape.fields.column(name) for name in shape.fields.schema.names}
        if shape.event is not None:
            columns["event"] = pa.array(shape.event)
        if shape.keywords is not None:
            columns["keywords"] = shape.keywords
        columns["line"] = pa.array(np.zeros(shape.fields.num_rows, dtype=np.int8))  # the count, where no field is
        block = pa.record_batch(columns).replace_schema_metadata({_META: msgspec.json.encode(asdict(shape.source))})
        with pa.ipc.new_stream(out, block.schema) as writer:
            writer.write_batch(block)
    plain = out.getvalue()
    size = int(plain.size).to_bytes(8, "little")
    return size + bytes(pa.Codec("zstd", COMPRESSION_LEVEL).compress(plain))


def unpack_shapes(packed: bytes) -> tuple[Shape, ...]:
    """What `pack_shapes` packed."""
    shapes = []
    plain = pa.Codec("zstd").decompress(packed[8:], int.from_bytes(packed[:8], "little"))
    with pa.BufferReader(plain) as file:
        while file.tell() < file.size():
            with pa.ipc.open_stream(file) as reader:
                source = LogSource(**msgspec.json.decode(reader.schema.metadata[_META]))
                (block,) = list(reader)
            named = {name[2:]: block.column(name) for name in block.schema.names if name.startswith("f:")}
            event = np.asarray(block.column("event"), dtype=np.int64) if "event" in block.schema.names else None
            keywords = block.column("keywords") if "keywords" in block.schema.names else None
            fields = pa.record_batch(named) if named else block.select([])
            shapes.append(Shape(source, fields, event, keywords))
    return tuple(shapes)


def read_columns(folder: Path, path: str, columns: list[str]) -> Mapping[str, pa.Array]:
    """Some columns of a part, those of the view that it lacks as nulls."""
    with opened(folder, path) as file:
        held = set(file.schema_arrow.names)
        table = file.read(columns=[name for name in columns if name in held], use_threads=False)
    rows = table.num_rows
    found = {name: _whole(table.column(name)) for name in table.schema.names}
    return {name: found[name] if name in found else pa.nulls(rows, ocsf.VIEW[name]) for name in columns}


def read_part(folder: Path, path: str, shapes: bool = True) -> tuple[Batch, pa.FixedSizeBinaryArray]:
    """A part as the batch that was written, and its event ids. Raises LichenError."""
    with opened(folder, path) as file:
        about = msgspec.json.decode(file.schema_arrow.metadata[_META])
        names = [name for name in file.schema_arrow.names if shapes or name != SHAPES]
        table = file.read(columns=names, use_threads=False)
    held = {name: _whole(table.column(name)) for name in table.schema.names}
    ids, offset, text = held.pop("event_id"), held.pop("offset"), held.pop("text")
    packed = held.pop(SHAPES, None)
    batch = Batch(
        Stream(about["identity"], about["place"], about["sensor"]),
        about["kind"],
        text,
        offset.to_numpy(zero_copy_only=False),
        ocsf.view_of(held, len(text)),
        unpack_shapes(packed[0].as_py()) if packed is not None else (),
    )
    return batch, ids


def opened(folder: Path, path: str) -> pq.ParquetFile:
    """The part's Parquet file. Raises LichenError where a committed part is gone or damaged."""
    place = folder / f"{path}.parquet"
    try:
        return pq.ParquetFile(place)
    except (OSError, pa.ArrowInvalid) as error:
        raise LichenError(
            f"a stored part cannot be read: {error}",
            place=str(place),
            remedy="bring it back from a backup, or remove the store and scan its logs again",
        ) from error


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
