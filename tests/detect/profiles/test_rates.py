"""Volumes: a burst stands out, a busy subject does not, and a window says which minutes carried it."""

import random
from itertools import pairwise

import numpy as np
import pytest
from crafted import NOON, SECOND, batch, call, program, workload

from lichen.core.batch import Batch
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.detect.profiles.moments import LEAST_SPREAD, Level, Moments, Shell, moments_of, shell_of
from lichen.detect.profiles.rates import RateProfile
from lichen.detect.profiles.tails import value_parts, value_text

USERS = {"alice": 4.0, "bruno": 4.0, "carla": 4.0, "monitor": 40.0}  # calls a minute
MINUTE = 60 * SECOND


def calls(chance: random.Random, minutes: int, start: int = NOON) -> list[dict]:
    """Each user's calls, at their own tempo."""
    rows = [
        call(name, f"/api/orders/{chance.randrange(30)}", time=start + minute * MINUTE + chance.randrange(60) * SECOND)
        for name, tempo in USERS.items()
        for minute in range(minutes)
        for _ in range(chance.randint(int(tempo * 0.5), int(tempo * 1.5)))
    ]
    return sorted(rows, key=lambda row: row["time"])


@pytest.fixture(scope="module")
def profile() -> RateProfile:
    return RateProfile(5).learn(batch("http", calls(random.Random(1), 60)))


def said(profile: RateProfile, batches: list[Batch]) -> dict[str, Evidence]:
    """The last evidence of each subject."""
    memory: dict = {}
    rows: dict[str, Evidence] = {}
    for one in batches:
        evidence, _, memory = profile.detect(one, memory)
        rows.update({row.subject.name: row for row in evidence})
    return rows


def tomorrow(extra: list[dict]) -> Batch:
    later = NOON + 24 * 60 * MINUTE
    rows = [*calls(random.Random(2), 5, later), *({**row, "time": later + row["time"] - NOON} for row in extra)]
    return batch("http", sorted(rows, key=lambda row: row["time"]))


