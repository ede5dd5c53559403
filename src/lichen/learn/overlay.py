"""Overlays: what an answer lays over which model, at which node, and never anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from lichen.core.batch import Batch
from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.evidence import cause_of
from lichen.core.places import LEVELS, PLACE_COLUMNS, USERS, places_in
from lichen.learn.credit import MALICIOUS, RULE_FAMILIES, Credit, Share

FLEET, CLASSIFIERS = "fleet", "classifier."

Members = Callable[[str], int]
"""How many subjects a node holds."""


def nodes_of(subject: Subject, batches: Sequence[Batch]) -> tuple[str, ...]:
    """The nodes that hold a subject, innermost first: itself, its image, its group, the fleet; a user among users."""
    if subject.kind == "user":
        return subject.name, USERS, FLEET
    place: dict[str, str] = {}
    for batch in reversed(batches):
        if len(place) < len(LEVELS):
            place = {**places_in({name: batch.column(name) for name in PLACE_COLUMNS}).get(subject, {}), **place}
    return subject.name, *(f"{level} {place[level]}" for level in reversed(LEVELS) if level in place), FLEET


def node_of_scope(scope: str, nodes: Sequence[str]) -> str:
    """Where an answer of this scope is laid: alert and subject at the subject; pattern at its group (a user's: users),
    or as far out as is known short of the fleet. Nothing widens a scope."""
    if scope != "pattern":
        return nodes[0]
    wanted = [node for node in nodes if node.startswith("group ") or node == USERS]
    return wanted[0] if wanted else nodes[-2] if len(nodes) > 1 else nodes[0]


def overlays_of(
    credit: Credit, scope: str, nodes: Sequence[str], members: Members, epsilon: float
) -> tuple[Overlay, ...]:
    """What the answer lays over the responsible detectors, in order of name; nothing for unsure.

    benign-expected: a side mixture, a raised P(fire | benign), or a classifier's causes called benign, at the scope's
    node only. detector-wrong: there, and shared out upward: a node of n subjects gets an n-th. malicious: the malicious
    side, at the scope's node only; no answer weakens a classifier for it.
    """
    home = node_of_scope(scope, nodes)
    side = "benign"
    if credit.answer == MALICIOUS:
        side = ":".join((MALICIOUS, *credit.alert.techniques[:1]))
    laid: list[Overlay] = []
    for share in credit.responsible:
        laid += _laid(credit, share, home, side, epsilon, 1.0)
        if credit.answer == "detector-wrong":
            for node in nodes[list(nodes).index(home) + 1 :]:
                laid += _laid(credit, share, node, "benign", epsilon, 1.0 / max(1, members(node)))
    return tuple(laid)


def _laid(credit: Credit, share: Share, node: str, side: str, epsilon: float, part: float) -> list[Overlay]:
    """The overlay of one detector at one node, if there is anything to lay."""
    detector = credit.bench.detectors.get(share.detector)
    teach = getattr(detector, "overlay_for", None)
    if teach is None:  # rules, lists and classifiers: what they say is worth less at this node
        if side != "benign" or not credit.rows.get(share.detector):
            return []
        fired = max(1, share.windows) * part
        if not share.detector.startswith(CLASSIFIERS):
            return [Overlay(share.detector, node, benign_fired=fired, epsilon=epsilon * part)]
        heard = _heard(credit, share.detector)
        return [Overlay(share.detector, node, heard, benign_fired=fired, epsilon=epsilon * part)] if heard else []
    made = [
        teach(credit.again.batches[number], rows, node, side=side, epsilon=epsilon * part)
        for number, rows in credit.rows.get(share.detector, {}).items()
    ]
    # a family without that side (rates have no malicious one) has nothing to be taught
    told = [overlay for overlay in made if overlay.side == side and (overlay.values or overlay.templates)]
    return [_joined(told)] if told else []


def _heard(credit: Credit, classifier: str) -> dict[str, float]:
    """The causes that the answer is about, each with the most (nats) that a classifier made of it in one window."""
    meant = {
        cause
        for number, rows in credit.rows[classifier].items()
        for cause in cause_of(credit.again.batches[number], rows.tolist())
    }
    heard: dict[str, float] = {}
    for row in credit.again.evidence:
        if row.detector == classifier:
            for cause, nats in ((row.cause, row.score_nats), *row.others_nats):
                if cause in meant and nats > 0:
                    heard[cause] = max(nats, heard.get(cause, 0.0))
    return heard


def _joined(overlays: Sequence[Overlay]) -> Overlay:
    """One overlay of several over the same node: their values together."""
    values: dict[str, float] = {}
    templates: dict[str, float] = {}
    for overlay in overlays:
        for into, given in ((values, overlay.values), (templates, overlay.templates)):
            for value, count in given.items():
                into[value] = into.get(value, 0.0) + count
    return msgspec.structs.replace(overlays[0], values=values, templates=templates)


def in_words(overlay: Overlay, title: str = "") -> str:
    """What an overlay does, for people. `title`: what the detector is called, where its name says nothing (a rule)."""
    if not overlay.values:
        rule = overlay.detector.startswith(RULE_FAMILIES)
        name = f"“{title}”" if rule and title else overlay.detector
        return f"{name} {'firing' if rule else 'speaking'} on {overlay.node} counts less"
    told = list(overlay.values)[:3]
    if overlay.detector.startswith(CLASSIFIERS):
        told = sorted(overlay.values, key=lambda cause: -overlay.values[cause])[:3]
        more = f" and {len(overlay.values) - len(told)} more" if len(overlay.values) > len(told) else ""
        worth = "for nothing" if overlay.benign_fired >= 1 else "less"
        return f"{', '.join(told)}{more} looking like an attack counts {worth} on {overlay.node}, unless louder"
    more = f" and {len(overlay.values) - len(told)} more" if len(overlay.values) > len(told) else ""
    becomes = "becomes expected on" if overlay.side == "benign" else "is learned as an attack's on"
    return f"{', '.join(told)}{more} {becomes} {overlay.node}"
