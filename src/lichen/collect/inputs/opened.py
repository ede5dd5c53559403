"""Files opened for reading: what lies under a path, as streams of lines. Told by content, not by name.

Compression is taken off, archives are gone through, what is no text is converted (containers.py, converters.py).
Everything is read as a stream, so that what is compressed never lies in memory whole; damage gives what came before it.
"""

from __future__ import annotations

import io
import lzma
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import zstandard

from lichen.collect.inputs.archives import (
    BLOCK,
    Again,
    Entry,
    held_open,
    is_tar,
    is_zip,
    shown,
    tar_entries,
    zip_entries,
)
from lichen.collect.inputs.budget import Budget, Caps
from lichen.collect.inputs.containers import (
    AGAIN,
    HEAD_BYTES,
    KEPT_BYTES,
    Converted,
    Damaged,
    Open,
    Whole,
    compression_of,
    some_of,
)
from lichen.collect.inputs.converters import converter_of
from lichen.collect.inputs.pipe import Pipe
from lichen.core.errors import InputError

STDIN = "-"
CAPS = Caps()
UNPACK = "unpack it and name what is in it"
_COMPRESSIONS_DEEP = 3  # of one stream; more are left on
_REMEMBERED = 4096  # listings of containers, so that following a folder does not read them again and again
_DAMAGE = (
    Damaged,
    EOFError,
    OSError,
    lzma.LZMAError,
    zlib.error,
    zipfile.BadZipFile,
    zstandard.ZstdError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    IndexError,  # zipfile, of an entry without a name
)


@dataclass(frozen=True, slots=True)
class Origin:
    """A stream that can be opened: `place` is what people call it, `modified` when it was last written (µs UTC),
    `plain` whether its bytes lie on disk as they are (so that it can grow and be read on from the middle), `converted`
    by what its lines are made, if they are."""

    place: str
    path: Path
    modified: int
    plain: bool
    open: Callable[[], Any]
    converted: str | None = None


class Bytes:
    """The bytes of an open origin, forward only. `damage` says why the stream ended before its end."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.damage: str | None = None
        self.remedy = AGAIN
        self._file: Any = None
        try:
            self._file = origin.open()
        except _DAMAGE as error:
            self._ended_by(error)

    def _ended_by(self, error: BaseException) -> None:
        self.damage = _told(error)
        self.remedy = error.remedy if isinstance(error, Damaged) else AGAIN

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end, or before damage."""
        parts: list[bytes] = []
        live = self.origin.place == STDIN  # what has come is not kept waiting for more
        while size > 0 and self._file is not None and self.damage is None:
            try:
                part = some_of(self._file, size)
            except _DAMAGE as error:
                self._ended_by(error)
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
    if isinstance(error, Damaged):
        return str(error)
    if isinstance(error, EOFError):
        return "it ends before its end"
    return f"cannot be read on: {error}" if str(error) else f"cannot be read on: {type(error).__name__}"


_listed: dict[str, tuple[tuple[int, int, int, int, Caps], list[Origin]]] = {}


