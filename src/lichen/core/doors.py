"""The doors: the few shapes that every source, detector, learner and action has, ours and a guest's alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from lichen.core.batch import Batch, Delivery, Position
from lichen.core.census import CensusRow
from lichen.core.evidence import Evidence

Memory = Mapping[str, Any]
"""What a stream has in hand for one detector: open windows, contexts. Keyed by subject, bounded, evictions counted
under the key "evicted"; encoded as JSON and checkpointed together with the offsets, and decoded again as the detector's
`memory_type` (a TypedDict). Empty at the start."""


@runtime_checkable
class Source(Protocol):
    """Bytes to batches, resumable: reading on from a position loses nothing and doubles nothing."""

    def read(self, since: Mapping[str, Position]) -> Iterator[Delivery]: ...


@runtime_checkable
class Detector(Protocol):
    """Batches to evidence. Frozen: settings and one model version; `detect` is pure: it changes neither the detector
    nor the memory it is given, and returns cumulative rows of the windows that the batch touched."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def memory_type(self) -> Any: ...

    def detect(self, batch: Batch, memory: Memory) -> tuple[list[Evidence], list[CensusRow], Memory]: ...


@runtime_checkable
class Learner(Detector, Protocol):
    """A detector that counts. `learn`, `merge` and `forget` return a new one; merge(a, b) equals learning both."""

    def learn(self, batch: Batch, weight: float = 1.0, side: str = "benign") -> Self: ...
    def merge(self, other: Self) -> Self: ...
    def forget(self, to: int) -> Self: ...
    def save(self, folder: Path) -> None: ...
    @classmethod
    def load(cls, folder: Path) -> Self: ...
