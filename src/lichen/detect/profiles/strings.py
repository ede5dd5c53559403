"""The string model: how plausible a name is, letter by letter; the base measure under every open-ended profile.

Interpolated Kneser-Ney over bytes (Chen & Goodman 1999; Teh 2006 for why it is the one-table Pitman-Yor), learned from
*distinct* names, so a busy name teaches no more than a rare one. An end symbol makes it a proper distribution over all
strings. `log_p` reads up to `ORDER` letters back; `log_loose` only one: what could be written there by anyone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

ORDER = 4  # letters of context
LOOSE_ORDER = 1
LENGTH_LIMIT = 256  # bytes of a string that are judged; longer ones are cut by `encode`
END, START = 256, 257  # beside the 256 bytes
SYMBOLS = 257  # what can come next: any byte, or the end
BASE = 258  # of the integers that pack a context and its symbol


class StringModel:
    """Interpolated Kneser-Ney letter model over a set of strings; immutable.

    p_k(s | u) = [max(c_k(u s) − d_k, 0) + d_k·t_k(u)·p_{k−1}(s | u′)] / n_k(u), where u′ is u without its oldest
    letter, c counts distinct continuations below the highest order, and t how many different symbols followed u. A
    context never seen falls through to the shorter one; below the shortest stands the uniform over 257 symbols.
    """

    def __init__(self, strings: Iterable[str], order: int = ORDER) -> None:
        self.order = order
        self._orders: list[_Order] = []
        keys, _ = _packed(sorted(set(strings)), order)
        distinct, counts = np.unique(keys, return_counts=True)
        for k in range(order, -1, -1):
            self._orders.insert(0, _Order(distinct, counts))
            distinct, counts = np.unique(distinct % BASE**k, return_counts=True)

    def log_p(self, strings: Sequence[str]) -> Floats:
        """log p of each whole string, its end included (nats)."""
        return self._log_sums(strings, self.order)

    def log_loose(self, strings: Sequence[str]) -> Floats:
        """log p of each string where only one letter of context counts: proper too, and kinder to odd names."""
        return self._log_sums(strings, min(LOOSE_ORDER, self.order))

    def log_tail(self, strings: Sequence[str], heads: Sequence[int]) -> Floats:
        """log p(string | it begins with its first `heads[i]` bytes): a distribution over everything that begins so."""
        keys, owner = _packed(strings, self.order)
        logs = np.log(self._symbols(keys, self.order))
        place = np.arange(len(keys)) - np.searchsorted(owner, np.arange(len(strings)))[owner]
        logs[place < np.asarray(heads, dtype=np.int64)[owner]] = 0.0
        return np.bincount(owner, weights=logs, minlength=len(strings)).astype(np.float64)

    def _log_sums(self, strings: Sequence[str], order: int) -> Floats:
        if not len(strings):
            return np.zeros(0)
        keys, owner = _packed(strings, self.order)
        logs = np.log(self._symbols(keys, order))
        return np.bincount(owner, weights=logs, minlength=len(strings)).astype(np.float64)

    def _symbols(self, keys: Codes, order: int) -> Floats:
        """p of each packed (context, symbol), from the shortest context to the longest."""
        p = np.full(len(keys), 1.0 / SYMBOLS)
        for k in range(order + 1):
            p = self._orders[k].interpolated(keys % BASE ** (k + 1), p)
        return p


class _Order:
    """Counts of one context length, as sorted arrays: packed (context, symbol) and, per context, total and types."""

    def __init__(self, keys: Codes, counts: Codes) -> None:
        self.keys, self.counts = keys, counts.astype(np.float64)
        self.contexts, first = np.unique(keys // BASE, return_index=True)
        self.totals = np.add.reduceat(self.counts, first) if len(keys) else np.zeros(0)
        self.types = np.diff(np.append(first, len(keys))).astype(np.float64)
        self.discount = discount(int((counts == 1).sum()), int((counts == 2).sum()))

    def interpolated(self, keys: Codes, shorter: Floats) -> Floats:
        """p of the keys at this order, given p at the next shorter one."""
        if not len(self.keys):
            return shorter
        context, known = _found(self.contexts, keys // BASE)
        place, seen = _found(self.keys, keys)
        count = np.where(seen, self.counts[place], 0.0)
        d = self.discount
        p = (np.maximum(count - d, 0.0) + d * self.types[context] * shorter) / self.totals[context]
        return np.where(known, p, shorter)


def discount(once: int, twice: int) -> float:
    """Kneser-Ney's discount n₁ / (n₁ + 2 n₂), kept within [.1, .95]."""
    return float(min(0.95, max(0.1, once / (once + 2 * twice)))) if once else 0.5


def encode(text: str) -> bytes:
    """The bytes that are judged of a string: UTF-8, cut at LENGTH_LIMIT."""
    return text[:LENGTH_LIMIT].encode("utf-8", "surrogateescape")[:LENGTH_LIMIT]


def _found(table: Codes, keys: Codes) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Where each key stands in a sorted table (anywhere if it does not), and whether it does."""
    place = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return place, table[place] == keys


def _packed(strings: Sequence[str], order: int) -> tuple[Codes, Codes]:
    """Every symbol of every string (its end too), packed with its `order` letters of context, and its owner.

    The integer is the digits of (context …, symbol) in base 258: exact for order ≤ 6.
    """
    coded = [encode(text) for text in strings]
    lengths = np.fromiter((len(code) + 1 for code in coded), dtype=np.int64, count=len(coded))
    padded = np.full(int((lengths + order).sum()), START, dtype=np.int64)
    begin = np.cumsum(lengths + order) - (lengths + order)
    letters = np.frombuffer(b"".join(coded), dtype=np.uint8).astype(np.int64)
    owner = np.repeat(np.arange(len(coded)), lengths)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = begin[owner] + order + place
    is_end = place == lengths[owner] - 1
    padded[at[~is_end]] = letters
    padded[at[is_end]] = END
    keys = np.zeros(len(at), dtype=np.int64)
    for back in range(order, -1, -1):
        keys = keys * BASE + padded[at - back]
    return keys, owner
