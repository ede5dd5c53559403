"""Scanning a column: which predicates hold of which distinct values, many predicates at once.

Literals go to the matcher. Regular expressions are looked for by Hyperscan, as a filter that lets through all that
might match; RE2 decides. Networks are compared as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any, TypeAlias

import hyperscan
import numpy as np

from lichen.detect.rules.algebra import Exists, Glob, How, Predicate, Regex, Text, Wild, Within
from lichen.detect.rules.engine.by_line import matched_by_line
from lichen.detect.rules.engine.pieces import are_worth_it, needed_of
from lichen.detect.rules.engine.values import Values
from lichen.detect.rules.judging import address_of
from lichen.detect.rules.kernels import Matcher
from lichen.detect.rules.kernels.needles import Ids, Pairs

Literal: TypeAlias = tuple[How, str, bool]
Numbered: TypeAlias = Sequence[tuple[int, Predicate]]

_UNLIKE = re.compile(rb"[^\x00-\x0a\x0c-\x7f]")  # where Hyperscan's classes are not RE2's: \s and all beyond ASCII


class Matchers:
    """Matchers by what they look for: kinds that look for the same literals share one."""

    def __init__(self, fast: bool) -> None:
        self.fast = fast
        self._known: dict[tuple[Literal, ...], Matcher] = {}

    def of(self, literals: Iterable[Literal]) -> tuple[Matcher, tuple[Literal, ...]]:
        """The matcher of some literals, and their order in it."""
        order = tuple(sorted(set(literals), key=lambda each: (each[0].value, each[1], each[2])))
        if order not in self._known:
            needles = [(number, how, text, cased) for number, (how, text, cased) in enumerate(order)]
            self._known[order] = Matcher(needles, self.fast)
        return self._known[order], order


def literal_of(predicate: Predicate) -> Literal | None:
    """The literal that a value must hold for the predicate to hold; of a Text it decides."""
    if isinstance(predicate, Text):
        return predicate.how, predicate.text, predicate.cased
    if isinstance(predicate, Glob):
        longest = max((piece for piece in predicate.pieces if not isinstance(piece, Wild)), key=len, default="")
        return (How.CONTAINS, longest, predicate.cased) if longest else None
    return None


class Scan:
    """The predicates of one column, by number. `decided` are those of which a scan says all, `filtered` those of which
    it says where they might hold; the rest is asked of single values."""

    def __init__(self, predicates: Numbered, matchers: Matchers) -> None:
        self.decided = {number for number, each in predicates if isinstance(each, Text | Exists | Within)}
        self._exists = [number for number, each in predicates if isinstance(each, Exists)]
        self._literals = _Literals(predicates, matchers)
        self._patterns = _Patterns([(n, each.pattern) for n, each in predicates if isinstance(each, Regex)])
        self._networks = _Networks([(n, each.network) for n, each in predicates if isinstance(each, Within)])
        self.filtered = {n for n, each in predicates if isinstance(each, Glob) and literal_of(each) is not None}
        self.filtered |= self._patterns.numbers

    def pairs(self, values: Values) -> Pairs:
        """Every (value, number) that holds, or might if the number is among the filtered."""
        if not len(values.starts):
            return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
        found = [*self._literals.pairs(values), *self._patterns.pairs(values), *self._networks.pairs(values)]
        found += [(np.arange(len(values.starts), dtype=np.int32), _all(number, values)) for number in self._exists]
        pieces = np.concatenate([pair[0] for pair in found]) if found else np.empty(0, dtype=np.int32)
        numbers = np.concatenate([pair[1] for pair in found]) if found else np.empty(0, dtype=np.int32)
        return (pieces if values.owner is None else values.owner[pieces]), numbers


def _all(number: int, values: Values) -> Ids:
    return np.full(len(values.starts), number, dtype=np.int32)


class _Literals:
    def __init__(self, predicates: Numbered, matchers: Matchers) -> None:
        wanted: dict[Literal, list[int]] = {}
        for number, predicate in predicates:
            literal = literal_of(predicate)
            if literal is not None:
                wanted.setdefault(literal, []).append(number)
        self._matcher: Matcher | None = None
        order: tuple[Literal, ...] = ()
        if wanted:
            self._matcher, order = matchers.of(wanted)
        self._numbers = np.array([wanted[literal][0] for literal in order], dtype=np.int32)
        self._needed = needed_of([how for how, _, _ in order])
        self._by_line = not any("\n" in text for _, text, _ in order)
        self._fast = matchers.fast
        self._more = [(place, number) for place, literal in enumerate(order) for number in wanted[literal][1:]]

    def pairs(self, values: Values) -> list[Pairs]:
        if self._matcher is None:
            return []
        data, starts, ends = values.data, values.starts, values.ends
        if self._by_line and are_worth_it(data, len(starts)):
            pieces, places = matched_by_line(self._matcher, self._needed, data, starts, ends, self._fast)
        else:
            pieces, places = self._matcher.match(data, starts, ends)
        found: list[Pairs] = [(pieces, self._numbers[places])]
        for place, number in self._more:
            chosen = pieces[places == place]
            found.append((chosen, np.full(len(chosen), number, dtype=np.int32)))
        return found


class _Patterns:
    """Regular expressions of which Hyperscan can say where they might match."""

    def __init__(self, patterns: Sequence[tuple[int, str]]) -> None:
        flags = hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
        able = [(number, pattern) for number, pattern in patterns if _compiles(pattern, flags)]
        self._numbers = np.array([number for number, _ in able], dtype=np.int32)
        self.numbers = set(self._numbers.tolist())
        self._database = _database([pattern for _, pattern in able], flags) if able else None

    def pairs(self, values: Values) -> list[Pairs]:
        if self._database is None:
            return []
        pieces: list[int] = []
        which: list[int] = []

        def note(pattern: int, _: int, end: int, flags: int, piece: int) -> None:
            pieces.append(piece)
            which.append(pattern)

        data, scan = values.data.tobytes(), self._database.scan
        odd: list[int] = []
        may_be_odd = not data.isascii() or b"\x0b" in data
        for piece, (start, end) in enumerate(zip(values.starts.tolist(), values.ends.tolist(), strict=True)):
            text = data[start:end]
            if may_be_odd and _UNLIKE.search(text):
                odd.append(piece)
            else:
                scan(text, match_event_handler=note, context=piece)
        found: list[Pairs] = [(np.array(pieces, dtype=np.int32), self._numbers[np.array(which, dtype=np.int64)])]
        if odd:
            found.append(
                (np.repeat(np.array(odd, dtype=np.int32), len(self._numbers)), np.tile(self._numbers, len(odd)))
            )
        return found


def _compiles(pattern: str, flags: int) -> bool:
    if not pattern.isascii() or "\0" in pattern:
        return False
    try:
        _database([pattern], flags)
    except hyperscan.error:
        return False
    return True


def _database(patterns: Sequence[str], flags: int) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    count = len(patterns)
    expressions = [pattern.encode() for pattern in patterns]
    database.compile(expressions=expressions, ids=list(range(count)), elements=count, flags=[flags] * count)
    return database


class _Networks:
    def __init__(self, networks: Sequence[tuple[int, Any]]) -> None:
        four = [(number, each) for number, each in networks if isinstance(each, IPv4Network)]
        self._six = [(number, each) for number, each in networks if not isinstance(each, IPv4Network)]
        self._numbers = np.array([number for number, _ in four], dtype=np.int32)
        self._masks = np.array([int(each.netmask) for _, each in four], dtype=np.uint32)
        self._firsts = np.array([int(each.network_address) for _, each in four], dtype=np.uint32)
        self._any = bool(networks)

    def pairs(self, values: Values) -> list[Pairs]:
        if not self._any:
            return []
        found: list[tuple[int, int]] = []
        pieces, addresses = [], []
        for piece in range(len(values.starts)):
            address = address_of(values.text(piece))
            if isinstance(address, IPv4Address):
                pieces.append(piece)
                addresses.append(int(address))
            elif address is not None:
                found += [(piece, number) for number, network in self._six if address in network]
        within = (np.array(addresses, dtype=np.uint32)[:, None] & self._masks) == self._firsts
        rows, columns = np.nonzero(within)
        pairs: list[Pairs] = [(np.array(pieces, dtype=np.int32)[rows], self._numbers[columns])]
        pairs.append((np.array([p for p, _ in found], dtype=np.int32), np.array([n for _, n in found], dtype=np.int32)))
        return pairs
