"""What is believed before anything is measured, at the length of the windows in use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from lichen.core.errors import ConfigError

MINUTES_A_DAY = 24 * 60


class Priors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers of settings/priors.yml. Odds and rates are per window of `window_minutes`."""

    window_minutes: int
    prior_odds: float  # attacked : benign windows
    rule_hits_a_step: tuple[float, float]  # Beta: P(an attack step fires some rule that rare)
    rule_false_rate: dict[str, float]  # by level: P(fires | benign window)
    rule_prior_windows: float  # what a level's rate is worth, in windows
    indicator_false_rate: float  # of all indicators together
    false_crossings_a_day: float  # the claim's cut, per 24 subject-hours
    overlay_epsilon: float = 0.05
    shipped_parent_worth: float = 20.0

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Priors:
        """Priors from a parsed priors.yml. Raises ConfigError naming the value that cannot be."""
        try:
            priors = msgspec.convert(dict(values), cls)
        except msgspec.ValidationError as error:
            raise ConfigError(str(error), place="priors.yml", remedy="see settings/priors.yml") from error
        rates = {"prior_odds": priors.prior_odds, "indicator_false_rate": priors.indicator_false_rate}
        rates |= {f"rule_false_rate.{level}": rate for level, rate in priors.rule_false_rate.items()}
        for name, rate in rates.items():
            if not 0 < rate < 1:
                raise ConfigError(f"{name} is {rate}", place="priors.yml", remedy="a number between 0 and 1")
        return priors

    def at(self, minutes: int) -> Priors:
        """The same beliefs for windows of another length: what happens at rate f in one window of the old length
        happens at 1 - (1 - f)^(new / old) in one of the new."""
        if minutes == self.window_minutes:
            return self
        times = minutes / self.window_minutes

        def longer(rate: float) -> float:
            return -math.expm1(times * math.log1p(-rate))

        return msgspec.structs.replace(
            self,
            window_minutes=minutes,
            prior_odds=math.expm1(times * math.log1p(self.prior_odds)),
            rule_false_rate={level: longer(rate) for level, rate in self.rule_false_rate.items()},
            indicator_false_rate=longer(self.indicator_false_rate),
        )

    def false_rate_of(self, per_day: float) -> float:
        """The share of benign windows that may cross, for `per_day` false crossings in 24 subject-hours."""
        return per_day * self.window_minutes / MINUTES_A_DAY
