"""What can fire here: log sources and fields seen so far, and the rules that they are enough for.

Kept in the rules detector's memory, so that a family of rules never counts those that could not speak here at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lichen.core.batch import Batch, LogSource
from lichen.detect.rules.ruleset import RuleSet

Seen = Mapping[str, Sequence[str]]
"""Log source (product, category and service, a tab between) -> fields that ever had a value."""
SOURCES, FIELDS = 500, 2_000  # remembered; senders choose the names


def with_seen(seen: Seen, batch: Batch) -> Seen:
    """`seen` with what this batch offers; the same object where that is nothing new."""
    new: dict[str, Sequence[str]] = {}
    for shape in batch.shapes:
        key = "\t".join(part or "" for part in (shape.source.product, shape.source.category, shape.source.service))
        known = set(new.get(key, seen.get(key, ())))
        columns = zip(shape.fields.schema.names, shape.fields.columns, strict=True)
        fresh = [name for name, column in columns if name not in known and column.null_count < len(column)]
        if fresh or (key not in seen and key not in new):
            new[key] = [*new.get(key, seen.get(key, ())), *fresh][:FIELDS]
    if not new:
        return seen
    return dict(list({**seen, **new}.items())[:SOURCES])


def able(rules: RuleSet, seen: Seen) -> tuple[str, ...]:
    """Ids of the stable rules that speak and can fire on what was seen; a correlation, if one of its members can."""
    offered = [(LogSource(*(part or None for part in key.split("\t"))), fields) for key, fields in seen.items()]
    can = {
        rule.id
        for rule in rules.rules
        if any(rules.can_fire(rule, (source,), frozenset(fields)) for source, fields in offered)
    }
    for each in rules.correlations:  # those that others name come first
        if can & set(each.members):
            can.add(each.id)
    return tuple(sorted(can & (rules.levels.keys() - rules.silent)))
