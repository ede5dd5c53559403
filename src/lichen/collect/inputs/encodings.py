"""UTF-16 logs, as Windows writes them, with and without a byte order mark: turned into UTF-8 lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

from lichen.collect.inputs.containers import Converter

_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_LOOKED_AT = 512  # bytes, to tell UTF-16 without a mark
_MOSTLY = 0.8  # of the signs of an English log have a zero for one of their bytes
CHUNK = 1 << 18


def encoding_of(head: bytes) -> str | None:
    """utf-16-le or utf-16-be if a file that begins so is UTF-16."""
    if head[:2] in _MARKS and head[:4] != b"\xff\xfe\0\0":
        return _MARKS[head[:2]]
    sample = head[: min(_LOOKED_AT, len(head) // 2 * 2)]
    if len(sample) < 8:
        return None
    even, odd = sample[::2], sample[1::2]
    enough = _MOSTLY * len(even)
    if odd.count(0) >= enough and not even.count(0):
        return "utf-16-le"
    if even.count(0) >= enough and not odd.count(0):
        return "utf-16-be"
    return None


def _utf8(file: Any) -> Iterator[bytes]:
    head: bytes = file.read(_LOOKED_AT)
    encoding = encoding_of(head)
    decoder = codecs.getincrementaldecoder(encoding or "utf-16-le")("replace")
    first = head[2:] if head[:2] in _MARKS else head
    yield decoder.decode(first).encode("utf-8", "backslashreplace")
    while chunk := file.read(CHUNK):
        yield decoder.decode(chunk).encode("utf-8", "backslashreplace")


UTF16 = Converter("UTF-16", lambda head: encoding_of(head) is not None, _utf8)
