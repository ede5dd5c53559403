"""Answers laid over a model: side mixtures p = (1 − Σε)·p + Σ ε_i·q_i at a node, never counts (docs/profiles.md).

q_i is half the answer's exact values and half their templates, given the context. Everything scored at or below the
node is mixed, the outermost node first. Beyond ten answers at a node all ε are scaled so that Σε = .5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lichen.core.change import Overlay
from lichen.detect.profiles.acts import parts_of, value_of
from lichen.detect.profiles.hierarchy import log_sum
from lichen.detect.profiles.strings import StringModel, encode
from lichen.detect.profiles.use import Template

SHARE_LIMIT = 0.5  # of all answers at one node together
WILD = "…*…"  # stands for what varies in a template's text
FLEET = "fleet"


def nodes_above(kind: str, entity: Sequence[str]) -> list[str]:
    """The node names that hold a subject, outermost first: "fleet", "group orders", "image orders@…", "orders-2"."""
    if kind == "user":
        return [FLEET, "users", entity[0]]
    group, image, name = entity
    return [FLEET, f"group {group}", f"image {image}", name]


def template_text(parts: Sequence[str], template: Template) -> str:
    """A template as it is stored: the parts before the last, and the last with what varies left open."""
    return value_of((*parts[:-1], template.head + WILD + template.tail))


@dataclass(frozen=True, slots=True)
class _Side:
    """One answer within one context: exact judged parts with their shares, templates (by the parts before) too."""

    epsilon: float
    exact: dict[tuple[str, ...], float]
    templates: tuple[tuple[tuple[str, ...], Template, float], ...]

    def q(self, judged: tuple[str, ...], strings: Callable[[], StringModel]) -> float:
        """q_i of the judged parts: proper given the context."""
        loose = sum(
            share * _within(template, judged[-1], strings())
            for before, template, share in self.templates
            if before == judged[:-1]
        )
        return self.exact.get(judged, 0.0) + loose


class Sides:
    """The answers in force on one side of one detector, by node and given parts; ordered as they were given."""

    def __init__(self, overlays: Iterable[Overlay], given: int) -> None:
        self.given = given
        self._at: dict[str, dict[tuple[str, ...], list[_Side]]] = {}
        for overlay in overlays:
            node = self._at.setdefault(overlay.node, {})
            for context, side in _by_context(overlay, given):
                node.setdefault(context, []).append(side)

    def __bool__(self) -> bool:
        return bool(self._at)

    def mixed(
        self, log_p: float, nodes: Iterable[str], parts: tuple[str, ...], strings: Callable[[], StringModel]
    ) -> float:
        """log p of a value with the answers at these nodes (outermost first) mixed in."""
        for node in nodes:
            sides = self._at.get(node, {}).get(parts[: self.given])
            if not sides:
                continue
            total = sum(side.epsilon for side in sides)
            scale = min(1.0, SHARE_LIMIT / total)
            q = sum(scale * side.epsilon * side.q(parts[self.given :], strings) for side in sides)
            kept = math.log1p(-scale * total) + log_p
            log_p = log_sum(kept, math.log(q)) if q > 0.0 else kept
        return log_p


def _by_context(overlay: Overlay, given: int) -> list[tuple[tuple[str, ...], _Side]]:
    exact: dict[tuple[str, ...], dict[tuple[str, ...], float]] = {}
    for value, count in overlay.values.items():
        parts = parts_of(value)
        exact.setdefault(parts[:given], {})[parts[given:]] = count
    loose: dict[tuple[str, ...], list[tuple[tuple[str, ...], Template, float]]] = {}
    for text, count in overlay.templates.items():
        *before, last = parts_of(text)
        head, _, tail = last.partition(WILD)
        loose.setdefault(tuple(before[:given]), []).append((tuple(before[given:]), Template(head, tail), count))
    sides = []
    for context in {**exact, **loose}:
        items, templates = exact.get(context, {}), loose.get(context, [])
        half = 0.5 if items and templates else 1.0
        total, wild = sum(items.values()), sum(count for _, _, count in templates)
        side = _Side(
            overlay.epsilon,
            {item: half * count / total for item, count in items.items()},
            tuple((before, template, half * count / wild) for before, template, count in templates),
        )
        sides.append((context, side))
    return sides


def _within(template: Template, item: str, strings: StringModel) -> float:
    """p(item | the template): the letters of the middle, and its end, after the head; 0 outside the template."""
    if not (item.startswith(template.head) and item.endswith(template.tail)):
        return 0.0
    if len(item) < len(template.head) + len(template.tail):
        return 0.0
    until = item[: len(item) - len(template.tail)] if template.tail else item
    return float(math.exp(strings.log_tail([until], [len(encode(template.head))])[0]))
