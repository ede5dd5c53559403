"""Archives listed and read as streams: zip and tar. Nothing is unpacked to disk; what they claim is bounded."""

from __future__ import annotations

import io
import struct
import time
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lichen.collect.inputs.containers import Damaged, Open, some_of

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
TAR_MAGIC, TAR_MAGIC_AT, BLOCK = b"ustar", 257, 512
DIRECTORY_BYTES = 16 << 20  # of a zip's own list
NAME_BYTES = 64 << 10  # of a tar's record that holds a long name
STEP = 1 << 18
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_REGULAR, _LONG_NAME, _PAX = frozenset(b"0\x007"), ord("L"), ord("x")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in an archive. `modified` is µs UTC or None; `packed` whether reading it decompresses; `refused` says
    why it cannot be read."""

    name: str
    modified: int | None
    open: Open
    packed: bool = False
    refused: str | None = None


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip."""
    return head.startswith(ZIP)


def is_tar(head: bytes) -> bool:
    """Whether a file that begins so is a tar: POSIX, GNU, or old with a sum that is right."""
    if len(head) < BLOCK or not head[0]:
        return False
    return head[TAR_MAGIC_AT : TAR_MAGIC_AT + 5] == TAR_MAGIC and _sum_is_right(head[:BLOCK])


def shown(name: str) -> str:
    """An entry's name as it is told: control signs, a root, steps upward and `!` are written as \\xNN."""
    parts = [
        "\\x2e\\x2e" if part == ".." else part.encode("unicode_escape").decode().replace("!", "\\x21")
        for part in name[:1024].split("/")
    ]
    told = "/".join(parts)
    return ("\\x2f" + told[1:] if told.startswith("/") else told)[:512]


def zip_entries(open_seeking: Open, size: int) -> Iterator[Entry]:
    """The files of a zip that can seek. Raises what zipfile raises, and Damaged for a list that is too long."""
    file = open_seeking()
    try:
        directory = _directory_bytes(file, size)
        if directory > DIRECTORY_BYTES:
            raise Damaged(f"its list of entries takes {directory} bytes (limit: {DIRECTORY_BYTES})")
        with zipfile.ZipFile(file) as archive:
            entries = [
                entry for entry in archive.infolist() if not entry.filename.endswith("/")
            ]  # `is_dir` fails on an entry without a name
    finally:
        file.close()
    for entry in entries:
        yield Entry(entry.filename, _zip_time(entry), _zip_opener(open_seeking, entry), True, _zip_refusal(entry))


def _zip_refusal(entry: zipfile.ZipInfo) -> str | None:
    if entry.flag_bits & 1:
        return "encrypted: it cannot be read without its password"
    if entry.compress_type not in _METHODS:
        return f"compressed by method {entry.compress_type}, which is not read"
    return None


def _zip_opener(open_seeking: Open, entry: zipfile.ZipInfo) -> Open:
    def open_entry() -> Any:
        file = open_seeking()
        try:
            return _ZipEntry(file, zipfile.ZipFile(file), entry)
        except BaseException:
            file.close()
            raise

    return open_entry


class _ZipEntry:
    """An open entry that closes its archive, too."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        self._file, self._archive = file, archive
        self._stream: Any = archive.open(entry)

    def read1(self, size: int) -> bytes:
        part: bytes = self._stream.read1(size)
        return part

    def close(self) -> None:
        self._stream.close()
        self._archive.close()
        self._file.close()


def _directory_bytes(file: Any, size: int) -> int:
    """How many bytes a zip's list takes, by its end record (or its ZIP64 one)."""
    file.seek(max(0, size - (1 << 16) - 22 - 76))
    tail: bytes = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        return 0
    (listed,) = struct.unpack_from("<L", tail, end + 12)
    wide = tail.rfind(b"PK\x06\x06", 0, end)
    if listed == 0xFFFFFFFF and 0 <= wide <= len(tail) - 56:
        (listed,) = struct.unpack_from("<Q", tail, wide + 40)
    return int(listed)


def _zip_time(entry: zipfile.ZipInfo) -> int | None:
    try:
        return int(time.mktime((*entry.date_time, 0, 0, -1))) * 1_000_000
    except (ValueError, OverflowError):
        return None


