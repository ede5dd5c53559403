"""Files are scanned by YARA rules and hash lists, within limits, and whatever is not read is told with the reason."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "store"))

from made_events import START, delivery_of, lay

from lichen import assemble
from lichen.cli import main
from lichen.config import Settings
from lichen.detect.rules import load_indicators
from lichen.detect.rules.files import Limits, Scanned, files_below, load_yara, scan_files
from lichen.store.records import Judged

RULE = 'rule marked : bad { meta: description = "holds the mark" strings: $a = "the mark" condition: $a }'
SLOW = "rule slow { condition: for all i in (0..100000000000) : (i >= 0) }"


def scanned(paths: list[Path], rules: str, folder: Path, limits: Limits | None = None) -> dict[str, Scanned]:
    limits = limits or Limits()
    (folder / "mine.yar").write_text(rules)
    compiled, refused = load_yara([folder / "mine.yar"], limits.file_seconds)
    assert not refused
    return {each.path.name: each for each in scan_files(files_below(paths, limits.files), compiled, (), limits)}


def test_a_rule_finds_its_file_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "looked at"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").write_bytes(b"\0here is the mark\xff")
    (folder / "b").write_text("nothing")
    found = scanned([folder, folder / "b"], RULE, tmp_path)
    assert set(found) == {"a", "b"}
    (hit,) = found["a"].yara
    assert (hit.rule, hit.file, hit.tags, hit.description) == ("marked", "mine", ("bad",), "holds the mark")
    assert not found["b"].is_hit
    assert found["a"].sha256 == hashlib.sha256(b"\0here is the mark\xff").hexdigest()


def test_what_is_no_regular_file_is_not_read_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "looked at"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "large").write_bytes(b"the mark" * 100)
    found = scanned([folder, folder / "link", folder / "absent"], RULE, tmp_path, Limits(file_bytes=100))
    assert {name: bool(each.passed) for name, each in found.items()} == dict.fromkeys(
        ["pipe", "link", "large", "absent"], True
    )
    assert "larger than 100 bytes" in found["large"].passed
    assert found["pipe"].passed == "no regular file"


def test_a_rule_that_takes_too_long_is_stopped_and_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    began = time.monotonic()
    found = scanned([tmp_path / "a"], SLOW, tmp_path, Limits(file_seconds=1))
    assert "more than 1 seconds" in found["a"].passed
    assert time.monotonic() - began < 20


def test_a_scan_ends_when_its_time_is_up_and_says_so(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text("the mark")
    found = scanned([tmp_path / name for name in "abc"], RULE, tmp_path, Limits(total_seconds=-1))
    assert list(found) == ["a"]
    assert "the time is up" in found["a"].passed


def test_a_file_of_rules_that_is_wrong_is_refused_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "good.yar").write_text(RULE)
    (tmp_path / "bad.yara").write_text("rule x { condition: nothing }")
    (tmp_path / "reads.yar").write_text('include "/etc/passwd"\nrule y { condition: true }')
    rules, refused = load_yara([tmp_path])
    assert rules is not None
    assert [Path(each.place).name for each in refused] == ["bad.yara", "reads.yar"]
    assert [hit.rule for hit in rules.hits(b"the mark")] == ["marked"]


def test_hash_lists_find_files_by_each_of_their_hashes(tmp_path: Path) -> None:
    content = b"some content"
    for name in ("sha256", "sha1", "md5"):
        (tmp_path / f"{name}.txt").write_text(hashlib.new(name, content).hexdigest().upper())
    lists, _ = load_indicators([tmp_path])
    (tmp_path / "a").write_bytes(content)
    (found,) = scan_files([tmp_path / "a"], None, lists, Limits())
    assert set(found.lists) == {"sha256", "sha1", "md5"}


def test_the_command_scans_folders_and_files_that_events_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yar").write_text(RULE)
    (tmp_path / "dropped").write_text("the mark")
    settings = Settings(store=tmp_path / "store")
    platform = assemble.open_platform(settings)
    view = {"file.path": str(tmp_path / "dropped")}
    gone = {"file.path": str(tmp_path / "gone"), "process.file.path": "relative"}
    with platform.store:
        platform.store.keep(
            delivery_of(lay([("file", START, "a", {**view, "activity_id": 1}), ("file", START, "a", gone)]), 1000),
            Judged(),
        )
    words = ["--yara", "mine.yar", "--store", str(settings.store)]
    assert main(["files", "scan", "--named-in-events", *words]) == 1
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["path"], row["yara"][0]["rule"]) == (str(tmp_path / "dropped"), "marked")
    assert main(["files", "scan", "mine.yar", *words]) == 1  # the rule holds the mark itself
    assert main(["files", "scan", *words]) == 3
    (tmp_path / "clean").write_text("nothing")
    assert main(["files", "scan", "clean", *words]) == 0
