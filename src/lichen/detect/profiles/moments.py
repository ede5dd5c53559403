"""Counts per minute and window: what is kept of them, and the predictive that a subject's next one is held against.

A subject leans on the others of its group, they on everybody else (users: on all other users): each shell is counted
once, and is worth what it holds plus a few windows of the shell around it. The spread between windows is pooled the
same way. Where more than half of the windows hold none, a hurdle: first whether there is any (Beta-Bernoulli), then how
many. Sizes in bytes are held against a Student t of their logarithm (`heavy`): one report in a hundred is a hundred
times as long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from lichen.detect.profiles.counts import Leaf
from lichen.detect.profiles.families import BetaBernoulli, NegativeBinomial, log_student_tail

KAPPA = 2.0  # windows that the shell around is worth to a mean
KAPPA_ANY = 20.0  # … to the share of windows with any
KAPPA_SPREAD = 10.0  # … to a spread
OWN_SPREAD = 0.5  # squared coefficient of variation of a subject's mean about its like's
MIDDLE = math.log(0.5)
LEAST_SPREAD = 0.02  # of 1/size: no count is ever taken for pure Poisson

Series: TypeAlias = Mapping[int, float]  # start of a minute or window (µs UTC) -> how much


class Moments(NamedTuple):
    """Of windows: how many there were, how many held any, Σ y, Σ y², Σ log y and Σ (log y)². Adds; × λ to forget."""

    windows: float = 0.0
    any: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    logs: float = 0.0
    log_squares: float = 0.0

    def plus(self, other: Moments) -> Moments:
        return Moments(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, factor: float) -> Moments:
        return Moments(*(value * factor for value in self))


def moments_of(values: Iterable[float], there: int) -> Moments:
    """Moments of the amounts of `there` windows in which the subject was there."""
    held = [y for y in values if y > 0]
    logs = [math.log(y) for y in held]
    return Moments(
        float(max(there, len(held))),
        float(len(held)),
        sum(held),
        sum(y * y for y in held),
        sum(logs),
        sum(log * log for log in logs),
    )


class Shell(NamedTuple):
    """What a set of subjects adds to a level: sums over them, spreads taken about each one's own mean."""

    windows: float = 0.0
    any: float = 0.0
    total: float = 0.0
    above: float = 0.0
    below: float = 0.0
    beyond_above: float = 0.0
    beyond_below: float = 0.0
    logs: float = 0.0
    log_within: float = 0.0
    log_freedom: float = 0.0

    def plus(self, other: Shell, sign: float = 1.0) -> Shell:
        return Shell(*(a + sign * b for a, b in zip(self, other, strict=True)))


def shell_of(own: Moments) -> Shell:
    """One subject's sums."""
    above, below = _about_own_mean(own.windows, own.total, own.squares)
    beyond = _about_own_mean(own.any, own.total - own.any, own.squares - 2 * own.total + own.any)
    within, freedom = 0.0, 0.0
    if own.any > 1.5:
        within, freedom = max(0.0, own.log_squares - own.logs**2 / own.any), own.any - 1.0
    return Shell(own.windows, own.any, own.total, above, below, *beyond, own.logs, within, freedom)


def _about_own_mean(n: float, total: float, squares: float) -> tuple[float, float]:
    """Numerator and denominator of 1/size by moments."""
    if n <= 1.5 or total <= 0:
        return 0.0, 0.0
    mean = total / n
    return (squares - n * mean * mean) * n / (n - 1.0) - total, n * mean * mean


class Level(NamedTuple):
    """What is expected of a window: mean and spread (1/size), share with any; of those the mean beyond one and its
    spread, and mean and variance of their logarithm. `known`: windows of the subject's own behind it, and of those
    with any."""

    mean: float = 0.05
    spread: float = 1.0
    any: float = 0.05
    beyond: float = 1.0
    beyond_spread: float = 1.0
    log_mean: float = 1.0
    log_variance: float = 1.0
    log_freedom: float = KAPPA_SPREAD
    known: tuple[float, float] = (0.0, 0.0)

    def after(self, shell: Shell) -> Level:
        """The level that also knows a shell further in."""
        mean = (shell.total + KAPPA * self.mean) / (shell.windows + KAPPA)
        beyond = max(1e-3, (shell.total - shell.any + KAPPA * self.beyond) / (shell.any + KAPPA))
        any_before = BetaBernoulli(KAPPA_ANY * self.any, KAPPA_ANY * (1.0 - self.any))
        return Level(
            mean,
            _pooled(self.spread, mean, shell.above, shell.below),
            any_before.after(shell.any, shell.windows).mean,
            beyond,
            _pooled(self.beyond_spread, beyond, shell.beyond_above, shell.beyond_below),
            (shell.logs + KAPPA * self.log_mean) / (shell.any + KAPPA),
            (shell.log_within + KAPPA_SPREAD * self.log_variance) / (shell.log_freedom + KAPPA_SPREAD),
            shell.log_freedom + KAPPA_SPREAD,
            (shell.windows, shell.any),
        )

    def log_mid_p(self, y: float, heavy: bool = False) -> float:
        """log of the upper mid-p of y; a count up to the mean is as good as the middle, and not looked at closer."""
        if y <= self.mean:
            return MIDDLE
        if heavy:
            return math.log(self.any) + self._log_size_tail(y)
        if self.any < 0.5:
            return math.log(self.any) + _counted(self.beyond, self.beyond_spread, self.known[1]).log_mid_p(y - 1.0)
        return _counted(self.mean, self.spread, self.known[0]).log_mid_p(y)

    def _log_size_tail(self, y: float) -> float:
        """log P(at least y | any), a Student t of the logarithm."""
        about = self.log_variance * (1.0 + 1.0 / (self.known[1] + KAPPA)) + OWN_SPREAD * KAPPA / (self.known[1] + KAPPA)
        return log_student_tail((math.log(y) - self.log_mean) / math.sqrt(about), self.log_freedom)


def _pooled(around: float, mean: float, above: float, below: float) -> float:
    weight = KAPPA_SPREAD * mean * mean
    return max(LEAST_SPREAD, (above + around * weight) / (below + weight)) if below + weight > 0 else around


def _counted(mean: float, spread: float, windows: float) -> NegativeBinomial:
    """The negative binomial of a window whose mean is itself known from `windows` of them only."""
    mean = max(mean, 1e-6)
    known = 1.0 / OWN_SPREAD + windows / (1.0 / mean + spread)
    return NegativeBinomial(mean, 1.0 / (spread + 1.0 / known))


def nodes_of(entity: Leaf) -> list[Leaf]:
    """The nodes over a subject, outermost first, itself last."""
    return [entity[:depth] for depth in range(len(entity) + 1)]
