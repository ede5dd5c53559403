"""What answers change of a classifier's worth: a cause called benign is read, at its node, against what it scored then.

A weight is s − log m, where m is the mean of e^s over benign windows (`calibrate`). An answer says of one node and some
causes: benign windows look like this too, with e^a. At that node and for these causes a share of the windows is taken
to be like the answered ones, the loudest first, until they are all:

    m' = Σ min(πᵢ, what is left)·e^aᵢ + what is left · m      (only aᵢ above log m)

π is 1 where the answer was given, and one n-th at a node of n subjects above it (detector-wrong). So the same window
weighs nothing, a louder one what it is louder by, and no answer makes anything weigh more. Nothing is kept but the
answers: without one the weights are what they were, bit for bit, and their order does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import msgspec
import numpy as np

from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.decide.calibrate import Calibration
from lichen.decide.groups import CLASSIFIER, group_of
from lichen.decide.rules import FLEET, Places
from lichen.decide.window import CLIP, Floats, Table

Share = tuple[float, float]  # (e^a, π)
Means = Mapping[int, tuple[Floats, Floats]]
"""Of each classifier's column: Σ e^s over the benign windows by which each is weighed, and their number with it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers in force on classifiers: detector -> node -> cause -> shares."""

    at: Mapping[str, Mapping[str, Mapping[str, Sequence[Share]]]] = field(default_factory=dict)

    @classmethod
    def of(cls, overlays: Iterable[Overlay]) -> Self:
        """`overlays` of other detectors say nothing here. An overlay's `values` are causes with the score (nats) at
        which they were called benign, `benign_fired` how many windows were, or their share."""
        at: dict[str, dict[str, dict[str, list[Share]]]] = {}
        for overlay in overlays:
            if is_of_classifier(overlay):
                node = at.setdefault(overlay.detector, {}).setdefault(overlay.node, {})
                share = min(1.0, max(0.0, overlay.benign_fired))
                for cause, nats in overlay.values.items():
                    node.setdefault(cause, []).append((float(np.exp(min(CLIP, nats))), share))
        return cls(at)

    def __bool__(self) -> bool:
        return bool(self.at)

    @property
    def nodes(self) -> set[str]:
        """Where answers were given."""
        return {node for nodes in self.at.values() for node in nodes}

    def applied(self, table: Table, weights: Floats, means: Means, places: Places | None) -> tuple[Table, Floats]:
        """The weights with the answers taken into account, and the table with each row told by the cause that now
        carries it: a second cause is not hidden behind the one that was answered."""
        rows, weights = list(table.rows), weights.copy()
        over = [self._over(subject, places) for subject in table.subjects]
        for d, detector in enumerate(table.detectors):
            nodes = self.at.get(detector)
            if nodes is None:
                continue
            sums, counts = means[d]
            for i in np.flatnonzero((table.evidence[:, d] >= 0) & (counts > 0)).tolist():
                here = [nodes[node] for node in over[int(table.subject[i])] if node in nodes]
                place = int(table.evidence[i, d])
                found = _best(rows[place], here, float(sums[i]), float(counts[i])) if here else None
                if found is not None:
                    weights[i, d], rows[place] = found
        return replace(table, rows=rows), weights

    def _over(self, subject: Subject, places: Places | None) -> tuple[str, ...]:
        return (FLEET, *(places or {}).get(subject, ()), subject.name)


def is_of_classifier(overlay: Overlay) -> bool:
    """Whether an overlay moves a classifier's calibration."""
    return group_of(overlay.detector) == CLASSIFIER and bool(overlay.values)


def classifiers_of(table: Table) -> list[int]:
    """The columns of classifiers."""
    return [d for d, detector in enumerate(table.detectors) if group_of(detector) == CLASSIFIER]


def _best(
    row: Evidence, here: Sequence[Mapping[str, Sequence[Share]]], total: float, count: float
) -> tuple[float, Evidence] | None:
    """The weight of the row's cause that weighs most under the answers, and the row told by it; None where none of its
    causes was answered."""
    told = [(row.cause, row.score_nats, row.because), *_others(row)]
    if not any(cause in causes for causes in here for cause, _, _ in told):
        return None
    weighed = []
    for cause, nats, because in told:
        nats = max(-CLIP, min(CLIP, nats))
        mean = filled((total + float(np.exp(nats))) / count, [s for causes in here for s in causes.get(cause, ())])
        weighed.append((nats - float(np.log(mean)), cause, nats, because))
    weight, cause, nats, because = max(weighed, key=lambda each: each[0])
    if cause == row.cause:
        return weight, row
    others = tuple((name, score) for name, score, _ in told if name != cause)
    words = tuple(text for name, _, text in told if name != cause)
    return weight, msgspec.structs.replace(
        row, cause=cause, score_nats=nats, because=because, others=words, others_nats=others
    )


def _others(row: Evidence) -> list[tuple[str, float, str]]:
    return [(cause, nats, words) for (cause, nats), words in zip(row.others_nats, row.others, strict=False)]


def filled(mean: float, shares: Iterable[Share]) -> float:
    """m' of shares (e^a, π) over a mean m; never below it."""
    left, found = 1.0, 0.0
    for e, share in sorted((each for each in shares if each[0] > mean), reverse=True):
        part = min(left, share)
        found, left = found + part * e, left - part
    return found + left * mean


def means_of(calibration: Calibration, table: Table) -> Means:
    """Sums and counts of the calibration windows, and the window that is judged among them; 0 where there are none."""
    found = {}
    for d in classifiers_of(table):
        sums, counts = calibration.at(table.detectors[d], table, table.known[:, d])
        found[d] = sums, np.where(counts > 0, counts + 1.0, 0.0)
    return found
