"""A store of a scanned access log, with alerts about it that were answered."""

from __future__ import annotations

from pathlib import Path

from lichen.config import Settings
from lichen.core.alert import Alert, alert_uid
from lichen.core.belief import MALICIOUS, Belief
from lichen.core.entity import Subject
from lichen.core.time import day_of, from_text, window_start
from lichen.core.verdict import Verdict
from lichen.detect.rules.hits import whom
from lichen.run.scan import scan
from lichen.store.store import Store

RULE = """title: Somebody looks at the administration
id: 11111111-2222-4333-8444-555555555555
logsource: {category: webserver}
detection:
  selection: {cs-uri-stem|startswith: /admin}
  filter: {cs-user-agent|contains: healthcheck}
  condition: selection and not filter
level: high
falsepositives: [administrators]
tags: [attack.t1190, attack.initial-access]
"""
CASES = """hit:
  - {cs-uri-stem: /admin/login, cs-user-agent: curl/8.5, c-ip: 198.51.100.7}
miss:
  - {cs-uri-stem: /index.html}
near_miss:
  - {cs-uri-stem: /admin/login, cs-user-agent: healthcheck/2}
"""
ID = "11111111-2222-4333-8444-555555555555"


def line(hour: int, path: str, agent: str, address: str = "203.0.113.9", second: int = 0) -> str:
    """A line of an access log, on 24 November 2026."""
    stamp = f"24/Nov/2026:{hour:02}:00:{second:02} +0000"
    return f'{address} - - [{stamp}] "GET {path} HTTP/1.1" 200 12 "-" "{agent}"\n'


def rules_in(folder: Path) -> Path:
    """The rule and its cases in a folder of their own."""
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "admin.yml").write_text(RULE)
    (folder / "rules" / "admin.test.yaml").write_text(CASES)
    return folder / "rules"


def scanned(folder: Path, lines: list[str]) -> Settings:
    """Settings of a store that holds these lines."""
    (folder / "access.log").write_text("".join(lines))
    settings = Settings(store=folder / "store", rules=(rules_in(folder),), host="web-1")
    report = scan(settings, [folder / "access.log"])
    assert report.events == len(lines)
    return settings


def answer(settings: Settings, hour: int, answer: str | None) -> str:
    """An alert about whoever the events of an hour are about, and its answer; the alert's id."""
    start = window_start(from_text(f"2026-11-24T{hour:02}:00:00Z"), settings.window_minutes)
    with Store(settings.store) as store:
        batch = next(store.lake.batches(since=start, until=start + 3_600_000_000))
        subject: Subject = whom(batch, settings.window_minutes).subjects[0]
        belief = Belief(subject, start, 4.0, 4.0, 3.0, 5.0, 0.5, 0.0, (), "v1")
        uid = alert_uid(subject, start, f"{MALICIOUS} {hour}")  # an alert an hour, where it would be one a day
        alert = Alert(uid, subject, day_of(start), MALICIOUS, "made", (belief,), start, start + 1, (), {})
        store.records.judge_again(alerts=[alert])
        if answer is not None:
            store.answers.answer(Verdict(0, uid, answer, "alert", "analyst", start))
    return uid
