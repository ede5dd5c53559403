"""The head of a syslog line, for forms whose lines may be sent by syslog."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(
    r"(?:<\d{1,3}>)?(?:1 )?"
    r"(?:([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)|"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)) "
    r"(?:([^\s\[|]{1,255}[^\s\[:|]) )?(?:([\w./()@-]{1,64})(?:\[(\d{1,10})\])?: ?)?"
)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a message. `old` is a time without a year, `new` one of RFC 3339; `end` where the rest
    begins."""

    old: str | None
    new: str | None
    host: str | None
    program: str | None
    pid: str | None
    end: int


def head_of(line: str) -> Head | None:
    """The head of a line; None where it has none."""
    match = _HEAD.match(line)
    return None if match is None else Head(match[1], match[2], match[3], match[4], match[5], match.end())
