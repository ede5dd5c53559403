"""Which stream this is, and where it was left: by what it holds, never by its name.

Identity is the first complete line (at most 1 KiB). An equal identity alone never skips anything: a stream is taken up
where it was left only if it is at least as long and the block before that place is the same; a shorter one is an older
copy only if the block before the greatest power of two that it reaches is the same. Anything else that begins alike is
another stream, and is named by more of what it holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from lichen.collect.inputs.blocks import LAST_BLOCK, digest
from lichen.collect.inputs.opened import Bytes, Origin
from lichen.core.batch import Position

IDENTITY_BYTES = 1024
HEAD_BYTES = 64 << 10
STEP = 1 << 20


def identity_of(head: bytes, ended: bool) -> str | None:
    """The identity of a stream that begins like this: its first line with anything in it. None while that line is not
    complete; of a stream that ended (or of a longer line) its first 1 KiB count."""
    content = head.lstrip(b"\r\n")
    line, found, _ = content.partition(b"\n")
    if not found and not ended and len(content) < IDENTITY_BYTES:
        return None
    return hashlib.blake2b(line.removesuffix(b"\r")[:IDENTITY_BYTES], digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Found:
    """Where to begin. `stream`: the identity that its events carry; `position`: where it was left, with `tail` the
    block before it (None: at the start); `older_copy`: all of it was read before, as part of a longer stream."""

    stream: str
    position: Position | None = None
    tail: bytes = b""
    older_copy: bool = False


def found_in(origin: Origin, base: str, head: bytes, known: Mapping[str, Position]) -> Found:
    """Look a stream up among the positions of streams that began alike."""
    alike = [position for position in known.values() if position.state.get("base") == base and position.offset]
    for position in sorted(alike, key=lambda position: -position.offset):
        tail, length = before(origin, position.offset)
        if length == position.offset and digest(tail) == position.last_block:
            return Found(position.stream, position, tail)
        if length < position.offset and _is_older_copy(origin, length, position):
            return Found(position.stream, position, older_copy=True)
    if not alike:
        return Found(base)
    more = hashlib.blake2b(head[:HEAD_BYTES], digest_size=16, key=bytes.fromhex(base)).hexdigest()
    return Found(more)


def before(origin: Origin, offset: int) -> tuple[bytes, int]:
    """The block before a place of an origin, and how far towards that place the origin reaches."""
    stream = Bytes(origin)
    try:
        if origin.plain and stream.damage is None:
            size = (stream.file_id() or (0, 0, 0))[2]
            reached = min(size, offset)
            stream.seek(max(0, reached - LAST_BLOCK))
            return stream.read(min(reached, LAST_BLOCK)), reached
        tail, reached = b"", 0
        while reached < offset:
            part = stream.read(min(STEP, offset - reached))
            if not part:
                break
            tail = (tail + part)[-LAST_BLOCK:]
            reached += len(part)
        return tail, reached
    finally:
        stream.close()


def _is_older_copy(origin: Origin, length: int, position: Position) -> bool:
    """Whether a stream of this length is how the known one was earlier: by the greatest mark that it reaches."""
    marks = {int(place): mark for place, mark in position.state.get("marks", {}).items()}
    reached = max((place for place in marks if place <= length), default=0)
    return reached > 0 and digest(before(origin, reached)[0]) == marks[reached]
