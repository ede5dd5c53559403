"""Windows score, days alert: one alert a subject, day and lane, with a sentence that says what happened."""

import msgspec
import pytest
from made_evidence import LENGTH, ORDERS, START, decider, row

from lichen.core.alert import alert_uid
from lichen.core.belief import MALICIOUS, UNUSUAL
from lichen.core.entity import Subject
from lichen.decide import Cuts, alerts, budgeted

SETTLED = decider()
CUTS = Cuts(malicious=0.0, unusual=1 / 96, windows=288, per_day=3, minutes=5)
NEVER = "never seen on this image (3 replicas, 41 hours)"
SHELL = row(
    "profile.pair",
    6.0,
    cause="exec /usr/bin/python3 /bin/sh",
    because=f"ran sh under python3, {NEVER}",
    ids=("e1", "e2"),
)
CONNECT = row(
    "profile.destination",
    5.0,
    cause="net /bin/sh 10.9.0.0/24 4444",
    because=f"connected to 10.9.0.66:4444, {NEVER}",
    ids=("e3",),
)
RULE = row("rule:drop", cause="exec /usr/bin/python3 /bin/sh", because="Shell spawned by a web service", ids=("e1",))


def alerted(*rows, cuts: Cuts = CUTS, times=None):
    return alerts(SETTLED.beliefs(rows, {}), cuts, evidence=rows, times=times)


def test_the_title_says_who_did_what_in_order_and_why_it_stands_out() -> None:
    found = alerted(SHELL, CONNECT, RULE, times={"e1": START + 5, "e3": START + 9})[0]
    assert found.title == (
        "orders-2 ran sh under python3 and then connected to 10.9.0.66:4444. "
        "No replica of this image has done either before."
    )


def test_without_times_no_order_is_claimed() -> None:
    assert " and connected to" in alerted(SHELL, CONNECT, RULE)[0].title


def test_one_act_seen_by_rule_and_profile_is_told_once() -> None:
    title = alerted(SHELL, RULE)[0].title
    assert title.count("ran sh under python3") == 1
    assert title.endswith("No replica of this image has done this before.")


def test_a_rule_alone_tells_its_cause_and_its_name() -> None:
    title = alerted(msgspec.structs.replace(RULE, detector="rule:shell"), cuts=Cuts(-9.0, 0.0, 0, 3, 5))[0].title
    assert title == "orders-2 ran sh under python3. It matches “Shell spawned by a web service”."


@pytest.mark.parametrize(
    ("said", "title"),
    [
        (
            row("profile.rate", 6.0, because="34 different objects in a minute, where 2.1 are usual (3 hours)"),
            "orders-2 reached 34 different objects in a minute, where 2.1 are usual.",
        ),
        (
            row("classifier.behaviour", 6.0, cause="exec /bin/sh /usr/bin/nc", because="a command reads like attacks"),
            "orders-2 ran nc under sh. The command reads like attacks.",
        ),
        (
            row("profile.pair", 6.0, because="ran x under y, new for this workload in 3 hours, known elsewhere"),
            "orders-2 ran x under y. New for this workload in 3 hours, known elsewhere.",
        ),
    ],
)
def test_every_kind_of_evidence_has_a_sentence(said, title) -> None:
    assert alerted(said, cuts=Cuts(-3.0, 0.0, 288, 3, 5))[0].title == title


def test_what_an_attacker_wrote_cannot_break_the_title() -> None:
    nasty = msgspec.structs.replace(SHELL, because=f"ran a\u202e\nb{'x' * 9000}, {NEVER}")
    title = alerted(nasty, CONNECT)[0].title
    assert title.isprintable()
    assert len(title) < 500
    assert "\\x202e" in title


def test_a_day_of_windows_is_one_alert_and_the_next_day_another() -> None:
    day = 288
    rows = [
        msgspec.structs.replace(each, window=START + w * LENGTH) for w in (3, 90, day + 1) for each in (SHELL, CONNECT)
    ]
    found = alerts(SETTLED.beliefs(rows, {}), CUTS, evidence=rows)
    assert [(alert.day, len(alert.beliefs)) for alert in found] == [("2026-11-24", 2), ("2026-11-25", 1)]
    assert found[0].uid == alert_uid(ORDERS, START, MALICIOUS)
    assert found[0].last_time == START + 91 * LENGTH


def test_more_evidence_re_emits_the_same_alert() -> None:
    before, after = alerted(SHELL, CONNECT)[0], alerted(SHELL, CONNECT, row("indicator:tor"))[0]
    assert before.uid == after.uid
    assert after.beliefs[0].log_odds > before.beliefs[0].log_odds


def test_an_alert_pins_the_versions_of_all_that_judged_and_names_techniques_that_weigh() -> None:
    found = alerted(SHELL, CONNECT, row("profile.rate", -5.0))[0]
    assert found.versions == {
        "decide": SETTLED.version,
        "profile.pair": "v1",
        "profile.destination": "v1",
        "profile.rate": "v1",
    }
    assert found.techniques == ("T1059.004",)


def test_times_of_named_events_bound_the_alert() -> None:
    found = alerted(SHELL, CONNECT, times={"e1": START + 50, "e3": START + 90})[0]
    assert (found.first_time, found.last_time) == (START + 50, START + 90)
    assert alerted(SHELL, CONNECT)[0].first_time == START + 7


def test_lanes_are_apart_and_a_window_is_asked_about_once() -> None:
    odd = msgspec.structs.replace(SHELL, subject=Subject("workload", "orders-7"))
    found = alerted(SHELL, CONNECT, odd)
    assert [(alert.lane, alert.subject.name) for alert in found] == [(MALICIOUS, "orders-2"), (UNUSUAL, "orders-7")]
    assert all(belief.unusual_p <= 1 / 96 for alert in found for belief in alert.beliefs)


def test_each_lane_is_ranked_by_its_own_strength_and_cut_to_its_budget() -> None:
    rows = [
        msgspec.structs.replace(each, subject=Subject("workload", f"orders-{i}"), score_nats=each.score_nats - i / 4)
        for i in range(4)
        for each in (SHELL, CONNECT)
    ]
    found = alerts(SETTLED.beliefs(rows, {}), Cuts(-6.0, 1 / 96, 288, 3, 5))
    assert [alert.subject.name for alert in budgeted(found, MALICIOUS, 2)] == ["orders-0", "orders-1"]


def test_an_ordinary_day_has_no_alert() -> None:
    assert alerted(row("profile.pair", -2.0)) == []
