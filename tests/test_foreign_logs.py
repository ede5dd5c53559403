"""A stranger's log, which no lab mapping knows, of a plain machine: scan, alert, verdict, quieter, signature."""

import shutil

import pytest
import yaml

from lichen import catalogue
from lichen.assemble import open_platform
from lichen.config import Settings
from lichen.core.alert import Alert
from lichen.core.belief import MALICIOUS
from lichen.run import within
from lichen.run.desk import StoreDesk
from lichen.run.scan import scan

LOG = catalogue.lab() / "plain-machine" / "audit.log.xz"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store of a scanned folder that holds nothing but an auditd log: no inventory, no baseline."""
    folder = tmp_path_factory.mktemp("foreign")
    shutil.copy(LOG, folder / "audit.log.xz")
    chosen = Settings(store=folder / "store", window_minutes=1)
    report = scan(chosen, [folder / "audit.log.xz"])
    assert not report.baseline
    assert report.events > 2_000
    assert report.dead_letters == 0
    assert report.rule_hits > 0
    return chosen


def overwritten(desk: StoreDesk) -> Alert:
    """The visitor's overwriting of /usr/bin/w."""
    return next(a for a in desk.alerts(MALICIOUS) if "verwritten" in "".join(x.because for x in a.beliefs[0].ledger))


def test_the_scan_names_the_visitor_s_program_and_the_rule(settings: Settings) -> None:
    platform = open_platform(settings)
    with platform.store:
        alert = overwritten(StoreDesk(platform))
        said = "; ".join(line.because for belief in alert.beliefs for line in belief.ledger)
        assert "System binary overwritten" in said
        assert alert.subject.name == "/usr/bin/python3.11"


def test_an_answer_makes_the_same_scan_quieter_and_undoing_brings_it_back(settings: Settings) -> None:
    platform = open_platform(settings)
    with platform.store:
        desk = StoreDesk(platform)
        alert = overwritten(desk)
        beliefs = platform.store.records.beliefs
        before = {(b.subject, b.window): (b.log_odds, b.unusual_score) for b in beliefs()}
        _, change = desk.answer(alert.uid, "benign-expected", "subject", "analyst", {})
        assert change is not None
        within.judge_all(platform)
        after = {(b.subject, b.window): b.log_odds for b in beliefs()}
        key = (alert.subject, alert.beliefs[0].window)
        assert after[key] < before[key][0]
        desk.undo(change.id)
        assert desk.alert(alert.uid).status == "open"
        within.judge_all(platform)
        assert {(b.subject, b.window): (b.log_odds, b.unusual_score) for b in beliefs()} == before


def test_a_confirmed_find_becomes_a_signature_that_hits_nothing_benign_here(settings: Settings) -> None:
    platform = open_platform(settings)
    with platform.store:
        desk = StoreDesk(platform)
        alert = overwritten(desk)
        desk.answer(alert.uid, "malicious", "alert", "analyst", {})
        signature = desk.propose(alert.uid)
        assert signature.benign_hits == 0
        assert signature.unjudged_hits <= signature.support
        assert yaml.safe_load(signature.sigma)["level"] in ("high", "medium", "low")
        assert signature.alert == alert.uid
        assert desk.promote(signature.id).stage == "stable"


def test_scanning_the_same_folder_again_adds_no_event(settings: Settings) -> None:
    report = scan(settings, [settings.store.parent / "audit.log.xz"])
    assert report.events == 0
