"""Admission: a verdict's change held against the gate's bounds before it is made."""

from __future__ import annotations

from collections.abc import Sequence

from lichen.core.change import Overlay
from lichen.core.errors import LichenError
from lichen.core.verdict import Verdict
from lichen.learn.gate import beyond_bounds, within_bounds
from lichen.store.store import Store

SHOWN = 5


def admitted(
    store: Store, verdict: Verdict, overlays: Sequence[Overlay], hidden: Sequence[str] = ()
) -> tuple[Overlay, ...]:
    """The overlays that this verdict may lay: cut to what one label may teach. A verdict that changes no model always
    passes. `hidden`: confirmed attacks that would no longer be found. Raises LichenError, with the limit, where there
    is one, or where analyst or subject have had as many changes today as are allowed.
    """
    if not overlays:
        return ()
    if hidden:
        raise LichenError(
            f"confirmed attacks would no longer be found: {', '.join(hidden[:SHOWN])}",
            place=f"alert {verdict.alert}",
            limit="no answer may hide an attack that a person confirmed",
            remedy="choose a narrower scope, or answer the confirmed alert anew if it was none",
        )
    by_id = {each.id: each for each in store.answers.verdicts()}
    earlier = [(by_id[change.verdict], change) for change in store.answers.changes() if change.verdict in by_id]
    subjects = {alert.uid: str(alert.subject) for alert in store.records.alerts()}

    def entity_of(uid: str) -> str:
        return subjects.get(uid, uid)

    fault = beyond_bounds(verdict, earlier, entity_of)
    if fault is not None:
        raise fault
    return within_bounds(verdict, overlays, earlier, entity_of).overlays
