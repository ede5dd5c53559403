"""An indicator list: many indicators of every kind, matched by array against many values at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.detect.rules.indicators.addresses import Networks
from lichen.detect.rules.indicators.collected import Collected, Facts
from lichen.detect.rules.indicators.entry import About, Entry, Kind
from lichen.detect.rules.indicators.hashes import Hashes
from lichen.detect.rules.indicators.spans import Spans
from lichen.detect.rules.indicators.texts import Texts
from lichen.detect.rules.indicators.tlsh import DIGITS, Digests
from lichen.detect.rules.indicators.urls import ascii_name, canonical_url
from lichen.detect.rules.indicators.warning import Warnings

Values: TypeAlias = Sequence[str | None] | pa.Array
Found: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
ALL = tuple(Kind)
_NONE = np.empty(0, dtype=np.int64)


class IndicatorList:
    """One list. Entries are numbered kind by kind; a value may meet one of each kind.

    Domains are matched by suffix on label borders, hashes in any case and within a text, addresses by the narrowest
    network, URLs in canonical form, TLSH by distance. What a warning list knows as good is no match.
    """

    def __init__(self, name: str, about: About, collected: Collected, warnings: Warnings | None = None) -> None:
        self.name, self.about, self._warnings = name, about, warnings
        self._texts: dict[Kind, Spans] = {}
        self._facts: dict[Kind, Facts] = {}
        self._base: dict[Kind, int] = {}
        size = 0
        for kind, column in collected.columns.items():
            self._texts[kind], facts = column.once()
            self._base[kind] = size
            size += len(self._texts[kind])
            if facts is not None:
                self._facts[kind] = facts
        self._networks, self._hashes = Networks(self._texts[Kind.ADDRESS]), Hashes(self._texts[Kind.HASH])
        self._digests = Digests(self._texts[Kind.TLSH])
        self._domains, self._urls = Texts(self._texts[Kind.DOMAIN]), Texts(self._texts[Kind.URL])
        self._size = size

    @property
    def title(self) -> str:
        return self.about.title

    @property
    def techniques(self) -> tuple[str, ...]:
        return self.about.techniques

    @property
    def detector(self) -> str:
        """The name under which its evidence goes."""
        return f"indicator:{self.name}"

    @cached_property
    def digest(self) -> str:
        """What the list holds, in 16 hexadecimal digits."""
        digest = hashlib.blake2b(repr(self.about).encode(), digest_size=8)
        for kind in Kind:
            texts = self._texts[kind].packed()
            digest.update(kind.value.encode() + texts.ends.tobytes() + np.ascontiguousarray(texts.data).tobytes())
            if kind in self._facts:
                facts = self._facts[kind]
                for column in (facts.source, facts.confidence, facts.valid_from, facts.valid_until):
                    digest.update(column.tobytes())
        if self._warnings is not None:
            digest.update(self._warnings.digest.encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        return self._size

    def count(self, kind: Kind) -> int:
        """How many indicators of a kind there are."""
        return len(self._texts[kind])

    def entry(self, number: int) -> Entry:
        """What is known of one indicator."""
        kind = next(each for each in Kind if number < self._base[each] + self.count(each))
        at = number - self._base[kind]
        text = self._texts[kind].text(at)
        return self._facts[kind].entry(kind, text, at) if kind in self._facts else Entry(kind, text)

    def matches(self, values: Values, kinds: Collection[Kind] = ALL) -> Found:
        """(place of the value, number of the entry) of every match, by place; None is no value."""
        if not self._size:
            return _NONE, _NONE
        probes = Spans.of(values)
        found = [self._of_kind(kind, probes) for kind in Kind if kind in kinds and self.count(kind)]
        places = np.concatenate([_NONE, *(pair[0] for pair in found)])
        entries = np.concatenate([_NONE, *(pair[1] for pair in found)])
        order = np.argsort(places, kind="stable")
        return places[order], entries[order]

    def _of_kind(self, kind: Kind, probes: Spans) -> Found:
        places, members = self._sought(kind, probes)
        if self._warnings is not None and len(places):
            known = self._warnings.knows(kind, probes.take(places), self._texts[kind].take(members))
            places, members = places[~known], members[~known]
        return places, members + self._base[kind]

    def _sought(self, kind: Kind, probes: Spans) -> Found:
        match kind:
            case Kind.ADDRESS:
                return self._networks.find(probes)
            case Kind.DOMAIN:
                return self._below(probes)
            case Kind.URL:
                return self._written(probes)
            case Kind.HASH:
                return self._hashes.find(probes)
        asked = np.flatnonzero((probes.lengths == DIGITS) | (probes.lengths == DIGITS + 2))
        places, members = self._digests.find([probes.text(at) for at in asked.tolist()], self.about.tlsh_distance)
        return asked[places], members

    def _below(self, probes: Spans) -> Found:
        places, members = self._domains.suffixes(probes)
        beyond = _beyond_ascii(probes)
        if not len(beyond):
            return places, members
        more, of_more = self._domains.suffixes(Spans.of([ascii_name(probes.text(at)) for at in beyond.tolist()]))
        plain = ~np.isin(places, beyond)
        return np.concatenate([places[plain], beyond[more]]), np.concatenate([members[plain], of_more])

    def _written(self, probes: Spans) -> Found:
        whole = probes.packed()
        raw = whole.data.tobytes()
        edges = zip(whole.starts.tolist(), whole.ends.tolist(), strict=True)
        texts = [canonical_url(raw[start:end].decode("utf-8", "backslashreplace")) for start, end in edges]
        places, members = self._urls.whole(Spans.of([text or "" for text in texts]))
        return places, members

    def finds(self, value: str) -> str | None:
        """What of the list a single value is, at whatever time: an address or network, a domain, URL or hash."""
        return self.finds_each([value])[0]

    def finds_each(self, values: Sequence[str]) -> list[str | None]:
        """What of the list each value is, None where it is nothing; validity and decay do not count."""
        found: list[str | None] = [None] * len(values)
        for place, number in zip(*(side.tolist() for side in self.matches(values)), strict=True):
            if found[place] is None:
                found[place] = self.entry(number).text
        return found


def _beyond_ascii(probes: Spans) -> npt.NDArray[np.int64]:
    """Which texts hold a byte beyond ASCII."""
    high = np.flatnonzero(probes.data & 128)
    if not len(high):
        return _NONE
    return np.flatnonzero(np.searchsorted(high, probes.starts) < np.searchsorted(high, probes.ends))
