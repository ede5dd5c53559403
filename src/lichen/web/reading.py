"""How alerts and models are read, on the page and on the command line: in which order, and told as what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lichen.core.alert import Alert
from lichen.core.belief import MALICIOUS
from lichen.web import words

SAID = ("name", "version", "events", "windows", "subjects", "from", "to", "overlays")


def in_order(alerts: Sequence[Alert]) -> list[Alert]:
    """Alerts as they are to be read: the malicious lane by belief, the unusual one by rarity, lane after lane."""
    shown = [alert for alert in alerts if alert.beliefs]
    malicious = [alert for alert in shown if alert.lane == MALICIOUS]
    others = [alert for alert in shown if alert.lane != MALICIOUS]
    malicious.sort(key=lambda alert: (-alert.beliefs[0].log_odds, alert.uid))
    others.sort(key=lambda alert: (alert.beliefs[0].unusual_p, -alert.beliefs[0].unusual_score, alert.uid))
    return malicious + others


def what(alert: Alert) -> str:
    """The title without its subject, which has a column of its own."""
    title = alert.title.strip()
    for name in (str(alert.subject), alert.subject.name):
        if title.startswith((f"{name} ", f"{name}: ", f"{name}, ")):
            return title[len(name) :].strip(" :,") or title
    return title


def neighbours(alerts: Sequence[Alert], uid: str) -> dict[str, Any]:
    """The open alerts before and after one, within its lane; the first of the lane where it is the last."""
    lane = next((alert.lane for alert in alerts if alert.uid == uid), None)
    order = [
        alert.uid for alert in in_order(alerts) if alert.lane == lane and (alert.status == "open" or alert.uid == uid)
    ]
    if uid not in order:
        return {"before": None, "after": None}
    at = order.index(uid)
    after = order[at + 1] if at + 1 < len(order) else next((other for other in order if other != uid), None)
    return {"before": order[at - 1] if at else None, "after": after}


def learned(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model as a row: what it learned from in words, whatever else it says of itself behind a disclosure."""
    counts = [
        words.counted(int(model[name]), name.removesuffix("s"))
        for name in ("events", "windows", "subjects")
        if isinstance(model.get(name), int | float)
    ]
    begun, ended = model.get("from"), model.get("to")
    when = words.span(begun, ended) if isinstance(begun, int) and isinstance(ended, int) and ended else ""
    overlays = model.get("overlays", 0)
    return {
        "name": words.detector(str(model.get("name", ""))),
        "version": str(model.get("version", "")),
        "learned": ", ".join(counts) or "nothing yet",
        "when": when,
        "overlays": len(overlays) if isinstance(overlays, list | tuple) else int(overlays or 0),
        "more": [(name, str(value)) for name, value in model.items() if name not in SAID],
    }
