"""The head: how much each group is worth here, learned from few answers and never far from 1."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from lichen.core.time import MICROSECONDS
from lichen.decide.groups import TERMS, WIDTH
from lichen.decide.window import Flags, Floats, Rows, Table, Window

SD_OF_WORTH, SD_OF_START = 0.3, 1.0  # b ~ N(1, .3²), b₀ ~ N(0, 1)
STEPS, ENOUGH = 100, 1e-10
Kinds = Sequence[frozenset[str]]


class Head(msgspec.Struct, frozen=True):
    """b₀ and b of log-odds = log π + b₀ + Σ b·x, with their covariance: the greatest of the posterior and its curvature
    there (Laplace). `mean` is b₀ and one b a term of `groups.TERMS`; `attacked`, `benign` the windows it learned
    from."""

    mean: tuple[float, ...] = (0.0, *(1.0 for _ in TERMS))
    covariance: tuple[tuple[float, ...], ...] = tuple(
        tuple((SD_OF_START if i == 0 else SD_OF_WORTH) ** 2 * (i == j) for j in range(len(TERMS) + 1))
        for i in range(len(TERMS) + 1)
    )
    attacked: int = 0
    benign: int = 0

    @classmethod
    def fit(cls, terms: Floats, attacked: Flags) -> Head:
        """The head of these windows: `terms` (n, len(TERMS)) as `combine.terms` gives them, width above 0. The offset
        log(attacked / benign) is that of these windows, so that b₀ speaks of the evidence and not of their mixture.
        Without an attacked and a benign window it is the prior."""
        positive, n = int(attacked.sum()), len(attacked)
        if not 0 < positive < n:
            return cls()
        x = signed(terms)
        start = np.array(cls().mean)
        precision = np.linalg.inv(np.array(cls().covariance))
        offset = math.log(positive / (n - positive))
        mean = start.copy()
        for _ in range(STEPS):
            p = _sigmoid(offset + x @ mean)
            slope = x.T @ (attacked - p) - precision @ (mean - start)
            curvature = (x * (p * (1 - p))[:, None]).T @ x + precision
            step = _damped(x, offset, attacked, mean, np.linalg.solve(curvature, slope), start, precision)
            mean = mean + step
            if float(np.abs(step).max()) < ENOUGH:
                break
        p = _sigmoid(offset + x @ mean)
        covariance = np.linalg.inv((x * (p * (1 - p))[:, None]).T @ x + precision)
        return cls(tuple(mean.tolist()), tuple(map(tuple, covariance.tolist())), positive, n - positive)

    @property
    def start(self) -> float:
        """b₀."""
        return self.mean[0]

    @property
    def worth(self) -> Floats:
        """b, one a term."""
        return np.array(self.mean[1:])

    def spread(self, terms: Floats) -> Floats:
        """The standard deviation of the log-odds of each window, from the head's own uncertainty."""
        x = signed(terms)
        variance = np.einsum("ni,ij,nj->n", x, np.array(self.covariance), x)
        return np.asarray(np.sqrt(np.maximum(0.0, variance)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """A head, and beside it one per kind of attack that never saw that kind: what judges the windows it learned from.

    `fold[i]` is the kind whose head judges training window i (benign windows are dealt out over the kinds)."""

    head: Head
    by_kind: Mapping[str, Head]
    fold: tuple[str, ...]

    def of(self, row: int) -> Head:
        """The head that never saw training window `row`."""
        return self.by_kind.get(self.fold[row], self.head)


def cross_fit(terms: Floats, kinds: Kinds, use: Flags) -> CrossFitted:
    """Heads fitted on the windows `use`, attacked where `kinds[i]` names a kind. Each kind's head leaves out every
    window that holds the kind and, of the benign ones, every k-th: else only attacked windows would be judged by a head
    that had not seen them."""
    attacked = np.array([bool(kind) for kind in kinds], dtype=np.bool_)
    names = sorted({name for i, kind in enumerate(kinds) if use[i] for name in kind})
    fold = _folds(kinds, use, names)
    by_kind = {}
    for name in names:
        holds = np.array([name in kind for kind in kinds], dtype=np.bool_)
        kept = use & ~holds & ~((fold == name) & ~attacked)
        by_kind[name] = Head.fit(terms[kept], attacked[kept])
    return CrossFitted(Head.fit(terms[use], attacked[use]), by_kind, tuple(fold.tolist()))


def _folds(kinds: Kinds, use: Flags, names: Sequence[str]) -> Rows:
    """The kind whose head judges each window."""
    fold = np.full(len(kinds), "", dtype=object)
    dealt = 0
    for i, kind in enumerate(kinds):
        if kind:
            fold[i] = min(kind)
        elif use[i] and names:
            fold[i] = names[dealt % len(names)]
            dealt += 1
    return fold


def training_kinds(
    table: Table, attacked: Mapping[Window, Collection[str]], minutes: int
) -> tuple[list[frozenset[str]], Flags]:
    """Kinds of attack in each window, and which windows may teach: attacked ones, and those with no labelled event in
    them or the one before. A window whose labelled events are of no step of its own subject (it passed a request on)
    has an entry without kinds, and teaches nothing."""
    length = minutes * 60 * MICROSECONDS
    kinds, use = [], []
    for code, start in zip(table.subject.tolist(), table.window.tolist(), strict=True):
        here, before = (table.subjects[code], start), (table.subjects[code], start - length)
        kinds.append(frozenset(attacked.get(here, ())))
        use.append(bool(kinds[-1]) or not (here in attacked or before in attacked))
    return kinds, np.array(use, dtype=np.bool_)


def signed(terms: Floats) -> Floats:
    """The terms with b₀'s 1 before them and the width, which speaks against, below 0."""
    signs = np.array([-1.0 if term == WIDTH else 1.0 for term in TERMS])
    return np.column_stack([np.ones(len(terms)), terms * signs])


def _sigmoid(z: Floats) -> Floats:
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, small) / (1 + small), dtype=np.float64)


def _damped(x: Floats, offset: float, y: Flags, mean: Floats, step: Floats, start: Floats, precision: Floats) -> Floats:
    """The Newton step, halved until it climbs."""

    def height(b: Floats) -> float:
        z = offset + x @ b
        likelihood = float((z * y - np.logaddexp(0, z)).sum())
        return likelihood - 0.5 * float((b - start) @ precision @ (b - start))

    here = height(mean)
    for _ in range(30):
        if height(mean + step) >= here - 1e-12:
            return step
        step = step / 2
    return step
