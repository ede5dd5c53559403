"""The loop is one test: recorded attacks in; evidence, belief, alerts, a verdict, its undoing and a signature out."""

import subprocess
import sys
from pathlib import Path

import pytest

from lichen import catalogue
from lichen.core.belief import MALICIOUS
from lichen.decide.ledger import adds_up
from lichen.run.loop import Told, tell

ROOT = Path(__file__).parent.parent
OFFLINE = ("--exclude", "attacktag", "--exclude", "d3_fendtag")  # these two fetch lists from the network


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Path, list[str]]:
    store, said = tmp_path_factory.mktemp("loop"), []
    return tell(said.append, said.append, keep=store), store, said


def test_every_arm_is_told_at_a_cut_that_was_fixed_before(told: tuple[Told, Path, list[str]]) -> None:
    rows = {row.arm: row for row in told[0].rows}
    assert {"all", "rules", "generative", "discriminative"} <= rows.keys()
    assert rows["all"].found
    for belief in rows["all"].found.values():
        assert adds_up(belief)
        assert belief.log_odds > rows["all"].cut


def test_an_expected_verdict_makes_the_same_work_quieter_and_undoing_restores_every_score(
    told: tuple[Told, Path, list[str]],
) -> None:
    assert told[0].loud_before > 0
    assert told[0].loud_after * 2 <= told[0].loud_before
    assert told[0].undone_equal


def test_the_confirmed_find_becomes_a_signature_that_hits_nothing_benign(told: tuple[Told, Path, list[str]]) -> None:
    signature = told[0].signature
    assert signature.benign_hits == 0
    assert signature.benign_events > 1000
    assert signature.stage == "shadow"
    assert told[0].caught


def test_sigma_cli_accepts_the_signature(told: tuple[Told, Path, list[str]], tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    rule.write_text(told[0].signature.sigma, encoding="utf-8")
    sigma = Path(sys.executable).parent / "sigma"
    ended = subprocess.run(
        [sigma, "check", "--fail-on-error", *OFFLINE, rule], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_alerts_stay_for_the_console_with_their_events(told: tuple[Told, Path, list[str]]) -> None:
    from lichen.assemble import open_platform
    from lichen.config import Settings
    from lichen.run.desk import StoreDesk

    platform = open_platform(Settings(store=told[1], window_minutes=5))
    with platform.store:
        desk = StoreDesk(platform)
        alerts = desk.alerts(MALICIOUS)
        assert alerts
        ids = [i for line in alerts[0].beliefs[0].ledger for i in line.sample_event_ids]
        assert desk.events(ids)
        assert desk.health().events > 100_000


def test_the_lab_is_complete() -> None:
    for name in ("benign-fit", "benign-calibrate", "benign-held", "learn"):
        assert (catalogue.lab() / name / "session.yml").exists()
