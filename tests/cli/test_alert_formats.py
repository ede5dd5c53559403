"""Alerts for other programs: JSON and CSV hold what the table holds, OCSF is valid under OCSF's own schema."""

from __future__ import annotations

import csv
import io
import json
import lzma
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from desk_for_pages import DeskForPages

sys.path.insert(0, str(Path(__file__).parent.parent / "core"))

from ocsf_schema import faults_of

from lichen.cli.alert_formats import as_csv

Run = Callable[..., tuple[int, str, str]]
LOG = Path(__file__).parents[2] / "lab" / "learn" / "audit-00.log.xz"


def test_every_alert_is_a_valid_detection_finding_with_its_events_as_evidences(run: Run, desk: DeskForPages) -> None:
    code, out, _ = run("alert", "list", "--status", "all", "--output", "ocsf")
    findings = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [finding["finding_info"]["uid"] for finding in findings]
    assert {finding["finding_info"]["uid"] for finding in findings} == {alert.uid for alert in desk.alerts()}
    for finding in findings:
        assert faults_of(finding) == []
        assert (finding["class_uid"], finding["metadata"]["version"]) == (2004, "1.8.0")
        for evidence in finding["evidences"]:
            assert faults_of(evidence["data"]) == []
    assert any(finding["evidences"] for finding in findings)


def test_the_uid_of_a_finding_stays_whatever_its_status(run: Run, desk: DeskForPages) -> None:
    [alert, *_] = desk.alerts(status="open")
    told = [json.loads(run("alert", "show", alert.uid, "--output", "ocsf")[1])]
    desk.answer(alert.uid, "benign-expected", "alert", "rosa", {}, "")
    told.append(json.loads(run("alert", "show", alert.uid, "--output", "ocsf")[1]))
    assert [finding["finding_info"]["uid"] for finding in told] == [alert.uid] * 2
    assert [(finding["activity_id"], finding["status_id"]) for finding in told] == [(1, 1), (2, 4)]


def test_json_is_one_array_and_csv_has_a_line_an_alert(run: Run, desk: DeskForPages) -> None:
    uids = {alert.uid for alert in desk.alerts(status="open")}
    assert {alert["uid"] for alert in json.loads(run("alert", "list", "--output", "json")[1])} == uids
    rows = list(csv.DictReader(io.StringIO(run("alert", "list", "--output", "csv")[1], newline="")))
    assert {row["uid"] for row in rows} == uids
    assert all(row["title"] and row["subject"] for row in rows)


def test_no_cell_of_a_csv_is_a_formula(desk: DeskForPages) -> None:
    [alert, *_] = desk.alerts()
    for title in ("=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "-x"):
        [_, row] = csv.reader(io.StringIO(as_csv([msgspec.structs.replace(alert, title=title)]), newline=""))
        assert row[-1] == f"'{title}"


@pytest.mark.skipif(not LOG.exists(), reason="lab/learn is not in this checkout")
def test_a_scan_writes_findings_whose_evidences_come_from_its_own_store(run: Run, tmp_path: Path) -> None:
    with lzma.open(LOG, "rt", encoding="utf-8") as lines:
        (tmp_path / "audit.log").write_text("".join(islice(lines, 8000)), encoding="utf-8")
    code, out, err = run("scan", "audit.log", "--no-store", "--output", "ocsf")
    findings = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert "audit.log: auditd log" in err
    assert findings
    assert all(faults_of(finding) == [] for finding in findings)
    assert all(finding["evidences"] for finding in findings)
