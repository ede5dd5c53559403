"""Whether a stream's JSON stands a line each; if not, the same stream as documents that do (documents.py)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from lichen.collect.inputs.documents import Documents
from lichen.collect.inputs.opened import Origin
from lichen.collect.mapping import SensorMapping
from lichen.collect.readers.choose import SAMPLE, Format, choose

LOOKED_AT = 4 << 20  # bytes of a stream's beginning: more than the greatest record


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A stream as documents, and how it begins so: its first bytes, its first lines, its format."""

    origin: Origin
    head: bytes
    lines: list[str]
    format: Format

    @property
    def base(self) -> str:
        """The stream's identity: its first document whole, since a file often holds one, and many begin alike."""
        return hashlib.blake2b(self.head.partition(b"\n")[0], digest_size=16).hexdigest()


def unfolded(origin: Origin, head: bytes, mappings: Sequence[SensorMapping], limit: int) -> Unfolded | None:
    """The stream as documents, if it begins as JSON that does not stand a line each: an envelope that a mapping knows
    (and whose records are that mapping's), or documents that are no lines. None for every other stream."""
    content = head[:LOOKED_AT].removeprefix(b"\xef\xbb\xbf").lstrip()
    if content[:1] not in (b"{", b"["):
        return None
    by_line = _by_line(content)
    for mapping in mappings:
        if any(_may_hold(content, path) for path in mapping.each):
            found = _seen_so(origin, content, mapping, by_line, mappings, limit)
            if found is not None and found.format.mapping is mapping and not _as_they_stand(found.lines, content):
                told = found.format.told.replace("JSON lines", "JSON in an envelope")
                return replace(found, format=replace(found.format, told=told))
    if by_line:
        return None
    found = _seen_so(origin, content, None, False, mappings, limit)
    if found is None or found.format.mapping is None or _mostly_broken(found.lines):
        return None
    told = found.format.told.replace("JSON lines", "JSON documents")
    return replace(found, format=replace(found.format, told=told))


def _may_hold(content: bytes, path: tuple[str, ...]) -> bool:
    return all(b'"' + name.encode() + b'"' in content for name in path)


def _as_they_stand(lines: Sequence[str], content: bytes) -> bool:
    """Whether the lines are those that stand in the stream anyway."""
    return all(
        line == own.decode("utf-8", "backslashreplace") for line, own in zip(lines, _lines_of(content), strict=False)
    )


def _lines_of(content: bytes) -> Iterator[bytes]:
    return (line.rstrip(b"\r") for line in content.split(b"\n") if line.strip())


def _by_line(content: bytes) -> bool:
    """Whether the first lines are JSON objects by themselves. In a stream that begins with an object one whole line
    says so: however many others are damaged, they are no parts of a greater document."""
    lines = [line for line in content.split(b"\n", SAMPLE)[:SAMPLE] if line.strip()]
    whole = sum(_is_object(line) for line in lines)
    return whole > 0 if content.startswith(b"{") else whole * 2 >= len(lines)


def _is_object(line: bytes) -> bool:
    try:
        return line[:1] == b"{" and isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _mostly_broken(documents: Sequence[str]) -> bool:
    """Whether reading over line ends made no documents either: then each line speaks for itself."""
    return sum(_is_object(document.encode("utf-8", "surrogatepass")) for document in documents) * 2 < len(documents)


def _seen_so(
    origin: Origin,
    content: bytes,
    mapping: SensorMapping | None,
    by_line: bool,
    mappings: Sequence[SensorMapping],
    limit: int,
) -> Unfolded | None:
    paths, carried = (mapping.each, mapping.carry) if mapping is not None else ((), frozenset[str]())
    documents = Documents(io.BytesIO(content), limit, paths, carried, by_line)
    head = b""
    while len(head) < LOOKED_AT and (part := documents.read1(LOOKED_AT)):
        head += part
        if head.count(b"\n") > SAMPLE:
            break
    lines = [line for line in head.decode("utf-8", "backslashreplace").split("\n") if line]
    fmt = choose(lines, mappings)
    if fmt is None:
        return None
    opener = origin.open
    unfolding = replace(origin, plain=False, open=lambda: Documents(opener(), limit, paths, carried, by_line))
    return Unfolded(unfolding, head, lines, fmt)
