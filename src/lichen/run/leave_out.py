"""Leave out: evidence on events that no model saw, where the events themselves are all there is to learn from.

The time of each subject is cut into blocks of 13 windows that are dealt out over eight parts; a window is judged by
models that learned six of them: neither its own block nor the nearer neighbouring one, so that nothing within six
windows of the same subject taught them. Merging is exact, so eight small models give all eight mixtures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from lichen.core.batch import Batch
from lichen.core.change import Overlay
from lichen.core.evidence import Evidence
from lichen.core.ocsf import SUBJECT_KINDS

PARTS, BLOCK = 8, 13
Models = Mapping[str, Any]


def evidence(
    again: Callable[[], Iterable[Batch]], empty: Models, overlays: Sequence[Overlay], minutes: int
) -> list[Evidence]:
    """Evidence of every profile on every window, each by models that never saw it nor its neighbours. `again` gives
    all batches, and is asked twice: what is held grows with windows and distinct values, not with events."""
    apart: list[dict[str, Any]] = [dict(empty) for _ in range(PARTS)]
    for batch in again():
        part, _ = _place(batch, minutes)
        for number in np.unique(part).tolist():
            rows = np.flatnonzero(part == number)
            for name, profile in apart[number].items():
                apart[number][name] = profile.learn(batch.take(rows))
    mixtures = [_mixture(apart, number, empty, overlays) for number in range(PARTS)]
    del apart
    latest: dict[Any, Evidence] = {}
    memories: dict[tuple[int, str], Any] = {}
    for batch in again():
        _, judge = _place(batch, minutes)
        for number in np.unique(judge).tolist():
            rows = np.flatnonzero(judge == number)
            for name, detector in mixtures[number].items():
                found, _, after = detector.detect(batch.take(rows), memories.get((number, name), {}))
                memories[number, name] = after
                latest.update(((number, row.key), row) for row in found)
    return list(latest.values())


def _mixture(apart: Sequence[Models], number: int, empty: Models, overlays: Sequence[Overlay]) -> dict[str, Any]:
    """All parts but `number` and the one after it, merged, under the answers in force."""
    kept = [models for place, models in enumerate(apart) if place not in {number, (number + 1) % PARTS}]
    return {
        name: reduce(lambda a, b: a.merge(b), (models[name] for models in kept), profile).with_overlays(overlays)
        for name, profile in empty.items()
    }


def _place(batch: Batch, minutes: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Of each event: the part that it teaches, and the mixture (the parts number and number + 1 left out) that judges
    it."""
    window = batch.times() // (minutes * 60_000_000)
    block, within = window // BLOCK, window % BLOCK
    seed = np.zeros(len(batch), dtype=np.int64)
    for kind in reversed(SUBJECT_KINDS):
        names = batch.column(f"subject.{kind}").to_pylist()
        seed = np.where([name is not None for name in names], [_seed(name or "") for name in names], seed)
    part = (block + seed) % PARTS
    return part, np.where(within < (BLOCK + 1) // 2, (part - 1) % PARTS, part)


def _seed(name: str) -> int:
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=2).digest()[0]
