"""The malicious side 𝔐: what confirmed attacks look like, a mixture over techniques leaning on tactics and on all.

p_𝔐(x) = Σ_t π_t·p_t(x): a share for each technique with confirmed acts and one for a technique not yet met, all equal
(weights by events would let one noisy scan speak for everything). Its base is ½ benign fleet + ½ string model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from lichen.detect.profiles.counts import Counts, Leaf, shortened
from lichen.detect.profiles.hierarchy import Ladder, Tree, log_sum

SIDE = "malicious"

# the tactic that a technique is pooled under: its main one on Linux and the web (attack.mitre.org); others stand alone
TACTICS = {
    "reconnaissance": "T1595 T1592 T1590 T1589",
    "initial-access": "T1190 T1133 T1078 T1566 T1195",
    "execution": "T1059 T1053 T1203 T1569 T1609 T1610",
    "persistence": "T1098 T1136 T1505 T1543 T1546 T1547 T1554 T1037",
    "privilege-escalation": "T1548 T1068 T1611 T1055",
    "defense-evasion": "T1036 T1070 T1027 T1222 T1562 T1564 T1140 T1014 T1574",
    "credential-access": "T1003 T1110 T1552 T1555 T1040 T1056 T1557",
    "discovery": "T1046 T1018 T1049 T1057 T1082 T1083 T1087 T1016 T1033 T1069 T1518",
    "lateral-movement": "T1021 T1570 T1550",
    "collection": "T1213 T1005 T1560 T1074 T1119 T1530",
    "command-and-control": "T1071 T1105 T1095 T1571 T1572 T1573 T1090 T1568 T1102 T1008",
    "exfiltration": "T1048 T1041 T1567 T1030 T1020",
    "impact": "T1485 T1486 T1489 T1496 T1498 T1565",
}
_TACTIC_OF = {technique: tactic for tactic, names in TACTICS.items() for technique in names.split()}


def technique_of(side: str) -> str:
    """The technique of a side: "malicious:T1059.004" -> "T1059.004"; "malicious" -> ""."""
    return side.partition(":")[2]


def tactic_of(technique: str) -> str:
    return _TACTIC_OF.get(technique.partition(".")[0], technique)


def attack_leaf(side: str, parts: Sequence[str]) -> Leaf:
    """The leaf of an attack's act: (tactic, technique, the parts before the last)."""
    technique = technique_of(side)
    return (tactic_of(technique), technique, *parts[:-1])


def attack_ladder(before: int) -> Ladder:
    """Technique → tactic → all, within the parts before first, then without them."""
    fields = tuple(range(2, 2 + before))
    within = ((0, 1, *fields), (0, *fields), fields)
    rungs = (*within, ()) if fields else within
    names = ("technique", "tactic", "all", "all")[: len(rungs)]
    return Ladder(rungs, names, fleet=len(rungs) - 1, own=1)


class Malice:
    """The malicious side derived from its counts: a tree a judged part."""

    def __init__(self, counts: Counts, given: int, judged: int) -> None:
        self.given = given
        self.trees = [
            Tree(shortened(counts, 2 + given + part, part == judged - 1), attack_ladder(given + part))
            for part in range(judged)
        ]
        self._escapes: dict[tuple[int, Leaf, int], float] = {}  # bounded by the contexts learned
        self._ways: dict[tuple[Leaf, ...], float] = {}

    @cached_property
    def techniques(self) -> list[tuple[str, str]]:
        """(tactic, technique) of everything confirmed."""
        return sorted({(leaf[0], leaf[1]) for leaf, table in self.trees[-1].counts.items() if table})

    def __bool__(self) -> bool:
        return bool(self.techniques)

    def log_p(self, parts: Sequence[str], log_bases: Sequence[float]) -> tuple[float, str]:
        """log p_𝔐 of an act (`parts`: given and judged ones), where its judged parts have these logs under 𝔐's base;
        and the technique that explains it best ("" if none knows it)."""
        known = [item in own for item, own in zip(parts[self.given :], self._known, strict=True)]
        befores = [self._before(place, parts) for place in range(len(self.trees))]
        if not any(known):  # nobody used any of it: only the way up to the base is left
            key = tuple(befores)
            if key not in self._ways:
                self._ways[key] = self._mixture(befores, parts, known, [0.0] * len(log_bases))[0]
            return self._ways[key] + sum(log_bases), ""
        return self._mixture(befores, parts, known, log_bases)

    def _mixture(
        self, befores: Sequence[Leaf], parts: Sequence[str], known: Sequence[bool], log_bases: Sequence[float]
    ) -> tuple[float, str]:
        share = math.log(1.0 / (len(self.techniques) + 1))
        best = total = share + self._log_p(("", ""), 2, befores, parts, known, log_bases)
        name = ""
        for technique in self.techniques:
            log_p = share + self._log_p(technique, 0, befores, parts, known, log_bases)
            total = log_sum(total, log_p)
            if log_p > best + 1e-9:
                best, name = log_p, technique[1]
        return total, name

    def _log_p(
        self,
        technique: tuple[str, str],
        rung: int,
        befores: Sequence[Leaf],
        parts: Sequence[str],
        known: Sequence[bool],
        log_bases: Sequence[float],
    ) -> float:
        log_p = 0.0
        for place, (before, log_base) in enumerate(zip(befores, log_bases, strict=True)):
            leaf = (*technique, *before)
            if known[place]:
                log_p += self.trees[place].predictive(leaf, parts[self.given + place], rung).log_p(log_base)
            else:
                log_p += self._escape(place, leaf, rung) + log_base
        return log_p

    def _before(self, place: int, parts: Sequence[str]) -> Leaf:
        """The parts before a judged one; blanks where no attack was seen after them, which is all the same."""
        before = tuple(parts[: self.given + place])
        return before if before in self._contexts[place] else ("",) * len(before)

    @cached_property
    def _contexts(self) -> list[set[Leaf]]:
        return [{leaf[2:] for leaf in tree.counts} for tree in self.trees]

    @cached_property
    def _known(self) -> list[set[str]]:
        return [{item for node in tree.rungs[-1].nodes.values() for item in node.table} for tree in self.trees]

    def _escape(self, place: int, leaf: Leaf, rung: int) -> float:
        key = (place, leaf, rung)
        if key not in self._escapes:
            self._escapes[key] = math.log(self.trees[place].predictive(leaf, "", rung).escape)
        return self._escapes[key]
