"""Canaries go every way that events go, tell who did not see theirs, and leave nothing among the user's events."""

from pathlib import Path
from typing import Any

import pytest

from lichen import assemble, catalogue
from lichen.assemble import Platform
from lichen.config import Settings
from lichen.core.batch import Batch
from lichen.run import canary
from lichen.run.desk import StoreDesk
from lichen.run.doctor import doctor
from lichen.web.console import corner


@pytest.fixture
def platform(tmp_path: Path) -> Any:
    """A platform on an empty store."""
    opened = assemble.open_platform(Settings(store=tmp_path / "store"))
    yield opened
    opened.store.close()


def test_every_source_and_every_detector_sees_its_canary(platform: Platform) -> None:
    found = canary.send(platform)
    assert found.missed == {}
    made = {f"source {log.stem}" for log in catalogue.content("canaries").glob("*.log")}
    mapped = {
        f"source {sample.name.removesuffix('.sample.ndjson')}"
        for sample in catalogue.content("mappings").glob("*.sample.ndjson")
    }
    detectors = {detector.name for detector in platform.detectors()}
    assert {*made, *mapped, *detectors, "indicators", "store"} <= set(found.sent)
    assert {"source auditd", "source access", "source dns", "source syslog"} <= made


def test_a_canary_is_no_event_no_alert_and_no_lesson(platform: Platform) -> None:
    before = platform.store.models.current()
    canary.send(platform)
    records = platform.store.records
    assert records.counts()["events"] == records.counts()["alert"] == records.counts()["evidence"] == 0
    assert records.census() == []
    assert records.positions() == {}
    assert records.dead_letters() == []
    assert platform.store.models.current() == before
    assert [path.name for path in platform.store.folder.iterdir() if path.name.startswith(canary.PASSING)] == []


class Deaf:
    """A detector that lost its senses: silent, or failing."""

    def __init__(self, detector: Any, fails: bool) -> None:
        self.name, self.version, self.memory_type = detector.name, detector.version, detector.memory_type
        self.fails = fails

    def detect(self, batch: Batch, memory: Any) -> Any:
        if self.fails:
            raise ZeroDivisionError("no count")
        return [], [], memory


@pytest.mark.parametrize(("fails", "said"), [(False, "said nothing"), (True, "ZeroDivisionError: no count")])
def test_a_dead_detector_is_named_on_the_desk_and_fails_the_doctor(
    fails: bool, said: str, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Platform.detectors

    def one_deaf(self: Platform, models: Any = None) -> Any:
        return [Deaf(d, fails) if d.name == "profile.path" else d for d in whole(self, models)]

    monkeypatch.setattr(Platform, "detectors", one_deaf)
    found = canary.send(platform)
    assert set(found.missed) == {"profile.path"}
    assert said in found.missed["profile.path"]
    health = StoreDesk(platform).health()
    assert health.canaries_seen == health.canaries_sent - 1 == found.seen
    assert health.canaries_missed[0].startswith("profile.path: ")
    told = corner(health, health.canaries_time)
    assert told["ailing"]
    assert told["canaries"].startswith(f"{found.seen} of {len(found.sent)} canaries seen")
    platform.store.close()
    checks = doctor(platform.settings, [])
    assert any(
        what == "canary not seen" and state == "fail" and "profile.path" in words for what, state, words in checks
    )


def test_a_source_that_no_reader_reads_any_more_is_missed(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    import lichen.collect.readers.choose as choose

    monkeypatch.setattr(choose, "looks_like_audit", lambda line: False)
    found = canary.send(platform)
    assert found.missed["source auditd"] == "no reader or mapping knows this format"


def test_without_a_round_of_canaries_none_is_claimed(platform: Platform) -> None:
    health = StoreDesk(platform).health()
    assert health.canaries_sent == 0
    told = corner(health, 1)
    assert told["canaries"] == "no canary was sent"
    assert told["dropped"] == "drops not measured"
    assert health.dropped is None
    assert any("drops" in name for name in health.not_measured)


def test_what_a_killed_round_left_behind_is_swept_away(platform: Platform) -> None:
    import os

    left = platform.store.folder / f"{canary.PASSING}dead"
    (left / "store").mkdir(parents=True)
    os.utime(left, (1, 1))
    canary.send(platform)
    assert not left.exists()


def test_the_doctor_says_what_it_skipped_and_why(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    (logs / "deep").mkdir(parents=True)
    (logs / "a.log").write_text("Nov 24 11:00:00 web sshd[1]: Server listening on :: port 22.\n", encoding="utf-8")
    (logs / "deep" / "b.log").symlink_to(logs / "a.log")
    (logs / "link").symlink_to(logs / "deep")
    (logs / ".hidden").write_text("x", encoding="utf-8")
    (logs / "notes.md").write_text("x", encoding="utf-8")
    import os

    os.mkfifo(logs / "pipe")
    (found,) = [words for what, _, words in doctor(Settings(store=tmp_path / "store"), [logs]) if what == "skipped"]
    assert found == (
        "1 files whose names say that they hold no events, 1 hidden files, 1 sockets, pipes and devices, "
        "2 symbolic links"
    )
