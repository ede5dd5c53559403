"""The judge of one kind of subject: scores each distinct (entity, value) once and remembers it, bounded."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lichen.core.change import Overlay
from lichen.core.time import MICROSECONDS
from lichen.detect.profiles.counts import Leaf, Learned, added, shortened, stand_ins
from lichen.detect.profiles.hierarchy import Tree, log_sum
from lichen.detect.profiles.malice import SIDE, Malice
from lichen.detect.profiles.overlays import Sides, nodes_above
from lichen.detect.profiles.strings import StringModel
from lichen.detect.profiles.use import ENTITY_FIELDS, Use

CLIP = 6.0  # nats
REMEMBERED = 100_000  # judgements kept in hand; all are let go when full
HALF = math.log(0.5)
HOUR = 3600 * MICROSECONDS

Act = tuple[Leaf, tuple[str, ...]]  # entity, parts


class Judged(NamedTuple):
    """`nats` the clipped score; `rung` the lowest that knows the value (their number: none does); `technique` set where
    the malicious side decided."""

    nats: float
    rung: int
    technique: str | None


class Judge:
    """Scores of one use and kind of subject: what was learned, and the answers in force. Frozen but for its memo."""

    def __init__(self, use: Use, kind: str, learned: Learned, overlays: Sequence[Overlay]) -> None:
        self.use, self.kind, self.learned = use, kind, learned
        ladders = use.ladders[kind]
        self.ladder = ladders[-1]
        first = ENTITY_FIELDS[kind] + use.given
        self.stand_ins = stand_ins(learned.spans) if kind == "workload" else {}
        flat = ((self.placed(leaf), item, n) for leaf, table in learned.benign.items() for item, n in table.items())
        benign = added({}, flat) if self.stand_ins else learned.benign
        self.trees = [
            Tree(shortened(benign, first + part, part == len(ladders) - 1), ladder)
            for part, ladder in enumerate(ladders)
        ]
        self.malice = Malice(learned.malicious, use.attack_given, len(ladders))
        self._others: dict[tuple[str, ...], tuple[float, float, str]] = {}
        self._logs: list[dict[str, tuple[float, float]]] = [{} for _ in ladders]
        self._turn = threading.Lock()  # what is remembered is shared by the same model under several answers
        self._lay(overlays)

    def _lay(self, overlays: Sequence[Overlay]) -> None:
        given = self.use.given
        self.expected = Sides((o for o in overlays if not o.side.startswith(SIDE)), given)
        self.condemned = Sides((o for o in overlays if o.side.startswith(SIDE)), given)
        self._judged: dict[Act, Judged] = {}

    def under(self, overlays: Sequence[Overlay]) -> Judge:
        """The same learned, under exactly these answers. What does not depend on answers is shared, not derived anew:
        trees, letters, and what anyone may do."""
        laid = copy(self)
        laid._lay(overlays)
        return laid

    def placed(self, leaf: Leaf) -> Leaf:
        """The leaf with its image's stand-in, if the image was watched too little (`counts.stand_ins`)."""
        if not self.stand_ins:
            return leaf
        image = self.stand_ins.get((leaf[0], leaf[1])) or self.stand_ins.get((leaf[0], ""))
        return leaf if image is None else (leaf[0], image, *leaf[2:])

    @property
    def tree(self) -> Tree:
        """The tree of the last part."""
        return self.trees[-1]

    def judge(self, acts: Sequence[Act]) -> list[Judged]:
        """A judgement of each act."""
        with self._turn:
            return self._judgements(acts)

    def _judgements(self, acts: Sequence[Act]) -> list[Judged]:
        known = self._judged
        unknown = [act for act in acts if act not in known]
        if unknown:
            if len(known) + len(unknown) > REMEMBERED:
                known = self._judged = {}
                unknown = list(acts)
            for place in range(len(self.trees)):
                self._spell(place, {parts[self.use.given + place] for _, parts in unknown})
            for act in unknown:
                known[act] = self._one(act)
        return [known[act] for act in acts]

    def _spell(self, place: int, items: set[str]) -> None:
        """Work out, of each item of a judged part, log p under its base measure, and under the string model that anyone
        may write by: half the base, half a looser one."""
        logs = self._logs[place]
        new = [item for item in items if item not in logs]
        if not new:
            return
        if len(logs) + len(new) > REMEMBERED:
            logs.clear()
            new = list(items)
        model = self.trees[place].strings
        base = model.log_p(new)
        anyone = HALF + np.logaddexp(base, model.log_loose(new))
        logs.update(zip(new, zip(base.tolist(), anyone.tolist(), strict=True), strict=True))

    def _one(self, act: Act) -> Judged:
        entity, parts = act
        given, placed = self.use.given, self.placed(entity)
        other = self._others.get(parts)
        if other is None:
            if len(self._others) >= REMEMBERED:
                self._others = {}
            other = self._others[parts] = self._other((*placed, *parts), parts)
        log_benign = 0.0
        for place, tree in enumerate(self.trees):
            leaf, item = (*placed, *parts[: given + place]), parts[given + place]
            log_benign += tree.predictive(leaf, item).log_p(self._logs[place][item][0])
        log_other, log_attack, technique = other
        if self.expected or self.condemned:
            nodes = nodes_above(self.kind, entity)
            log_benign = self.expected.mixed(log_benign, nodes, parts, self._strings)
            log_attack = self.condemned.mixed(log_attack, nodes, parts, self._strings)
        attacked = log_attack > log_other
        score = max(log_attack, log_other) - log_benign
        rung = self.tree.rung_seen((*placed, *parts[:-1]), parts[-1])
        return Judged(max(-CLIP, min(CLIP, score)), rung, technique if attacked else None)

    def _other(self, leaf: Leaf, parts: tuple[str, ...]) -> tuple[float, float, str]:
        """What does not depend on who acts: log of ½·p_fleet + ½·p_string, log p_𝔐 (the same where nothing was
        confirmed), and the technique behind it."""
        first, logs = ENTITY_FIELDS[self.kind] + self.use.given, []
        for place, tree in enumerate(self.trees):
            item = leaf[first + place]
            log_base, log_string = self._logs[place][item]
            log_fleet = tree.predictive(leaf[: first + place], item, tree.ladder.fleet).log_p(log_base)
            logs.append(HALF + log_sum(log_fleet, log_string))
        if not self.malice:
            return sum(logs), sum(logs), ""
        return sum(logs), *self.malice.log_p(parts[self.use.given - self.use.attack_given :], logs)

    def _strings(self) -> StringModel:
        return self.tree.strings

    def history(self, entity: Leaf, rung: int) -> str:
        """What the judgement rests on, for people: "never seen on this image (3 replicas, 41 hours)"."""
        names = self.ladder.names
        if rung == 0:
            return f"usual for this {names[0]}"
        scope = names[min(rung, len(names)) - 1]
        if scope == "image" and self.placed(entity) != entity:
            scope = "group"
        watched, hours = self.watched(entity, scope)
        if scope == names[0]:
            elsewhere = "among users" if self.kind == "user" else f"elsewhere on this {names[1]}"
            past = f"for this {scope} in {hours_in_words(hours)}" if watched else f"with this {scope}"
            return f"new {past}, known {elsewhere}"
        if not watched:
            return f"this {scope} was never watched before"
        where = {"fleet": "in the fleet", "users": "for any user"}.get(scope, f"on this {scope}")
        whom = names[0] if scope in ("image", "users") else "workload"
        return f"never seen {where} ({watched} {whom}{'s' if watched != 1 else ''}, {hours_in_words(hours)})"

    def watched(self, entity: Leaf, scope: str) -> tuple[int, float]:
        """How many entities were learned from within a scope of this one, and their hours together."""
        depth = {"fleet": 0, "users": 0, "group": 1, "image": 2}.get(scope, len(entity))
        spans = [span for other, span in self.learned.spans.items() if other[:depth] == entity[:depth]]
        return len(spans), sum(last - first for first, last in spans) / HOUR

    @cached_property
    def totals(self) -> dict[tuple[Leaf, tuple[str, ...]], dict[tuple[str, ...], float]]:
        """Events by (all but the entity's own name, given parts) -> judged parts: what an image or all users do."""
        totals: dict[tuple[Leaf, tuple[str, ...]], dict[tuple[str, ...], float]] = {}
        size = ENTITY_FIELDS[self.kind]
        for leaf, table in self.trees[-1].counts.items():
            parts, given = leaf[size:], self.use.given
            node = totals.setdefault((leaf[: size - 1], parts[:given]), {})
            for item, count in table.items():
                judged = (*parts[given:], item)
                node[judged] = node.get(judged, 0.0) + count
        return totals


def hours_in_words(hours: float) -> str:
    """41 hours, 12 minutes."""
    return f"{hours:.0f} hours" if hours >= 1.5 else f"{hours * 60:.0f} minutes"
