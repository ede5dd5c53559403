"""What a fired rule is worth: family-wise, against every rule that can fire here and is as rare or rarer.

A hundred rare rules fire falsely a hundred times as often as one. So a hit is weighed by G, the expected number of
false hits a window of all rules as rare as it or rarer; the rarest hit counts, and no second one is added.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import numpy as np

from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.errors import ModelError
from lichen.core.evidence import Evidence
from lichen.decide.priors import Priors
from lichen.decide.window import Activity, Floats, Table, Window

FLEET = "fleet"
INDICATOR = "indicator:"
Path = tuple[str, ...]
Places = Mapping[Subject, Sequence[str]]
"""The nodes over each subject between the fleet and itself, broadest first: ("group orders", "image orders@sha256:…").
The broadest is its namespace. A subject without an entry hangs from the fleet."""


class LevelWorth(msgspec.Struct, frozen=True):
    """What a hit of a level weighs here: its rules, how many of them never fired, G of the rarest and its nats."""

    level: str
    rules: int
    silent: int
    family_rate: float
    nats: float


class RuleRates(msgspec.Struct, frozen=True):
    """False rates of rules: a Beta from the level, moved by benign windows (fired or silent) and by answers in force.

    `levels`: "rule:<id>" -> level, of all rules; `can_fire`: those that can fire here; `windows`, `fired`: benign
    windows and fired ones per node ("fleet" and namespaces); `overlays`: the answers in force, in their order;
    `later`: rules that came after those windows were counted, of which they say nothing.
    Nothing derived is kept, so the same counts under the same answers give the same rates bit for bit.
    """

    levels: dict[str, str]
    can_fire: tuple[str, ...]
    level_rates: dict[str, float]
    indicator_rate: float
    worth: float  # of a prior, in windows
    hits_a_step: tuple[float, float]  # Beta: P(an attack step fires some rule that rare)
    windows: dict[str, int] = {}
    fired: dict[str, dict[str, int]] = {}
    overlays: tuple[Overlay, ...] = ()
    later: tuple[str, ...] = ()

    @classmethod
    def of_priors(cls, priors: Priors, levels: Mapping[str, str], can_fire: Collection[str] | None = None) -> RuleRates:
        """Rates by level alone. `priors` at the length of the windows in use; ids with or without "rule:"; a level
        that is none of the priors' counts as medium; `can_fire` None means all."""
        named = {_named(rule): level if level in priors.rule_false_rate else "medium" for rule, level in levels.items()}
        able = named if can_fire is None else {_named(rule) for rule in can_fire} & named.keys()
        return cls(
            levels=dict(sorted(named.items())),
            can_fire=tuple(sorted(able)),
            level_rates=dict(priors.rule_false_rate),
            indicator_rate=priors.indicator_false_rate,
            worth=priors.rule_prior_windows,
            hits_a_step=priors.rule_hits_a_step,
        )

    def counted(self, evidence: Iterable[Evidence], activity: Activity, places: Places | None = None) -> RuleRates:
        """The same priors with the census of benign windows counted, each window once, fired or silent."""
        table = Table.collect(evidence, activity)
        windows: dict[str, int] = {FLEET: len(table)}
        fired: dict[str, dict[str, int]] = {FLEET: {}}
        over = [_namespace(subject, places) for subject in table.subjects]
        for code, number in enumerate(np.bincount(table.subject, minlength=len(over)).tolist()):
            if over[code]:
                windows[over[code]] = windows.get(over[code], 0) + number
        for row, k in zip(table.fired_at.tolist(), table.fired.tolist(), strict=True):
            detector = table.rows[k].detector
            for node in {FLEET, over[table.subject[row]]} - {""}:
                counts = fired.setdefault(node, {})
                counts[detector] = counts.get(detector, 0) + 1
        return msgspec.structs.replace(self, windows=windows, fired=fired)

    def with_overlays(self, overlays: Iterable[Overlay]) -> RuleRates:
        """The same counts under exactly these answers; () gives the rates as if none had ever been given."""
        mine = tuple(overlay for overlay in overlays if overlay.detector.startswith(("rule:", INDICATOR)))
        return msgspec.structs.replace(self, overlays=mine)

    def with_rules(self, levels: Mapping[str, str]) -> RuleRates:
        """The same with rules that are in force now but were not when the windows were counted: they weigh by their
        level alone, and are taken to be able to fire."""
        named = {_named(rule): level if level in self.level_rates else "medium" for rule, level in levels.items()}
        later = {rule: level for rule, level in named.items() if rule not in self.levels}
        if not later:
            return self
        return msgspec.structs.replace(
            self,
            levels=dict(sorted({**self.levels, **later}.items())),
            can_fire=tuple(sorted({*self.can_fire, *later})),
            later=tuple(sorted({*self.later, *later})),
        )

    def taught(
        self,
        evidence: Iterable[Evidence],
        activity: Activity,
        steps: Mapping[Window, Collection[str]],
        places: Places | None = None,
    ) -> RuleRates:
        """With P(an attack step fires some rule that rare) learned: a step counts as hit if any rule or indicator of
        positive weight fired in one of its windows. `steps`: attacked window -> ids of its steps."""
        table = Table.collect(evidence, activity)
        weights = self.weights(table, places)
        heavy = {(table.subject_of(row), int(table.window[row])) for row in table.fired_at[weights > 0].tolist()}
        everything = {step for ids in steps.values() for step in ids}
        hit = {step for window, ids in steps.items() if window in heavy for step in ids}
        hits, misses = self.hits_a_step
        learned = (hits + len(hit), misses + len(everything) - len(hit))
        return msgspec.structs.replace(self, hits_a_step=learned)

    @property
    def hit_rate(self) -> float:
        """P(an attack step fires some rule that rare), the mean of its Beta."""
        return self.hits_a_step[0] / sum(self.hits_a_step)

    def weights(self, table: Table, places: Places | None = None, calibrating: bool = False) -> Floats:
        """The weight of each fired rule or indicator of the table, in nats, never below 0.

        `calibrating`: the table is among the windows counted, so each hit is judged by the rate that its rule would
        have without it; else a rule's first false hit would weigh less where it was counted than where it comes next.
        The family stays as counted: the next window meets the same one, and equal hits weigh equal.
        """
        paths = [self._path(subject, places) for subject in table.subjects]
        families = Families(self)
        known: dict[tuple[str, Path], float] = {}
        weights = np.zeros(len(table.fired))
        for place, (row, k) in enumerate(zip(table.fired_at.tolist(), table.fired.tolist(), strict=True)):
            key = (table.rows[k].detector, paths[table.subject[row]])
            if key not in known:
                known[key] = self._nats(families.rate_of(*key, without_one=calibrating))
            weights[place] = known[key]
        return weights

    def rarity(self, table: Table, calibrating: bool = False) -> Floats:
        """The baseline that needs no belief: per window -log of the least benign rate of its fired rules, 0 where none
        fired. Ranks alert types by ascending benign frequency."""
        rarest = np.zeros(len(table))
        for row, k in zip(table.fired_at.tolist(), table.fired.tolist(), strict=True):
            detector = table.rows[k].detector
            fired, n = self.fired.get(FLEET, {}).get(detector, 0), self.windows.get(FLEET, 0)
            others = max(0, fired - 1) if calibrating else fired
            rate = (self.worth * self.prior(detector) + others) / (self.worth + n)
            rarest[row] = max(rarest[row], -math.log(min(1.0, rate)))
        return rarest

    def per_level(self, path: Path = ()) -> list[LevelWorth]:
        """G and nats of a hit of each level, rarest rule of it, at a node; what EVALUATION asks to be printed."""
        families = Families(self)
        found = []
        for level in sorted(self.level_rates, key=self.level_rates.__getitem__):
            rules = [rule for rule in self.can_fire if self.levels[rule] == level]
            if rules:
                rate = min(families.rate_of(rule, path) for rule in rules)
                silent = sum(rule not in self.fired.get(FLEET, {}) for rule in rules)
                found.append(LevelWorth(level, len(rules), silent, rate, self._nats(rate)))
        return found

    def lists(self) -> set[str]:
        """Indicator lists that ever fired falsely or were answered."""
        seen = {name for counts in self.fired.values() for name in counts if name.startswith(INDICATOR)}
        return seen | {overlay.detector for overlay in self.overlays if overlay.detector.startswith(INDICATOR)}

    def prior(self, detector: str) -> float:
        """P(fires | benign window) before anything is counted. Raises ModelError for a rule without a level."""
        if detector.startswith(INDICATOR):
            return self.indicator_rate
        if detector not in self.levels:
            raise ModelError("a rule fired of which no level is known", place=detector[:200], remedy="name all rules")
        return self.level_rates[self.levels[detector]]

    def rate(self, detector: str, path: Path = (), without_one: bool = False) -> float:
        """E[P(fires | benign window)]: the fleet's Beta mean, then each node's with its parent's as a prior worth as
        much. Silence is counted once: nowhere is a rate below what the fleet's silence allows. `without_one`: with one
        hit that was counted here taken for silence."""
        prior = self.prior(detector)
        rate, least = prior, 0.0
        for node in (FLEET, *path):
            answers = self._answers(detector, node)
            n = 0 if self.later and detector in self.later else self.windows.get(node, 0)
            fired = self.fired.get(node, {}).get(detector, 0)
            fired = max(0, fired - 1) if without_one else fired
            rate = (self.worth * rate + fired + answers) / (self.worth + n + answers)
            if node == FLEET:
                least = self.worth * prior / (self.worth + n)
            rate = max(rate, least)
        return rate

    def _answers(self, detector: str, node: str) -> float:
        found = 0.0
        for overlay in self.overlays:
            if overlay.detector == detector and overlay.node == node:
                found += overlay.benign_fired
        return found

    def _path(self, subject: Subject, places: Places | None) -> Path:
        """The nodes over a subject, itself last, of which anything is known."""
        over = (*(places or {}).get(subject, ()), subject.name)
        answered = {overlay.node for overlay in self.overlays}
        return tuple(node for node in over if node in self.windows or node in answered)

    def _nats(self, family_rate: float) -> float:
        return max(0.0, math.log(self.hit_rate / min(1.0, family_rate)))


