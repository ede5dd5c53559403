"""What one file on disk may unfold into: entries, archives within archives, bytes in all; a bomb is stopped."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from lichen.collect.inputs.containers import Damaged, Open

Stream = tuple[str, int]  # its name, which others may have too, and its number


@dataclass(frozen=True, slots=True)
class Caps:
    """`entries` of one file with all archives in it; `nesting`: archives within archives; `total_bytes` uncompressed;
    `ratio`: uncompressed bytes for each byte on disk, counted only beyond `free_bytes` (a small file of equal lines
    harms nobody)."""

    entries: int = 10_000
    nesting: int = 3
    total_bytes: int = 64 << 30
    ratio: int = 500
    free_bytes: int = 64 << 20


@dataclass(slots=True)
class Budget:
    """What of a file's caps is used. Each decompressed stream counts once, however often it is read; streams of one
    name are as many as they are."""

    caps: Caps
    size: int
    entries: int = 0
    reached: defaultdict[Stream, int] = field(default_factory=lambda: defaultdict(int))
    streams: int = 0
    total: int = 0

    def charge(self, stream: Stream, reached: int) -> None:
        """A stream was read this far. Raises Damaged beyond the caps."""
        more = reached - self.reached[stream]
        if more <= 0:
            return
        self.reached[stream] = reached
        self.total += more
        caps = self.caps
        if self.total > caps.total_bytes:
            raise Damaged(
                f"unfolds into more than {caps.total_bytes} bytes", "raise archive_limit_bytes if it is no bomb"
            )
        if self.total > max(caps.free_bytes, self.size * caps.ratio):
            told = f"{caps.ratio} times its {self.size} bytes on disk"
            raise Damaged(f"unfolds into more than {told}", "raise archive_ratio if it is no bomb")

    def counted(self, opener: Open, stream: str) -> Open:
        """An opener whose streams are charged as they are read."""
        self.streams += 1
        account = (stream, self.streams)
        return lambda: Counted(opener(), self, account)


class Counted:
    """A forward stream that is charged as it is read."""

    def __init__(self, file: Any, budget: Budget, stream: Stream) -> None:
        self._file, self._budget, self._stream, self._reached = file, budget, stream, 0

    def read1(self, size: int) -> bytes:
        part: bytes = self._file.read1(size)
        self._reached += len(part)
        self._budget.charge(self._stream, self._reached)
        return part

    def close(self) -> None:
        self._file.close()
