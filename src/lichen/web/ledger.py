"""The ledger as a picture: a waterfall on an odds axis, from the starting odds to what is shown, that adds up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import msgspec

from lichen.core.belief import UNUSUAL, Belief, Line
from lichen.web import words

TEN = math.log(10.0)
AXIS_NATS = 3 * TEN  # the axis reaches at least from 1 : 1,000 to 1,000 : 1
MARGIN = 0.06  # of the axis, left free on each side for the labels of bars
PLAINLY_NATS = math.log(1.5)
QUIET_NATS = 1e-9  # a line that was floored at 0 draws no bar


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the ledger as drawn: places in per cent of the track's width, totals in nats."""

    line: Line
    before_nats: float
    after_nats: float
    begins: float
    ends: float
    number: int

    @property
    def left(self) -> float:
        return min(self.begins, self.ends)

    @property
    def width(self) -> float:
        return max(0.25, abs(self.ends - self.begins))

    @property
    def label_at(self) -> float:
        """Where the factor stands: right of the bar, or left of it where the right is too near."""
        right = max(self.begins, self.ends)
        return right + 1 if right < 86 else self.left - 1

    @property
    def label_side(self) -> str:
        return "start" if max(self.begins, self.ends) < 86 else "end"

    @property
    def floored(self) -> bool:
        """Whether what the detector weighed is plainly not what was counted (the table by hand always says both)."""
        return bool(self.line.detector) and abs(self.line.weight_nats - self.line.nats) > PLAINLY_NATS


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the ledger by hand: printed nats whose sum is the printed total, to the last digit."""

    line: Line
    nats: str
    total: str
    weighed: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All of one belief's picture: where it starts, its bars, where it ends with its range, and the axis."""

    start_nats: float
    start_at: float
    bars: tuple[Bar, ...]
    quiet: tuple[Line, ...]
    end_at: float
    low_at: float
    high_at: float
    ticks: tuple[tuple[float, str], ...]
    by_hand: tuple[Row, ...]


def picture_of(belief: Belief, lane: str) -> Waterfall:
    """The picture of a belief in its alert's lane: on an axis of odds, or, where no malice is claimed, of rarity."""
    return rarity(belief) if lane == UNUSUAL else waterfall(belief)


def waterfall(belief: Belief) -> Waterfall:
    """The ledger line by line on an odds axis, ending at the odds shown. What the lines leave to them (where a ledger
    tells the ranked log-odds alone) is a last line of its own."""
    starting = [line for line in belief.ledger if line.family == "start"]
    lines = [line for line in belief.ledger if line.family != "start"]
    missing = belief.shown_log_odds - sum(line.nats for line in belief.ledger)
    if abs(missing) > 1e-6:
        lines.append(Line("More than the calibration can support", "cap", missing))
    ends = (belief.shown_log_odds, belief.low, belief.high)
    return _drawn(starting, lines, ends, (-AXIS_NATS, AXIS_NATS), _odds_mark)


def rarity(belief: Belief) -> Waterfall:
    """How much rarer than usual a window is, cause by cause, ending at its unusual score. Rules have no part in it, and
    nothing of it claims malice. Without a baseline models add nothing to the odds: there each group's heaviest line
    stands for what it weighed, and what the score differs by is a last line of its own."""
    modelled = [line for line in belief.ledger if line.family in {"normal", "attacks", "width"}]
    counting = any(line.nats for line in modelled)
    lines = modelled if counting else _by_weight(modelled)
    missing = belief.unusual_score - sum(line.nats for line in lines)
    if abs(missing) > 1e-6:
        lines = [*lines, Line("Many new things at once, and causes told twice", "width", missing)]
    ends = (belief.unusual_score, belief.unusual_score, belief.unusual_score)
    return _drawn([], lines, ends, (0.0, AXIS_NATS), _rarity_mark)


def _by_weight(lines: Sequence[Line]) -> list[Line]:
    """The lines with what they weighed in place of what they added: a group's heaviest, and 0 for its others."""
    heaviest: dict[str, Line] = {}
    for line in sorted(lines, key=lambda line: line.weight_nats):
        heaviest[line.group or line.detector] = line
    best = {id(line) for line in heaviest.values() if line.weight_nats > 0}
    return [msgspec.structs.replace(line, nats=line.weight_nats if id(line) in best else 0.0) for line in lines]


def _drawn(
    starting: Sequence[Line],
    lines: Sequence[Line],
    ends: tuple[float, float, float],
    axis: tuple[float, float],
    mark: Callable[[int], str],
) -> Waterfall:
    """The picture of some lines. `ends`: where they end, with its range; `axis`: what it spans at least."""
    start = sum(line.nats for line in starting)
    drawn = [line for line in lines if abs(line.nats) >= QUIET_NATS]
    totals = list(accumulate((line.nats for line in drawn), initial=start))
    lowest, highest = min(axis[0], *totals, *ends), max(axis[1], *totals, *ends)
    margin = MARGIN * (highest - lowest)
    lowest, highest = lowest - margin, highest + margin

    def at(nats: float) -> float:
        return round(100 * (nats - lowest) / (highest - lowest), 3)

    steps = zip(drawn, totals, totals[1:], strict=False)
    bars = (Bar(line, a, b, at(a), at(b), number) for number, (line, a, b) in enumerate(steps))
    return Waterfall(
        start_nats=start,
        start_at=at(start),
        bars=tuple(bars),
        quiet=tuple(line for line in lines if abs(line.nats) < QUIET_NATS and line.detector),
        end_at=at(ends[0]),
        low_at=at(ends[1]),
        high_at=at(ends[2]),
        ticks=tuple((at(power * TEN), mark(power)) for power in _powers(lowest, highest)),
        by_hand=_by_hand([*starting, *lines]),
    )


def _powers(lowest: float, highest: float) -> list[int]:
    """The powers of ten that the axis marks: 0 and, on both sides alike, at most about three more."""
    reach = math.floor(max(-lowest, highest) / TEN)
    step = 1 if reach < 2 else 2 if reach <= 5 else 3
    powers = {0, *(sign * k for k in range(1, reach + 1, step) for sign in (1, -1))}
    return sorted(power for power in powers if lowest <= power * TEN <= highest)


def _odds_mark(power: int) -> str:
    return "even" if not power else f"{10**power:,} : 1" if power > 0 else f"1 : {10**-power:,}"


def _rarity_mark(power: int) -> str:
    return "as usual" if not power else f"× {10**power:,}" if power > 0 else f"÷ {10**-power:,}"


def _by_hand(lines: Sequence[Line]) -> tuple[Row, ...]:
    """Rows whose printed figures add up: each prints the difference of its rounded totals."""
    rows, total, printed = [], 0.0, 0
    for line in lines:
        total += line.nats
        now = round(total * 100)
        weighed = f"{line.weight_nats:+.2f}" if line.detector else ""
        rows.append(Row(line, f"{(now - printed) / 100:+.2f}", f"{now / 100:.2f}", weighed))
        printed = now
    return tuple(rows)


def small_bars(belief: Belief) -> tuple[tuple[str, float], ...]:
    """What each of the three families added, in nats, for the three small bars of a row."""
    sums = [(family, sum(max(0.0, x.nats) for x in belief.ledger if x.family == family)) for family in words.FAMILIES]
    return tuple((family, nats) for family, nats in sums if nats >= QUIET_NATS)
