"""Belief: posterior log-odds of one subject in one window, with a ledger that adds up to it exactly."""

from __future__ import annotations

import msgspec

from lichen.core.entity import Subject

MALICIOUS, UNUSUAL = "malicious", "unusual"
LANES = (MALICIOUS, UNUSUAL)


class Line(msgspec.Struct, frozen=True):
    """One line of the ledger. `nats` is what it adds to the belief; `weight_nats` what the detector's evidence weighed
    before groups, floors and the head (they may differ, and both are shown). `family`: start, rules, normal (what is
    normal here), attacks (what attacks look like), width, head, cap."""

    label: str
    family: str
    nats: float
    group: str = ""
    detector: str = ""
    weight_nats: float = 0.0
    score_nats: float = 0.0
    cause: str = ""
    because: str = ""
    techniques: tuple[str, ...] = ()
    sample_event_ids: tuple[str, ...] = ()


class Belief(msgspec.Struct, frozen=True):
    """What all evidence together says. `log_odds` (T of docs/belief.md) ranks and cuts; `shown_log_odds` is capped to
    what the calibration can support and is what people read, between `low` and `high` (80 %). `unusual_p` is the
    conformal p of the model evidence without rules (1.0 where it cannot be had). Σ line.nats == shown_log_odds, and
    without the line of group "shown" (family cap: what is more than can be shown) == log_odds, both exactly."""

    subject: Subject
    window: int
    log_odds: float
    shown_log_odds: float
    low: float
    high: float
    unusual_p: float
    unusual_score: float
    ledger: tuple[Line, ...]
    version: str
    calibrated_here: bool = False

    @property
    def carried_by(self) -> tuple[Line, ...]:
        """The lines that carry it: those with events that add to it; where none does (a window that is only unusual),
        those whose evidence weighs and scores for malice."""
        adding = tuple(line for line in self.ledger if line.nats > 0 and line.sample_event_ids)
        return adding or tuple(line for line in self.ledger if line.weight_nats > 0 and line.score_nats > 0)
