"""An indicator as it is told: what it is, who said it, how sure, from when until when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

DAY_US = 86_400_000_000


class Kind(Enum):
    """What an indicator can be. Each is matched its own way (docs/indicators.md)."""

    ADDRESS = "address"  # an address or a network
    DOMAIN = "domain"  # itself and all below
    URL = "url"
    HASH = "hash"  # md5, sha1, sha256
    TLSH = "tlsh"  # near enough


@dataclass(frozen=True, slots=True)
class About:
    """What holds of a whole list, and of its entries where they say nothing themselves."""

    title: str
    techniques: tuple[str, ...] = ()
    source: str = ""
    confidence: int = 50  # of 100
    half_life_days: float | None = None  # confidence halves in this time after valid_from; None: never
    least_confidence: int = 1  # below it an entry says nothing
    tlsh_distance: int = 30  # the farthest that is still a match


@dataclass(frozen=True, slots=True)
class Entry:
    """One indicator. Times in µs UTC; None where nobody said."""

    kind: Kind
    text: str  # canonical
    source: str | None = None
    confidence: int | None = None
    valid_from: int | None = None
    valid_until: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the entry says nothing of its own besides what it is."""
        return (self.source, self.confidence, self.valid_from, self.valid_until) == (None, None, None, None)

    def confidence_at(self, time: int | None, about: About) -> float:
        """Of 100, at a time (µs): 0 outside of its validity; halved every `half_life_days` since `valid_from`. Without
        a time neither counts."""
        stated = about.confidence if self.confidence is None else self.confidence
        if time is None:
            return float(stated)
        if self.valid_from is not None and time < self.valid_from:
            return 0.0
        if self.valid_until is not None and time > self.valid_until:
            return 0.0
        if about.half_life_days is None or self.valid_from is None:
            return float(stated)
        return float(stated * 0.5 ** ((time - self.valid_from) / DAY_US / about.half_life_days))
