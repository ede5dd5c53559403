"""Files opened for reading: plain, gzip, xz, bzip2, entries of a zip, standard input. Told by content, not by name.

Everything is read as a stream, so that what is compressed never lies in memory whole; damage gives what came before it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import select
import stat
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lichen.core.errors import InputError

XZ_MEMORY_BYTES = 256 << 20  # what an archive may ask for
ENTRIES = 10_000  # of one zip
STDIN = "-"
_DAMAGE = (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Origin:
    """A stream that can be opened: `place` is what people call it, `modified` when it was last written (µs UTC),
    `plain` whether its bytes lie on disk as they are (so that it can grow and be read on from the middle)."""

    place: str
    path: Path
    modified: int
    plain: bool
    open: Callable[[], Any]


class Bytes:
    """The bytes of an open origin, forward only. `damage` says why the stream ended before its end."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.damage: str | None = None
        try:
            self._file: Any = origin.open()
        except _DAMAGE as error:
            self._file, self.damage = None, _told(error)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end, or before damage."""
        parts: list[bytes] = []
        live = self.origin.place == STDIN  # what has come is not kept waiting for more
        while size > 0 and self._file is not None and self.damage is None:
            try:
                part = self._file.read1(size) if hasattr(self._file, "read1") else self._file.read(size)
            except _DAMAGE as error:
                self.damage = _told(error)
                break
            if not part:
                break
            parts.append(part)
            size -= len(part)
            if live:
                break
        return b"".join(parts)

    def seek(self, offset: int) -> None:
        """Go to a place; only of plain files."""
        self._file.seek(offset)

    def at(self, offset: int, size: int) -> bytes:
        """Some bytes of an open plain file, without moving in it."""
        return os.pread(self._file.fileno(), size, offset)

    def file_id(self) -> tuple[int, int, int] | None:
        """Device, inode and size of an open plain file."""
        if self._file is None or not self.origin.plain:
            return None
        info = os.fstat(self._file.fileno())
        return info.st_dev, info.st_ino, info.st_size

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def _told(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "the compressed data ends before its end"
    return f"cannot be read on: {error}" if str(error) else f"cannot be read on: {type(error).__name__}"


class _Xz:
    """An xz file whose demand for memory is bounded (LZMAFile has no such limit)."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decompressor = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=XZ_MEMORY_BYTES)

    def read1(self, size: int) -> bytes:
        while True:
            if self._decompressor.eof:
                rest = (self._decompressor.unused_data or self._file.read(1 << 16)).lstrip(b"\0")
                if not rest:
                    return b""
                self._decompressor = self._new()
                part = self._decompressor.decompress(rest, size)
            elif self._decompressor.needs_input:
                chunk = self._file.read(1 << 16)
                if not chunk:
                    raise EOFError
                part = self._decompressor.decompress(chunk, size)
            else:
                part = self._decompressor.decompress(b"", size)
            if part:
                return part

    def close(self) -> None:
        self._file.close()


class _Pipe:
    """Standard input, which can be opened twice: once to look how it begins, then to be read."""

    def __init__(self) -> None:
        self._kept, self._at, self._looking = b"", 0, True

    def read1(self, size: int) -> bytes:
        if self._at < len(self._kept):
            again = self._kept[self._at : self._at + size]
            self._at += len(again)
            return again
        source: Any = sys.stdin.buffer
        part: bytes = source.read1(size)
        while 0 < len(part) < size and self._more_is_there():
            more: bytes = source.read1(size - len(part))
            if not more:
                break
            part += more
        if self._looking:
            self._kept += part
            self._at += len(part)
        return part

    @staticmethod
    def _more_is_there() -> bool:
        try:
            return bool(select.select([sys.stdin.buffer], [], [], 0.01)[0])
        except (OSError, ValueError):  # not a thing that can be waited for
            return False

    def close(self) -> None:
        self._at, self._looking = 0, False


def origins_of(path: str) -> list[Origin]:
    """What can be opened under one path: a file's stream, or each entry of a zip. Raises InputError if there is no
    such file or it cannot be opened."""
    if path == STDIN:
        pipe: Any = _Pipe()
        return [Origin(STDIN, Path(STDIN), time.time_ns() // 1000, False, lambda: pipe)]
    file = Path(path)
    try:
        info = file.stat()
        if not stat.S_ISREG(info.st_mode):
            raise InputError("neither a file nor a folder", place=path, remedy="name files, folders or - (stdin)")
        with file.open("rb") as opened:
            magic = opened.read(6)
    except OSError as error:
        raise InputError(
            f"cannot be opened: {error.strerror}", place=path, remedy="check the path and rights"
        ) from error
    modified = info.st_mtime_ns // 1000
    if magic.startswith(b"\x1f\x8b"):
        return [Origin(path, file, modified, False, lambda: gzip.open(file, "rb"))]
    if magic == b"\xfd7zXZ\0":
        return [Origin(path, file, modified, False, lambda: _Xz(file))]
    if magic.startswith(b"BZh"):
        return [Origin(path, file, modified, False, lambda: bz2.open(file, "rb"))]
    if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_entries(file, path, modified)
    return [Origin(path, file, modified, True, lambda: file.open("rb", buffering=0))]


def _zip_entries(file: Path, place: str, modified: int) -> list[Origin]:
    """The entries of a zip, each a stream of its own; a damaged directory gives one stream that says so."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()][:ENTRIES]
    except _DAMAGE as error:
        damage = error

        def fail() -> IO[bytes]:
            raise zipfile.BadZipFile(str(damage))

        return [Origin(place, file, modified, False, fail)]

    def opener(entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
        return lambda: zipfile.ZipFile(file).open(entry)

    return [
        Origin(f"{place}!{entry.filename}", file, _zip_time(entry, modified), False, opener(entry)) for entry in entries
    ]


def _zip_time(entry: zipfile.ZipInfo, otherwise: int) -> int:
    try:
        return int(time.mktime((*entry.date_time, 0, 0, -1))) * 1_000_000
    except (ValueError, OverflowError):
        return otherwise
