"""A baseline tells an overwritten program by what it holds, in events and on disk."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "store"))

from made_events import START, batch_of, lay

from lichen.cli import main
from lichen.core.errors import ConfigError
from lichen.detect.rules import RulesDetector, RuleSet
from lichen.detect.rules.files import Baseline, Limits, files_below
from lichen.detect.rules.overwrites import overwrites

OLD, NEW = b"the old program", b"the new program"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two programs."""
    made = tmp_path / "bin"
    made.mkdir()
    (made / "tool").write_bytes(OLD)
    (made / "other").write_bytes(b"other")
    return made


def made(folder: Path, dpkg: Path | None = None) -> Baseline:
    baseline, passed = Baseline.made(files_below([folder], 100), Limits(), "node-1", dpkg or folder / "no dpkg")
    assert not passed
    return baseline


def differences(baseline: Baseline, dpkg: Path) -> dict[str, str]:
    return {Path(was.path).name: how for was, how in baseline.compare(Limits(), dpkg)}


def test_it_is_written_and_read_as_it_was(folder: Path, tmp_path: Path) -> None:
    baseline = made(folder)
    baseline.save(tmp_path / "kept.ndjson")
    assert Baseline.load(tmp_path / "kept.ndjson") == baseline
    (tmp_path / "kept.ndjson").write_text("{")
    with pytest.raises(ConfigError, match="no baseline"):
        Baseline.load(tmp_path / "kept.ndjson")


def test_what_changed_on_disk_is_told(folder: Path) -> None:
    baseline, dpkg = made(folder), folder / "no dpkg"
    assert differences(baseline, dpkg) == {}
    (folder / "tool").write_bytes(NEW)
    (folder / "other").chmod(0o4755)
    told = differences(baseline, dpkg)
    assert told["tool"] == "holds something else"
    assert told["other"].endswith("became 4755")
    (folder / "tool").unlink()
    assert "cannot be compared" in differences(baseline, dpkg)["tool"]


def test_a_package_vouches_for_its_file_and_its_update_is_told_apart(folder: Path, tmp_path: Path) -> None:
    dpkg = tmp_path / "info"
    dpkg.mkdir()

    def says(data: bytes) -> None:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        (dpkg / "tools:amd64.md5sums").write_text(f"{md5}  {str(folder / 'tool')[1:]}\n")

    says(OLD)
    baseline = made(folder, dpkg)
    was = baseline.files[str(folder / "tool")]
    assert (was.package, was.differs) == ("tools", False)
    (folder / "tool").write_bytes(NEW)
    assert differences(baseline, dpkg)["tool"] == "holds something else, not as its package tools says"
    says(NEW)
    assert differences(baseline, dpkg)["tool"] == "holds something else, as its package tools says"
    says(OLD)
    assert made(folder, dpkg).files[str(folder / "tool")].differs


@pytest.mark.parametrize(
    ("kind", "column", "hashes", "host", "seen"),
    [
        ("file", "file.path", sha256(NEW), "node-1", True),
        ("file", "file.path", sha256(OLD).upper(), "node-1", False),
        ("exec", "process.file.path", f"MD5={'0' * 32},SHA256={sha256(NEW)}", "node-1.example", True),
        ("exec", "process.file.path", f"IMPHASH={'0' * 32},SHA256={sha256(OLD)}", "NODE-1", False),
        ("exec", "process.file.path", f"IMPHASH={'0' * 32}", "node-1", False),
        ("exec", "actor.process.file.path", sha256(NEW), "node-1", False),
        ("file", "file.path", sha256(NEW), "node-2", False),
        ("file", "file.path", sha256(NEW), None, True),
        ("file", "file.path", None, "node-1", False),
    ],
)
def test_an_event_that_names_a_file_with_another_hash_is_a_hit(
    folder: Path, kind: str, column: str, hashes: str | None, host: str | None, seen: bool
) -> None:
    view = {column: str(folder / "tool"), "file.hashes.value": hashes, "device.hostname": host, "activity_id": 1}
    batch = batch_of(lay([(kind, START, "orders", view)]))
    hits = list(overwrites(batch, made(folder)))
    assert [hit.rows.tolist() for hit in hits] == ([[0]] if seen else [])
    assert list(overwrites(batch, None)) == []


def test_the_detector_speaks_for_the_baseline_and_names_it_in_its_version(folder: Path) -> None:
    baseline = made(folder)
    detector = RulesDetector(RuleSet(()), (), 60, baseline)
    view = {"file.path": str(folder / "tool"), "file.hashes.value": sha256(NEW), "activity_id": 1}
    evidence, _, _ = detector.detect(batch_of(lay([("file", START, "orders", view)])), {})
    assert [(row.detector, row.techniques) for row in evidence] == [("indicator:baseline", ("T1554",))]
    assert "does not hold what the baseline" in evidence[0].because
    assert detector.version != RulesDetector(RuleSet(()), (), 60).version


def test_the_commands_keep_a_baseline_and_tell_what_changed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    store = ("--store", str(folder.parent / "store"))
    assert main(["files", "check", *store]) == 3
    assert main(["doctor", "baseline", str(folder), *store]) == 0
    assert "2 files kept" in capsys.readouterr().err
    assert main(["files", "check", *store]) == 0
    (folder / "tool").write_bytes(NEW)
    capsys.readouterr()
    assert main(["files", "check", *store]) == 1
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert row == {"path": str(folder / "tool"), "how": "holds something else"}
