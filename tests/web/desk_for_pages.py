"""A desk in memory, for pages: tests only. An answer makes a change, undo takes it back, as on a real desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from trial_alerts import BEGUN, NOW, injection, other_alerts, shell_alert

from lichen.core.alert import Alert
from lichen.core.belief import Belief, Line
from lichen.core.change import Change, Overlay
from lichen.core.desk import Beside, Consequence, Effect, Health
from lichen.core.signature import Signature
from lichen.core.time import DAY, MICROSECONDS
from lichen.core.verdict import Verdict

SIGMA = """title: A shell under a shell, born of orders-7
logsource:
  product: linux
  category: process_creation
detection:
  selection:
    ParentImage|endswith: /dash
    Image|endswith: /bash
  condition: selection
level: high
"""


class DeskForPages:
    """core.desk.Desk over a few alerts; an answer lays one overlay per profile line, undo takes it back."""

    def __init__(self, alerts: Sequence[Alert], events: Sequence[Mapping[str, Any]] = (), health: Health | None = None):
        self.held = {each.uid: each for each in alerts}
        self.stored = {str(each["event_id"]): each for each in events}
        self.made: list[Change] = []
        self.born: list[Signature] = []
        self.verdicts: list[Verdict] = []
        self.said = health or Health(
            sources=(
                ("/var/log/audit/audit.log", NOW - 2 * MICROSECONDS, 7_412),
                ("access-orders.log", NOW - 9 * MICROSECONDS, 903),
                ("access-gateway.log", NOW - 9 * MICROSECONDS, 1_311),
                ("dns-1.log", NOW - 41 * MICROSECONDS, 120),
            ),
            silent=(),
            dead_letters=0,
            dropped=0,
            canaries_seen=3,
            canaries_sent=3,
            events=9_746,
        )

    def alerts(self, lane: str | None = None, status: str | None = None) -> Sequence[Alert]:
        return [each for each in self.held.values() if lane in {None, each.lane} and status in {None, each.status}]

    def alert(self, uid: str) -> Alert:
        return self.held[uid]

    def events(self, event_ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        return [self.stored[uid] for uid in event_ids if uid in self.stored]

    def beside(self, uid: str) -> Sequence[Beside]:
        if self.alert(uid).subject.name != "orders-7":
            return ()
        return (
            Beside(
                "children of dash",
                ("bash", "grep", "cut"),
                (True, False, False),
                (("grep", 0.5), ("cut", 0.5)),
                "bash: none in 9 hours over 24 replicas",
            ),
            Beside(
                "connects to",
                ("198.51.100.23:4444",),
                (True,),
                (("payments:8080", 0.96), ("db-1:5432", 0.04)),
                "5,120 connections in 9 hours over 24 replicas",
            ),
            Beside("requests a minute", ("38",), (False,), (("31 – 44", 1.0),), "at this hour, 24 replicas"),
        )

    def consequence(self, uid: str, answer: str, scope: str, pattern: Mapping[str, str]) -> Consequence:
        found = self.alert(uid)
        if answer == "unsure":
            return Consequence((), "", (), (), "", "It stays in the record, and the alert leaves the queue.")
        node = {"alert": found.subject.name, "subject": found.subject.name, "pattern": "group orders"}[scope]
        lines = [each for each in found.beliefs[0].ledger if each.detector.startswith("profile.") and each.nats > 0]
        after = 1.4 if answer != "malicious" else 7.5
        word = "becomes expected on" if answer != "malicious" else "is learned as an attack's on"
        effects = tuple(
            Effect(each.detector, node, f"{_act(each)} {word} {node}", each.score_nats, after) for each in lines
        )
        return Consequence(
            effects,
            "image orders@sha256:1a25928cb5f2 and fleet stay as before",
            (uid,) if answer != "malicious" else (),
            (),
            "An attack that looks exactly like this would be quiet too." if answer != "malicious" else "",
            f"{', '.join(effect.what for effect in effects)}. Can be undone exactly.",
        )

    def answer(
        self, uid: str, answer: str, scope: str, by: str, pattern: Mapping[str, str], note: str = ""
    ) -> tuple[Verdict, Change | None]:
        weighed = self.consequence(uid, answer, scope, pattern)
        verdict = Verdict(len(self.verdicts) + 1, uid, answer, scope, by, NOW, dict(pattern), note)
        self.verdicts.append(verdict)
        self.held[uid] = msgspec.structs.replace(self.held[uid], status=answer)
        if not weighed.effects:
            return verdict, None
        overlays = tuple(Overlay(e.detector, e.node, {e.what: 1.0}, side="benign") for e in weighed.effects)
        change = Change(len(self.made) + 1, verdict.id, NOW, overlays, weighed.summary)
        self.made.append(change)
        return verdict, change

    def changes(self) -> Sequence[Change]:
        return self.made

    def undo(self, change: int) -> tuple[Change, Sequence[Belief]]:
        at = next((n for n, each in enumerate(self.made) if each.id == change), None)
        if at is None:
            raise KeyError(change)
        self.made[at] = msgspec.structs.replace(self.made[at], undone=True)
        return self.made[at], ()

    def propose(self, uid: str) -> Signature:
        found = self.alert(uid)
        atoms = (("ParentImage", "endswith", "/dash"), ("Image", "endswith", "/bash"))
        self.born.append(
            Signature(
                f"s{len(self.born) + 1}",
                f"bash under dash, from {found.subject.name}",
                SIGMA,
                atoms,
                2,
                0,
                41_220,
                uid,
                {"Image": "/usr/bin/bash", "ParentImage": "/usr/bin/dash"},
                {"Image": "/usr/bin/grep"},
                {"Image": "/usr/bin/bash", "ParentImage": "/usr/sbin/sshd"},
            )
        )
        return self.born[-1]

    def signatures(self) -> Sequence[Signature]:
        return self.born

    def promote(self, signature: str) -> Signature:
        at = next((n for n, each in enumerate(self.born) if each.id == signature), None)
        if at is None:
            raise KeyError(signature)
        self.born[at] = msgspec.structs.replace(self.born[at], stage="stable")
        return self.born[at]

    def models(self) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "name": f"profile.{use}",
                "version": f"{use}-b41c0de2",
                "events": 41_220,
                "windows": 1_440,
                "subjects": 61,
                "from": BEGUN - DAY,
                "to": BEGUN,
                "overlays": len([c for c in self.made if not c.undone]),
            }
            for use in ("process", "pair", "path", "destination")
        ]

    def health(self) -> Health:
        return self.said


def _act(each: Line) -> str:
    kind, _, rest = each.cause.partition(" ")
    parts = [part.rpartition("/")[2] or part for part in rest.split(" ")]
    return f"{parts[1]} under {parts[0]}" if kind == "exec" else f"{parts[0]} to {' '.join(rest.split(' ')[1:])}"


def desk_of_the_trial() -> DeskForPages:
    """The desk of the recorded trial: five alerts in the malicious lane, two in the unusual one."""
    events = injection()
    return DeskForPages([shell_alert(events), *other_alerts()], events)
