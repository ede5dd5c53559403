"""Rules and indicators: what people know of attacks, matched exactly."""

from lichen.detect.rules.detector import RulesDetector
from lichen.detect.rules.indicators import IndicatorList, load_indicators
from lichen.detect.rules.ruleset import RuleSet
from lichen.detect.rules.sigma_compile import LEVELS, Rule

__all__ = ["LEVELS", "IndicatorList", "Rule", "RuleSet", "RulesDetector", "load_indicators"]