def origins_of(path: str, caps: Caps = CAPS) -> list[Origin]:
    """What can be opened under one path: a file's stream, or each entry of an archive. Raises InputError if there is
    no such file or it cannot be opened."""
    if path == STDIN:
        return _of_stdin(caps)
    file = Path(path)
    try:
        info = file.stat()
        if not stat.S_ISREG(info.st_mode):
            raise InputError("neither a file nor a folder", place=path, remedy="name files, folders or - (stdin)")
        stamp = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, caps)
        known = _listed.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(
            f"cannot be opened: {error.strerror}", place=path, remedy="check the path and rights"
        ) from error
    plain = Origin(path, file, info.st_mtime_ns // 1000, True, lambda: file.open("rb", buffering=0))
    with held_open():
        found = list(_Layers(Budget(caps, info.st_size)).of(plain, head))
    if found != [plain]:
        if len(_listed) >= _REMEMBERED:
            _listed.clear()
        _listed[path] = (stamp, found)
    return found


def _of_stdin(caps: Caps) -> list[Origin]:
    """Standard input: lines as they come. What is compressed or an archive is read from several places, and so it is
    kept in memory, at most KEPT_BYTES of it."""
    pipe = Pipe()
    live = Origin(STDIN, Path(STDIN), time.time_ns() // 1000, False, lambda: pipe)
    head = b""
    while len(head) < BLOCK and b"\n" not in head and (part := pipe.read1(HEAD_BYTES)):
        head += part
    pipe.rewind()
    if compression_of(head) is None and not is_zip(head) and not is_tar(head):
        return list(_Layers(Budget(caps, 0)).of(live, head))
    kept = Whole(pipe).read(KEPT_BYTES + 1)
    if len(kept) > KEPT_BYTES:
        reason = f"compressed, or an archive, of more than {KEPT_BYTES} bytes on standard input"
        return [_refused(live, reason, "name the file instead, or give what is in it")]
    with held_open():
        return list(_Layers(Budget(caps, len(kept))).of(replace(live, open=lambda: io.BytesIO(kept)), head))


@dataclass(frozen=True, slots=True)
class _Layers:
    """Goes through what lies around lines, within the caps of one file on disk."""

    budget: Budget

    def of(self, outer: Origin, head: bytes, archives: int = 0, unpacked: int = 0) -> Iterator[Origin]:
        """The streams in a stream that begins with `head`."""
        compression = compression_of(head) if unpacked < _COMPRESSIONS_DEEP else None
        if compression is not None:
            undone, opener = compression.undone, outer.open
            layer = f"{outer.place}|{unpacked}"
            inner = self.budget.counted(lambda: undone(Whole(_forward(opener()))), layer)
            inside = replace(outer, plain=False, open=inner)
            yield from self.of(inside, _head_of(inside), archives, unpacked + 1)
        elif is_zip(head) or is_tar(head):
            yield from self._archive(outer, is_zip(head), archives)
        elif (converter := converter_of(head)) is not None:
            opener = self._seeking(outer)[0] if converter.seeks else outer.open
            lines = converter.lines

            def converted() -> Converted:
                file = Whole(_forward(opener())) if not converter.seeks else opener()
                return Converted(file, lines(file))

            yield replace(outer, plain=False, open=converted, converted=converter.name)
        else:
            yield outer

    def _archive(self, outer: Origin, zipped: bool, archives: int) -> Iterator[Origin]:
        if archives >= self.budget.caps.nesting:
            yield _refused(outer, f"archives within archives, more than {self.budget.caps.nesting} deep")
            return
        try:
            for entry in self._entries(outer, zipped):
                self.budget.entries += 1
                if self.budget.entries > self.budget.caps.entries:
                    yield _refused(outer, f"more than {self.budget.caps.entries} entries; the others are not read")
                    return
                yield from self._entry(outer, entry, archives + 1)
        except _DAMAGE as error:
            yield _refused(outer, _told(error), error.remedy if isinstance(error, Damaged) else AGAIN)

    def _entries(self, outer: Origin, zipped: bool) -> Iterator[Entry]:
        if zipped:
            return zip_entries(*self._seeking(outer))
        return tar_entries(Again(outer.open, seeks=outer.plain))

    def _entry(self, outer: Origin, entry: Entry, archives: int) -> Iterator[Origin]:
        place = f"{outer.place}!{shown(entry.name)}"
        opener = self.budget.counted(entry.open, place) if entry.packed else entry.open
        origin = replace(outer, place=place, modified=entry.modified or outer.modified, plain=False, open=opener)
        if entry.refused is not None:
            yield _refused(origin, entry.refused)
        else:
            yield from self.of(origin, _head_of(origin), archives)

    def _seeking(self, outer: Origin) -> tuple[Open, int]:
        """An opener of files that can seek, and their size: of what lies within a container, of a copy in memory."""
        if outer.plain:
            return (lambda: outer.path.open("rb")), self.budget.size

        def kept() -> io.BytesIO:
            file = outer.open()
            try:
                whole = Whole(_forward(file)).read(KEPT_BYTES + 1)
            finally:
                file.close()
            if len(whole) > KEPT_BYTES:
                raise Damaged(f"larger than {KEPT_BYTES} bytes within a container", UNPACK)
            return io.BytesIO(whole)

        with kept() as first:
            size = len(first.getbuffer())
        return kept, size


def _forward(file: Any) -> Any:
    """An open stream with `read1`."""
    return file if hasattr(file, "read1") else io.BufferedReader(file)


def _head_of(origin: Origin) -> bytes:
    """How a stream begins; empty where it cannot be read (reading it will say why)."""
    stream = Bytes(origin)
    try:
        return stream.read(HEAD_BYTES)
    finally:
        stream.close()


def _refused(origin: Origin, reason: str, remedy: str = UNPACK) -> Origin:
    """An origin that says why it cannot be read when it is opened."""

    def fail() -> Any:
        raise Damaged(reason, remedy)

    return replace(origin, plain=False, open=fail)