class Families:
    """G of hits at any place, each place's rates computed once."""

    def __init__(self, rates: RuleRates) -> None:
        self.rates = rates
        self.able = frozenset(rates.can_fire)
        self.lists = sorted(rates.lists())
        self._ascending: dict[Path, Floats] = {}

    def rate_of(self, detector: str, path: Path = (), without_one: bool = False) -> float:
        """G of a hit: expected false hits a window of its family's members as rare as it or rarer."""
        own = self.rates.rate(detector, path, without_one)
        if detector.startswith(INDICATOR):
            return self._of_list(own, path)
        if path not in self._ascending:
            self._ascending[path] = np.sort(np.array([self.rates.rate(rule, path) for rule in self.rates.can_fire]))
        ascending = self._ascending[path]
        rarer = float(ascending[: int(np.searchsorted(ascending, own, side="right"))].sum())
        return max(own, rarer) if detector in self.able else own + rarer

    def _of_list(self, own: float, path: Path) -> float:
        """The family's total, and what lists as rare or rarer exceed it by: a silent list tells nothing of
        tomorrow's, so silence makes none rarer."""
        total = self.rates.indicator_rate
        rates = [self.rates.rate(name, path) for name in self.lists]
        return max(own, total + sum(max(0.0, rate - total) for rate in rates if rate <= own))


def _named(rule: str) -> str:
    return rule if rule.startswith("rule:") else f"rule:{rule}"


def _namespace(subject: Subject, places: Places | None) -> str:
    return next(iter((places or {}).get(subject, ())), "")
