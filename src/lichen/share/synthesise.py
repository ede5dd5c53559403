"""Synthesis: a confirmed alert becomes the shortest signatures that are true of it and of nothing benign."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from lichen.core.alert import Alert
from lichen.core.batch import Batch, Rows
from lichen.core.errors import LichenError
from lichen.core.signature import Signature
from lichen.share.atoms import Atom, holds
from lichen.share.fields import DIALECTS, Dialect, Ground, grounds_of, lines_of
from lichen.share.search import Conjunction, Search
from lichen.share.sigma import sigma_of

Count = Callable[[str], int]
"""How many benign events a Sigma rule (its YAML) hits in the real engine."""


def synthesise(
    alert: Alert,
    confirmed: Iterable[tuple[Batch, Rows]],
    benign: Mapping[str, Ground],
    *,
    beside: Mapping[str, Ground] = MappingProxyType({}),
    date: str,
    hits_allowed: int = 0,
    count: Count | None = None,
    most: int = 3,
) -> tuple[Signature, ...]:
    """Signatures for a confirmed alert, the one that covers most first; together they cover what can be told apart.

    `confirmed` are the events that a person confirmed, `benign` the ground of everything benign that was recorded
    (`grounds_of`: all of it, since its size is the bound that is printed), `beside` the events around the confirmed
    ones that nobody judged: hitting few of them is preferred, and how many are hit is told. `hits_allowed` bounds
    benign hits (g).
    `count` asks the real engine; a candidate that it finds on more benign events than allowed is passed over.
    Raises LichenError where no kind of these events has a dialect or a ground, or nothing tells them from benign.
    """
    events = list(_cut(confirmed))
    grounds = grounds_of(events)
    judged = {kind: ground for kind, ground in grounds.items() if kind in benign and benign[kind].events}
    if not judged:
        kinds = ", ".join(sorted(grounds)) or "none that Sigma has a category for"
        raise LichenError(
            f"no benign events to hold a signature against (confirmed events: {kinds})",
            place=f"alert {alert.uid}",
            remedy=f"record benign events of one of {', '.join(DIALECTS)}",
        )
    searches = {kind: Search(ground, benign[kind], hits_allowed, beside.get(kind)) for kind, ground in judged.items()}
    found = [(one, kind) for kind, search in searches.items() for one in search.cover(most)]
    found.sort(key=lambda item: (-item[0].worth(item[0].covers), item[0].atoms))
    signatures = []
    for conjunction, kind in found:
        search, support = searches[kind], support_of(conjunction.atoms, judged[kind].dialect, events)
        signature = _signature(alert, conjunction, search, date, support)
        hits = count(signature.sigma) if count is not None else 0
        if hits > conjunction.benign_hits:  # the real engine counts more than we did: it is believed
            signature = _signature(alert, replace(conjunction, benign_hits=hits), search, date, support)
        signatures += [signature] if signature.benign_hits <= hits_allowed else []
    if not signatures:
        raise LichenError(
            "nothing that a signature can say tells these events from benign ones",
            place=f"alert {alert.uid}",
            remedy="allow a benign hit or more, or leave this find to the models",
        )
    return tuple(signatures[:most])


def _cut(confirmed: Iterable[tuple[Batch, Rows]]) -> Iterable[Batch]:
    for batch, rows in confirmed:
        if len(rows):
            yield batch.take(np.unique(rows))


def _signature(alert: Alert, found: Conjunction, search: Search, date: str, support: int) -> Signature:
    positive, benign = search.positive, search.benign
    true = np.array([holds(atom, benign) for atom in found.atoms])
    shared = true.sum(axis=0)
    unhit = ~found.touches
    near = np.flatnonzero(unhit & (shared == max(shared[unhit], default=0)))
    miss = np.flatnonzero(unhit & (shared == min(shared[unhit], default=0)))
    hit = int(np.flatnonzero(found.covers)[np.argmax(positive.weight[found.covers])])
    return sigma_of(
        alert,
        positive.dialect,
        found.atoms,
        support=support,
        benign_hits=found.benign_hits,
        benign_events=benign.events,
        unjudged_hits=found.beside_hits,
        hit=positive.line(hit),
        miss=benign.line(int(miss[0])) if len(miss) else {},
        near_miss=benign.line(int(near[np.argmax(benign.weight[near])])) if len(near) else {},
        date=date,
    )


def support_of(atoms: Sequence[Atom], dialect: Dialect, batches: Iterable[Batch]) -> int:
    """How many events all atoms are true of, in one of their lines."""
    total = 0
    for one in (lines for batch in batches for lines in lines_of(batch) if lines.dialect == dialect):
        ground = Ground(dialect, one.lines.with_columns(seen=1), len(one.lines))
        true = np.logical_and.reduce([holds(atom, ground) for atom in atoms])
        total += len(np.unique(one.event[true]))
    return total
