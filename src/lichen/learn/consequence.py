"""Consequence: what an answer would do, computed before it is given: scores, alerts gone quiet, attacks hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lichen.core.alert import Alert
from lichen.core.belief import Belief
from lichen.core.change import Change, Overlay
from lichen.core.desk import Consequence, Effect
from lichen.core.entity import Subject
from lichen.learn.credit import MALICIOUS, Credit
from lichen.learn.overlay import FLEET, USERS, in_words, nodes_of
from lichen.learn.rescore import Bench, Crosses, Judging, Read, Rescored, rescore

ALERTS_ASKED = 200  # of the last 30 days, newest first, that are judged again


@dataclass(frozen=True, slots=True)
class Court:
    """What judging again needs, besides the bench: the stored events, the cuts, and lengths in minutes."""

    read: Read
    crosses: Crosses
    window_minutes: int
    context_minutes: int

    def again(self, subject: Subject, windows: Iterable[int], bench: Bench) -> Rescored:
        return rescore(
            subject,
            windows,
            self.read,
            bench,
            window_minutes=self.window_minutes,
            context_minutes=self.context_minutes,
        )

    def finds(self, alert: Alert, bench: Bench) -> bool:
        """Whether the alert would still be raised by this bench."""
        again = self.again(alert.subject, [belief.window for belief in alert.beliefs], bench)
        return any(self.crosses(belief, alert.lane) for belief in again.beliefs)


def consequence(
    credit: Credit,
    scope: str,
    overlays: Sequence[Overlay],
    *,
    judging: Judging,
    in_force: Sequence[Overlay],
    court: Court,
    recent: Sequence[Alert],
    confirmed: Sequence[Alert],
) -> Consequence:
    """What laying these overlays would do from now on, under the versions in force: the score of each model touched
    before and after, which `recent` alerts (30 days) would have been quiet, which `confirmed` attacks hidden."""
    alert = credit.alert
    before, after = judging({}, tuple(in_force)), judging({}, (*in_force, *overlays))
    windows = [belief.window for belief in alert.beliefs]
    then, now = court.again(alert.subject, windows, before), court.again(alert.subject, windows, after)
    effects = tuple(
        Effect(each.detector, each.node, in_words(each), _said(then, each), _said(now, each)) for each in overlays
    )
    quiet = lost(recent, overlays, before, after, court)
    hidden = lost(confirmed, overlays, before, after, court)
    return Consequence(
        effects,
        _unchanged(alert, credit, overlays),
        quiet,
        hidden,
        _blind_to(credit, scope, overlays),
        _summary(credit, overlays, quiet, hidden),
    )


def lost(
    alerts: Sequence[Alert], overlays: Sequence[Overlay], before: Bench, after: Bench, court: Court
) -> tuple[str, ...]:
    """The uids of those alerts that `before` finds and `after` does not. Only alerts that the overlays can reach are
    judged again, and at most 200, newest first."""
    detectors = {overlay.detector for overlay in overlays}
    nodes = {overlay.node for overlay in overlays}
    near = [one for one in alerts if _speaks(one, detectors) and _may_reach(one, nodes)]
    asked = sorted(near, key=lambda one: (-one.last_time, one.uid))
    gone = []
    for alert in asked[:ALERTS_ASKED]:
        windows = [belief.window for belief in alert.beliefs]
        now = court.again(alert.subject, windows, after)
        reached = nodes.intersection(nodes_of(alert.subject, now.batches))
        found = any(court.crosses(belief, alert.lane) for belief in now.beliefs)
        if reached and not found and court.finds(alert, before):
            gone.append(alert.uid)
    return tuple(gone)


def _may_reach(alert: Alert, nodes: set[str]) -> bool:
    """Whether answers at these nodes can touch the alert's subject at all: its own, or one that holds many."""
    return alert.subject.name in nodes or any(" " in node or node in (FLEET, USERS) for node in nodes)


def _speaks(alert: Alert, detectors: set[str]) -> bool:
    return any(line.detector in detectors for belief in alert.beliefs for line in belief.ledger)


def _said(again: Rescored, overlay: Overlay) -> float:
    """The strongest that the overlay's detector says: its score; of rules and classifiers, whose answers move their
    worth and not their score, the weight."""
    if overlay.values or overlay.templates:
        return max((row.score_nats for row in again.evidence if row.detector == overlay.detector), default=0.0)
    lines = (line for belief in again.beliefs for line in belief.ledger if line.detector == overlay.detector)
    return max((line.weight_nats for line in lines), default=0.0)


def _unchanged(alert: Alert, credit: Credit, overlays: Sequence[Overlay]) -> str:
    touched = {overlay.node for overlay in overlays}
    untouched = [node for node in nodes_of(alert.subject, credit.again.batches) if node not in touched]
    models = {share.detector for share in credit.shares} - {overlay.detector for overlay in overlays}
    nodes = f"{_listed(untouched)} {'stays' if len(untouched) == 1 else 'stay'} as before" if untouched else ""
    others = f"other models not touched: {len(models)}" if models else ""
    return "; ".join(part for part in (nodes, others) if part)


def _blind_to(credit: Credit, scope: str, overlays: Sequence[Overlay]) -> str:
    """What attack would be missed for this answer."""
    if not overlays:
        return "Nothing: no model changes."
    if credit.answer == MALICIOUS:
        return "Nothing: what was confirmed becomes louder, not quieter."
    node = overlays[0].node
    sort = {
        "alert": f"An attack on {node} that looks exactly like this would be quiet too.",
        "subject": f"An attack on {node} that does any of what these models spoke for here would be quiet too.",
        "pattern": f"An attack anywhere in {node} that shows these field values would be quiet too.",
    }[scope]
    if credit.answer == "detector-wrong":
        return f"{sort} Elsewhere these models speak a little softer."
    return sort


def _summary(credit: Credit, overlays: Sequence[Overlay], quiet: Sequence[str], hidden: Sequence[str]) -> str:
    if not overlays:
        return "No model changes."
    home = [in_words(overlay) for overlay in overlays if overlay.node == overlays[0].node]
    told = _listed(home[:3]) + (f" and {len(home) - 3} more" if len(home) > 3 else "")
    if credit.answer == MALICIOUS:
        return f"{told}. Can be undone exactly."
    attacks = f"{len(hidden)} known {'attack' if len(hidden) == 1 else 'attacks'} would be hidden"
    alerts = f"{len(quiet)} {'alert' if len(quiet) == 1 else 'alerts'} of the last 30 days would have been quiet"
    return f"{told}. {alerts}; {attacks}. Can be undone exactly."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def let_in(
    change: Change,
    beliefs: Iterable[Belief],
    *,
    judging: Judging,
    in_force: Sequence[Overlay],
    court: Court,
    lane: str,
    node_holds: Callable[[str, Subject], bool],
) -> tuple[Belief, ...]:
    """What a change let pass while it stood: of `beliefs` since then, those at its nodes that cross the lane's cut once
    it is left out, and do not with it. They are listed when it is undone, never revised. `in_force` is without it."""
    nodes = {overlay.node for overlay in change.overlays}
    windows: Mapping[Subject, list[int]] = {}
    windows = {}
    for belief in beliefs:
        if not court.crosses(belief, lane) and any(node_holds(node, belief.subject) for node in nodes):
            windows.setdefault(belief.subject, []).append(belief.window)
    bench = judging({}, tuple(in_force))
    found = (belief for subject, starts in windows.items() for belief in court.again(subject, starts, bench).beliefs)
    return tuple(belief for belief in found if court.crosses(belief, lane))
