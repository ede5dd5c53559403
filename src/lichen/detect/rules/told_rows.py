"""What was seen on which row, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToldRows:
    """Words by row, asked as `Hits.because` is."""

    words: dict[int, str]

    def __call__(self, row: int) -> str:
        return self.words[row]
