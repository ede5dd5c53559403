"""EVTX, the files of the Windows event log: each record becomes one JSON line (Event.System, Event.EventData).

Read forward in chunks of 64 KiB, each on its own, so that memory is bounded and a damaged chunk costs only itself.
Every record that a chunk's header counts is given out, as its JSON or as a fault. Format: libevtx's documentation.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

from evtx import PyEvtxParser

from lichen.collect.inputs.containers import Converter, fault_line

NAME = "EVTX"
FILE_MAGIC, CHUNK_MAGIC = b"ElfFile\0", b"ElfChnk\0"
HEADER_BYTES = 4096
CHUNK_BYTES = 64 << 10
SMALLEST_RECORD = 28  # header, an empty body, the size once more
RECORDS_AT_MOST = CHUNK_BYTES // SMALLEST_RECORD
_CHUNKS = struct.Struct("<H")
_CHUNKS_AT = 42
_NUMBERS = struct.Struct("<QQ")
_NUMBERS_AT = 8
_TABLES = ((128, 64), (384, 32))  # where a chunk's chains begin: of strings, of templates
_DAMAGE = (RuntimeError, ValueError, OSError, TypeError, KeyError)
REMEDY = "export the log again (`wevtutil epl`), whole; the other records were read"


def _lines(file: Any) -> Iterator[bytes]:
    header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        yield fault_line("an EVTX file that ends within its header", REMEDY, header[:64].hex())
        return
    number = 0
    while chunk := file.read(CHUNK_BYTES):
        if chunk.startswith(CHUNK_MAGIC):
            yield from _records(header, chunk, number)
        elif chunk.strip(b"\0"):
            yield fault_line(f"chunk {number} does not begin as chunks do", REMEDY, chunk[:64].hex())
        number += 1


def counted(chunk: bytes) -> int:
    """How many records a chunk's header says that it holds; never more than it has room for."""
    first, last = _NUMBERS.unpack_from(chunk, _NUMBERS_AT)
    return int(min(max(0, last - first + 1), RECORDS_AT_MOST))


def without_circles(chunk: bytes) -> bytes:
    """The chunk with every link cut that leads where a chain of strings or templates has been already: a parser that
    follows a circle never returns."""
    mended = bytearray(chunk)
    seen: set[int] = set()
    for table, length in _TABLES:
        for link in range(table, table + 4 * length, 4):
            at = link
            while at + 4 <= len(mended) and (to := int.from_bytes(mended[at : at + 4], "little")):
                if to in seen:
                    mended[at : at + 4] = bytes(4)
                    break
                seen.add(to)
                at = to
    return bytes(mended)


def _records(header: bytes, chunk: bytes, number: int) -> Iterator[bytes]:
    """The records of one chunk: read as a file of that chunk alone."""
    if len(chunk) < CHUNK_BYTES:  # cut short: what is there may still be read
        chunk = chunk.ljust(CHUNK_BYTES, b"\0")
    alone = bytearray(header + without_circles(chunk))
    _CHUNKS.pack_into(alone, _CHUNKS_AT, 1)
    wanted, given = counted(chunk), 0
    for read in _each(bytes(alone)):
        given += 1
        yield read.encode("utf-8", "backslashreplace") + b"\n" if isinstance(read, str) else _fault(number, read)
    for _ in range(given, wanted):
        yield _fault(number, "a record that is counted and not found")


def _each(alone: bytes) -> Iterator[str | Exception]:
    """Each record as its JSON, or why it cannot be read; reading goes on behind one that cannot."""
    try:
        records = iter(PyEvtxParser(io.BytesIO(alone), number_of_threads=1, indent=False).records_json())
    except _DAMAGE as error:
        yield error
        return
    for _ in range(RECORDS_AT_MOST):
        try:
            record = next(records)
        except StopIteration:
            return
        except _DAMAGE as error:
            yield error
        else:
            yield str(record["data"]) if isinstance(record, dict) else ValueError("not a record")


def _fault(number: int, why: object) -> bytes:
    return fault_line(f"chunk {number}: {why}".replace("\n", " ")[:500], REMEDY)


EVTX = Converter(NAME, lambda head: head.startswith(FILE_MAGIC), _lines)
