"""Evidence, beliefs, alerts and verdicts made for the tests of records and answers."""

from __future__ import annotations

from made_events import START

from lichen.core.alert import Alert, alert_uid
from lichen.core.belief import MALICIOUS, Belief, Line
from lichen.core.census import CensusRow
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.verdict import Verdict

ORDERS = Subject("workload", "orders-2")


def evidence_of(
    detector: str = "profile.pair", score: float = 3.5, subject: Subject = ORDERS, window: int = START
) -> Evidence:
    return Evidence(
        subject,
        window,
        detector,
        score,
        "exec /usr/bin/python3.11 /usr/bin/sh",
        "ran sh under python3",
        window + 5,
        2,
        "v1",
    )


def census_of(start: int = 0, subject: Subject = ORDERS, detector: str = "profile.pair") -> CensusRow:
    return CensusRow(detector, subject, "orders", START, "ab" * 16, start, 12, 1, 2, (0, 3, 9))


def belief_of(cause: str = "exec a b", nats: float = 4.0, subject: Subject = ORDERS, window: int = START) -> Belief:
    line = Line(
        "sh under python3", "normal", nats + 6.9, "exec", "profile.pair", nats + 6.9, 3.5, cause, "ran sh under python3"
    )
    ledger = (Line("start", "start", -6.9), line)
    return Belief(subject, window, nats, nats, nats - 1, nats + 1, 0.5, 0.0, ledger, "v1")


def alert_of(*causes: str, subject: Subject = ORDERS, window: int = START, nats: float = 4.0) -> Alert:
    beliefs = tuple(belief_of(cause, nats, subject, window) for cause in causes or ("exec a b",))
    uid = alert_uid(subject, window, MALICIOUS)
    title = f"{subject.name} ran sh under python3"
    return Alert(
        uid,
        subject,
        "2026-11-18",
        MALICIOUS,
        title,
        beliefs,
        window,
        window + 9,
        ("T1059.004",),
        {"profile.pair": "v1"},
    )


def verdict_of(alert: Alert, answer: str = "benign-expected", scope: str = "alert", time: int = START + 60) -> Verdict:
    return Verdict(0, alert.uid, answer, scope, "ada", time)
