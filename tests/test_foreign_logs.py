"""A stranger's folder, which no lab mapping knows: scan, alert, verdict, quieter, signature; on plain auditd logs."""

import shutil

import pytest

from lichen import catalogue
from lichen.assemble import open_platform
from lichen.config import Settings
from lichen.core.belief import MALICIOUS
from lichen.run.desk import StoreDesk
from lichen.run.scan import scan


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store of a scanned folder that holds nothing but an auditd log: no inventory, no baseline."""
    folder = tmp_path_factory.mktemp("foreign")
    shutil.copy(catalogue.lab() / "learn" / "audit-00.log.xz", folder / "audit.log.xz")
    chosen = Settings(store=folder / "store")
    report = scan(chosen, [folder])
    assert not report.baseline
    assert report.events > 20_000
    assert report.rule_hits > 0
    assert report.standing_out > 0
    return chosen


def test_an_answer_makes_the_same_scan_quieter_and_undoing_brings_it_back(settings: Settings) -> None:
    from lichen.run import within

    platform = open_platform(settings)
    with platform.store:
        desk = StoreDesk(platform)
        alert = next(a for a in desk.alerts("unusual") if any("connected" in x.because for x in a.beliefs[0].ledger))
        before = {(b.subject, b.window): b.unusual_score for b in platform.store.records.beliefs()}
        _, change = desk.answer(alert.uid, "benign-expected", "subject", "analyst", {})
        assert change is not None
        within.judge_all(platform)
        after = {(b.subject, b.window): b.unusual_score for b in platform.store.records.beliefs()}
        key = (alert.subject, alert.beliefs[0].window)
        assert after[key] < before[key]
        desk.undo(change.id)
        within.judge_all(platform)
        assert {(b.subject, b.window): b.unusual_score for b in platform.store.records.beliefs()} == before


def test_a_confirmed_find_becomes_a_signature_that_hits_nothing_else_here(settings: Settings) -> None:
    platform = open_platform(settings)
    with platform.store:
        desk = StoreDesk(platform)
        alert = desk.alerts(MALICIOUS)[0]
        desk.answer(alert.uid, "malicious", "alert", "analyst", {})
        signature = desk.propose(alert.uid)
        assert signature.benign_hits == 0
        assert signature.alert == alert.uid
        assert desk.promote(signature.id).stage == "stable"


def test_scanning_the_same_folder_again_adds_no_event(settings: Settings) -> None:
    report = scan(settings, [settings.store.parent / "audit.log.xz"])
    assert report.events == 0
