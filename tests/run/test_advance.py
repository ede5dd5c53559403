"""Learning behind the quarantine: what teaches, what never does, and that nothing judges untried."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_days as days
import numpy as np
import pytest

from lichen import assemble
from lichen.assemble import Platform
from lichen.config import Settings
from lichen.core.alert import Alert
from lichen.core.belief import MALICIOUS, Belief
from lichen.core.entity import Subject
from lichen.core.verdict import Verdict
from lichen.detect.profiles.schooling import School
from lichen.run import advance, trial
from lichen.run.scan import learn, read_all

HOUR = days.HOUR
FIT_HOURS, HOURS = 40, 60
FIT_EVENTS = 920  # of the 40 hours' 1,600: the first 60 % of the time, to a whole hour
VICTIM = Subject("workload", "shop-3")


def quiet(done: int, total: int) -> None:
    """No bar."""


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that learned 40 hours and holds the 60 after them, unjudged by any person."""
    folder = tmp_path_factory.mktemp("baseline")
    days.write_days(folder / "fit.log", FIT_HOURS)
    days.write_days(folder / "now.log", HOURS, days.BEGIN + FIT_HOURS * HOUR, seed=2)
    settings = settings_of(folder)
    learn(settings, [folder / "fit.log"], "benign", quiet)
    with opened(folder) as platform:
        read_all(platform, [folder / "now.log"], [], quiet)
    return folder


class opened:
    """A store's platform, closed afterwards."""

    def __init__(self, folder: Path, **changed: Any) -> None:
        self.platform = assemble.open_platform(settings_of(folder, **changed))

    def __enter__(self) -> Platform:
        return self.platform

    def __exit__(self, *_: object) -> None:
        self.platform.store.close()


def settings_of(folder: Path, **changed: Any) -> Settings:
    inventory = days.write_inventory(folder / "inventory.yml")
    return Settings(store=folder / "store", batch_bytes=16_384, inventory=inventory, **changed)


@pytest.fixture
def folder(baseline: Path, tmp_path: Path) -> Path:
    """A copy of that store, to be changed."""
    shutil.copytree(baseline, tmp_path / "copy")
    return tmp_path / "copy"


def newest(platform: Platform) -> int:
    return max(part.last_time for part in platform.store.records.parts())


def alert_of(platform: Platform, status: str, window: int, subject: Subject = VICTIM) -> Alert:
    """An alert in the store about one window, answered as given ("open": not at all)."""
    belief = Belief(subject, window, 9.0, 9.0, 8.0, 10.0, 1.0, 0.0, (), "v")
    alert = Alert(f"a{window % 997}", subject, "", MALICIOUS, "made", (belief,), window, window + 1, (), {})
    platform.store.records.judge_again(alerts=[alert])
    if status != "open":
        platform.store.answers.answer(Verdict(0, alert.uid, status, "alert", "ada", window))
    return alert


def test_what_is_older_than_the_quarantine_teaches_and_the_windows_after_it_calibrate(folder: Path) -> None:
    with opened(folder) as platform:
        before = platform.models
        step = advance.advance(platform)
        assert step.outcome == advance.LEARNED, step.words
        due = newest(platform) - 24 * HOUR
        taught = School(list(before.profiles.values()))
        left = 0
        for batch in platform.store.lake.batches(shapes=False):
            rows = np.flatnonzero(batch.times() < due)
            left += len(batch) - len(rows)
            taught.take(batch.take(rows))
        waits = taught.events - step.events - sum(step.left_out.values())
        assert 0 < waits < 16_384 / 200  # a delivery that is not due as a whole
        now = assemble.models_of(platform.store, 60)
        assert {n: p.version for n, p in now.profiles.items()} != {n: p.version for n, p in before.profiles.items()}
        assert now.decider is not None
        assert before.decider is not None
        assert now.decider.version != before.decider.version
        assert step.windows >= advance.LEAST_WINDOWS
        card = platform.store.models.card("decide", platform.store.models.current().versions["decide"])
        assert card.learned["to"] <= due
        assert card.learned["events"] == FIT_EVENTS + step.events
        again = advance.advance(platform)
        assert again.outcome == advance.NOTHING


