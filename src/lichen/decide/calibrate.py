"""From a score to a weight: conformal e-values against benign windows of the same stratum.

A detector's score says how odd a window is, in units that mean nothing across detectors. Its weight is the log of an
e-value: s - log mean(e^s) over the calibration windows of its stratum and the window itself. Benign windows have mean
e-value 1 whatever the scores look like, and n windows can never speak louder than log(n + 1) nats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.decide.window import Activity, Flags, Floats, Rows, Table

STRATA = 3  # tertiles of the distinct values already known
LEAST = 30  # calibration windows of a stratum; smaller ones are merged


class Stratum(msgspec.Struct, frozen=True):
    """Calibration windows of one detector with at most `known_up_to` known values (None: any number)."""

    known_up_to: int | None
    windows: int
    sum_exp: float  # Σ e^s


class Scale(msgspec.Struct, frozen=True):
    """The strata of one detector among subjects of one kind, by ascending known values."""

    strata: tuple[Stratum, ...]

    @property
    def windows(self) -> int:
        return sum(stratum.windows for stratum in self.strata)

    @classmethod
    def fit(cls, score: Floats, known: Rows) -> Scale:
        """Tertiles of `known`, those with fewer than LEAST windows merged into their smaller neighbour."""
        if not len(score):
            return cls(())
        edges = strata_edges(known)
        at = np.searchsorted(edges, known)
        sums = np.bincount(at, weights=np.exp(score), minlength=len(edges) + 1)
        counts = np.bincount(at, minlength=len(edges) + 1)
        tops: list[int | None] = [*edges.tolist(), None]
        return cls(tuple(map(Stratum, tops, counts.tolist(), sums.tolist())))

    def at(self, known: Rows) -> tuple[Floats, Rows]:
        """Σ e^s and number of calibration windows of the stratum of each window."""
        if not self.strata:
            return np.zeros(len(known)), np.zeros(len(known), dtype=np.int64)
        edges = [stratum.known_up_to for stratum in self.strata[:-1]]
        stratum = np.searchsorted(np.array(edges, dtype=np.int64), known)
        sums = np.array([stratum.sum_exp for stratum in self.strata])
        counts = np.array([stratum.windows for stratum in self.strata], dtype=np.int64)
        return sums[stratum], counts[stratum]


def strata_edges(known: Rows) -> Rows:
    """The greatest known count of each stratum but the last: tertiles, merged until each holds LEAST windows."""
    ranked = np.sort(known)
    places = [len(ranked) * k // STRATA for k in range(1, STRATA)]
    edges = sorted({int(ranked[max(0, place - 1)]) for place in places} - {int(ranked[-1])})
    while edges:
        counts = np.bincount(np.searchsorted(np.array(edges), known), minlength=len(edges) + 1)
        smallest = int(np.argmin(counts))
        if counts[smallest] >= LEAST:
            break
        with_upper = smallest == 0 or (smallest < len(edges) and counts[smallest + 1] <= counts[smallest - 1])
        edges.pop(smallest if with_upper else smallest - 1)
    return np.array(edges, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class MeanE:
    """Mean e-value of a detector over benign windows: 1 is honest, more overstates. By subject it may differ, since
    subjects are exchangeable only as far as strata make them so."""

    pooled: float
    worst: float
    worst_subject: Subject
    windows: int


class Calibration(msgspec.Struct, frozen=True):
    """What each detector's scores are worth, from benign windows that no model learned from.

    `scales`: detector -> subject kind ("" is all kinds together, for kinds with fewer than LEAST windows) -> strata.
    `windows` is n_calibrate of docs/belief.md.
    """

    scales: dict[str, dict[str, Scale]] = {}
    windows: int = 0

    @classmethod
    def fit(cls, evidence: Iterable[Evidence], activity: Activity) -> Calibration:
        """Calibration on benign windows of the subjects that count; never on those that the models learned from."""
        return cls.of(Table.collect(evidence, activity))

    @classmethod
    def of(cls, table: Table) -> Calibration:
        """Calibration on a table of benign windows."""
        modelled = table.modelled()
        kinds = np.array(table.kinds(), dtype=object)
        scales: dict[str, dict[str, Scale]] = {}
        for d, detector in enumerate(table.detectors):
            score, known = table.score[:, d], table.known[:, d]
            covered = {kind: _covered(table, d, kinds, kind, modelled) for kind in sorted(set(kinds.tolist()))}
            covered = {kind: rows for kind, rows in covered.items() if rows.any()}
            by_kind = {kind: Scale.fit(score[rows], known[rows]) for kind, rows in covered.items()}
            everywhere = np.logical_or.reduce(list(covered.values())) if covered else np.zeros(len(table), np.bool_)
            kept = {kind: scale for kind, scale in by_kind.items() if scale.windows >= LEAST}
            scales[detector] = {"": Scale.fit(score[everywhere], known[everywhere]), **kept}
        return cls(scales, int(modelled.sum()))

    def weights(self, table: Table, calibrating: bool = False) -> Floats:
        """w of every window (rows) and model detector (columns), in nats; 0 where nothing is calibrated.

        `calibrating`: the table is the one that this was fitted on, so each window is left out of its own sum.
        """
        weights = np.zeros(table.score.shape)
        for d, detector in enumerate(table.detectors):
            score = table.score[:, d]
            sums, counts = self.at(detector, table, table.known[:, d])
            told = counts > 0
            own = 0.0 if calibrating else np.exp(score[told])
            mean = (sums[told] + own) / (counts[told] if calibrating else counts[told] + 1)
            weights[told, d] = score[told] - np.log(mean)
        return weights

    def at(self, detector: str, table: Table, known: Rows) -> tuple[Floats, Rows]:
        """Σ e^s and number of the calibration windows by which each window of the table is weighed."""
        scales = self.scales.get(detector, {})
        sums, counts = scales.get("", Scale(())).at(known)
        kinds = np.array(table.kinds(), dtype=object)
        for kind, scale in scales.items():
            if kind:
                rows = kinds == kind
                sums[rows], counts[rows] = scale.at(known[rows])
        return sums, counts

    def mean_e(self, table: Table, calibrating: bool = False) -> dict[str, MeanE]:
        """Mean e-value of each detector over *benign* windows, pooled and of the worst subject. On the calibration
        windows themselves the pooled mean is 1 by construction; other benign windows say whether it holds."""
        values = np.exp(self.weights(table, calibrating))
        modelled, kinds = table.modelled(), np.array(table.kinds(), dtype=object)
        found = {}
        for d, detector in enumerate(table.detectors):
            rows = np.logical_or.reduce([_covered(table, d, kinds, kind, modelled) for kind in set(kinds.tolist())])
            if detector in self.scales and rows.any():
                found[detector] = _mean_e(values[rows, d], table.subject[rows], table.subjects)
        return found


def _covered(table: Table, d: int, kinds: Rows, kind: str, modelled: Flags) -> Flags:
    """Windows in which detector d's silence means something: of a kind of which it ever speaks."""
    rows: Flags = (kinds == kind) & modelled
    return rows if (table.evidence[rows, d] >= 0).any() else np.zeros(len(table), dtype=np.bool_)


def _mean_e(values: Floats, subject: Rows, subjects: Sequence[Subject]) -> MeanE:
    counts = np.bincount(subject, minlength=len(subjects))
    means = np.bincount(subject, weights=values, minlength=len(subjects)) / np.maximum(counts, 1)
    worst = int(np.argmax(means))
    return MeanE(float(values.mean()), float(means[worst]), subjects[worst], len(values))
