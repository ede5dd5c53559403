"""`lichen scan` names the rules that fired and of whom, and never passes over a rule that it could not take."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
LINES = """203.0.113.9 - - [24/Nov/2026:11:14:32 +0000] "GET /../../etc/passwd HTTP/1.1" 200 58 "-" "curl/8"
203.0.113.9 - - [24/Nov/2026:11:14:33 +0000] "GET /?q=${jndi:ldap://x/a} HTTP/1.1" 200 58 "-" "sqlmap/1.7"
10.77.1.21 - rosa [24/Nov/2026:11:14:34 +0000] "GET / HTTP/1.1" 200 58 "-" "Mozilla"
"""
BAD = """title: A rule that nobody can read
id: 5f0c7d0e-5a0b-4a0a-9a52-0f6f1b0e7a01
logsource:
    category: webserver
detection:
    selection:
        cs-uri-query|frobnicate: x
    condition: selection
level: high
"""


@pytest.fixture
def log(tmp_path: Path) -> str:
    (tmp_path / "access.log").write_text(LINES)
    return "access.log"


def test_the_rules_that_fired_are_named_gravest_first_with_whom_they_fired_on(run: Run, log: str) -> None:
    code, out, _ = run("scan", log, "--no-store", "--host", "web-1")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    rules = [row for row in rows if row["type"] == "rule"]
    assert [row["level"] for row in rules] == ["high", "high", "low"]
    assert rules[1]["title"] == "Path traversal in a request"
    assert rules[1]["subjects"] == ["host web-1"]
    assert rules[1]["place"].endswith("path_traversal_in_request.yml:1")
    assert rows[-1]["rule_hits"] == sum(row["hits"] for row in rules) == 3


def test_a_table_names_them_too(run: Run, log: str) -> None:
    code, out, _ = run("scan", log, "--no-store", "--host", "web-1", "--output", "table")
    assert code == 0
    assert "Rules that fired (3)" in out
    assert "JNDI lookup in a request" in out
    assert "host web-1" in out


@pytest.mark.parametrize("hits", [[], ["--hits"]])
def test_a_refused_rule_is_told_with_its_place_and_ends_with_2(
    run: Run, log: str, tmp_path: Path, hits: list[str]
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bad.yml").write_text(BAD)
    keep = [] if hits else ["--no-store"]
    code, out, err = run("scan", log, *keep, "--rules", "rules", *hits)
    assert code == 2
    assert "rules/bad.yml:7" in err
    assert "frobnicate" in err
    assert "Path traversal in a request" in out  # the other rules ran all the same


@pytest.mark.parametrize("option", ["--rules", "--filters"])
def test_a_folder_that_is_not_there_is_told_and_ends_with_2(run: Run, log: str, option: str) -> None:
    code, _, err = run("scan", log, "--no-store", option, "nosuch")
    assert code == 2
    assert "nosuch: no such file or folder" in err
