"""Promises of detectors and learners (docs/profiles.md, "Promises"): each raises AssertionError with what broke it.

    from lichen.check.learners import detect_changes_nothing, merge_equals_learning_both

`batches` are any batches of the kinds that the detector reads; the more varied, the more a promise is worth.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lichen.core.batch import Batch
from lichen.core.census import CensusRow
from lichen.core.doors import Detector, Learner
from lichen.core.evidence import Evidence

TOLERANCE = 1e-9  # nats

Said = dict[tuple[Any, ...], Evidence]


def said(detector: Detector, batches: Sequence[Batch]) -> tuple[Said, list[CensusRow], Mapping[str, Any]]:
    """What a detector says of batches in their order: last evidence by key, census, memory."""
    evidence: Said = {}
    census: list[CensusRow] = []
    memory: Mapping[str, Any] = {}
    for batch in batches:
        rows, counted, memory = detector.detect(batch, memory)
        evidence.update({row.key: row for row in rows})
        census.extend(counted)
    return evidence, census, memory


def detect_changes_nothing(detector: Detector, batches: Sequence[Batch]) -> None:
    """`detect` is pure: asked twice it says the same, its version stays, the memory it was given stays, and its memory
    goes through JSON (a checkpoint) unharmed."""
    version = detector.version
    memory: Mapping[str, Any] = {}
    for batch in batches:
        before = copy.deepcopy(dict(memory))
        first = detector.detect(batch, memory)
        second = detector.detect(batch, memory)
        assert dict(memory) == before, f"{detector.name} changed the memory that it was given"
        assert first == second, f"{detector.name} said two things of one batch"
        checkpoint = msgspec.json.decode(msgspec.json.encode(memory), type=detector.memory_type)
        assert detector.detect(batch, checkpoint) == first, f"{detector.name} says otherwise after a checkpoint"
        memory = first[2]
    assert detector.version == version, f"{detector.name} changed its version by detecting"


def merge_equals_learning_both(
    fresh: Learner, ones: Sequence[Batch], others: Sequence[Batch], probes: Sequence[Batch], side: str = "benign"
) -> None:
    """merge(a, b) = merge(b, a) = learning both, to 1e-9 in every score; merging changes neither."""
    a, b, both = fresh, fresh, fresh
    for batch in ones:
        a, both = a.learn(batch, side=side), both.learn(batch, side=side)
    for batch in others:
        b, both = b.learn(batch, side=side), both.learn(batch, side=side)
    versions = a.version, b.version
    same_scores(a.merge(b), both, probes, f"{fresh.name}: merge(a, b) is not learning both")
    same_scores(b.merge(a), both, probes, f"{fresh.name}: merge(b, a) is not learning both")
    assert (a.version, b.version) == versions, f"{fresh.name}: merging changed what was merged"


def save_load_keeps_scores(learner: Learner, folder: Path, probes: Sequence[Batch]) -> None:
    """A learner that was saved and loaded says the same, to 1e-9, and is called the same."""
    learner.save(folder)
    loaded = type(learner).load(folder)
    assert loaded.name == learner.name
    same_scores(loaded, learner, probes, f"{learner.name}: loading lost something")


def forget_moves_towards_parent(
    learner: Learner, own: Sequence[Batch], sibling: Sequence[Batch], times: Sequence[int], left: float = 0.1
) -> None:
    """Forgetting leads a subject to what its parent believes, and not to flat: `own` are acts of a subject with a past,
    `sibling` the very same acts by one of its like without any. After forgetting up to the last of `times` (µs UTC,
    rising), one after the other, the gap between their scores is at most `left` of what it was."""
    gaps = [_gap(learner, own, sibling)]
    assert gaps[0] > 0, f"{learner.name}: the subject's past makes no difference, so there is nothing to forget"
    for to in times:
        learner = learner.forget(to)
        gaps.append(_gap(learner, own, sibling))
    assert gaps[-1] <= left * gaps[0], f"{learner.name}: after all that time the past still shows: {gaps}"


def same_scores(one: Detector, other: Detector, probes: Sequence[Batch], complaint: str) -> None:
    """Both say the same of the probes: same rows, same counts, scores within TOLERANCE."""
    a, b = said(one, probes)[0], said(other, probes)[0]
    assert a.keys() == b.keys(), f"{complaint}: rows {a.keys() ^ b.keys()}"
    for key, row in a.items():
        peer = b[key]
        counts = (row.n_events, row.n_known, row.n_new), (peer.n_events, peer.n_known, peer.n_new)
        assert counts[0] == counts[1], f"{complaint}: {key} counts {counts}"
        assert abs(row.score_nats - peer.score_nats) <= TOLERANCE, (
            f"{complaint}: {key} {row.score_nats} and {peer.score_nats}"
        )


def _gap(learner: Learner, own: Sequence[Batch], sibling: Sequence[Batch]) -> float:
    """The widest difference of scores between a subject's acts and the same acts of its sibling, window by window."""
    scores: list[list[float]] = []
    for batches in (own, sibling):
        rows = sorted(said(learner, batches)[0].values(), key=lambda row: (row.subject.kind, row.window))
        scores.append([row.score_nats for row in rows])
    assert len(scores[0]) == len(scores[1]) > 0, "own and sibling must act in the same windows"
    return max(abs(a - b) for a, b in zip(scores[0], scores[1], strict=True))
