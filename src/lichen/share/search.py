"""The search: the cheapest conjunction of atoms that is true of confirmed lines and of no benign ones.

Greedy weighted cover with a description-length penalty, as a beam. What a conjunction covers counts little beyond the
first lines: the events of one incident share what one attacker picked. What is found is pruned until every atom is
needed, so that for each there is a benign event that shares all the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from lichen.core.entity import base_name
from lichen.share.atoms import EXCLUDED, FORM, Atom, Mask, atoms_of, holds
from lichen.share.fields import Ground

LONGEST = 5  # atoms of a conjunction
BEAM = 64
COVERED_BITS = 2.0  # worth of each doubling of the confirmed lines that are covered
BESIDE_BITS = (
    1.0  # what each doubling of the events beside the confirmed ones costs: they may be benign, or the attack's
)
SHUT_OUT_BITS = 1.5  # what it will take to shut out each doubling of the benign events that are still touched
LOOKED_AT = 400  # distinct confirmed lines
USUAL_ACTORS = 6  # at most, that an exclusion names
SETTLED = 20  # benign events that those must have behind them: who does it only once is not who usually does


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Atoms, the lines of which they are all true: confirmed, benign, and `beside` (around the confirmed ones, and
    judged by nobody)."""

    atoms: tuple[Atom, ...]
    covers: Mask
    touches: Mask
    beside: Mask
    benign_hits: int
    beside_hits: int

    @property
    def bits(self) -> float:
        return sum(atom.bits for atom in self.atoms)

    @property
    def asks(self) -> bool:
        """Whether anything is asked for, and not only something excluded."""
        return any(not atom.modifier.startswith("not ") for atom in self.atoms)

    def worth(self, wanted: Mask) -> float:
        """Bits: what it covers of the wanted lines, less what it takes to say and what nobody judged that it hits."""
        covered = COVERED_BITS * float(np.log2(1 + (self.covers & wanted).sum()))
        return covered - self.bits - BESIDE_BITS * float(np.log2(1 + self.beside_hits))

    def promise(self, wanted: Mask) -> float:
        """Its worth, less what it will still take to shut out the benign events that it touches."""
        return self.worth(wanted) - SHUT_OUT_BITS * float(np.log2(1 + self.benign_hits))


class Search:
    """One category: confirmed lines against benign ones, and less strictly against those beside them."""

    def __init__(self, positive: Ground, benign: Ground, hits_allowed: int, beside: Ground | None = None) -> None:
        lines = positive.lines.sort(
            ["seen", *positive.dialect.names], descending=[True, *[False] * len(positive.dialect.names)]
        )
        self.positive = replace(positive, lines=lines.head(LOOKED_AT), _codes={})
        self.benign, self.hits_allowed = benign, hits_allowed
        self.beside = replace(positive, lines=positive.lines.clear(), _codes={}) if beside is None else beside
        self.atoms = atoms_of((self.positive.line(n) for n in range(len(self.positive.lines))), benign)
        self._masks: dict[Atom, tuple[Mask, Mask, Mask]] = {}

    def cover(self, most: int) -> list[Conjunction]:
        """Conjunctions, each the best for what those before it left uncovered."""
        wanted = np.ones(len(self.positive.lines), dtype=bool)
        found: list[Conjunction] = []
        while wanted.any() and len(found) < most:
            best = self._best(wanted)
            if best is None:
                break
            found.append(best)
            wanted &= ~best.covers
        return found

    def masks(self, atom: Atom) -> tuple[Mask, Mask, Mask]:
        """Where an atom is true: of the confirmed lines, of the benign ones, of those beside."""
        if atom not in self._masks:
            self._masks[atom] = holds(atom, self.positive), holds(atom, self.benign), holds(atom, self.beside)
        return self._masks[atom]

    def of(self, atoms: Sequence[Atom]) -> Conjunction:
        """The conjunction of these atoms."""
        key = tuple(sorted(atoms))
        covers, touches, beside = (
            np.ones(len(ground.lines), bool) for ground in (self.positive, self.benign, self.beside)
        )
        for atom in key:
            on = self.masks(atom)
            covers, touches, beside = covers & on[0], touches & on[1], beside & on[2]
        return self._counted(key, covers, touches, beside)

    def _counted(self, key: tuple[Atom, ...], covers: Mask, touches: Mask, beside: Mask) -> Conjunction:
        hits, near = self.benign.weight[touches].sum(), self.beside.weight[beside].sum()
        return Conjunction(key, covers, touches, beside, int(hits), int(near))

    def _best(self, wanted: Mask) -> Conjunction | None:
        """The clean conjunction that is worth most."""
        beam, clean = [self.of(())], []
        for _ in range(LONGEST):
            grown: dict[tuple[Atom, ...], Conjunction] = {}
            for held in beam:
                for atom in (*self.atoms, *self._exclusions(held)):
                    self._grow(held, atom, wanted, grown)
            done = [one for one in grown.values() if one.benign_hits <= self.hits_allowed and one.asks]
            clean += done
            left = grown.keys() - {one.atoms for one in done}
            beam = sorted((grown[key] for key in left), key=lambda one: (-one.promise(wanted), one.atoms))[:BEAM]
        if not clean:
            return None
        return self._pruned(min(clean, key=lambda one: (-one.worth(wanted), one.atoms)))

    def _grow(self, held: Conjunction, atom: Atom, wanted: Mask, grown: dict[tuple[Atom, ...], Conjunction]) -> None:
        key = tuple(sorted((*held.atoms, atom)))
        if atom in held.atoms or key in grown:
            return
        on_positive, on_benign, on_beside = self.masks(atom)
        covers = held.covers & on_positive
        if not (covers & wanted).any():
            return
        found = self._counted(key, covers, held.touches & on_benign, held.beside & on_beside)
        if found.benign_hits < held.benign_hits or not held.asks:
            grown[key] = found

    def _exclusions(self, held: Conjunction) -> list[Atom]:
        """Who usually does what the conjunction says, excluded: "a program written to /usr/bin, and not by dpkg"."""
        if not held.atoms or held.benign_hits < SETTLED or any(atom.modifier == EXCLUDED for atom in held.atoms):
            return []
        found = []
        for name in {"Image", "ParentImage"} & set(self.benign.dialect.names):
            actors = self.benign.lines[name].filter(pl.Series(held.touches)).drop_nulls().unique().to_list()
            names = sorted({base_name(actor) for actor in actors})
            if 0 < len(names) <= USUAL_ACTORS and not any("\n" in one for one in names):
                found.append(Atom(name, EXCLUDED, "\n".join(f"/{one}" for one in names), FORM + 0.5 * len(names)))
        return found

    def _pruned(self, best: Conjunction) -> Conjunction:
        """Without the atoms that are not needed, dearest first."""
        for atom in sorted(best.atoms, key=lambda atom: (-atom.bits, atom)):
            rest = self.of([one for one in best.atoms if one != atom])
            if rest.asks and rest.benign_hits <= self.hits_allowed and rest.beside_hits <= best.beside_hits:
                best = rest
        return best
