"""Exit codes and faults: 0 clean, 1 findings asked for, 2 a bad rule, 3 bad configuration; never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from trial_alerts import injection, other_alerts, shell_alert

import lichen
from lichen.cli import scan
from lichen.core.alert import Alert
from lichen.core.desk import Health
from lichen.core.errors import InputError, RuleError
from lichen.run.fired import Fired

Run = Callable[..., tuple[int, str, str]]

CASES = """hit:
  - {ParentImage: /usr/bin/python3, Image: /bin/sh}
miss:
  - {Image: /bin/ls}
near_miss:
  - {Image: /bin/sh}
"""
GOOD = """title: A shell under python
id: 6f1c7a52-6f7c-4f6e-9d0a-0f3c81a7b001
logsource: {product: linux, category: process_creation}
detection:
  selection: {ParentImage|endswith: /python3, Image|endswith: /sh}
  condition: selection
level: high
falsepositives: [a service that calls a shell]
tags: [attack.t1059.004]
"""


@dataclass
class Report:
    """What a scan gives back, as `assemble.ScanReport` has it."""

    alerts: list[Alert] = field(default_factory=list)
    rule_hits: int = 0
    fired: list[Fired] = field(default_factory=list)
    refused: tuple[RuleError, ...] = ()
    dead_letters: int = 0
    notes: list[str] = field(default_factory=lambda: ["audit.log: auditd, 12 events"])
    events: int = 12
    windows: int = 2
    standing_out: int = 0
    baseline: bool = False
    health: Health = field(default_factory=lambda: Health((), (), 0, 0, 0, 0, 12))


MALICIOUS, UNUSUAL = [shell_alert(injection())], other_alerts()[-1:]


@pytest.mark.parametrize(
    ("report", "strict", "fail_on", "code"),
    [
        (Report(), True, None, 0),
        (Report(alerts=MALICIOUS, rule_hits=3), False, None, 0),
        (Report(dead_letters=4), False, None, 0),
        (Report(dead_letters=4), True, None, 1),
        (Report(alerts=MALICIOUS), False, "malicious", 1),
        (Report(alerts=UNUSUAL), False, "malicious", 0),
        (Report(alerts=UNUSUAL), False, "unusual", 1),
        (Report(alerts=UNUSUAL), False, "any", 1),
        (Report(rule_hits=1), False, "rule", 1),
        (Report(rule_hits=1), False, "any", 1),
        (Report(), False, "any", 0),
    ],
)
def test_a_scan_ends_as_it_was_asked_to(report: Report, strict: bool, fail_on: str | None, code: int) -> None:
    asked = scan.FailOn(fail_on) if fail_on else None
    assert scan.ended(report, strict, asked) == code  # type: ignore[arg-type]


def test_a_scan_tells_hits_and_what_stands_out_and_that_there_was_no_baseline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scan.told(Report(alerts=MALICIOUS, rule_hits=2, standing_out=1, dead_letters=1), None, 60)  # type: ignore[arg-type]
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["type"] for line in lines] == ["alert", "summary"]
    assert lines[1]["baseline"] is False
    assert "audit.log: auditd, 12 events" in said.err
    assert "1 unreadable record set aside; lichen doctor" in said.err
    from lichen.cli.options import Format

    scan.told(Report(rule_hits=2, standing_out=1), Format.table, 60)  # type: ignore[arg-type]
    said = capsys.readouterr()
    assert "2 rule hits; 1 thing that stands out here." in said.out
    assert "No baseline yet" in said.out


def test_a_good_rule_is_clean_and_a_bad_one_ends_with_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "good.yml").write_text(GOOD)
    assert run("rule", "lint", "rules")[:2] == (0, "")
    (tmp_path / "rules" / "bad.yml").write_text(GOOD.replace("endswith: /sh", "endswyth: /sh").replace("b001", "b002"))
    code, out, err = run("rule", "lint", "rules")
    assert code == 2
    fault = json.loads(out)
    assert fault["severity"] == "error"
    assert fault["place"].startswith("rules/bad.yml:")
    assert "endswyth" in fault["fault"]
    assert "1 errors" in err


def test_a_rule_that_does_not_do_what_it_says_ends_with_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text(GOOD)
    (tmp_path / "good.test.yaml").write_text(CASES)
    assert run("rule", "test", "good.yml")[0] == 0
    (tmp_path / "good.test.yaml").write_text(CASES.replace("/usr/bin/python3", "/usr/bin/perl"))
    code, out, _ = run("rule", "test", "good.yml")
    assert code == 2
    assert "the hit does not fire" in json.loads(out)["fault"]


def test_the_rules_that_ship_are_as_they_say(run: Run) -> None:
    assert run("rule", "test")[0] == 0
    assert run("rule", "lint", "--companions")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["scna"], "scan"),
        (["scan"], "paths"),
        (["scan", "x", "--no-such"], "--no-such"),
        (["scan", "x", "--fail-on", "everything"], "everything"),
        (["scan", "x", "--store", "s", "--no-store"], "leave one out"),
        (["learn", "x", "--side", "good"], "say benign"),
        (["learn", "x"], "--side"),
        (["alert", "list", "--config", "nowhere.yml"], "no such file"),
    ],
)
def test_bad_configuration_ends_with_3_and_says_what_to_do(run: Run, arguments: list[str], told: str) -> None:
    code, out, err = run(*arguments)
    assert code == 3
    assert out == ""
    assert told in err
    assert "remedy: " in err
    assert "Traceback" not in err


def test_a_setting_that_is_none_of_ours_ends_with_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lichen.yml").write_text("stoer: here\n")
    code, _, err = run("alert", "list")
    assert code == 3
    assert "stoer" in err


def test_a_fault_is_place_fault_limit_and_remedy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise InputError("it is too\x1b[2J long", place="a.log:7", remedy="split it", limit="1 MiB")

    monkeypatch.setattr("lichen.cli.options.desk_of", failing)
    code, _, err = run("alert", "list")
    assert code == 3
    assert err == "a.log:7: it is too⟨ESC⟩[2J long\n  limit: 1 MiB\n  remedy: split it\n"


def test_a_bad_rule_anywhere_ends_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuleError("no such modifier", place="x.yml:3", remedy="mend it")

    monkeypatch.setattr("lichen.cli.options.desk_of", failing)
    assert run("alert", "list")[0] == 2


def test_a_fault_of_ours_is_told_in_a_line_and_with_its_place(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("lichen.cli.options.desk_of", failing)
    code, _, err = run("alert", "list")
    assert code == 70
    assert "a fault of ours: ZeroDivisionError: by nought" in err
    assert "cli/alert.py:" in err
    assert "Traceback" not in err
    monkeypatch.setenv("LICHEN_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("alert", "list")


def test_without_arguments_the_help_is_shown(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    for command in ("scan", "run", "learn", "alert", "rule", "model", "signature", "doctor"):
        assert command in out
    assert run("--version") == (0, f"lichen {lichen.__version__}\n", "")


def test_the_program_starts_without_loading_what_it_does_not_need() -> None:
    heavy = ("pyarrow", "polars", "numpy", "fastapi", "duckdb", "sqlalchemy", "sigma", "jinja2")
    script = f"import sys, lichen.cli; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert ended.stdout.strip() == "[]"


def test_the_program_itself_ends_with_these_codes(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "lichen"
    for arguments, code in ((["--version"], 0), (["scna"], 3), (["rule", "lint", "nowhere.yml"], 2)):
        ended = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert ended.returncode == code, ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "lichen"
    command = f"{program} rule lint --companions {tmp_path} nowhere.yml | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                           env={**os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_ctrl_c_at_any_moment_after_the_start_says_no_traceback(tmp_path: Path) -> None:
    script = "from lichen.start import main; import sys; print('on', flush=True); sys.exit(main())"
    for wait in (0.0, 0.1, 0.3):
        running = subprocess.Popen(
            [sys.executable, "-c", script, "run", "--port", "0", "--store", str(tmp_path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(wait)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
        assert b"Traceback" not in err, err
