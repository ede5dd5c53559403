"""Standard input as a stream that can be looked at before it is read."""

from __future__ import annotations

import select
import sys
from typing import Any


class Pipe:
    """Standard input, which can be opened twice: once to look how it begins, then to be read."""

    def __init__(self) -> None:
        self._kept, self._at, self._looking = b"", 0, True

    def read1(self, size: int) -> bytes:
        if self._at < len(self._kept):
            again = self._kept[self._at : self._at + size]
            self._at += len(again)
            return again
        source: Any = sys.stdin.buffer
        part: bytes = source.read1(size)
        while 0 < len(part) < size and self._more_is_there():
            more: bytes = source.read1(size - len(part))
            if not more:
                break
            part += more
        if self._looking:
            self._kept += part
            self._at += len(part)
        return part

    @staticmethod
    def _more_is_there() -> bool:
        try:
            return bool(select.select([sys.stdin.buffer], [], [], 0.01)[0])
        except (OSError, ValueError):  # not a thing that can be waited for
            return False

    def rewind(self) -> None:
        """Back to the beginning, to go on looking."""
        self._at = 0

    def close(self) -> None:
        self._at, self._looking = 0, False
