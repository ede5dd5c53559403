"""What a profile has learned: leaf counts of both sides, and how long it has watched whom. Nothing here is derived.

A leaf is a tuple of names (group, image, replica, context …); under it stand items with their counts. Everything above
the leaves counts *how many children ever used an item*, a set union and no sum: so it is derived afresh
(`hierarchy.Tree`) and never stored or added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Leaf: TypeAlias = tuple[str, ...]
Counts: TypeAlias = Mapping[Leaf, Mapping[str, float]]
Spans: TypeAlias = Mapping[Leaf, tuple[int, int]]

LITTLE = 0.25  # an image watched for less than this share of its group's most watched one leans on that one whole
FORGOTTEN = 1e-3  # a count that has decayed below this is dropped


@dataclass(frozen=True, slots=True)
class Learned:
    """One kind of subject's share: leaf counts of the benign and the malicious side, and first and last time (µs UTC)
    at which each entity was learned from."""

    benign: Counts = field(default_factory=dict)
    malicious: Counts = field(default_factory=dict)
    spans: Spans = field(default_factory=dict)

    def merged(self, other: Learned) -> Learned:
        """Both: sums at the leaves, spans from the earlier to the later."""
        return Learned(
            merged(self.benign, other.benign), merged(self.malicious, other.malicious), spanned(self.spans, other.spans)
        )

    def faded(self, benign: float, malicious: float) -> Learned:
        """Both sides' counts × their factors."""
        return Learned(faded(self.benign, benign), faded(self.malicious, malicious), self.spans)


def added(counts: Counts, seen: Iterable[tuple[Leaf, str, float]]) -> Counts:
    """New counts with some observations more; leaves that nothing was added to are shared with the old."""
    grown: dict[Leaf, dict[str, float]] = {}
    for leaf, item, count in seen:
        if leaf not in grown:
            grown[leaf] = dict(counts.get(leaf, {}))
        table = grown[leaf]
        table[item] = table.get(item, 0.0) + count
    return {**counts, **grown}


def merged(one: Counts, other: Counts) -> Counts:
    """The counts of both: sums at the leaves."""
    return added(one, ((leaf, item, count) for leaf, table in other.items() for item, count in table.items()))


def faded(counts: Counts, factor: float) -> Counts:
    """Every count × `factor`; those below FORGOTTEN and leaves left empty are dropped. A leaf that fades leans on its
    parent, since its room shrinks while θ stays (`hierarchy.Tree.predictive`)."""
    if factor == 1.0:
        return counts
    kept = {
        leaf: {item: count * factor for item, count in table.items() if count * factor >= FORGOTTEN}
        for leaf, table in counts.items()
    }
    return {leaf: table for leaf, table in kept.items() if table}


def shortened(counts: Counts, fields: int, whole: bool) -> Counts:
    """Counts of the leaf field at place `fields` given those before it, summed over all that follows; `whole`: nothing
    follows, and the counts are these already."""
    if whole:
        return counts
    sums: dict[Leaf, dict[str, float]] = {}
    for leaf, table in counts.items():
        own = sums.setdefault(leaf[:fields], {})
        own[leaf[fields]] = own.get(leaf[fields], 0.0) + sum(table.values())
    return sums


def stand_ins(spans: Spans) -> dict[tuple[str, str], str]:
    """Of each group, and of each of its images that was watched little: the image that was watched most. What a new
    version does is then held against what its group has done, until it has a past of its own. Keys: (group, image),
    and (group, "") for images never seen."""
    watched: dict[str, dict[str, int]] = {}
    for entity, (first, last) in spans.items():
        if len(entity) == 3 and entity[0]:
            images = watched.setdefault(entity[0], {})
            images[entity[1]] = images.get(entity[1], 0) + last - first
    found: dict[tuple[str, str], str] = {}
    for group, images in watched.items():
        most = max(images, key=lambda image: (images[image], image))
        found[group, ""] = most
        found.update({(group, i): most if time < LITTLE * images[most] else i for i, time in images.items()})
    return found


def spanned(one: Spans, other: Spans) -> Spans:
    """First and last time of each entity over both."""
    joined = dict(one)
    for entity, (first, last) in other.items():
        before = joined.get(entity, (first, last))
        joined[entity] = (min(before[0], first), max(before[1], last))
    return joined
