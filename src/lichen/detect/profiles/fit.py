"""Fitting all profiles: from batches, benign first, then confirmed attacks; and held-out fits by kind of attack.

Sequences and different things need to see what came before, so each stream's batches are joined before they are
learned: hand over whole stretches (a session, a day).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from lichen.core.batch import Batch
from lichen.detect.profiles.profile import Profile
from lichen.detect.profiles.rates import RateProfile
from lichen.detect.profiles.uses import USES

AnyProfile: TypeAlias = Profile | RateProfile


def fresh_profiles(minutes: int) -> list[AnyProfile]:
    """Every profile that ships, knowing nothing; `minutes` is the window's length."""
    return [*(Profile(use, minutes) for use in USES.values()), RateProfile(minutes)]


def joined(batches: Iterable[Batch]) -> list[Batch]:
    """One batch for each stream and kind, in the stream's order; without shapes, which profiles do not read."""
    parts: dict[tuple[str, str], list[Batch]] = {}
    for batch in batches:
        if len(batch):
            parts.setdefault((batch.stream.identity, batch.kind), []).append(batch)
    return [_one(own) for own in parts.values()]


def _one(parts: Sequence[Batch]) -> Batch:
    text = pa.chunked_array([part.text for part in parts]).combine_chunks()
    view = pa.Table.from_batches([part.view for part in parts]).combine_chunks().to_batches()
    whole = Batch(
        parts[0].stream,
        parts[0].kind,
        text if isinstance(text, pa.Array) else pa.concat_arrays(text.chunks),
        np.concatenate([part.offset for part in parts]),
        view[0],
    )
    order = np.argsort(whole.offset, kind="stable")
    return whole if (np.diff(whole.offset) >= 0).all() else whole.take(order)


def fit_benign(profiles: Sequence[AnyProfile], batches: Iterable[Batch], weight: float = 1.0) -> list[AnyProfile]:
    """Profiles that have learned these batches as benign."""
    return _learned(profiles, joined(batches), weight, "benign")


def fit_attacks(
    profiles: Sequence[AnyProfile], confirmed: Mapping[str, Iterable[Batch]], weight: float = 1.0
) -> list[AnyProfile]:
    """Profiles that have learned confirmed acts too: technique ("T1059.004") -> batches of its events alone."""
    for technique, batches in confirmed.items():
        profiles = _learned(profiles, joined(batches), weight, f"malicious:{technique}")
    return list(profiles)


def without_each_kind(
    profiles: Sequence[AnyProfile], confirmed: Mapping[str, Mapping[str, Iterable[Batch]]], weight: float = 1.0
) -> dict[str, list[AnyProfile]]:
    """For each kind of attack, profiles that have learned all *other* kinds: kind -> technique -> batches. What they
    say of that kind is out of fold, as the fusion head needs it."""
    empty = [profile.emptied() for profile in profiles]
    shards = {kind: fit_attacks(empty, techniques, weight) for kind, techniques in confirmed.items()}
    folds = {}
    for left_out in confirmed:
        fold = list(profiles)
        for kind, shard in shards.items():
            if kind != left_out:
                fold = [one.merge(other) for one, other in zip(fold, shard, strict=True)]  # type: ignore[arg-type]
        folds[left_out] = fold
    return folds


def _learned(profiles: Sequence[AnyProfile], batches: Sequence[Batch], weight: float, side: str) -> list[AnyProfile]:
    grown: list[AnyProfile] = list(profiles)
    for batch in batches:
        grown = [profile.learn(batch, weight, side) for profile in grown]
    return grown
