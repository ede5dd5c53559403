"""How far out a count lies: the score of one amount, the answers in force mixed in, and its words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy

from lichen.core.change import Overlay
from lichen.detect.profiles.counts import Leaf
from lichen.detect.profiles.families import NegativeBinomial
from lichen.detect.profiles.hierarchy import log_sum
from lichen.detect.profiles.judge import CLIP, hours_in_words
from lichen.detect.profiles.overlays import SHARE_LIMIT, nodes_above
from lichen.detect.profiles.uses.rate import COUNTERS, EVENTS, HEAVY
from lichen.detect.profiles.volumes import Expecting, Volumes

ANSWER_SIZE = 8.0  # negative-binomial size of the counts like one that a person called expected
REMEMBERED = 100_000
HOUR_US = 3_600_000_000


def value_text(counter: str, scale: int, amount: float) -> str:
    """A count as it is stored and shown: "different objects in 1 min: 34"."""
    return f"{counter} in {scale} min: {amount:.0f}"


def value_parts(value: str) -> tuple[str, int, float]:
    """(counter, scale, amount) of a count's text. Raises ValueError."""
    head, _, amount = value.rpartition(": ")
    counter, _, scale = head.removesuffix(" min").rpartition(" in ")
    return counter, int(scale), float(amount)


def counted_as(entity: Leaf) -> Leaf:
    """Under which names an entity's volumes are kept: a workload's under group and name, since a deploy changes its
    image and not its trade; a user's under the name."""
    return (entity[0] or entity[1], entity[2]) if len(entity) == 3 else entity


class Tails:
    """Scores of one kind of subject."""

    def __init__(self, kind: str, volumes: Volumes, overlays: Sequence[Overlay], minutes: int) -> None:
        self.kind = kind
        self.expecting = Expecting(volumes)
        asked = sum(kind in counter.subjects and counter.name != EVENTS for counter in COUNTERS)
        self.log_questions = math.log(asked * (1 + minutes))
        self._lay(overlays)

    def under(self, overlays: Sequence[Overlay]) -> Tails:
        """The same volumes under exactly these answers; what is derived from volumes is shared."""
        laid = copy(self)
        laid._lay(overlays)
        return laid

    def _lay(self, overlays: Sequence[Overlay]) -> None:
        self._answers: dict[str, list[tuple[float, str, int, float]]] = {}
        for overlay in overlays:
            for value in overlay.values:
                self._answers.setdefault(overlay.node, []).append((overlay.epsilon, *value_parts(value)))
        self._judged: dict[tuple[Leaf, str, int, float], float] = {}

    def nats(self, entity: Leaf, counter: str, scale: int, amount: float) -> float:
        """The score of one amount."""
        key = (entity, counter, scale, amount)
        found = self._judged.get(key)
        if found is None:
            if len(self._judged) >= REMEMBERED:
                self._judged = {}
            log_p = self.expecting.level(counted_as(entity), counter, scale).log_mid_p(amount, counter in HEAVY)
            if self._answers:
                log_p = self._mixed(log_p, entity, counter, scale, amount)
            found = self._judged[key] = max(-CLIP, min(CLIP, -log_p - self.log_questions))
        return found

    def _mixed(self, log_p: float, entity: Leaf, counter: str, scale: int, amount: float) -> float:
        """The tail with the answers in force at the nodes over this subject, outermost first."""
        for node in nodes_above(self.kind, entity):
            sides = [side for side in self._answers.get(node, ()) if side[1:3] == (counter, scale)]
            if not sides:
                continue
            total = sum(side[0] for side in sides)
            scaled = min(1.0, SHARE_LIMIT / total)
            log_p += math.log1p(-scaled * total)
            for epsilon, _, _, expected in sides:
                tail = NegativeBinomial(max(expected, 0.5), ANSWER_SIZE).log_mid_p(amount)
                log_p = log_sum(log_p, math.log(scaled * epsilon) + tail)
        return log_p

    def known(self, entity: Leaf, counter: str) -> bool:
        """Whether this subject ever had any of a counter."""
        return self.expecting.moments(counted_as(entity), counter, 1).any > 0

    def usual(self, entity: Leaf, counter: str, scale: int) -> float:
        """The mean of a subject's minute or window."""
        return self.expecting.level(counted_as(entity), counter, scale).mean

    def because(self, entity: Leaf, counter: str, scale: int, amount: float) -> str:
        """The count in words: "34 different objects in a minute, where 2.1 are usual (3 hours of history)"."""
        span = self.expecting.volumes.spans.get(counted_as(entity))
        past = f"{hours_in_words((span[1] - span[0]) / HOUR_US)} of history" if span else "no history of its own"
        length = "a minute" if scale == 1 else f"{scale} minutes"
        return f"{amount:.0f} {counter} in {length}, where {self.usual(entity, counter, scale):.2g} are usual ({past})"
