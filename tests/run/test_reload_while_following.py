"""While following, rules edited on disk judge from then on; a fault in them is told and the rules before stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lichen import assemble
from lichen.config import Settings
from lichen.run.follow import LOOK_SECONDS, Following

LICHEN = Path(sys.executable).with_name("lichen")
RULE = """title: A path of ours
id: 5f0c7d0e-5a0b-4a0a-9a52-0f6f1b0e7a01
logsource:
    category: webserver
detection:
    selection:
        cs-uri-stem: {path}
    condition: selection
level: high
"""


@pytest.fixture
def following(tmp_path: Path) -> Following:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "one.yml").write_text(RULE.format(path="/one"))
    told: list[str] = []
    platform = assemble.open_platform(Settings(store=tmp_path / "store", rules=(tmp_path / "rules",)))
    made = Following(platform, [], told.append)
    made.told = told  # type: ignore[attr-defined]
    return made


def test_an_edited_rule_is_in_force_at_the_next_look(following: Following, tmp_path: Path) -> None:
    before = following.platform.rules.version
    following._look_at_rules()
    assert following.platform.rules.version == before
    (tmp_path / "rules" / "one.yml").write_text(RULE.format(path="/another"))
    following._look_at_rules()
    assert following.platform.rules.version != before
    assert following.desk.platform is following.platform
    assert following.told[0].startswith("rules read again: ")  # type: ignore[attr-defined]


def test_a_fault_is_told_once_and_the_rules_before_stay(following: Following, tmp_path: Path) -> None:
    before = following.platform.rules
    (tmp_path / "rules" / "one.yml").write_text("title: [")
    following._told(following._look_at_rules)
    following._told(following._look_at_rules)
    assert following.platform.rules is before
    (words,) = following.told  # type: ignore[attr-defined]
    assert str(tmp_path / "rules" / "one.yml") in words
    assert "the rules before stay in force" in words


def test_what_was_asked_for_is_read_though_nothing_changed(following: Following) -> None:
    before = following.platform.rules
    following.reload()
    following._look_at_rules()
    assert following.platform.rules is not before
    assert following.platform.rules.version == before.version


def test_hanging_up_reads_the_rules_again_and_ends_nothing(tmp_path: Path) -> None:
    command = [LICHEN, "run", "--store", tmp_path / "store", "--port", "0"]
    running = subprocess.Popen(
        command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert running.stdout is not None
        assert running.stderr is not None
        assert b"console is open" in running.stdout.readline()
        os.kill(running.pid, signal.SIGHUP)
        told = [running.stderr.readline() for _ in range(2)]  # one of them says that there is no baseline
        assert any(b"rules read again" in line for line in told), told
        time.sleep(LOOK_SECONDS / 10)
        assert running.poll() is None
    finally:
        running.kill()
        running.communicate()
