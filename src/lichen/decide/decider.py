"""The decider: evidence in, beliefs out, with everything that was settled before it looked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from lichen.core.belief import Belief, Line
from lichen.core.change import Overlay, overlays_mark
from lichen.core.errors import ModelError
from lichen.core.evidence import Evidence
from lichen.decide.answered import Answered, is_of_classifier, means_of
from lichen.decide.calibrate import Calibration
from lichen.decide.combine import Sensors, Terms, exact, terms, within_sensor
from lichen.decide.groups import MODEL_GROUPS, RULES, TERMS, WIDTH, arm_named, group_of
from lichen.decide.head import CrossFitted, Head, cross_fit, training_kinds
from lichen.decide.ledger import Sums, ledger, start_line
from lichen.decide.policy import Cuts, conformal_p
from lichen.decide.priors import Priors
from lichen.decide.rules import FLEET, Places, RuleRates
from lichen.decide.window import Activity, Floats, Rows, Table, Window

Z80 = 1.2815515655446004  # half the width of an 80 % interval, in standard deviations
MODELS = [TERMS.index(group) for group in MODEL_GROUPS]


@dataclass(frozen=True, slots=True)
class Scored:
    """Beliefs in columns, a row a window of `table`, all in nats: what 100,000 windows can be ranked by."""

    table: Table
    weights: Floats  # w of each window and model detector
    rule_weights: Floats  # of each fired rule or indicator
    terms: Terms
    nats: Floats  # what each term adds
    sensor: Floats
    log_odds: Floats
    shown: Floats
    spread: Floats
    unusual_score: Floats
    unusual_p: Floats


class Decider(msgspec.Struct, frozen=True, dict=True):
    """Frozen: priors and rates for windows of `minutes`, calibration, head, and one arm (`groups.ARMS`). `settled`
    gives the same with cuts and the unusual lane set on benign windows, `with_overlays` the same under answers."""

    priors: Priors
    calibration: Calibration
    rates: RuleRates
    head: Head
    minutes: int
    arm: str = "all"
    cuts: Cuts | None = None
    benign_scores: tuple[float, ...] = ()  # unusual scores of calibration windows, ascending
    calibrated_here: bool = False
    models_claim: bool = True  # False without a baseline: models set only the unusual score
    answers: tuple[Overlay, ...] = ()  # on classifiers; those on rules stand with the rates

    @classmethod
    def of(
        cls, priors: Priors, calibration: Calibration, rates: RuleRates, minutes: int, head: Head | None = None
    ) -> Decider:
        """A decider of all arms together; `priors` at any length are brought to `minutes` (`rates` must already be)."""
        return cls(priors.at(minutes), calibration, rates, head or Head(), minutes)

    @cached_property
    def version(self) -> str:
        """A hash of everything that decides, 12 hex digits; under answers, a "+" and a hash of those follow."""
        bare = self.with_overlays(())
        told = {name: getattr(bare, name) for name in self.__struct_fields__ if name != "answers"}
        name = hashlib.blake2b(msgspec.json.encode(told), digest_size=6).hexdigest()
        return name + overlays_mark((*self.rates.overlays, *self.answers))

    def with_overlays(self, overlays: Iterable[Overlay]) -> Self:
        """The same under exactly these answers, on rules, lists and classifiers; () is as if none had been given."""
        given = tuple(overlays)
        mine = tuple(overlay for overlay in given if is_of_classifier(overlay))
        return self.changed(rates=self.rates.with_overlays(given), answers=mine)

    def knowing(self, levels: Mapping[str, str]) -> Self:
        """The same, of the same version, beside rules that came after the calibration: "rule id" -> level. Which rules
        were in force, the rules detector's own version says."""
        rates = self.rates.with_rules(levels)
        if rates is self.rates:
            return self
        known = self.changed(rates=rates)
        known.__dict__["version"] = self.version
        return known

    @cached_property
    def answered(self) -> Answered:
        """The answers on classifiers, to be looked up."""
        return Answered.of(self.answers)

    @property
    def needs_places(self) -> bool:
        """Whether it matters over which nodes a subject hangs: rates are pooled by namespace, or answered above one."""
        nodes = {*self.rates.windows, *(o.node for o in self.rates.overlays), *self.answered.nodes}
        return bool(nodes - {FLEET})

    @property
    def start(self) -> float:
        """log π, to the grain of the ledger."""
        return float(exact(np.array(math.log(self.priors.prior_odds))))

    def in_arm(self, arm: str, head: Head | None = None) -> Self:
        """The same for one arm, with its own head; cuts must be settled anew."""
        arm_named(arm)
        return self.changed(arm=arm, head=head or Head(), cuts=None, benign_scores=())

    def at_odds(self, prior_odds: float) -> Self:
        """The same at other starting odds. Ranks stay, cuts are log-odds and must be settled anew."""
        return self.changed(priors=msgspec.structs.replace(self.priors, prior_odds=prior_odds), cuts=None)

    def changed(self, **values: object) -> Self:
        """A copy with some fields replaced."""
        return msgspec.structs.replace(self, **values)

    def table_terms(self, table: Table, calibrating: bool = False, places: Places | None = None) -> Terms:
        """The terms of every window, within the arm."""
        weights = self.calibration.weights(table, calibrating)
        rule_weights = self.rates.weights(table, places, calibrating)
        return terms(table, weights, rule_weights).within(arm_named(self.arm))

    def trained(
        self,
        evidence: Iterable[Evidence],
        activity: Activity,
        attacked: Mapping[Window, Collection[str]],
        places: Places | None = None,
    ) -> tuple[CrossFitted, Table]:
        """Heads learned from an attacked recording: `attacked` has an entry for each window that holds a labelled
        event, with the kinds of the steps of that subject's own (none, where it only passed a request on). Those
        without kinds, and windows right after one, are neither attacked nor benign and teach nothing."""
        table = Table.collect(evidence, activity)
        kinds, use = training_kinds(table, attacked, self.minutes)
        return cross_fit(self.table_terms(table, places=places).values, kinds, use), table

    def out_of_fold(self, table: Table, heads: CrossFitted, places: Places | None = None) -> Floats:
        """Log-odds of the windows that the heads learned from, each by the head that never saw its kind."""
        values = self.table_terms(table, places=places).values
        used = [heads.of(row) for row in range(len(table))]
        found = np.zeros(len(table))
        for head in {id(head): head for head in used}.values():
            rows = np.array([each is head for each in used], dtype=np.bool_)
            found[rows] = self.changed(head=head).log_odds(values[rows])
        return found

    def settled(
        self,
        evidence: Iterable[Evidence],
        activity: Activity,
        places: Places | None = None,
        per_day: float | None = None,
    ) -> Self:
        """With cuts and the unusual lane set on the benign windows that `calibration` and `rates` were fitted on."""
        scored = self.score(Table.collect(evidence, activity), calibrating=True, places=places)
        budget = self.priors.false_crossings_a_day if per_day is None else per_day
        return self.changed(
            cuts=Cuts.of(scored.log_odds, budget, self.minutes),
            benign_scores=tuple(np.sort(scored.unusual_score).tolist()),
        )

    def score(
        self, table: Table, calibrating: bool = False, places: Places | None = None, sensors: Sensors | None = None
    ) -> Scored:
        """Beliefs of every window in columns. `calibrating`: these are the calibration windows themselves, and each is
        left out of what it is judged by."""
        weights = self.calibration.weights(table, calibrating)
        rule_weights = self.rates.weights(table, places, calibrating)
        if self.answered:
            means = means_of(self.calibration, table)
            table, weights = self.answered.applied(table, weights, means, places)
        found = terms(table, weights, rule_weights).within(arm_named(self.arm))
        return self.scored(table, weights, rule_weights, found, calibrating, sensors)

    def scored(
        self,
        table: Table,
        weights: Floats,
        rule_weights: Floats,
        found: Terms,
        calibrating: bool = False,
        sensors: Sensors | None = None,
    ) -> Scored:
        """Beliefs from terms."""
        log_odds, nats = self._sum(found.values)
        cap = math.log(self.calibration.windows + 1)
        sensor = within_sensor(table, nats, found, cap, sensors)
        unusual = nats[:, [*MODELS, TERMS.index(WIDTH)]].sum(axis=1) + sensor
        if not self.models_claim:
            nats = np.where(np.arange(len(TERMS)) == TERMS.index(RULES), nats, 0.0)
            log_odds, sensor = self._added(nats), np.zeros(len(table))
        log_odds = log_odds + sensor
        over = np.minimum(0.0, exact(np.array(cap)) - (nats[:, MODELS].sum(axis=1) + sensor))
        p = conformal_p(unusual, np.array(self.benign_scores), calibrating)
        spread = self.head.spread(np.where(nats != 0, found.values, 0.0))
        return Scored(table, weights, rule_weights, found, nats, sensor, log_odds, log_odds + over, spread, unusual, p)

    def log_odds(self, values: Floats) -> Floats:
        """T of windows with these terms."""
        return self._sum(values)[0]

    def _sum(self, values: Floats) -> tuple[Floats, Floats]:
        """T of each window, and what each term adds to it."""
        signs = np.array([-1.0 if term == WIDTH else 1.0 for term in TERMS])
        nats = exact(values * (self.head.worth * signs))
        return self._added(nats), nats

    def _added(self, nats: Floats) -> Floats:
        base = self.start + float(exact(np.array(self.head.start)))
        return np.asarray(base + nats.sum(axis=1), dtype=np.float64)

    def beliefs(
        self,
        evidence: Iterable[Evidence],
        activity: Activity,
        calibrating: bool = False,
        places: Places | None = None,
        sensors: Sensors | None = None,
    ) -> list[Belief]:
        """A belief of every (subject, window), silent ones too, ordered by subject and time."""
        return self.told(self.score(Table.collect(evidence, activity), calibrating, places, sensors))

    def told(self, scored: Scored, rows: Rows | None = None) -> list[Belief]:
        """Beliefs with their ledgers, of all windows or of these rows only."""
        writer = Writer(self, scored)
        return [writer.belief(row) for row in (range(len(scored.table)) if rows is None else rows.tolist())]

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_bytes(msgspec.json.encode(self))

    @classmethod
    def load(cls, path: Path) -> Decider:
        """Read what `save` wrote; scores of both are equal bit for bit. Raises ModelError."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise ModelError(str(error), place=str(path), remedy="settle it again: lichen learn") from error


class Writer:
    """Writes beliefs of one scored table."""

    def __init__(self, decider: Decider, scored: Scored) -> None:
        self.decider, self.scored = decider, scored
        self.head = float(exact(np.array(decider.head.start)))
        self.start, self.version = decider.start, decider.version
        self.starting = start_line(self.start)
        self.groups = [group_of(detector) or "" for detector in scored.table.detectors]
        arm = arm_named(decider.arm)
        self.columns = [d for d, group in enumerate(self.groups) if group in arm]
        self.fired: dict[int, list[int]] = {}
        if RULES in arm:
            for place, row in enumerate(scored.table.fired_at.tolist()):
                self.fired.setdefault(row, []).append(place)

    def belief(self, row: int) -> Belief:
        """The belief of one window."""
        scored, table = self.scored, self.scored.table
        shown, spread = float(scored.shown[row]), float(scored.spread[row])
        return Belief(
            subject=table.subject_of(row),
            window=int(table.window[row]),
            log_odds=float(scored.log_odds[row]),
            shown_log_odds=shown,
            low=shown - Z80 * spread,
            high=shown + Z80 * spread,
            unusual_p=float(scored.unusual_p[row]),
            unusual_score=float(scored.unusual_score[row]),
            ledger=self.lines(row),
            version=self.version,
            calibrated_here=self.decider.calibrated_here,
        )

    def lines(self, row: int) -> tuple[Line, ...]:
        """The ledger of one window."""
        scored, table = self.scored, self.scored.table
        said = [
            (self.groups[d], table.rows[table.evidence[row, d]], float(scored.weights[row, d]))
            for d in self.columns
            if table.evidence[row, d] >= 0
        ]
        said += [
            (RULES, table.rows[table.fired[place]], float(scored.rule_weights[place]))
            for place in self.fired.get(row, ())
        ]
        sums = Sums(
            start=self.start,
            head=self.head,
            terms=dict(zip(TERMS, scored.nats[row].tolist(), strict=True)),
            sensor=float(scored.sensor[row]),
            cap=float(scored.shown[row] - scored.log_odds[row]),
            calibration_windows=self.decider.calibration.windows,
        )
        winners = [table.rows[place] for place in scored.terms.winner[row].tolist() if place >= 0]
        return ledger(sums, said, winners, self.starting)
