"""Signature: a rule with where it came from and how it measured."""

from __future__ import annotations

import msgspec


class Signature(msgspec.Struct, frozen=True):
    """`sigma` is the rule's YAML. `support` confirmed events hit; `benign_hits` of `benign_events` benign ones (0 hits
    bound the rate at 3/n, 95 %); `unjudged_hits`: others that it hits, in windows of alerts which nobody judged.
    `stage`: shadow until a person promotes it."""

    id: str
    title: str
    sigma: str
    atoms: tuple[tuple[str, str, str], ...]  # field, modifier, value
    support: int
    benign_hits: int
    benign_events: int
    alert: str
    hit: dict[str, str]
    miss: dict[str, str]
    near_miss: dict[str, str]
    stage: str = "shadow"
    unjudged_hits: int = 0

    @property
    def false_rate_bound(self) -> float:
        """The 95 % upper bound of its false rate per benign event (rule of three)."""
        return (3.0 if self.benign_hits == 0 else self.benign_hits + 2 * (self.benign_hits + 1) ** 0.5) / max(
            1, self.benign_events
        )
