"""A verdict's change is held against the bounds: beyond them it is refused, with the limit and what to do."""

from pathlib import Path

import pytest

from lichen.core.alert import Alert
from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.errors import LichenError
from lichen.core.time import DAY
from lichen.core.verdict import Verdict
from lichen.learn.gate import Bounds
from lichen.run.admission import admitted
from lichen.store.store import Store

TIME = 1_795_000_000_000_000
OVERLAY = Overlay("profile.path", "shop-1", {"/a": 1.0})


def verdict(alert: str, by: str = "ada", time: int = TIME) -> Verdict:
    return Verdict(0, alert, "benign-expected", "alert", by, time)


def given(store: Store, subjects: int, answers: int, by: str = "ada", time: int = TIME) -> None:
    """`answers` on alerts of so many subjects, each with a change."""
    for n in range(answers):
        subject = Subject("workload", f"shop-{n % subjects}")
        store.records.judge_again(alerts=[Alert(f"a{n}", subject, "", "malicious", "", (), 0, 0, (), {})])
        one = verdict(f"a{n}", by, time)
        store.answers.answer(one, admitted(store, one, [OVERLAY]))


def test_the_fifty_first_change_of_an_analyst_in_a_day_is_refused_with_its_limit(tmp_path: Path) -> None:
    most = Bounds().changes_an_analyst_a_day
    with Store(tmp_path) as store:
        given(store, subjects=most, answers=most)
        with pytest.raises(LichenError) as refused:
            admitted(store, verdict("a0"), [OVERLAY])
        assert refused.value.place == "alert a0"
        assert "ada" in refused.value.fault
        assert refused.value.limit.startswith(f"{most} a day")
        assert "lichen model changes" in refused.value.remedy
        assert admitted(store, verdict("a0", by="bob"), [OVERLAY])
        assert admitted(store, verdict("a0", time=TIME + DAY), [OVERLAY])
        assert admitted(store, verdict("a0"), []) == ()  # what changes no model is never refused


def test_a_subject_has_a_bound_of_its_own_and_undoing_makes_room(tmp_path: Path) -> None:
    most = Bounds().changes_an_entity_a_day
    with Store(tmp_path) as store:
        given(store, subjects=1, answers=most)
        with pytest.raises(LichenError, match="workload shop-0"):
            admitted(store, verdict("a1", by="bob"), [OVERLAY])
        store.answers.undo(1, "ada", TIME)
        assert admitted(store, verdict("a1", by="bob"), [OVERLAY])


def test_one_label_teaches_no_more_values_than_the_bound(tmp_path: Path) -> None:
    wide = Overlay("profile.path", "shop-0", {f"/{n}": float(n) for n in range(200)}, epsilon=0.5)
    with Store(tmp_path) as store:
        (cut,) = admitted(store, verdict("a0"), [wide])
    assert len(cut.values) == Bounds().values_a_label
    assert cut.epsilon == Bounds().epsilon


def test_an_answer_that_would_hide_a_confirmed_attack_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with pytest.raises(LichenError, match="no longer be found: a9") as refused:
            admitted(store, verdict("a0"), [OVERLAY], hidden=["a9"])
        assert refused.value.limit
        assert "narrower scope" in refused.value.remedy
        assert admitted(store, verdict("a0"), [], hidden=["a9"]) == ()
