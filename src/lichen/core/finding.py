"""An alert as an OCSF Detection Finding (class 2004, version 1.8.0), for the stores and lakes that people already have.

`finding_info.uid` is the alert's uid: the same alert told again has the same one. The events behind it are evidences,
each whole in `data`. Spec: schema.ocsf.io/1.8.0/classes/detection_finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lichen.core import ocsf
from lichen.core.alert import Alert
from lichen.core.belief import MALICIOUS, Line
from lichen.core.ocsf_classes import OTHER, VERSION
from lichen.core.ocsf_document import document_of
from lichen.core.time import to_text

CREATED, UPDATED = 1, 2  # activity_id
NEW, IN_PROGRESS, RESOLVED = 1, 2, 4  # status_id
HIGH, LOW = 4, 2  # severity_id: the lane "unusual" claims no malice
EVIDENCES = 16
STATUS = {"open": NEW, "malicious": IN_PROGRESS, "unsure": IN_PROGRESS}
ANALYTIC = {"rule": 1, "indicator": 1, "profile": 2, "classifier": 4}  # Rule, Behavioral, Learning
BESIDE = frozenset(
    {
        "actor",
        "api",
        "connection_info",
        "database",
        "databucket",
        "device",
        "dst_endpoint",
        "file",
        "http_request",
        "http_response",
        "job",
        "process",
        "query",
        "reg_key",
        "reg_value",
        "resources",
        "script",
        "src_endpoint",
        "user",
        "win_service",
    }
)


def finding_of(alert: Alert, events: Sequence[Mapping[str, Any]], version: str) -> dict[str, Any]:
    """The finding of an alert. `events`: rows of the view with "event_id" and "raw", as Desk.events gives them;
    `version` is Lichen's own."""
    reasons = strongest(line for belief in alert.beliefs for line in belief.ledger if line.detector)
    activity = CREATED if alert.status == "open" else UPDATED
    finding: dict[str, Any] = {
        "class_uid": ocsf.DETECTION_FINDING,
        "category_uid": 2,
        "activity_id": activity,
        "type_uid": ocsf.DETECTION_FINDING * 100 + activity,
        "time": alert.last_time // 1000,
        "severity_id": HIGH if alert.lane == MALICIOUS else LOW,
        "status_id": STATUS.get(alert.status, RESOLVED),
        "status_detail": alert.status,
        "is_alert": True,
        "metadata": {
            "version": VERSION,
            "product": {"name": "Lichen", "version": version},
            "uid": alert.uid,
        },
        "finding_info": _about(alert, reasons),
        "resources": [{"name": alert.subject.name, "type": alert.subject.kind}],
        "evidences": [_evidence(event) for event in events[:EVIDENCES]],
        "unmapped": {"lane": alert.lane, "day": alert.day, "beliefs": [_belief(each) for each in alert.beliefs]},
    }
    if alert.lane == MALICIOUS and alert.beliefs:
        finding["confidence_score"] = round(100 / (1 + math.exp(-alert.beliefs[0].shown_log_odds)))
    return finding


def event_ids_of(alert: Alert) -> list[str]:
    """Ids of the events that speak for an alert, the strongest belief's first."""
    lines = [line for belief in alert.beliefs for line in belief.ledger if speaks(line)]
    return list(dict.fromkeys(event_id for line in lines for event_id in line.sample_event_ids))[:EVIDENCES]


def speaks(line: Line) -> bool:
    """Whether a line speaks for its alert: it adds to the belief, or (without a baseline, where none adds) its
    detector's own score is towards malicious or unusual."""
    return line.nats > 0 or (line.nats == 0 and line.score_nats > 0)


def strongest(lines: Iterable[Line]) -> list[Line]:
    """A line a detector, the one that adds most; the strongest detector first."""
    best: dict[str, Line] = {}
    for line in sorted(lines, key=lambda line: (-line.nats, -line.score_nats)):
        best.setdefault(line.detector, line)
    return list(best.values())


def _about(alert: Alert, reasons: Sequence[Line]) -> dict[str, Any]:
    about: dict[str, Any] = {
        "uid": alert.uid,
        "title": alert.title,
        "desc": "; ".join(line.because for line in reasons if line.because and speaks(line)) or alert.title,
        "first_seen_time": alert.first_time // 1000,
        "last_seen_time": alert.last_time // 1000,
        "related_analytics": [_analytic(line.detector, alert.versions) for line in reasons],
    }
    if alert.techniques:
        about["attacks"] = [_attack(technique) for technique in alert.techniques]
    return about


def _analytic(detector: str, versions: Mapping[str, str]) -> dict[str, Any]:
    kind = detector.replace(":", ".").partition(".")[0]
    analytic = {"name": detector, "uid": detector, "type_id": ANALYTIC.get(kind, OTHER)}
    return {**analytic, "version": versions[detector]} if detector in versions else analytic


def _attack(technique: str) -> dict[str, Any]:
    name = technique.upper().removeprefix("ATTACK.")
    attack: dict[str, Any] = {"technique": {"uid": name.partition(".")[0]}}
    if "." in name:
        attack["sub_technique"] = {"uid": name}
    return attack


def _evidence(event: Mapping[str, Any]) -> dict[str, Any]:
    whole = document_of(event, event.get("event_id"), event.get("raw"))
    beside = {name: value for name, value in whole.items() if name in BESIDE}
    return {**beside, "uid": event.get("event_id", whole["metadata"].get("uid", "unknown")), "data": whole}


def _belief(belief: Any) -> dict[str, Any]:
    return {
        "window": to_text(belief.window),
        "log_odds": belief.shown_log_odds,
        "low": belief.low,
        "high": belief.high,
        "unusual_p": belief.unusual_p,
        "calibrated_here": belief.calibrated_here,
        "ledger": [{"label": line.label, "nats": line.nats} for line in belief.ledger],
    }