def tar_entries(again: Again) -> Iterator[Entry]:
    """The files of a tar, in one pass. Raises Damaged where it ends before its end."""
    place, name, size_told = 0, None, None
    while True:
        header = again.part(place, BLOCK)
        if len(header) < BLOCK or not header.strip(b"\0"):
            if 0 < len(header) < BLOCK or (not header and place == 0):
                raise Damaged("the tar ends within an entry")
            return
        if not _sum_is_right(header):
            raise Damaged(f"not a tar header at byte {place}")
        size = size_told if size_told is not None else _number(header[124:136])
        kind, body = header[156], place + BLOCK
        place = body + -(-size // BLOCK) * BLOCK
        if kind in (_LONG_NAME, _PAX):
            told = again.part(body, min(size, NAME_BYTES))
            name, size_told = (_text(told), None) if kind == _LONG_NAME else _pax(told, name)
            continue
        if kind in _REGULAR:
            given = name or _name_of(header)
            if not given.endswith("/"):
                yield Entry(given, _number(header[136:148]) * 1_000_000, _slice_opener(again, body, size))
        elif kind == ord("S"):
            yield Entry(name or _name_of(header), None, io.BytesIO, refused="a sparse file, which is not read")
        name = size_told = None


def _slice_opener(again: Again, start: int, size: int) -> Open:
    return lambda: Slice(again, start, size)


def _sum_is_right(header: bytes) -> bool:
    try:
        told = int(header[148:156].strip(b" \0") or b"0", 8)
    except ValueError:
        return False
    return told == sum(header[:148]) + 8 * 32 + sum(header[156:])


def _number(field: bytes) -> int:
    """A number of a header: octal, or base 256 with its first bit set."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") & ((1 << 62) - 1)
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError as error:
        raise Damaged("a number in a tar header is none") from error


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _name_of(header: bytes) -> str:
    prefix, name = _text(header[345:500]) if header[257:263] == b"ustar\0" else "", _text(header[:100])
    return f"{prefix}/{name}" if prefix else name


def _pax(told: bytes, name: str | None) -> tuple[str | None, int | None]:
    """The name and size that an extended header gives, if it does."""
    size = None
    while told:
        length, _, _ = told.partition(b" ")
        if not length.isdigit() or len(length) > 9 or not int(length):
            break
        key, _, given = told[len(length) + 1 : int(length)].rstrip(b"\n").partition(b"=")
        if key == b"path":
            name = given.decode("utf-8", "backslashreplace")
        elif key == b"size" and given.isdigit() and len(given) < 19:
            size = int(given)
        told = told[int(length) :]
    return name, size


_holding: list[weakref.WeakSet[Again]] = []


@contextmanager
def held_open() -> Iterator[None]:
    """While this lasts, an archive that cannot seek stays open where it was read to, so that what follows is read on
    instead of from the beginning again."""
    held: weakref.WeakSet[Again] = weakref.WeakSet()
    _holding.append(held)
    try:
        yield
    finally:
        _holding[:] = [each for each in _holding if each is not held]  # two empty ones are equal
        for again in list(held):
            again.close()


class Again:
    """A stream that is read from several places: it seeks where it can; else it is read on from where it stands (under
    `held_open`), or opened again."""

    def __init__(self, opener: Open, seeks: bool) -> None:
        self._open, self._seeks = opener, seeks
        self._idle: tuple[int, Any] | None = None  # one open stream and where it stands

    def taken(self, place: int) -> Any:
        """An open stream that stands at a place."""
        at, stream = self._idle or (0, None)
        self._idle = None
        if stream is not None and at > place and not self._seeks:
            stream.close()
            stream = None
        if stream is None:
            at, stream = 0, self._open()
        try:
            if self._seeks:
                if stream.seek(0, 2) < place:
                    raise EOFError
                stream.seek(place)
            while not self._seeks and at < place:
                part = stream.read1(min(STEP, place - at))
                if not part:
                    raise EOFError
                at += len(part)
        except BaseException:
            stream.close()
            raise
        return stream

    def given_back(self, place: int, stream: Any) -> None:
        """Keep an open stream that stands at a place for whoever reads on."""
        self.close()
        if not _holding:
            stream.close()
            return
        _holding[-1].add(self)
        self._idle = (place, stream)

    def part(self, place: int, size: int) -> bytes:
        """Some bytes at a place; fewer at the end. Raises EOFError for a place beyond it."""
        stream = self.taken(place)
        found = b""
        while len(found) < size and (more := some_of(stream, size - len(found))):
            found += more
        self.given_back(place + len(found), stream)
        return found

    def close(self) -> None:
        if self._idle is not None:
            self._idle[1].close()
        self._idle = None


class Slice:
    """A part of a stream, forward only."""

    def __init__(self, again: Again, start: int, size: int) -> None:
        self._again, self._place, self._left = again, start, size
        self._stream: Any = again.taken(start) if size else None

    def read1(self, size: int) -> bytes:
        wanted = min(size, self._left)
        if not wanted or self._stream is None:
            return b""
        part = some_of(self._stream, wanted)
        if not part:
            raise EOFError
        self._place, self._left = self._place + len(part), self._left - len(part)
        return part

    def close(self) -> None:
        if self._stream is not None:
            self._again.given_back(self._place, self._stream)
        self._stream = None