def test_no_calibration_window_holds_an_event_that_taught(folder: Path) -> None:
    with opened(folder, quarantine_hours=0) as platform:
        step = advance.advance(platform)
        assert step.outcome == advance.LEARNED, step.words
        current = platform.store.models.current()
        place = current.read[advance.READER]
        taught = [p for p in platform.store.records.parts() if p.delivery <= place.get(p.stream, 0)]
        border = platform.store.models.card("decide", current.versions["decide"]).learned["to"]
        assert max(part.last_time for part in taught) < border
        models = assemble.models_of(platform.store, 60)
        assert models.decider is not None
        end = newest(platform) - newest(platform) % HOUR
        again = trial.calibrated(platform, replace(models, decider=None), models.decider, border, end)
        assert again.version == models.decider.version


def test_what_learn_was_given_teaches_once_though_the_store_holds_it_too(tmp_path: Path) -> None:
    lines = days.write_days(tmp_path / "fit.log", 80)
    settings = settings_of(tmp_path, quarantine_hours=0)
    given = learn(settings, [tmp_path / "fit.log"], "benign", quiet)
    with opened(tmp_path, quarantine_hours=0) as platform:
        read_all(platform, [tmp_path / "fit.log"], [], quiet)
        step = advance.advance(platform)
        assert step.outcome == advance.LEARNED, step.words
        assert 0 < step.left_out["learned before"] <= given["events"]
        assert step.events + sum(step.left_out.values()) <= lines
        route = assemble.models_of(platform.store, 60).profiles["profile.route"]
        counted = sum(n for table in route.learned["workload"].benign.values() for n in table.values())
        assert counted == pytest.approx(step.events + given["events"], rel=0.01)  # faded by hours of 30 days


def test_a_subject_under_alert_is_held_back_and_said_so(folder: Path) -> None:
    with opened(folder) as platform:
        alert_of(platform, "open", days.BEGIN + (FIT_HOURS + 2) * HOUR)
        step = advance.advance(platform)
        assert step.outcome == advance.LEARNED, step.words
        assert step.left_out["subject under alert"] > 100
        assert "(subject under alert)" in step.words
        assert advance.steps(platform, 5) == [step]


def test_a_window_that_may_be_an_attack_teaches_nothing_until_a_person_clears_it(folder: Path) -> None:
    window = days.BEGIN + (FIT_HOURS + 3) * HOUR
    loud = Belief(VICTIM, window, -1.0, -1.0, -2.0, 0.0, 1.0, 0.0, (), "v")
    for name in ("loud", "cleared"):
        shutil.copytree(folder, folder.parent / name)
    held = {}
    for name in ("copy", "loud", "cleared"):
        with opened(folder.parent / name) as platform:
            (before,) = platform.store.records.beliefs(window, window + 1, VICTIM)
            assert before.log_odds < advance.MAY_BE_ATTACK
            if name != "copy":
                platform.store.records.judge_again(beliefs=[loud])
            if name == "cleared":
                alert_of(platform, "benign-expected", window)
            held[name] = advance.advance(platform).left_out.get("window in doubt", 0)
    assert held["loud"] == held["copy"] + 5
    assert held["cleared"] == held["copy"]


def test_too_few_windows_to_calibrate_on_and_nothing_is_learned(tmp_path: Path) -> None:
    days.write_days(tmp_path / "fit.log", FIT_HOURS)
    days.write_days(tmp_path / "now.log", 6, days.BEGIN + FIT_HOURS * HOUR)
    learn(settings_of(tmp_path), [tmp_path / "fit.log"], "benign", quiet)
    with opened(tmp_path, quarantine_hours=0) as platform:
        read_all(platform, [tmp_path / "now.log"], [], quiet)
        before = platform.store.models.current()
        step = advance.advance(platform)
        assert step.outcome == advance.WAITING
        assert "of 96 closed windows" in step.words
        assert platform.store.models.current() == before


