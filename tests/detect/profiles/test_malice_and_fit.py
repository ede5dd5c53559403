"""The malicious side equals its plain mixture; versions stand in for each other; fits join, and leave kinds out."""

import math

import numpy as np
import pytest
from crafted import NOON, SECOND, batch, call, ordinary_orders, program
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.entity import Subject
from lichen.detect.profiles.counts import LITTLE, stand_ins
from lichen.detect.profiles.fit import fit_attacks, fit_benign, fresh_profiles, joined, without_each_kind
from lichen.detect.profiles.malice import Malice
from lichen.detect.profiles.profile import Profile
from lichen.detect.profiles.uses import USES

HOUR = 3600 * SECOND
acts = st.tuples(st.sampled_from("PQ"), st.sampled_from("tuv"), *(st.sampled_from("xyz") for _ in range(2)))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(acts, st.floats(0.5, 9), min_size=1, max_size=8),
    st.lists(st.sampled_from("xyzw"), min_size=3, max_size=3),
)
def test_it_equals_a_plain_mixture_over_techniques(counted: dict, parts: tuple[str, ...]) -> None:
    """Leaves (tactic, technique, given part, first judged part) -> last part; shortcuts for what nobody used."""
    counts: dict = {}
    for (tactic, technique, before, item), n in counted.items():
        counts.setdefault((tactic, technique, before, item), {})["xyz"[int(n) % 3]] = n
    malice, bases = Malice(counts, given=1, judged=2), [math.log(0.01), math.log(0.02)]
    shares = []
    for tactic, technique, rung in [("", "", 2), *((*pair, 0) for pair in malice.techniques)]:
        p = 1.0
        for place, tree in enumerate(malice.trees):
            leaf = (tactic, technique, *parts[: 1 + place])
            seen, escape = tree.predictive(leaf, parts[1 + place], rung)
            p *= seen + escape * math.exp(bases[place])
        shares.append(p)
    assert malice.log_p(parts, bases)[0] == pytest.approx(math.log(sum(shares) / len(shares)), abs=1e-9)


def test_nothing_confirmed_is_no_malicious_side() -> None:
    assert not Malice({}, given=0, judged=1)


def test_a_version_that_was_hardly_watched_is_judged_as_its_groups_best_known() -> None:
    spans = {
        ("orders", "orders@v1", "orders-1"): (0, 10 * HOUR),
        ("orders", "orders@v2", "orders-2"): (0, int(10 * HOUR * LITTLE) - 1),
        ("orders", "orders@v3", "orders-3"): (0, int(10 * HOUR * LITTLE) + 1),
        ("", "loose@v1", "x-1"): (0, HOUR),
    }
    found = stand_ins(spans)
    assert found["orders", "orders@v2"] == found["orders", ""] == "orders@v1"
    assert found["orders", "orders@v3"] == "orders@v3"
    assert ("", "") not in found


def test_a_deploy_opens_no_blind_hour() -> None:
    """On a version never seen, the usual stays usual and the never-seen stands out as on the old one."""
    profile = Profile(USES["pair"], 5).learn(ordinary_orders())
    old, new = (
        (Subject("workload", "orders-2"), "orders", "orders@v1"),
        (Subject("workload", "orders-2"), "orders", "orders@v2"),
    )
    odd, usual = "? › /usr/bin/dash › /usr/bin/nc", "? › /usr/bin/dash › /usr/bin/curl"
    assert profile.score_of(*new, odd) == profile.score_of(*old, odd) > 3
    assert profile.score_of(*new, usual) == profile.score_of(*old, usual) < 0
    deployed = program("orders-2", "/usr/bin/nc", "nc", "/usr/bin/dash", **{"subject.image": "orders@v2"})
    row = profile.detect(batch("exec", [deployed]), {})[0][0]
    assert "on this image" not in row.because


def test_joining_keeps_every_event_once_in_the_streams_order() -> None:
    whole = batch("http", [call("alice", f"/api/{n}", time=NOON + n * SECOND) for n in range(30)])
    parts = [whole.take(np.arange(a, b)) for a, b in ((20, 30), (0, 7), (7, 20))]
    (again,) = joined([*parts, whole.take(np.arange(0))])
    assert again.offset.tolist() == whole.offset.tolist()
    assert again.view.equals(whole.view)
    other = batch("http", [call("bruno", "/api/x")], place="other.log")
    assert len(joined([whole, other])) == 2


def test_sequences_learned_from_pieces_are_those_of_the_whole() -> None:
    whole = batch("http", [call("alice", f"/api/{'abc'[n % 3]}", time=NOON + n * SECOND) for n in range(30)])
    pieces = [whole.take(np.arange(n, n + 3)) for n in range(0, 30, 3)]
    one, many = (
        next(p for p in fit_benign(fresh_profiles(5), b) if p.name == "profile.sequence") for b in ([whole], pieces)
    )
    assert one.version == many.version


def test_each_fold_has_learned_all_kinds_but_its_own() -> None:
    profiles = fit_benign(fresh_profiles(5), [ordinary_orders()])
    confirmed = {
        kind: {"T1059.004": [batch("exec", [program("orders-1", image, image, "/usr/bin/dash")], place=kind)]}
        for kind, image in (("shell", "/usr/bin/bash"), ("scan", "/usr/bin/nc"), ("pack", "/usr/bin/tar"))
    }
    folds = without_each_kind(profiles, confirmed)
    for kind, fold in folds.items():
        pair = next(p for p in fold if p.name == "profile.pair")
        others: list = profiles
        for other in confirmed:
            if other != kind:
                others = fit_attacks(others, confirmed[other])
        assert pair.version == next(p for p in others if p.name == "profile.pair").version
