"""Readers: whole lines of one stream to batches, a format each. This is the shape that all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lichen.core.batch import Batch

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of one stream in order, without their ends. `offset` is each line's first byte in the uncompressed
    stream, `number` its line number (from 1). Bytes that are not UTF-8 stand as \\xNN."""

    text: Sequence[str]
    offset: Rows
    number: Rows

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that could not become an event: its row in Lines, why, and what to do about it."""

    row: int
    reason: str
    remedy: str


@dataclass(slots=True)
class Reading:
    """What a reader made of some lines. `held`: rows of events whose rest may not have come yet; they are given again
    with the lines that follow (when everything was asked for, their events are in the batches nonetheless)."""

    batches: list[Batch] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    latest: int | None = None  # the time of the last line, µs UTC


class Reader(Protocol):
    """Lines to batches. What it has in hand between calls is in `state` (JSON-able, bounded) and can be given back."""

    def read(self, lines: Lines, last: bool) -> Reading:
        """The events of these lines; with `last` even those that may still grow. Never raises for what a line says."""
        ...

    def state(self) -> dict[str, Any]: ...
    def restore(self, state: Mapping[str, Any]) -> None: ...
