"""Syslog as it was sent, with each message's length before it (RFC 6587, octet counting), turned into lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lichen.collect.inputs.containers import Converter, Damaged, fault_line

MESSAGE_BYTES = 1 << 20
_BEGINS = re.compile(rb"[1-9]\d{0,6} <\d{1,3}>")
REMEDY = "each message is `LENGTH <PRIORITY>…`"


def _messages(file: Any) -> Iterator[bytes]:
    """The messages of an open file, a line each; line ends within one are written as \\n."""
    while length := _length(file):
        if length > MESSAGE_BYTES:
            left = length
            while left > 0 and (part := file.read(min(left, 1 << 16))):
                left -= len(part)
            yield fault_line(f"a message of {length} bytes (limit: {MESSAGE_BYTES})", REMEDY)
            continue
        message: bytes = file.read(length)
        text = message.rstrip(b"\r\n").replace(b"\r\n", b"\\n").replace(b"\n", b"\\n")
        yield text + b"\n"
        if len(message) < length:
            raise EOFError


def _length(file: Any) -> int:
    """The next length; 0 at the end."""
    digits = b""
    while sign := file.read(1):
        if sign.isdigit() and len(digits) < 9:
            digits += sign
        elif sign == b" " and digits:
            return int(digits)
        elif sign not in b"\r\n" or digits:
            raise Damaged(f"no length where one must stand: {digits + sign!r}", REMEDY)
    return 0


OCTET_COUNTED = Converter("syslog with lengths", lambda head: _BEGINS.match(head) is not None, _messages)
