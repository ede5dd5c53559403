"""JSON documents that do not stand a line each: an array, documents over several lines, an envelope around records.

Read as a stream and given out a document a line, with the blanks between their parts gone. Nothing but the document in
hand is held; what is no JSON is given out as it stands, so that it ends among the dead letters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import orjson

CHUNK = 1 << 16
CARRIED_BYTES = 64 << 10  # of what an envelope says of all its records
Paths = Sequence[tuple[str, ...]]

_OUTSIDE = re.compile(rb'["{}\[\]]')
_OUTSIDE_IN_LINE = re.compile(rb'["{}\[\]\n]')
_INSIDE = re.compile(rb'["\\\r\n]')
_BLANK = re.compile(rb"(?:[ \t\r\n\x1e]|\xef\xbb\xbf)*")
_BLANK_IN_LINE = re.compile(rb"[ \t\r]*")
_LOOSE = re.compile(rb"[\s,\[\]]*")
_BARE = re.compile(rb"[^\s,:{}\[\]\"]*")
_BETWEEN = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")|[ \t\r\n]+', re.S)


class Broken(Exception):
    """No JSON from here on; `text` is what was read of the document in hand."""

    def __init__(self, text: bytes) -> None:
        super().__init__("no JSON")
        self.text = text


class Scanner:
    """Reads values of JSON one after the other from an open binary file, forward only. `by_line`: no value goes on
    over the end of a line, so that damage stays within its own."""

    def __init__(self, file: Any, limit: int, by_line: bool = False) -> None:
        self._read = file.read1 if hasattr(file, "read1") else file.read
        self._limit = limit
        self._outside = _OUTSIDE_IN_LINE if by_line else _OUTSIDE
        self._blank = _BLANK_IN_LINE if by_line else _BLANK
        self._buffer, self._at = b"", 0

    def begin(self) -> bytes:
        """The sign that the next document begins with; empty at the end."""
        return self.peek(_BLANK)

    def peek(self, blank: re.Pattern[bytes] | None = None) -> bytes:
        """The next sign that is no blank; empty at the end."""
        while True:
            match = (blank or self._blank).match(self._buffer, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._more():
                return b""

    def step(self) -> None:
        """Pass one sign."""
        self._at += 1

    def pass_loose(self) -> None:
        """Pass what stands between documents: borders of arrays, commas, blanks."""
        match = _LOOSE.match(self._buffer, self._at)
        assert match is not None
        self._at = match.end()

    def line(self) -> bytes:
        """The rest of the line, at most a sign more than the limit of it."""
        parts: list[bytes] = []
        kept = 0
        while True:
            end = self._buffer.find(b"\n", self._at)
            part = self._buffer[self._at : end if end >= 0 else len(self._buffer)]
            parts.append(part[: max(0, self._limit + 1 - kept)])
            kept += len(part)
            self._at += len(part)
            if end >= 0 or not self._more():
                return b"".join(parts)

    def value(self) -> bytes:
        """The next value as it stands, at most a sign more than the limit of it. Raises Broken where a text is not
        closed on its line, or the file ends within the value."""
        if self.peek() not in (b'"', b"{", b"["):
            return self._bare()
        parts: list[bytes] = []
        kept, depth, inside = 0, 0, False
        begun = self._at
        while True:
            match = (_INSIDE if inside else self._outside).search(self._buffer, self._at)
            self._at = match.end() if match else len(self._buffer)
            sign = match[0] if match else b""
            if sign == b"\\" and self._at < len(self._buffer):
                self._at += 1
                continue
            if not match or sign == b"\\":
                kept = self._keep(parts, kept, begun)
                if not self._more():
                    raise Broken(b"".join(parts))
                self._at += sign == b"\\"
                begun = 0
                continue
            if sign == b'"':
                inside = not inside
            elif inside or sign == b"\n":
                self._at -= 1
                self._keep(parts, kept, begun)
                raise Broken(b"".join(parts).rstrip(b"\r"))
            else:
                depth += 1 if sign in b"{[" else -1
            if depth <= 0 and not inside:
                self._keep(parts, kept, begun)
                return b"".join(parts)

    def _keep(self, parts: list[bytes], kept: int, begun: int) -> int:
        part = self._buffer[begun : self._at]
        if kept <= self._limit:
            parts.append(part[: self._limit + 1 - kept])
        return kept + len(part)

    def _bare(self) -> bytes:
        """A number, true, false or null."""
        whole = b""
        while len(whole) <= self._limit:
            match = _BARE.match(self._buffer, self._at)
            assert match is not None
            whole += match[0]
            self._at = match.end()
            if self._at < len(self._buffer) or not self._more():
                break
        if not whole:
            raise Broken(self.line())
        return whole

    def _more(self) -> bool:
        part: bytes = self._read(CHUNK)
        self._buffer, self._at = part, 0
        return bool(part)


class Documents:
    """The documents of an open file, a line each. Objects that stand in the arrays, or under the names, of one of
    `paths` are given out in place of what is around them, with what `carried` names of that put before them."""

    def __init__(
        self, file: Any, limit: int, paths: Paths = (), carried: Collection[str] = (), by_line: bool = False
    ) -> None:
        self._file, self._limit = file, limit
        self._paths, self._carried = paths, frozenset(carried)
        self._scanner = Scanner(file, limit, by_line)
        self._lines = self._every()
        self._left = b""

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

    def _every(self) -> Iterator[bytes]:
        scanner = self._scanner
        while sign := scanner.begin():
            try:
                if sign in b",[]":
                    scanner.pass_loose()
                elif sign == b"{" and self._paths:
                    yield from self._object(self._paths, b"")
                elif sign == b"{":
                    yield in_a_line(scanner.value())
                else:
                    yield scanner.line().rstrip() + b"\n"
            except Broken as broken:
                yield broken.text.replace(b"\n", b" ") + b"\n"

    def _object(self, paths: Paths, before: bytes) -> Iterator[bytes]:
        """The records under `paths` of the object that begins here; the object itself where it has none of them.
        `before`: what the envelopes around it say of it."""
        scanner, so_far, found = self._scanner, bytearray(b"{"), False
        scanner.step()
        while (sign := scanner.peek()) != b"}":
            if sign == b",":
                scanner.step()
                continue
            if sign != b'"':
                raise Broken(bytes(so_far) + scanner.line())
            key = scanner.value()
            if scanner.peek() != b":":
                raise Broken(bytes(so_far) + key + scanner.line())
            scanner.step()
            name = _name(key)
            inner = [path[1:] for path in paths if path[0] == name]
            sign = scanner.peek()
            if inner and sign == b"[":
                found = True
                yield from self._array(inner, before)
            elif inner and sign == b"{":
                found = True
                yield from self._record(inner, before)
            else:
                value = _value_of(scanner, so_far)
                if name in self._carried and len(before) + len(value) < CARRIED_BYTES:
                    before += key + b":" + value + b","
                if len(so_far) <= self._limit:
                    so_far += (b"," if len(so_far) > 1 else b"") + key + b":" + value
        scanner.step()
        if not found:
            yield in_a_line(bytes(so_far) + b"}")

    def _array(self, paths: Paths, before: bytes) -> Iterator[bytes]:
        scanner = self._scanner
        scanner.step()
        while (sign := scanner.peek()) != b"]":
            if sign == b",":
                scanner.step()
            elif sign == b"{":
                yield from self._record(paths, before)
            elif not sign:
                return
            else:
                yield in_a_line(scanner.value())
        scanner.step()

    def _record(self, paths: Paths, before: bytes) -> Iterator[bytes]:
        """One record, or the envelope within the envelope."""
        deeper = [path for path in paths if path]
        if deeper:
            yield from self._object(deeper, before)
            return
        record = self._scanner.value()
        if before:
            record = b"{" + (before if record[1:].strip() != b"}" else before[:-1]) + record[1:]
        yield in_a_line(record)


def _value_of(scanner: Scanner, so_far: bytearray) -> bytes:
    """The next value; what was read before it is told where it is broken."""
    try:
        return scanner.value()
    except Broken as broken:
        raise Broken(bytes(so_far) + broken.text) from None


def _name(key: bytes) -> str:
    try:
        return str(orjson.loads(key))
    except orjson.JSONDecodeError:
        return ""


def in_a_line(document: bytes) -> bytes:
    """A document without what divides it into lines; texts stay as they are."""
    if b"\n" in document or b"\r" in document:
        document = _BETWEEN.sub(lambda match: match[1] or b"", document)
    return document + b"\n"
