"""A judge that taught anything would judge no more: whatever learns from recordings refuses one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lichen import catalogue
from lichen.config import Settings
from lichen.core.errors import InputError
from lichen.evaluate.session import JUDGES, Session
from lichen.run import fit
from lichen.run.recorded import Recorded, examples_of, learn_attacks, learn_benign
from lichen.run.scan import learn

ORDINARY = Recorded(Session(Path("lab"), "mine", 0, 1, frozenset(), ()), ())
LEARNERS: list[Callable[[Recorded], Any]] = [
    lambda one: learn_benign(one, {}),
    learn_attacks,
    lambda one: examples_of([one], ORDINARY),
    lambda one: examples_of([ORDINARY], one),
    lambda one: fit.fit_judges(None, one, ORDINARY, None, print),  # type: ignore[arg-type]
    lambda one: fit.fit_judges(None, ORDINARY, one, None, print),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("name", JUDGES)
@pytest.mark.parametrize("learning", LEARNERS)
def test_a_judge_teaches_nobody(name: str, learning: Callable[[Recorded], Any]) -> None:
    judge = replace(ORDINARY, session=replace(ORDINARY.session, name=name))
    with pytest.raises(InputError, match="a judge teaches nobody"):
        learning(judge)


def test_another_session_may_teach() -> None:
    assert examples_of([ORDINARY], ORDINARY) is not None


def test_a_judge_s_folder_teaches_nobody_wherever_it_was_copied_to(tmp_path: Path) -> None:
    copied = tmp_path / "mine"
    shutil.copytree(catalogue.lab() / JUDGES[1], copied)
    for path in (copied, copied / "dns-1.log.xz"):
        with pytest.raises(InputError, match="a judge teaches nobody"):
            learn(Settings(store=tmp_path / "store"), [path], "malicious", lambda done, total: None)
    assert not (tmp_path / "store").exists()
