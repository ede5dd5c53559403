"""Closed-form families: Beta-Bernoulli, Gamma-Poisson, the negative binomial's tail, and the hurdle for rare counts.

Gelman et al., Bayesian Data Analysis (3rd ed.) §2.1, §2.6 for the conjugate pairs; mid-p after Lancaster (1961).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BetaBernoulli:
    """Beta(a, b) over a probability, and what n trials with s successes make of it."""

    a: float
    b: float

    def after(self, successes: float, trials: float) -> BetaBernoulli:
        return BetaBernoulli(self.a + successes, self.b + trials - successes)

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    def sample(self, random: np.random.Generator, size: int) -> Floats:
        return random.beta(self.a, self.b, size)


@dataclass(frozen=True, slots=True)
class GammaPoisson:
    """Gamma(shape, rate) over events per unit of exposure, and what a count over an exposure makes of it."""

    shape: float
    rate: float

    def after(self, count: float, exposure: float) -> GammaPoisson:
        return GammaPoisson(self.shape + count, self.rate + exposure)

    @property
    def mean(self) -> float:
        return self.shape / self.rate

    def sample(self, random: np.random.Generator, size: int) -> Floats:
        return random.gamma(self.shape, 1.0 / self.rate, size)

    def predictive(self, exposure: float = 1.0) -> NegativeBinomial:
        """The count in a new exposure."""
        return NegativeBinomial(self.shape * exposure / self.rate, self.shape)


@dataclass(frozen=True, slots=True)
class NegativeBinomial:
    """Counts with a mean and a size r: variance mean + mean²/r."""

    mean: float
    size: float

    def log_p(self, y: int) -> float:
        """log P(Y = y)."""
        if self.mean <= 0.0:
            return 0.0 if y == 0 else -math.inf
        r, m = self.size, self.mean
        ways = math.lgamma(y + r) - math.lgamma(r) - math.lgamma(y + 1)
        return ways - r * math.log1p(m / r) + y * (math.log(m) - math.log(m + r))

    def log_mid_p(self, y: float) -> float:
        """log of the upper tail's mid-p, P(Y > y) + ½ P(Y = y); exact far out, where it is small."""
        y = max(0, math.floor(y))
        if self.mean <= 0.0:
            return math.log(0.5) if y == 0 else -math.inf
        above = log_beta_cdf(self.mean / (self.mean + self.size), y + 1.0, self.size)
        half = self.log_p(y) - math.log(2.0)
        high, low = max(above, half), min(above, half)
        return min(0.0, high + math.log1p(math.exp(low - high)))


def log_student_tail(t: float, freedom: float) -> float:
    """log P(T > t) of a Student t (DLMF 8.17; Gelman et al. §A.1)."""
    half = log_beta_cdf(freedom / (freedom + t * t), freedom / 2.0, 0.5) - math.log(2.0)
    return half if t > 0.0 else math.log1p(-math.exp(half))


def log_beta_cdf(x: float, a: float, b: float) -> float:
    """log of the regularised incomplete beta function I_x(a, b), which is P(Y ≥ a) of a negative binomial of size b.

    Lentz's continued fraction (Numerical Recipes §6.4; DLMF 8.17.22), on the side where it converges fast.
    """
    if x <= 0.0 or x >= 1.0:
        return -math.inf if x <= 0.0 else 0.0
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):
        return front + math.log(_fraction(x, a, b) / a)
    other = math.exp(front) * _fraction(1.0 - x, b, a) / b
    return math.log1p(-min(other, 1.0 - 1e-16))


def _fraction(x: float, a: float, b: float) -> float:
    c, tiny = 1.0, 1e-300
    d = 1.0 - (a + b) * x / (a + 1.0)
    h = d = 1.0 / (d if abs(d) > tiny else tiny)
    for m in range(1, 1000):
        step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1.0 + step * d, 1.0 + step / c
        d, c = 1.0 / (d if abs(d) > tiny else tiny), c if abs(c) > tiny else tiny
        h *= d * c
        step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1.0 + step * d, 1.0 + step / c
        d, c = 1.0 / (d if abs(d) > tiny else tiny), c if abs(c) > tiny else tiny
        h *= d * c
        if abs(d * c - 1.0) < 1e-12:
            break
    return h