def test_without_a_baseline_there_is_nothing_to_advance(tmp_path: Path) -> None:
    with opened(tmp_path) as platform:
        step = advance.advance(platform)
        assert step.outcome == advance.NO_BASELINE
        assert "lichen learn" in step.words


def test_a_step_that_loses_a_confirmed_attack_leaves_the_models_as_they_were(folder: Path) -> None:
    """The lesson is what an attacker would teach: the confirmed attack, on every host, as if it were daily work."""
    hour = FIT_HOURS + HOURS + 1
    attack = days.request(days.BEGIN + hour * HOUR, VICTIM.name, "ada", days.ODD)
    (folder / "attack.log").write_text(attack + "\n", encoding="utf-8")
    shown = {"user": "ada", "path": days.ODD}
    poison = [days.request(days.BEGIN + n * 1000, host, **shown) for host in days.HOSTS for n in range(400)]
    (folder / "poison.log").write_text("\n".join(poison) + "\n", encoding="utf-8")
    with opened(folder) as platform:
        read_all(platform, [folder / "attack.log"], [], quiet)
        models = platform.models
        assert models.decider is not None
        assert models.decider.cuts is not None
        (belief,) = platform.store.records.beliefs(days.BEGIN + hour * HOUR, None, VICTIM)
        lane = next(lane for lane in ("malicious", "unusual") if models.decider.cuts.crosses(belief, lane))
        alert = Alert("attack", VICTIM, "", lane, "made", (belief,), belief.window, belief.window + 1, (), {})
        platform.store.records.judge_again(alerts=[alert])
        platform.store.answers.answer(Verdict(0, "attack", "malicious", "alert", "ada", belief.window))
        before = platform.store.models.current()
        school = School(list(models.profiles.values()))
        for delivery in platform.source([folder / "poison.log"], []).read({}):
            school.take_all(delivery.batches)
        lesson = advance.Lessons({p.name: p for p in school.grown()}, {"s": 1}, school.events, {})
        stretch = advance.Stretch(days.BEGIN + (FIT_HOURS + 30) * HOUR, days.BEGIN + (FIT_HOURS + HOURS) * HOUR, 360, 0)
        moved: list[dict[str, str]] = []
        now = newest(platform)
        step = advance._tried(platform, models, lesson, stretch, now, now, moved.append)
        assert step.outcome == advance.REJECTED, step.words
        assert step.lost == ("attack",)
        assert "left as they were" in step.words
        assert moved == [before.versions]


@pytest.mark.parametrize("killed_at", ["put", "move"])
def test_killed_before_the_end_a_step_changes_nothing_and_the_next_one_does_the_same(
    killed_at: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untouched = folder.parent / "untouched"
    shutil.copytree(folder, untouched)
    with opened(folder) as platform:
        before = platform.store.models.current()
        with monkeypatch.context() as patch:
            _kill(patch, platform, killed_at)
            with pytest.raises(KeyboardInterrupt):
                advance.advance(platform)
        assert platform.store.models.current() == before
        assert advance.steps(platform) == []
        step = advance.advance(platform)
        assert step.outcome == advance.LEARNED
        assert platform.store.models.current().versions == step.versions
    with opened(untouched) as platform:
        unharmed = advance.advance(platform)
    assert (unharmed.events, unharmed.left_out, unharmed.versions) == (step.events, step.left_out, step.versions)


def _kill(patch: pytest.MonkeyPatch, platform: Platform, where: str) -> None:
    def die(*_: object, **__: object) -> Any:
        raise KeyboardInterrupt

    patch.setattr(platform.store.models, "put" if where == "put" else "_advance", die)


def test_another_process_that_learns_is_waited_for(folder: Path) -> None:
    from lichen.core.errors import LichenError

    with (
        opened(folder) as platform,
        platform.store.models.advancing(),
        pytest.raises(LichenError, match="another process is learning"),
    ):
        advance.advance(platform)
