"""The matcher's fast twin: an Aho-Corasick automaton in numba; values beyond ASCII are folded first, in Python."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from lichen.detect.rules.casing import fold
from lichen.detect.rules.kernels.automaton import BEGIN, END, arranged, completed, read, tell, trie
from lichen.detect.rules.kernels.needles import (
    Bytes,
    Ids,
    Literals,
    Needle,
    Offsets,
    Pairs,
    Sorted,
    checked,
    readable,
    together,
    written,
)

TABLE_LIMIT_BYTES = 1 << 30  # of one automaton; beyond it the pure twin serves
PAIRS_ROOM = 1 << 14  # pairs told in one go, at least
CHUNK_BYTES = 1 << 18  # of values read in one go


class Automaton:
    """Literals of one casing. Raises MemoryError where its table would be larger than TABLE_LIMIT_BYTES."""

    def __init__(self, literals: Literals, folds: bool) -> None:
        self._numbers, self._folds = literals.numbers, folds
        self._class_of = _classes(literals, folds)
        self._classes = int(self._class_of.max()) + 1
        offsets = np.array([0, *accumulate(map(len, literals.texts))], dtype=np.int64)
        texts = np.array(bytearray(b"".join(literals.texts)), dtype=np.uint8)
        begins, ends = np.array(literals.begins, dtype=np.bool_), np.array(literals.ends, dtype=np.bool_)
        most = TABLE_LIMIT_BYTES // (4 * (self._classes + 1))
        table, last, states = trie(texts, offsets, begins, ends, self._class_of, self._classes, most)
        if not states:
            raise MemoryError(f"the automaton of {len(literals)} literals is larger than {TABLE_LIMIT_BYTES} bytes")
        order, suffix = completed(table, states, self._classes)
        self._parts = arranged(table, states, self._classes, order, suffix, last)

    @property
    def states(self) -> int:
        """How many states the automaton has."""
        return len(self._parts[0]) // (self._classes + 1)

    def pairs(self, data: Bytes, starts: Offsets, ends: Offsets) -> tuple[list[Pairs], Ids]:
        """(pairs of the values in ASCII, the values beyond it)."""
        return self._scanned(data, starts, ends, True)

    def pairs_beyond(self, texts: Sequence[str], values: Ids) -> list[Pairs]:
        """Pairs of the values beyond ASCII, given as text."""
        raw = [written(fold(text) if self._folds else text) for text in texts]
        edges = np.array([0, *accumulate(map(len, raw))], dtype=np.int64)
        data = np.array(bytearray(b"".join(raw)), dtype=np.uint8)
        found, _ = self._scanned(data, edges[:-1].copy(), edges[1:].copy(), False)
        return [(values[which], numbers) for which, numbers in found]

    def _scanned(self, data: Bytes, starts: Offsets, ends: Offsets, ascii_only: bool) -> tuple[list[Pairs], Ids]:
        rows, firsts, needles, links, silent = self._parts
        sizes = ends - starts + 2
        chunks = _chunks(sizes)
        loud = np.empty(max((int(sizes[chunk].sum()) for chunk in chunks), default=0), dtype=np.int32)
        room = len(needles) + PAIRS_ROOM
        values, numbers = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
        found: list[Pairs] = []
        beyond = np.zeros(len(starts), dtype=np.bool_)
        for chunk in chunks:
            bases, edges = np.empty_like(starts[chunk]), np.empty_like(starts[chunk])
            threshold = silent * (self._classes + 1)
            read(
                rows, self._class_of, threshold, data, starts[chunk], ends[chunk], loud, bases, edges, beyond[chunk]
            )  # fmt: skip
            passed_over = beyond[chunk] if ascii_only else np.zeros(len(bases), dtype=np.bool_)
            at = 0
            while at < len(bases):
                at, count = tell(
                    rows, self._classes, firsts, needles, links, self._numbers, loud, bases, edges, passed_over,
                    chunk.start, at, values, numbers,
                )  # fmt: skip
                found.append((values[:count].copy(), numbers[:count].copy()))
        return found, np.flatnonzero(beyond).astype(np.int32) if ascii_only else np.empty(0, dtype=np.int32)


def _chunks(sizes: Offsets) -> list[slice]:
    """Values to read at once: so many that what is noted of them stays in the processor's cache."""
    edges, chunks, at = np.cumsum(sizes), [], 0
    while at < len(sizes):
        before = int(edges[at - 1]) if at else 0
        upto = max(at + 1, int(np.searchsorted(edges, before + CHUNK_BYTES, side="right")))
        chunks.append(slice(at, upto))
        at = upto
    return chunks


def _classes(literals: Literals, folds: bool) -> Ids:
    """The class of each byte, of BEGIN and of END; 0 for bytes that no literal holds. Folding, A has the class of a."""
    used = sorted({*b"".join(literals.texts), BEGIN, END})
    classes = np.zeros(END + 1, dtype=np.int32)
    classes[used] = np.arange(1, len(used) + 1)
    if folds:
        classes[ord("A") : ord("Z") + 1] = classes[ord("a") : ord("z") + 1]
    return classes


class FastMatcher:
    """The automata of folded and of cased needles. Safe to use from several threads."""

    def __init__(self, needles: Sequence[Needle]) -> None:
        by_casing = Sorted.of(needles)
        chosen = ((by_casing.folded, True), (by_casing.cased, False))
        self._automata = [Automaton(literals, folds) for literals, folds in chosen if len(literals)]
        self._always = by_casing.always

    @property
    def states(self) -> int:
        """How many states the automata have together."""
        return sum(each.states for each in self._automata)

    def match(self, data: Bytes, starts: Offsets, ends: Offsets) -> Pairs:
        """See `kernels.Matcher.match`."""
        data, starts, ends = checked(data, starts, ends)
        found: list[Pairs] = []
        texts: list[str] | None = None
        for automaton in self._automata:
            pairs, beyond = automaton.pairs(data, starts, ends)
            found += pairs
            if len(beyond):
                if texts is None:
                    texts = [readable(data[starts[each] : ends[each]].tobytes()) for each in beyond.tolist()]
                found += automaton.pairs_beyond(texts, beyond)
        return together(found, self._always, len(starts))


def fast_matcher(needles: Sequence[Needle]) -> FastMatcher | None:
    """The fast twin; None where its tables would be larger than TABLE_LIMIT_BYTES."""
    try:
        return FastMatcher(needles)
    except MemoryError:
        return None
