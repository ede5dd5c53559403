"""School: profiles that learn streams piece by piece, in bounded memory, exactly as if each had been learned whole.

Sequences and different things need to see what came before. So each stream keeps in hand what its last piece left, and
of requests the last minute is kept back: servers write them in the order in which they end, not begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from lichen.core.batch import Batch
from lichen.core.doors import Memory
from lichen.core.time import MICROSECONDS
from lichen.detect.profiles.fit import AnyProfile, joined
from lichen.detect.profiles.uses import sequence

ABOUT = 20_000  # events in hand before they are learned
KEPT_BACK = 60 * MICROSECONDS  # of a stream whose order matters
REMEMBERED = 1024  # what streams left in hand for profiles; the one that has not moved for longest goes first
Key = tuple[str, str]  # stream, kind


class School:
    """Profiles in learning. `take` batches of any streams, each stream's in its order; `grown` are the profiles that
    know them all. Equal to `fit.fit_benign` as long as no request is written more than a minute after a later one."""

    def __init__(
        self, profiles: Sequence[AnyProfile], weight: float = 1.0, side: str = "benign", about: int = ABOUT
    ) -> None:
        self._profiles = list(profiles)
        self.weight, self.side, self.about = weight, side, about
        self.events = 0
        self._waiting: dict[Key, list[Batch]] = {}
        self._in_hand = 0
        self._memories: dict[tuple[Key, str], Memory] = {}

    def take(self, batch: Batch) -> None:
        """Learn these events too, now or soon."""
        if not len(batch):
            return
        lean = replace(batch, text=pa.nulls(len(batch), pa.large_string()), shapes=())  # nothing else is learned from
        self._waiting.setdefault((batch.stream.identity, batch.kind), []).append(lean)
        self.events += len(batch)
        self._in_hand += len(batch)
        if self._in_hand >= self.about:
            self._teach()

    def take_all(self, batches: Iterable[Batch]) -> None:
        """`take` each."""
        for batch in batches:
            self.take(batch)

    def grown(self) -> list[AnyProfile]:
        """The profiles that have learned everything taken so far."""
        self._teach(to_the_end=True)
        return list(self._profiles)

    def _teach(self, to_the_end: bool = False) -> None:
        waiting, self._waiting, self._in_hand = self._waiting, {}, 0
        room = self.about // 2
        for key, parts in waiting.items():
            (whole,) = joined(parts)
            if key[1] in sequence.USE.kinds and not to_the_end:
                times = whole.times()
                late = times > int(times.max()) - KEPT_BACK
                if self._in_hand + int(late.sum()) <= room:
                    self._waiting[key] = [whole.take(np.flatnonzero(late))]
                    self._in_hand += int(late.sum())
                    whole = whole.take(np.flatnonzero(~late))
            if len(whole):
                self._learn(key, whole)

    def _learn(self, key: Key, piece: Batch) -> None:
        grown: list[AnyProfile] = []
        for profile in self._profiles:
            before = self._memories.pop((key, profile.name), {})
            learned, after = profile.learn_on(piece, before, self.weight, self.side)
            grown.append(learned)
            if after:
                self._memories[key, profile.name] = after
        self._profiles = grown
        while len(self._memories) > REMEMBERED:
            del self._memories[next(iter(self._memories))]
