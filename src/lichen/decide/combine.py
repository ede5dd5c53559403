"""From weights to terms: one number a group and window, floored at 0, each cause once, and the width against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lichen.core.entity import Subject
from lichen.decide.groups import EXEC, GROUPS, MODEL_GROUPS, NET, RULES, TERMS, WIDE, WIDTH, group_of
from lichen.decide.window import Floats, Rows, Table

WIDTH_FREE, WIDTH_LIMIT = 8, 3.0  # new values that cost nothing, and the most that any number of them costs
ONE_CAUSE = (EXEC, NET)  # groups that may speak of the same act; how often (rate) is another thing than what
GRAIN = float(1 << 32)

Sensors = Mapping[Subject, Mapping[str, str]]
"""Which sensor tells of a subject's events of each kind, as a cause names kinds: {"exec": "auditd", "http": "access"}.
Only subjects with two sensors or more are bound by the cap of one."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What enters the head. `values[i, t]` is term t of `groups.TERMS` in window i, never below 0; `winner[i, t]` the
    place in `table.rows` of the evidence that carries it, -1 for none."""

    values: Floats
    winner: Rows

    def within(self, arm: frozenset[str]) -> Terms:
        """The terms of one arm; the width term is every arm's."""
        kept = np.array([term in arm or term == WIDTH for term in TERMS])
        return Terms(np.where(kept, self.values, 0.0), np.where(kept, self.winner, -1))


def exact(nats: Floats) -> Floats:
    """Nats to 2⁻³², so that floats add up exactly, in any order and by any method of summing."""
    return np.round(nats * GRAIN) / GRAIN


def terms(table: Table, weights: Floats, rule_weights: Floats) -> Terms:
    """The terms of every window: Σ_g max(0, max_{d in g} w_d) without the sum, and min(3, max(0, log((1 + v) / 8)))."""
    values = np.zeros((len(table), len(TERMS)))
    winner = np.full((len(table), len(TERMS)), -1, dtype=np.int64)
    _rules(table, rule_weights, values, winner)
    for group in MODEL_GROUPS:
        columns = _columns(table, group)
        if columns:
            t = TERMS.index(group)
            said = np.where(table.evidence[:, columns] >= 0, weights[:, columns], -np.inf)
            best = said.argmax(axis=1)
            values[:, t] = np.maximum(0.0, said.max(axis=1))
            where = np.take_along_axis(table.evidence[:, columns], best[:, None], axis=1)[:, 0]
            winner[:, t] = np.where(values[:, t] > 0, where, -1)
    _one_cause_once(table, weights, values, winner)
    values[:, TERMS.index(WIDTH)] = width(table)
    return Terms(values, winner)


def width(table: Table) -> Floats:
    """What the number of new things costs: deploys and backups touch many at once, attacks few. Bounded, since an
    attacker can buy noise."""
    columns = [d for d, detector in enumerate(table.detectors) if detector in WIDE]
    new = table.new[:, columns].sum(axis=1)
    return np.asarray(np.clip(np.log((1 + new) / WIDTH_FREE), 0.0, WIDTH_LIMIT), dtype=np.float64)


def within_sensor(table: Table, nats: Floats, found: Terms, cap: float, sensors: Sensors | None) -> Floats:
    """What each window's model evidence exceeds the cap of one sensor by (0 or less, nats; added to the belief). A
    sensor that lies, or is made to, cannot alone say more than the calibration supports."""
    excess = np.zeros(len(table))
    columns = [TERMS.index(group) for group in MODEL_GROUPS]
    sensors_of = [{*(sensors or {}).get(subject, {}).values()} for subject in table.subjects]
    bound = [code for code, names in enumerate(sensors_of) if len(names) > 1]
    loud = np.isin(table.subject, bound) & (nats[:, columns].sum(axis=1) > cap)
    for row in np.flatnonzero(loud).tolist():
        of_kind = (sensors or {})[table.subject_of(row)]
        said: dict[str, float] = {}
        for t in columns:
            if found.winner[row, t] >= 0:
                sensor = of_kind.get(table.rows[found.winner[row, t]].cause.split(" ", 1)[0])
                if sensor is not None:
                    said[sensor] = said.get(sensor, 0.0) + float(nats[row, t])
        excess[row] = sum(min(0.0, cap - of_sensor) for of_sensor in said.values())
    return exact(excess)


def _columns(table: Table, group: str) -> list[int]:
    return [d for d, detector in enumerate(table.detectors) if group_of(detector) == group]


def _rules(table: Table, rule_weights: Floats, values: Floats, winner: Rows) -> None:
    """The larger of rules and indicators: the greatest weight, the first by name among equals."""
    t = TERMS.index(RULES)
    for place in np.lexsort((-np.arange(len(rule_weights)), rule_weights)).tolist():
        row = table.fired_at[place]
        if rule_weights[place] > 0:
            values[row, t], winner[row, t] = rule_weights[place], table.fired[place]


def _one_cause_once(table: Table, weights: Floats, values: Floats, winner: Rows) -> None:
    """Where two groups of what is normal here are carried by one cause, the louder keeps it, and the other is left with
    its loudest detector of another cause. (Within a group only one detector ever counts; between rules, what is normal
    and what attacks look like, the same act seen three ways is three kinds of evidence.)"""
    several = (winner[:, [TERMS.index(group) for group in ONE_CAUSE]] >= 0).sum(axis=1) > 1
    columns = {group: _columns(table, group) for group in ONE_CAUSE}
    for row in np.flatnonzero(several).tolist():
        taken: set[str] = set()
        for group in sorted(ONE_CAUSE, key=lambda g: (-values[row, TERMS.index(g)], GROUPS.index(g))):
            t = TERMS.index(group)
            values[row, t], winner[row, t] = _loudest(table, weights, row, columns[group], taken)
            if winner[row, t] >= 0:
                taken.add(table.rows[winner[row, t]].cause)


def _loudest(table: Table, weights: Floats, row: int, columns: Iterable[int], taken: set[str]) -> tuple[float, int]:
    best, where = 0.0, -1
    for d in columns:
        place = int(table.evidence[row, d])
        if place >= 0 and weights[row, d] > best and table.rows[place].cause not in taken:
            best, where = float(weights[row, d]), place
    return best, where
