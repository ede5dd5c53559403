"""Where lines end in a buffer that is not to be copied."""

from __future__ import annotations


def last_end(buffer: memoryview, begin: int, end: int) -> int:
    """Behind the last line end in a span; `begin` where there is none."""
    window = 1 << 14
    while True:
        first = max(begin, end - window)
        place = buffer[first:end].tobytes().rfind(b"\n")
        if place >= 0:
            return first + place + 1
        if first == begin:
            return begin
        window *= 4


def first_end(buffer: memoryview, begin: int) -> int:
    """Behind the next line end; the buffer's end where there is none."""
    window = 1 << 14
    while begin < len(buffer):
        place = buffer[begin : begin + window].tobytes().find(b"\n")
        if place >= 0:
            return begin + place + 1
        begin += window
        window *= 2
    return len(buffer)
