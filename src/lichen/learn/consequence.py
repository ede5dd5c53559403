"""Consequence: what an answer would do, computed before it is given: scores, alerts gone quiet, attacks hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lichen.core.alert import Alert
from lichen.core.belief import Belief
from lichen.core.change import Change, Overlay
from lichen.core.desk import Consequence, Effect
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.places import USERS
from lichen.learn.credit import MALICIOUS, RULE_FAMILIES, SHADOW, Credit
from lichen.learn.overlay import CLASSIFIERS, FLEET, in_words, nodes_of
from lichen.learn.rescore import Bench, Crosses, Heard, Judging, Read, Rescored, rescore

ALERTS_ASKED = 200  # of the last 30 days, newest first, that are judged again
NOTES = 5  # on how the alert judged again differs from the stored one


@dataclass(frozen=True, slots=True)
class Court:
    """What judging again needs, besides the bench: the stored events, the cuts, and lengths in minutes. `over`: the
    nodes over a subject by its newest events, so that only those whom an answer can reach are judged again. `stored`:
    the evidence kept of a subject's windows, which a detector need not give again if it judges as it did then."""

    read: Read
    crosses: Crosses
    window_minutes: int
    context_minutes: int
    over: Callable[[Subject], Sequence[str]] | None = None
    stored: Callable[[Subject, Sequence[int]], Sequence[Evidence]] | None = None
    heard: Heard = field(default_factory=Heard)

    def again(
        self,
        subject: Subject,
        windows: Iterable[int],
        bench: Bench,
        known: Mapping[str, Sequence[Evidence]] | None = None,
    ) -> Rescored:
        return rescore(
            subject,
            windows,
            self.read,
            bench,
            window_minutes=self.window_minutes,
            context_minutes=self.context_minutes,
            heard=self.heard,
            known=known,
        )

    def known(self, alert: Alert, before: Bench, after: Bench) -> dict[str, list[Evidence]]:
        """What is stored of an alert's windows by those detectors that are the same on both benches and that the alert
        pins at the version they have: judging again would give the same."""
        if self.stored is None:
            return {}
        rows = self.stored(alert.subject, [belief.window for belief in alert.beliefs])
        found = {}
        for name, detector in after.detectors.items():
            own = [row for row in rows if row.detector == name or (name == "rules" and _is_rule(row.detector))]
            pinned = {alert.versions.get(row.detector) for row in own} | {row.version for row in own}
            if own and before.detectors.get(name) is detector and pinned == {detector.version}:
                found[name] = own
        return found


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
        Effect(each.detector, each.node, _told(each, credit), _said(then, each), _said(now, each)) for each in overlays
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
        credit.differences[:NOTES],
    )


def lost(
    alerts: Sequence[Alert], overlays: Sequence[Overlay], before: Bench, after: Bench, court: Court
) -> tuple[str, ...]:
    """The uids of those alerts that `before` finds and `after` does not. Only alerts that the overlays can reach are
    judged again, and at most 200, newest first."""
    detectors = {overlay.detector for overlay in overlays}
    nodes = {overlay.node for overlay in overlays}
    near = [one for one in alerts if _speaks(one, detectors) and _may_reach(one, nodes, court)]
    asked = sorted(near, key=lambda one: (-one.last_time, one.uid))
    gone = []
    for alert in asked[:ALERTS_ASKED]:
        windows, known = [belief.window for belief in alert.beliefs], court.known(alert, before, after)
        now = court.again(alert.subject, windows, after, known)
        reached = nodes.intersection(nodes_of(alert.subject, now.batches))
        if not reached or _found(alert, now, court):
            continue
        if _found(alert, court.again(alert.subject, windows, before, known), court):
            gone.append(alert.uid)
    return tuple(gone)


def _found(alert: Alert, again: Rescored, court: Court) -> bool:
    """Whether the alert would still be raised."""
    return any(court.crosses(belief, alert.lane) for belief in again.beliefs)


def _is_rule(detector: str) -> bool:
    return detector.startswith((*RULE_FAMILIES, SHADOW))


def _may_reach(alert: Alert, nodes: set[str], court: Court) -> bool:
    """Whether answers at these nodes can touch the alert's subject at all: its own, or one that holds many. An image
    may have changed since; a group, as far as is known, does not."""
    if alert.subject.name in nodes or FLEET in nodes:
        return True
    many = {node for node in nodes if " " in node or node == USERS}
    over = None if court.over is None else [node for node in court.over(alert.subject) if not _of_image(node)]
    return bool(many) and (not over or any(_of_image(node) for node in many) or not many.isdisjoint(over))


def _of_image(node: str) -> bool:
    return node.startswith("image ")


def _speaks(alert: Alert, detectors: set[str]) -> bool:
    return any(line.detector in detectors for belief in alert.beliefs for line in belief.ledger)


def _said(again: Rescored, overlay: Overlay) -> float:
    """The strongest that the overlay's detector says: its score; of rules and classifiers, whose answers move their
    worth and not their score, the weight."""
    if not overlay.detector.startswith((*RULE_FAMILIES, CLASSIFIERS)):
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


def _told(overlay: Overlay, credit: Credit) -> str:
    """What an overlay does in words, with a rule's title in place of its id."""
    return in_words(overlay, next((each.because for each in credit.shares if each.detector == overlay.detector), ""))


def _summary(credit: Credit, overlays: Sequence[Overlay], quiet: Sequence[str], hidden: Sequence[str]) -> str:
    if not overlays:
        return "No model changes."
    home = [_told(overlay, credit) for overlay in overlays if overlay.node == overlays[0].node]
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
    windows: dict[Subject, list[int]] = {}
    for belief in beliefs:
        if not court.crosses(belief, lane) and any(node_holds(node, belief.subject) for node in nodes):
            windows.setdefault(belief.subject, []).append(belief.window)
    bench = judging({}, tuple(in_force))
    found = (belief for subject, starts in windows.items() for belief in court.again(subject, starts, bench).beliefs)
    return tuple(belief for belief in found if court.crosses(belief, lane))
