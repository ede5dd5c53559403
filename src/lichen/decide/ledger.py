"""The ledger: every line that makes a belief, in words and in nats, adding up to it exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lichen.core.belief import Belief, Line
from lichen.core.evidence import Evidence
from lichen.decide.groups import FAMILY, MODEL_GROUPS, RULES, WIDE, WIDTH
from lichen.decide.policy import rounded

SHOWN, SENSOR = "shown", "sensor"  # groups of the two lines of family "cap"
WIDTH_LINE = "Many new things at once, as deploys and backups touch"


@dataclass(frozen=True, slots=True)
class Sums:
    """The numbers of one window that its ledger tells, in nats, each already `combine.exact`."""

    start: float
    head: float
    terms: Mapping[str, float]  # term -> what it adds
    sensor: float
    cap: float
    calibration_windows: int


def ledger(
    sums: Sums,
    said: Sequence[tuple[str, Evidence, float]],
    winners: Iterable[Evidence],
    starting: Line,
) -> tuple[Line, ...]:
    """The lines of one window. `said`: (group, evidence, weight) of everything that spoke; `winners` the evidence whose
    nats count. Order: start, head, rules, exec, net, rate, classifier, width, then the caps."""
    counted = {id(row) for row in winners}
    lines = [starting]
    if sums.head:
        lines.append(Line("What was learned here of the starting odds", "head", sums.head, group="head"))
    by_group: dict[str, list[tuple[Evidence, float]]] = {}
    for group, row, weight in said:
        by_group.setdefault(group, []).append((row, weight))
    for group in (RULES, *MODEL_GROUPS):
        told = by_group.get(group, [])
        for row, weight in sorted(told, key=lambda each: (id(each[0]) not in counted, -each[1], each[0].detector)):
            nats = sums.terms[group] if id(row) in counted else 0.0
            lines.append(evidence_line(group, row, weight, nats))
    if sums.terms[WIDTH]:
        new = sum(row.n_new for _, row, _ in said if row.detector in WIDE)
        lines.append(Line(WIDTH_LINE, "width", sums.terms[WIDTH], group=WIDTH, because=f"{new} values new to it"))
    if sums.sensor:
        lines.append(_cap_line("One sensor alone tells of this", sums.sensor, SENSOR, sums.calibration_windows))
    if sums.cap:
        lines.append(_cap_line("More than the calibration can support", sums.cap, SHOWN, sums.calibration_windows))
    return tuple(lines)


def start_line(start: float) -> Line:
    """The line from which every belief starts."""
    return Line(
        "Starting odds on an ordinary day",
        "start",
        start,
        group="start",
        because=f"one attacked window in {rounded(math.exp(-start))}",
    )


def evidence_line(group: str, row: Evidence, weight: float, nats: float) -> Line:
    """What one detector said: its weight, and what of it counts (0 if another of its group said it louder, or if it
    was quiet)."""
    return Line(
        label=sentence(row.because),
        family=FAMILY[group],
        nats=nats,
        group=group,
        detector=row.detector,
        weight_nats=weight,
        score_nats=row.score_nats,
        cause=row.cause,
        because=row.because,
        techniques=row.techniques,
        sample_event_ids=row.sample_event_ids,
    )


def total(lines: Iterable[Line], shown: bool = False) -> float:
    """The sum of a ledger: the belief's log-odds, or with the line of what is shown, its shown log-odds."""
    found = 0.0
    for line in lines:
        if shown or line.group != SHOWN:
            found += line.nats
    return found


def adds_up(belief: Belief) -> bool:
    """Whether a belief's ledger is the belief, to the last bit."""
    return total(belief.ledger) == belief.log_odds and total(belief.ledger, True) == belief.shown_log_odds


def sentence(words: str) -> str:
    """The words with a capital first letter."""
    return words[:1].upper() + words[1:]


def _cap_line(label: str, nats: float, group: str, windows: int) -> Line:
    because = f"{windows:,} benign windows let models say at most a factor of {rounded(windows + 1.0)}"
    return Line(label, "cap", nats, group=group, because=because)
