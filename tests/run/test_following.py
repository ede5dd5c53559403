"""While following: new versions and new answers judge from the next delivery on, and faults behind end nothing."""

from pathlib import Path
from typing import Any

import made_days as days
import pytest

from lichen import assemble
from lichen.config import Settings
from lichen.core.change import Overlay
from lichen.core.errors import LichenError
from lichen.run import advance, canary
from lichen.run.follow import Following, serve
from lichen.run.scan import learn, read_all, scan

HOUR = days.HOUR


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A store that learned 40 hours; `now.log` holds the 60 after them."""
    inventory = days.write_inventory(tmp_path / "inventory.yml")
    made = Settings(store=tmp_path / "store", batch_bytes=16_384, inventory=inventory)
    days.write_days(tmp_path / "fit.log", 40)
    days.write_days(tmp_path / "now.log", 60, days.BEGIN + 40 * HOUR, seed=2)
    learn(made, [tmp_path / "fit.log"], "benign", lambda done, total: None)
    return made


def versions_of(platform: Any, detector: str) -> set[str]:
    return {row.version for row in platform.store.records.evidence(detector=detector)}


def test_new_versions_and_new_answers_judge_from_the_next_delivery_on(settings: Settings, tmp_path: Path) -> None:
    platform = assemble.open_platform(settings)
    with platform.store:
        read_all(platform, [tmp_path / "now.log"], [], lambda done, total: None)
        following = Following(platform, [], lambda words: None)
        before = versions_of(platform, "profile.route")
        assert len(before) == 1
        step = advance.advance(platform)
        assert step.outcome == advance.LEARNED, step.words
        following._adopt()
        assert following.desk.platform is following.platform is not platform
        later = tmp_path / "later.log"
        days.write_days(later, 2, days.BEGIN + 101 * HOUR)
        for delivery in following._judged_anew(platform.source([later], []).read({})):
            following._pipeline.take(delivery)
        in_force = following.platform.models.profiles["profile.route"].version
        assert versions_of(platform, "profile.route") == before | {in_force}
        from lichen.core.verdict import Verdict

        alert = following.desk.alerts()[0]
        laid = Overlay("profile.route", "shop-1", {"GET /x › plain": 1.0})
        platform.store.answers.answer(Verdict(0, alert.uid, "benign-expected", "alert", "ada", 1), [laid])
        days.write_days(later, 2, days.BEGIN + 104 * HOUR, seed=5)
        for delivery in following._judged_anew(platform.source([later], []).read({})):
            following._pipeline.take(delivery)
        answered = following.platform.answered().profiles["profile.route"].version
        assert answered != in_force
        assert versions_of(platform, "profile.route") == before | {in_force, answered}


def test_a_run_that_ends_sends_canaries_and_learns_one_step(settings: Settings, tmp_path: Path) -> None:
    told: list[str] = []
    serve(settings, [tmp_path / "now.log"], 0, True, console=lambda desk: None, say=told.append)
    platform = assemble.open_platform(settings)
    with platform.store:
        (step,) = advance.steps(platform)
        assert step.outcome == advance.LEARNED
        assert told == [step.words]
        sent = canary.last(platform.store.folder)
        assert sent is not None
        assert sent.missed == {}


def test_a_scan_with_a_baseline_ends_with_one_step_and_says_so(settings: Settings, tmp_path: Path) -> None:
    report = scan(settings, [tmp_path / "now.log"])
    assert report.baseline
    assert any(note.startswith("learned ") and "held back" in note for note in report.notes)
    again = scan(settings, [tmp_path / "now.log"])
    assert not any(note.startswith("learned ") for note in again.notes)


def test_a_fault_behind_is_told_and_ends_nothing(settings: Settings) -> None:
    told: list[str] = []
    platform = assemble.open_platform(settings)
    with platform.store:
        following = Following(platform, [], told.append)

        def fail(fault: Exception) -> None:
            raise fault

        following._told(lambda: fail(LichenError("another process is learning", place="models")))
        following._told(lambda: fail(ZeroDivisionError("x")))
    assert told == [
        "models: another process is learning",
        "a fault of ours while learning behind: ZeroDivisionError: x",
    ]


def test_a_path_that_is_not_there_is_told_before_anything_opens(settings: Settings, tmp_path: Path) -> None:
    opened: list[object] = []
    with pytest.raises(LichenError, match=r"nowhere.log: no such file or folder"):
        serve(settings, [tmp_path / "nowhere.log"], 0, False, console=opened.append)
    assert opened == []
