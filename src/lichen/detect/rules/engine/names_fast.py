"""The names that the fast pass looks for, as tables for its kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from lichen.detect.rules.engine.bits import K1, K2, K3
from lichen.detect.rules.engine.documents import splits_of

_MASK = (1 << 64) - 1


class Trie:
    """The names that are looked for in a line, object within object."""

    def __init__(self) -> None:
        self._edges: dict[tuple[int, bytes], int] = {}
        self._slots: list[int] = []
        self._children: list[int] = []
        self._nodes = 1
        self._slot_of: dict[str, int] = {}
        self.arrays = self._laid_out()

    def slot_of(self, name: str) -> int:
        """The slot of a field; new names are added, which makes new arrays."""
        if name not in self._slot_of:
            slot = self._slot_of[name] = len(self._slot_of)
            for way in splits_of(name):
                node = 0
                for part in way[:-1]:
                    edge = self._edge(node, part)
                    if self._children[edge] < 0:
                        self._children[edge] = self._nodes
                        self._nodes += 1
                    node = self._children[edge]
                self._slots[self._edge(node, way[-1])] = slot
            self.arrays = self._laid_out()
        return self._slot_of[name]

    def _edge(self, node: int, part: str) -> int:
        key = (node, part.encode("utf-8", "surrogatepass"))
        if key not in self._edges:
            self._edges[key] = len(self._edges)
            self._slots.append(-1)
            self._children.append(-1)
        return self._edges[key]

    def _laid_out(self) -> tuple[Any, ...]:
        """What `line_read` takes, from `table` to `slot_holds`."""
        size = 1 << max(12, (8 * len(self._edges)).bit_length())
        table = np.zeros(size, dtype=np.int32)
        names = b"".join(name for _, name in self._edges)
        lengths = np.array([len(name) for _, name in self._edges], dtype=np.int32)
        ends = np.cumsum(lengths)
        heads, tails = [], []
        for number, (node, name) in enumerate(self._edges):
            head = int.from_bytes(name[:8], "little")
            tail = int.from_bytes(name[-8:], "little") if len(name) >= 8 else 0
            mixed = (head * int(K1) ^ tail * int(K2) ^ (len(name) + node * 4096) * int(K3)) & _MASK
            place = (mixed ^ (mixed >> 29)) & (size - 1)
            while table[place]:
                place = (place + 1) & (size - 1)
            table[place] = number + 1
            heads.append(head)
            tails.append(tail)
        edges, slots = len(self._edges), len(self._slot_of)
        return (
            table,
            np.array([node for node, _ in self._edges], dtype=np.int32),
            lengths,
            np.array(heads, dtype=np.uint64),
            np.array(tails, dtype=np.uint64),
            (ends - lengths).astype(np.int32),
            np.frombuffer(names or b"\0", dtype=np.uint8).copy(),
            np.array(self._slots, dtype=np.int32),
            np.array(self._children, dtype=np.int32),
            np.zeros(edges, dtype=np.int64),
            np.zeros(slots, dtype=np.int64),
            np.zeros(slots, dtype=np.int64),
            np.zeros(slots, dtype=np.int64),
            np.zeros(slots, dtype=np.uint8),
        )