def burst(user: str, n: int) -> list[dict]:
    """n different objects within forty seconds of the second minute."""
    return [call(user, f"/api/orders/{1000 + k}", time=NOON + 70 * SECOND + k * 40 * SECOND // n) for k in range(n)]


def test_a_burst_stands_out_and_the_ordinary_does_not(profile: RateProfile) -> None:
    rows = said(profile, [tomorrow(burst("bruno", 40))])
    assert rows["bruno"].score_nats > 3
    assert max(rows[name].score_nats for name in ("alice", "carla", "monitor")) < 1
    assert rows["bruno"].because.startswith(("4", "5"))
    assert " in a minute, where 4" in rows["bruno"].because


def test_the_same_number_of_calls_is_usual_for_a_busy_user(profile: RateProfile) -> None:
    assert said(profile, [tomorrow(burst("monitor", 12))])["monitor"].score_nats < 1


def test_the_samples_are_of_the_minute_that_burst(profile: RateProfile) -> None:
    events = tomorrow(burst("bruno", 40))
    row = said(profile, [events])["bruno"]
    names = events.column("http_request.url.path").to_pylist()
    paths = dict(zip(events.event_ids(range(len(events))), names, strict=True))
    assert sum("/100" in paths[event] or "/10" in paths[event] for event in row.sample_event_ids) >= 6


@pytest.mark.parametrize("pieces", [2, 7])
def test_counts_run_on_over_batches_of_one_window(profile: RateProfile, pieces: int) -> None:
    whole = tomorrow(burst("bruno", 40))
    cuts = [round(k * len(whole) / pieces) for k in range(pieces + 1)]
    parts = [whole.take(np.arange(a, b)) for a, b in pairwise(cuts)]
    one, many = said(profile, [whole])["bruno"], said(profile, parts)["bruno"]
    assert many.score_nats == pytest.approx(one.score_nats, abs=0.3)
    assert many.n_events == one.n_events


def test_a_subject_without_a_past_leans_on_its_like(profile: RateProfile) -> None:
    newcomer = [call("dora", f"/api/orders/{k}", time=NOON + k * 15 * SECOND) for k in range(16)]
    row = said(profile, [tomorrow(newcomer)])["dora"]
    assert row.score_nats < 2
    assert "no history of its own" in row.because


def test_letters_before_the_domain_and_names_are_counted() -> None:
    quiet = [
        {**workload(f"orders-{n}"), "query.hostname": "db-1", "query.type": "A", "time": NOON + m * MINUTE}
        for m in range(40)
        for n in range(6)
    ]
    profile = RateProfile(5).learn(batch("dns", quiet))
    leak = [
        {
            **workload("orders-3"),
            "query.hostname": f"{k:02d}{'a9f3c2e71b' * 4}.t.evil.test",
            "query.type": "A",
            "time": NOON + 120 * MINUTE + k * SECOND,
        }
        for k in range(25)
    ]
    row = said(profile, [batch("dns", leak)])["orders-3"]
    assert row.score_nats > 4
    assert "letters before the domain" in row.because or "names asked" in row.because


def test_the_malicious_side_teaches_no_rates(profile: RateProfile) -> None:
    assert profile.learn(tomorrow([]), side="malicious:T1213") is profile


def test_an_expected_answer_quiets_its_like_and_undo_is_bit_equal(profile: RateProfile) -> None:
    events = tomorrow(burst("bruno", 40))
    rows = [k for k, path in enumerate(events.column("http_request.url.path").to_pylist()) if "/10" in path]
    overlay = profile.overlay_for(events, rows, "users")
    laid = profile.with_overlays([overlay])
    twin = tomorrow(burst("carla", 38))
    assert said(laid, [twin])["carla"].score_nats < said(profile, [twin])["carla"].score_nats - 2
    subject, value = (Subject("user", "carla"), "", ""), "different objects in 1 min: 41"
    assert laid.with_overlays([]).score_of(*subject, value) == profile.score_of(*subject, value)
    later = batch("http", calls(random.Random(5), 10))
    undone, never = laid.learn(later).with_overlays([]), profile.learn(later)
    assert undone.version == never.version
    assert undone.score_of(*subject, value) == never.score_of(*subject, value)


def test_beside_tells_own_and_others_usual(profile: RateProfile) -> None:
    row = profile.beside(Subject("user", "bruno"), "", "", ["requests in 1 min: 34"])[0]
    assert row.what == "requests in 1 min"
    assert row.seen == ("34",)
    assert row.normal[0][0].endswith("usual here")
    assert row.normal[1][0].endswith("usual among its like")


def test_values_as_text_come_back() -> None:
    assert value_parts(value_text("different objects", 5, 41.0)) == ("different objects", 5, 41.0)


def test_windows_are_closed_into_moments_with_age(profile: RateProfile) -> None:
    key = (("alice",), "requests", 1)
    aged = profile.forget(NOON + 30 * 24 * 60 * MINUTE).learned["user"]
    before = moments_of(profile.learned["user"].series[key].values(), 60)
    assert key not in aged.series
    assert aged.closed[key].total == pytest.approx(before.total * 0.5, rel=0.01)


def test_scores_are_calibrated_on_what_the_model_assumes() -> None:
    """Of windows like those learned, about 1 in e² has some count whose mid-p times the questions asked is below e⁻²,
    or fewer, since the questions overlap."""
    chance = random.Random(11)
    profile = RateProfile(5).learn(batch("http", calls(chance, 240)))
    rows, _, _ = profile.detect(batch("http", calls(chance, 240, NOON + 600 * MINUTE)), {})
    scores = [row.score_nats for row in rows if row.subject.kind == "user"]
    assert sum(score > 2 for score in scores) / len(scores) < 0.14


def test_spread_and_share_with_any_are_pooled_from_members() -> None:
    steady = shells(moments_of([5.0] * 50, 50))
    wild = shells(moments_of([50.0] * 5, 50))
    calm, rough = Level().after(steady), Level().after(wild)
    assert calm.spread == LEAST_SPREAD
    assert calm.mean == pytest.approx(rough.mean, rel=0.05)
    assert rough.spread > 5
    assert rough.any < 0.15 < calm.any
    assert Moments(1, 1, 2, 4, 1, 1).plus(Moments(1, 0, 0, 0, 0, 0)).times(2) == Moments(4, 2, 4, 8, 2, 2)


def shells(own: Moments) -> Shell:
    """Four subjects alike."""
    return shell_of(own).plus(shell_of(own)).plus(shell_of(own)).plus(shell_of(own))


def test_a_subjects_own_past_is_counted_once_and_not_as_its_groups_too() -> None:
    """With one subject alone, what is left of the shells around it is nothing."""
    past = [program("db-1", "/usr/bin/ls", time=NOON + m * MINUTE) for m in range(30)]
    expecting = RateProfile(5).learn(batch("exec", past)).tails["workload"].expecting
    level = expecting.level(("db", "db-1"), "programs", 1)
    assert level.mean == pytest.approx((30 + 2 * 0.05) / 32)


def test_a_large_report_is_less_strange_in_bytes_than_as_many_requests() -> None:
    """Sizes have heavy tails, counts have not."""
    chance = random.Random(9)
    rows = [{**row, "http_response.length": int(chance.lognormvariate(8, 1.2))} for row in calls(random.Random(1), 60)]
    profile = RateProfile(5).learn(batch("http", rows))
    alice = (Subject("user", "alice"), "", "")
    tails = profile.tails["user"]
    usual_kb, usual_calls = (tails.usual(("alice",), name, 1) for name in ("kilobytes out", "requests"))
    heavy = profile.score_of(*alice, f"kilobytes out in 1 min: {6 * usual_kb:.0f}")
    light = profile.score_of(*alice, f"requests in 1 min: {6 * usual_calls:.0f}")
    assert heavy < light - 2


def test_a_first_program_in_a_quiet_place_is_counted() -> None:
    past = [program("db-1", "/usr/bin/ls", time=NOON + m * MINUTE) for m in range(30)]
    profile = RateProfile(5).learn(batch("exec", past))
    storm = [program("db-1", f"/usr/bin/x{k}", time=NOON + 100 * MINUTE + k * SECOND) for k in range(50)]
    row = said(profile, [batch("exec", storm)])["db-1"]
    assert row.score_nats > 4
    assert "50 programs in a minute, where 0.94 are usual" in row.because


def test_there_is_no_malicious_side_of_a_volume_to_be_taught() -> None:
    events = batch("http", [call("ada", f"/api/{n}", time=NOON + n * SECOND) for n in range(5)])
    overlay = RateProfile(5).overlay_for(events, np.arange(5), "users", side="malicious:T1041")
    assert overlay.values == {}
    assert overlay.side == "malicious:T1041"
