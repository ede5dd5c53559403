"""Evidence to one belief per subject and window, and to an alert, or silence."""

from lichen.decide.alerts import alerts, budgeted
from lichen.decide.baseline import Within, within_folder
from lichen.decide.calibrate import Calibration, MeanE
from lichen.decide.decider import Decider, Scored
from lichen.decide.groups import ARMS, GROUPS, group_of
from lichen.decide.head import CrossFitted, Head
from lichen.decide.ledger import adds_up, total
from lichen.decide.policy import (
    Cuts,
    chance_in_words,
    cuts_afterwards,
    enough_verdicts,
    likelihood_in_words,
    odds_in_words,
)
from lichen.decide.priors import Priors
from lichen.decide.rules import LevelWorth, RuleRates
from lichen.decide.window import Table, activity_from

__all__ = [
    "ARMS",
    "GROUPS",
    "Calibration",
    "CrossFitted",
    "Cuts",
    "Decider",
    "Head",
    "LevelWorth",
    "MeanE",
    "Priors",
    "RuleRates",
    "Scored",
    "Table",
    "Within",
    "activity_from",
    "adds_up",
    "alerts",
    "budgeted",
    "chance_in_words",
    "cuts_afterwards",
    "enough_verdicts",
    "group_of",
    "likelihood_in_words",
    "odds_in_words",
    "total",
    "within_folder",
]
