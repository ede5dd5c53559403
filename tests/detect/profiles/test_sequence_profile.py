"""Call sequences: what came before, across batches and pauses; a skipped step stands out though each call is usual."""

import numpy as np
from crafted import NOON, SECOND, batch, call
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.entity import Subject
from lichen.detect.profiles.acts import Coded
from lichen.detect.profiles.profile import Profile
from lichen.detect.profiles.sequence import BEGIN, PAUSE_S, REMEMBERED, UNSEEN, calls_before
from lichen.detect.profiles.uses import USES

WALK = (
    "/api/login",
    "/api/cart",
    "/api/quote",
    "/api/orders",
    "/api/orders/7/pay",
    "/api/orders/7/confirm",
    "/api/bye",
)


def walks(users: int, rounds: int, skip: str = "") -> list[dict]:
    return sorted(
        (
            call(f"user-{user}", path, time=NOON + (turn * 200 + step * 15 + user) * SECOND)
            for user in range(users)
            for turn in range(rounds)
            for step, path in enumerate(WALK)
            if path != skip
        ),
        key=lambda row: row["time"],
    )


def context_of(
    users: list[str], calls: list[str], times: list[int], before: dict
) -> tuple[list[tuple[str, str]], dict]:
    names = sorted(set(users)), sorted(set(calls))
    who, call_codes = (
        Coded(np.array([values.index(v) for v in own], dtype=np.int64), values)
        for own, values in zip((users, calls), names, strict=True)
    )
    (older, last), after = calls_before(who, call_codes, np.array(times, dtype=np.int64), before)
    return [(older.values[a], last.values[b]) for a, b in zip(older.codes, last.codes, strict=True)], after


def plain(users: list[str], calls: list[str], times: list[int]) -> list[tuple[str, str]]:
    """The two calls before each call, by a loop over events in order of time."""
    kept: dict[str, tuple[int, str, str]] = {}
    found = {}
    for i in sorted(range(len(calls)), key=lambda i: (times[i], i)):
        time, older, last = kept.get(users[i], (times[i], UNSEEN, UNSEEN))
        if times[i] - time > PAUSE_S * SECOND:
            older = last = BEGIN
        found[i] = (older, last)
        kept[users[i]] = (times[i], last, calls[i])
    return [found[i] for i in range(len(calls))]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_contexts_equal_a_plain_loop_over_any_batches(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 25))
    users = data.draw(st.lists(st.sampled_from("ab"), min_size=n, max_size=n))
    calls = data.draw(st.lists(st.sampled_from("xyz"), min_size=n, max_size=n))
    gaps = data.draw(st.lists(st.sampled_from([1, 5, 600, PAUSE_S + 1]), min_size=n, max_size=n))
    times = np.cumsum(np.array(gaps) * SECOND).tolist()
    cut = data.draw(st.integers(0, n))
    first, memory = context_of(users[:cut], calls[:cut], times[:cut], {}) if cut else ([], {})
    second, _ = context_of(users[cut:], calls[cut:], times[cut:], memory) if cut < n else ([], {})
    assert first + second == plain(users, calls, times)


def test_a_skipped_step_stands_out_though_each_call_is_usual() -> None:
    profile = Profile(USES["sequence"], 5).learn(batch("http", walks(12, 6)))
    skipped = walks(1, 2, skip="/api/orders/7/pay")
    rows, _, _ = profile.detect(batch("http", skipped), {})
    assert rows[0].score_nats > 1.5
    words = "called GET /api/orders/<n>/confirm on gateway after GET /api/quote and GET /api/orders"
    assert rows[0].because.startswith(words)
    usual, _, _ = profile.detect(batch("http", walks(1, 2)), {})
    assert usual[0].score_nats < 0


def test_each_service_has_a_sequence_of_its_own() -> None:
    """The gateway's and the orders service's log lines of one call must not become each other's context."""
    rows = []
    for row in walks(4, 5):
        rows += [row, {**row, "subject.workload": "orders-1", "subject.group": "orders", "time": row["time"] + 1000}]
    profile = Profile(USES["sequence"], 5).learn(batch("http", rows))
    contexts = {leaf[1:] for leaf in profile.learned["user"].benign}
    assert {service for service, _, _ in contexts} == {"gateway", "orders"}
    assert all(older != last for _, older, last in contexts)


def test_calls_before_the_batch_are_remembered_and_bounded() -> None:
    profile = Profile(USES["sequence"], 5)
    crowd = [call(f"u{n}", "/api/cart", time=NOON + n) for n in range(REMEMBERED + 50)]
    _, _, memory = profile.detect(batch("http", crowd), {})
    assert len(memory["calls"]) == REMEMBERED
    assert memory["calls_evicted"] == 50
    assert "u0\0gateway" not in memory["calls"]


def test_what_is_unusual_for_all_may_be_usual_for_one() -> None:
    habit = [call("odd", path, time=NOON + n * 9 * SECOND) for n, path in enumerate(["/api/cart", "/api/export"] * 40)]
    profile = Profile(USES["sequence"], 5).learn(batch("http", walks(12, 6))).learn(batch("http", habit))
    value = "gateway › GET /api/export › GET /api/cart › GET /api/export"
    own, other = (profile.score_of(Subject("user", name), "", "", value) for name in ("odd", "user-1"))
    assert own < other
