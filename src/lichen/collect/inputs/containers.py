"""What may lie around lines: compression that is taken off, and files that are no text and are turned into lines.

To add a converter (EVTX, an array of JSON …): a module of its own beside this one with a `Converter`, and its name in
converters.py. A converter is told by how a file begins (HEAD_BYTES of it at most) and gives chunks of lines;
a record that it cannot read is given as `fault_line(reason, remedy, excerpt)`, which becomes a dead letter; what ends
the whole is raised as Damaged. With `seeks` it is handed a file that can seek (of what lies within a container: a copy
in memory, at most KEPT_BYTES).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import zstandard

HEAD_BYTES = 64 << 10
KEPT_BYTES = 256 << 20  # of what lies within a container and must be held in memory to be read
DECODER_BYTES = 256 << 20  # the memory that compressed data may ask for
FAULT = b"\x00fault\x00"
Open = Callable[[], Any]


AGAIN = "what came before was read; get the file again, whole"


class Damaged(Exception):
    """Why a stream cannot be read on, and what to do about it."""

    def __init__(self, reason: str, remedy: str = AGAIN) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Compression:
    """One way of compressing. `undone(file)` is the stream inside of an open one."""

    name: str
    magic: bytes
    undone: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Converter:
    """What is no text, turned into lines. `begins(head)`: whether a file that begins so is one; `lines(file)`: the
    lines of an open binary file, UTF-8, in chunks of whatever size; a line ends in a newline."""

    name: str
    begins: Callable[[bytes], bool]
    lines: Callable[[Any], Iterator[bytes]]
    seeks: bool = False


def fault_line(reason: str, remedy: str, excerpt: str | bytes = b"") -> bytes:
    """A line that stands for a record that a converter could not read."""
    shown = excerpt if isinstance(excerpt, bytes) else excerpt.encode("utf-8", "backslashreplace")
    shown = shown[:1024].replace(b"\n", b"\\n").replace(b"\0", b"\\0")
    return FAULT + b"\0".join([reason.encode(), remedy.encode(), shown]) + b"\n"


def fault_of(line: str) -> tuple[str, str, str] | None:
    """Reason, remedy and excerpt of such a line; None of any other."""
    if not line.startswith("\x00fault\x00"):
        return None
    reason, remedy, excerpt = [*line[7:].split("\0", 2), "", ""][:3]
    return reason, remedy, excerpt


class Converted:
    """The lines of a converter as a byte stream, forward only."""

    def __init__(self, file: Any, lines: Iterator[bytes]) -> None:
        self._file, self._lines, self._left = file, lines, b""

    def read1(self, size: int) -> bytes:
        while not self._left:
            part = next(self._lines, None)
            if part is None:
                return b""
            self._left = part
        part, self._left = self._left[:size], self._left[size:]
        return part

    def close(self) -> None:
        self._lines = iter(())
        self._file.close()


class Xz:
    """An xz stream whose demand for memory is bounded (LZMAFile has no such limit)."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._decompressor = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=DECODER_BYTES)

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


def some_of(file: Any, size: int) -> bytes:
    """Some bytes of an open stream, what is at hand; empty at its end."""
    part: bytes = file.read1(size) if hasattr(file, "read1") else file.read(size)
    return part


class Within:
    """A decompressor's stream that closes what it reads from, too."""

    def __init__(self, stream: Any, file: Any) -> None:
        self._stream, self._file = stream, file

    def read1(self, size: int) -> bytes:
        part: bytes = some_of(self._stream, size)
        return part

    def close(self) -> None:
        self._stream.close()
        self._file.close()


class Whole:
    """A forward stream as decompressors and converters want to read it: `read` gives as much as is asked for, up to the
    end."""

    def __init__(self, file: Any) -> None:
        self._file, self._ahead = file, b""

    def read(self, size: int = -1) -> bytes:
        parts: list[bytes] = []
        while size != 0 and (part := self.read1(size if size > 0 else 1 << 16)):
            parts.append(part)
            size -= len(part) if size > 0 else 0
        return b"".join(parts)

    def read1(self, size: int) -> bytes:
        if self._ahead:
            part, self._ahead = self._ahead[:size], self._ahead[size:]
            return part
        given: bytes = self._file.read1(size)
        return given

    def readline(self, size: int) -> bytes:
        """Up to and with the next newline, at most `size` bytes."""
        found = b""
        while len(found) < size and (part := self.read1(1 << 16)):
            end = part.find(b"\n") + 1
            taken = part[: min(end or len(part), size - len(found))]
            self._ahead = part[len(taken) :] + self._ahead
            found += taken
            if found.endswith(b"\n"):
                break
        return found

    def close(self) -> None:
        self._file.close()


def _zstd(file: Any) -> Any:
    decoder = zstandard.ZstdDecompressor(max_window_size=DECODER_BYTES)
    return Within(decoder.stream_reader(file, read_across_frames=True, closefd=False), file)


COMPRESSIONS = (
    Compression("gzip", b"\x1f\x8b", lambda file: Within(gzip.GzipFile(fileobj=file, mode="rb"), file)),
    Compression("xz", b"\xfd7zXZ\0", Xz),
    Compression("bzip2", b"BZh", lambda file: Within(bz2.BZ2File(file), file)),
    Compression("zstd", b"\x28\xb5\x2f\xfd", _zstd),
)


def compression_of(head: bytes) -> Compression | None:
    """The compression that data which begins so has."""
    return next((each for each in COMPRESSIONS if head.startswith(each.magic)), None)
