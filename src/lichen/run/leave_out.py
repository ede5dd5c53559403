"""Leave out: evidence on events that no model saw, where the events themselves are all there is to learn from.

The time of each subject is cut into blocks of 13 windows that are dealt out over eight parts; a window is judged by
models that learned six of them: neither its own block nor the nearer neighbouring one, so that nothing within six
windows of the same subject taught them. Merging is exact, so eight small models give all eight mixtures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
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


def evidence(batches: Sequence[Batch], empty: Models, overlays: Sequence[Overlay], minutes: int) -> list[Evidence]:
    """Evidence of every profile on every window, each by models that never saw it nor its neighbours."""
    places = [_place(batch, minutes) for batch in batches]
    apart: list[dict[str, Any]] = [dict(empty) for _ in range(PARTS)]
    for batch, (part, _) in zip(batches, places, strict=True):
        for number in np.unique(part).tolist():
            rows = np.flatnonzero(part == number)
            for name, profile in apart[number].items():
                apart[number][name] = profile.learn(batch.take(rows))
    found: list[Evidence] = []
    for number in range(PARTS):
        out = {number, (number + 1) % PARTS}
        kept = [models for place, models in enumerate(apart) if place not in out]
        for name, profile in empty.items():
            whole = reduce(lambda a, b: a.merge(b), (models[name] for models in kept), profile)
            found += _judged(batches, places, number, whole.with_overlays(overlays))
    return found


def _judged(batches: Iterable[Batch], places: Iterable[Any], number: int, detector: Any) -> list[Evidence]:
    latest: dict[Any, Evidence] = {}
    memory: Any = {}
    for batch, (_, judge) in zip(batches, places, strict=True):
        rows = np.flatnonzero(judge == number)
        if len(rows):
            evidence, _, memory = detector.detect(batch.take(rows), memory)
            latest.update((row.key, row) for row in evidence)
    return list(latest.values())


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
