"""Change: what a verdict did to which model, kept apart so that it can be taken back exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec


class Overlay(msgspec.Struct, frozen=True):
    """A side mixture over values at one node of one detector's model: p = (1 − Σε)·p_model + Σ ε_i·q_i.

    `values` are exact values with counts, `templates` their templates; q is half of each. For a rule, `values` is
    empty and `benign_fired` raises P(fire | benign) at the node. For a classifier, `values` are causes with the scores
    (nats) at which `benign_fired` windows, or a share of one, were called benign.
    """

    detector: str
    node: str  # "orders-2", "image orders@sha256:…", "group orders", "fleet"
    values: dict[str, float] = {}
    templates: dict[str, float] = {}
    benign_fired: float = 0.0
    side: str = "benign"
    epsilon: float = 0.05


class Change(msgspec.Struct, frozen=True):
    """The overlays that one verdict laid over the models, in the order of `id`; undone, none of them counts."""

    id: int
    verdict: int
    time: int
    overlays: tuple[Overlay, ...]
    summary: str  # in words, the same that was shown before the answer
    undone: bool = False


def overlays_mark(overlays: Sequence[Overlay]) -> str:
    """What a version says of the answers laid over it: "+" and eight hex digits, nothing where there are none."""
    if not overlays:
        return ""
    return f"+{hashlib.blake2b(msgspec.json.encode(list(overlays)), digest_size=4).hexdigest()}"


def without_mark(version: str) -> str:
    """A version without what lies over it."""
    return version.partition("+")[0]
