"""Spool: batches that must be read twice, in a file that has no name and is gone with the process, however it ends.

Learning needs the events' times before it knows which events teach and which calibrate. Holding all of them would need
memory as large as the logs; the spool needs disk. A batch is read back as the lake reads its parts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from lichen.core import ocsf
from lichen.core.batch import Batch, Stream
from lichen.core.errors import LichenError
from lichen.store.parts import pack_shapes, unpack_shapes

_ABOUT = b"lichen"
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Spool:
    """Batches in the order in which they were put. `folder` says on which disk (made if absent). A context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file: Any = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by __exit__
        self._starts: list[tuple[int, int]] = []  # of each batch: its columns, its shapes

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts)

    def put(self, batch: Batch) -> None:
        """Put a batch at the end. Raises LichenError where the disk refuses."""
        columns: dict[str, Any] = {" offset": pa.array(batch.offset), " text": batch.text}
        for name in batch.view.schema.names:
            values = batch.view.column(name)
            if values.null_count < len(values):
                columns[name] = values
        stream = batch.stream
        about = {"identity": stream.identity, "place": stream.place, "sensor": stream.sensor, "kind": batch.kind}
        block = pa.record_batch(columns).replace_schema_metadata({_ABOUT: msgspec.json.encode(about)})
        out = pa.BufferOutputStream()
        with pa.ipc.new_stream(out, block.schema, options=_OPTIONS) as writer:
            writer.write_batch(block)
        whole = memoryview(out.getvalue())
        try:
            start = self._file.seek(0, 2)
            self._file.write(whole)
            self._file.write(pack_shapes(batch.shapes) if batch.shapes else b"")
        except OSError as error:
            fault, remedy = f"events cannot be set aside to be read twice: {error}", "free or mend the disk"
            raise LichenError(fault, place=str(self._folder), remedy=remedy) from error
        self._starts.append((start, start + len(whole)))

    def batches(self, shapes: bool = True) -> Iterator[Batch]:
        """Every batch again, one at a time; without `shapes` they come without."""
        ends = [start for start, _ in self._starts[1:]] + [self._file.seek(0, 2)]
        for (start, middle), end in zip(self._starts, ends, strict=True):
            self._file.seek(start)
            columns = self._file.read(middle - start)
            packed = self._file.read(end - middle) if shapes else b""
            yield _batch(columns, packed)


def _batch(columns: bytes, packed: bytes) -> Batch:
    with pa.ipc.open_stream(columns) as reader:
        about = msgspec.json.decode(reader.schema.metadata[_ABOUT])
        (block,) = list(reader)
    held = dict(zip(block.schema.names, block.columns, strict=True))
    offset, text = held.pop(" offset"), held.pop(" text")
    stream = Stream(about["identity"], about["place"], about["sensor"])
    view = ocsf.view_of(held, len(text))
    numbers = offset.to_numpy(zero_copy_only=False).copy()
    return Batch(stream, about["kind"], text, numbers, view, unpack_shapes(packed) if packed else ())
