"""What is shown and who is asked: odds in words, two lanes, and the cuts that admit by budget."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from lichen.core.belief import MALICIOUS, UNUSUAL, Belief
from lichen.decide.priors import MINUTES_A_DAY
from lichen.decide.window import Floats

LEAST_FOR_UNUSUAL = 96  # calibration windows below which no conformal p is given
EVEN = 0.0  # the cut where nothing is calibrated: more likely than not, under the priors
ENOUGH_VERDICTS, ENOUGH_OF_EACH = 50, 5  # answers here, and of each side, before odds count as calibrated here
UNCALIBRATED = "uncalibrated here"
AFTERWARDS = (0.0, 1.0, 3.0)  # false crossings per 24 subject-hours at which a ranking is read


class Cuts(msgspec.Struct, frozen=True):
    """Where each lane begins: *malicious* above `malicious` (log-odds), *unusual* at a conformal p up to `unusual`.

    `windows` benign windows set them, for `per_day` false crossings per 24 subject-hours in each lane; None: too few to
    set one, and the malicious lane begins at even odds under the priors.
    """

    malicious: float | None
    unusual: float
    windows: int
    per_day: float
    minutes: int

    @classmethod
    def of(cls, log_odds: Floats | Sequence[float], per_day: float, minutes: int) -> Cuts:
        """Cuts from the log-odds of n benign calibration windows: the ⌊(n + 1)·rate⌋-th largest, so that rate is
        expected of the next window (conformal), where rate = per_day · minutes / 1440."""
        ranked = np.sort(np.asarray(log_odds, dtype=np.float64))[::-1]
        rate = per_day * minutes / MINUTES_A_DAY
        rank = math.floor((len(ranked) + 1) * rate + 1e-9)
        cut = float(ranked[min(rank, len(ranked)) - 1]) if rank and len(ranked) else None
        return cls(cut, rate, len(ranked), per_day, minutes)

    @property
    def claimed(self) -> bool:
        """Whether a day of subject-hours stands behind the cut: with less its maximum realises far more false."""
        return self.malicious is not None and self.windows * self.minutes >= MINUTES_A_DAY

    def crosses(self, belief: Belief, lane: str) -> bool:
        """Whether a belief is admitted to a lane."""
        if lane == MALICIOUS:
            return belief.log_odds > (EVEN if self.malicious is None else self.malicious)
        if lane == UNUSUAL:
            return belief.unusual_p <= self.unusual and belief.unusual_score > 0
        raise ValueError(f"{lane!r} is no lane")

    def false_share(self, windows: int, crossed: int) -> float | None:
        """The expected share of false ones among `crossed` of `windows` windows; printed, never a gate. None where
        nothing crossed or no cut is set."""
        if not crossed or self.malicious is None:
            return None
        rank = math.floor((self.windows + 1) * self.unusual + 1e-9)
        return min(1.0, windows * rank / (self.windows + 1) / crossed)

    def least_false_share(self, prior_odds: float) -> float:
        """The expected share of false ones if every attacked window were found, at these prior odds."""
        return self.unusual / (self.unusual + prior_odds)

    def in_words(self) -> str:
        """Where the malicious lane begins, and what that rests on."""
        if self.malicious is None:
            return "even odds under the priors: too few benign windows to set a cut"
        hours = self.windows * self.minutes / 60
        behind = f"{self.windows} benign windows ({hours:.0f} subject-hours)"
        doubt = "" if self.claimed else ", less than a day of them: expect more false crossings than the budget"
        return f"{self.per_day:g} false crossings per 24 subject-hours, set on {behind}{doubt}"


def cuts_afterwards(
    false_log_odds: Floats | Sequence[float], subject_hours: float, per_day: Iterable[float] = AFTERWARDS
) -> dict[float, float]:
    """Cuts read afterwards, for a ranking: over each, at most per_day · hours / 24 of these benign windows stand."""
    ranked = np.sort(np.asarray(false_log_odds, dtype=np.float64))[::-1]
    cuts = {}
    for rate in per_day:
        allowed = math.floor(rate * subject_hours / 24 + 1e-9)
        cuts[rate] = float(ranked[allowed]) if allowed < len(ranked) else -math.inf
    return cuts


def conformal_p(score: Floats, calibration: Floats, calibrating: bool = False) -> Floats:
    """p = (1 + #{calibration ≥ score}) / (n + 1); of calibration windows themselves, each against the others. 1 where
    n < LEAST_FOR_UNUSUAL."""
    n = len(calibration)
    if n < LEAST_FOR_UNUSUAL:
        return np.ones(len(score))
    at_least = n - np.searchsorted(np.sort(calibration), score, side="left")
    return at_least / n if calibrating else (1 + at_least) / (n + 1)


def enough_verdicts(malicious: int, benign: int) -> bool:
    """Whether answers given here suffice to drop "uncalibrated here"."""
    return malicious + benign >= ENOUGH_VERDICTS and min(malicious, benign) >= ENOUGH_OF_EACH


def odds_in_words(shown_log_odds: float, prior_log_odds: float, calibrated_here: bool = False) -> str:
    """The belief for people, the evidence told apart from the base rate: "about 290 times the usual odds; with one
    attacked window in 1,000 that is 1 in 4 (uncalibrated here)"."""
    ratio = shown_log_odds - prior_log_odds
    if abs(ratio) < math.log(1.2):
        evidence = "about the usual odds"
    elif ratio > 0:
        evidence = f"about {rounded(math.exp(min(ratio, 60.0)))} times the usual odds"
    else:
        evidence = f"about 1/{rounded(math.exp(min(-ratio, 60.0)))} of the usual odds"
    base = f"with one attacked window in {rounded(math.exp(-prior_log_odds))} that is {chance_in_words(shown_log_odds)}"
    return f"{evidence}; {base}" + ("" if calibrated_here else f" ({UNCALIBRATED})")


def chance_in_words(log_odds: float) -> str:
    """Log-odds as people say them: "1 in 4", "about even", "about 33 to 1"."""
    odds = math.exp(max(-60.0, min(60.0, log_odds)))
    if odds >= 1.5:
        return f"about {rounded(odds)} to 1"
    if odds > 1 / 1.5:
        return "about even"
    return f"1 in {rounded((1 + odds) / odds)}"


def likelihood_in_words(log_odds: float) -> str:
    """How likely, before the odds: "very likely, about 33 to 1"."""
    odds = math.exp(max(-60.0, min(60.0, log_odds)))
    names = ((20.0, "very likely"), (3.0, "likely"), (1 / 3, "as likely as not"), (1 / 20, "unlikely"))
    name = next((name for least, name in names if odds >= least), "very unlikely")
    return f"{name}, {chance_in_words(log_odds)}"


def rounded(number: float) -> str:
    """A number of at least 1 to two significant digits, as people write it: 290, 1,000, 33, 1.8; a whole one below
    10 only if it is near one."""
    if number >= 1e9:
        return "more than a billion"
    if number < 9.5:
        return f"{number:.1f}".removesuffix(".0") if number < 2.95 else f"{number:.0f}"
    digits = 2 - len(str(int(number)))
    return f"{round(number, digits):,.0f}"
