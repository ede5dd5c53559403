"""Recorded sessions open whole, and judge is the one that was recorded: its digest stands in README."""

import hashlib
from pathlib import Path

import pytest

from lichen.evaluate.session import JUDGES, load_session, stream_file

ROOT = Path(__file__).parent.parent.parent
RECORDED = ("benign-fit", "benign-calibrate", "benign-held", "learn", "judge")


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_is_the_one_whose_digest_stands_in_the_readme(name: str) -> None:
    files = (ROOT / "lab" / name).iterdir()
    each = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    digest = hashlib.sha256("".join(f"{one}\n" for one in each).encode()).hexdigest()
    assert digest in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_later_judge_has_its_steps_all_labelled() -> None:
    session = load_session(ROOT / "lab" / JUDGES[1])
    assert len(session.counting) >= 40
    assert session.hours * 60 >= 20
    assert len(session.steps) >= 15
    assert {step.id for step in session.steps} <= set(session.labels.values())
    assert all(path.stat().st_size <= 3 << 20 for path in session.logs())


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_holds_what_evaluation_asks_of_it(name: str) -> None:
    session = load_session(ROOT / "lab" / name)
    assert len(session.counting) >= 40
    assert session.hours * 60 >= 20
    assert all(path.stat().st_size <= 3 << 20 for path in session.logs())
    if name in ("learn", "judge"):
        assert len(session.steps) >= 30
        kinds = [step.kind for step in session.steps]
        assert len(set(kinds)) >= 12
        assert max(kinds.count(kind) for kind in kinds) <= 3
        assert {step.id for step in session.steps} <= set(session.labels.values())
    else:
        assert not session.labels


def test_subject_hours_are_as_many_as_the_bars_ask_for() -> None:
    hours = {name: load_session(ROOT / "lab" / name).subject_hours for name in RECORDED[:3]}
    assert hours["benign-fit"] >= 12
    assert hours["benign-calibrate"] >= 24
    assert hours["benign-held"] >= 63


def test_a_stream_is_known_by_its_name_without_compression() -> None:
    assert stream_file("x/audit-00.log.xz") == "audit-00.log"
