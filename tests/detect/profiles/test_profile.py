"""Profiles rank what is usual, new here, known elsewhere and never seen; say so in words; and take answers back."""

import pytest
from crafted import NOON, SECOND, batch, call, file_act, ordinary_orders, program, workload
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core import ocsf
from lichen.core.batch import Batch
from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.errors import ModelError
from lichen.core.evidence import Evidence
from lichen.detect.profiles.profile import Profile
from lichen.detect.profiles.uses import USES

ORDERS_2 = (Subject("workload", "orders-2"), "orders", "orders@v1")
SHELL = "/usr/bin/bash"


def fleet() -> list[Batch]:
    """Six orders replicas, one of which was debugged once, and an admin host where shells are usual."""
    debugging = [program("orders-5", "/usr/bin/ps", "ps aux", SHELL, time=NOON + 60 * SECOND)]
    admin = [
        program("admin-1", image, command, SHELL, time=NOON + n * 30 * SECOND)
        for n in range(30)
        for image, command in (("/usr/bin/ls", "ls -la"), ("/usr/bin/grep", "grep x"), (SHELL, "bash"))
    ]
    return [ordinary_orders(), batch("exec", debugging), batch("exec", admin)]


def learned(name: str, batches: list[Batch], side: str = "benign") -> Profile:
    profile = Profile(USES[name], 5)
    for one in batches:
        profile = profile.learn(one, side=side)
    return profile


@pytest.fixture(scope="module")
def process() -> Profile:
    return learned("process", fleet())


def of(profile: Profile, value: str) -> float:
    return profile.score_of(*ORDERS_2, value)


def only(profile: Profile, event: dict, kind: str = "exec") -> Evidence:
    rows, _, _ = profile.detect(batch(kind, [{**event, "time": NOON + 7200 * SECOND}]), {})
    return rows[0]


def test_scores_climb_from_usual_to_never_seen(process: Profile) -> None:
    usual, elsewhere_in_image, in_the_fleet, never = (
        of(process, value)
        for value in ("/usr/bin/curl › -fsS -m", "/usr/bin/ps › plain", "/usr/bin/ls › -la", "/usr/bin/xxd › -p")
    )
    assert usual < 0 < elsewhere_in_image < in_the_fleet <= never
    assert never > 3


def test_an_odd_name_scores_above_a_plausible_one() -> None:
    """Little was learned, so that neither is beyond the clip."""
    few = learned("process", [ordinary_orders(replicas=2, minutes=4)])
    assert of(few, "/dev/shm/.kx7 › plain") > of(few, "/usr/bin/curt › plain") + 0.3


def test_words_tell_what_is_new_and_on_how_much_history_that_rests() -> None:
    pairs = learned("pair", fleet())
    row = only(pairs, program("orders-2", SHELL, "bash -i", "/usr/bin/python3.11"))
    assert row.because == "ran bash under python<n>.<n>, never seen in the fleet (7 workloads, 2 hours)"
    known_elsewhere = only(learned("process", fleet()), program("orders-2", "/usr/bin/ls", "ls -la"))
    assert known_elsewhere.because == "ran ls -la, never seen on this group (6 workloads, 2 hours)"
    usual = only(pairs, program("orders-2", "/usr/bin/curl", "curl", "/usr/bin/dash"))
    assert "usual" in usual.because
    assert usual.score_nats < 0


def test_values_are_known_where_the_image_knows_them(process: Profile) -> None:
    events = [
        program("orders-2", "/usr/bin/curl", "curl -fsS -m 3 http://127.0.0.1/"),
        program("orders-2", "/usr/bin/ps", "ps"),  # another replica ran it
        program("orders-2", "/usr/bin/xxd", "xxd -p"),
        program("orders-2", "/usr/bin/ls", "ls -la"),  # usual on the admin host alone
    ]
    rows, census, _ = process.detect(batch("exec", events), {})
    assert (rows[0].n_known, rows[0].n_new) == (2, 2)
    assert census[0].seen == 4


def test_a_new_image_of_a_known_group_leans_on_the_group(process: Profile) -> None:
    deployed = (Subject("workload", "orders-2"), "orders", "orders@v2")
    stranger = (Subject("workload", "x-1"), "x", "x@v1")
    usual = "/usr/bin/curl › -fsS -m"
    assert process.score_of(*deployed, usual) < process.score_of(*stranger, usual) < 1


def test_events_without_workload_are_the_hosts(process: Profile) -> None:
    event = {"subject.host": "plain-box", "process.file.path": "/usr/bin/ls", "process.cmd_line": "ls"}
    assert only(process, event).subject == Subject("host", "plain-box")


def test_missing_fields_are_counted_and_other_kinds_ignored(process: Profile) -> None:
    _, census, _ = process.detect(batch("exec", [program("orders-2", SHELL), {**workload("orders-2")}]), {})
    assert [row.missing for row in census] == [1]
    assert process.detect(batch("http", [call("alice", "/")]), {}) == ([], [], {})


def test_confirmed_attacks_raise_what_is_like_them_and_name_the_technique() -> None:
    benign = learned("pair", fleet())
    attack = batch("exec", [program("orders-1", SHELL, "bash -i", "/usr/bin/dash")])
    taught = benign.learn(attack, side="malicious:T1059.004")
    same = program("orders-3", SHELL, "bash -i", "/usr/bin/dash")
    few = Profile(USES["pair"], 5).learn(ordinary_orders(2, 3))
    assert only(few.learn(attack, side="malicious:T1059.004"), same).score_nats > only(few, same).score_nats
    row = only(taught, same)
    assert row.techniques == ("T1059.004",)
    assert row.because.endswith("as in confirmed attacks (T1059.004)")
    usual = "? › /usr/bin/dash › /usr/bin/curl"
    assert of(taught, usual) == pytest.approx(of(benign, usual), abs=0.2)


def test_scores_stay_within_six_nats(process: Profile) -> None:
    for value in ("/usr/bin/dash › -c", "/dev/shm/" + "☃" * 60 + " › plain", " › ", "\x00\x01 › x", "/ › /"):
        assert -6 <= of(process, value) <= 6


# answers


def twin_work() -> tuple[Batch, Batch]:
    """A backup that one replica makes now, and the same work with another file name, later, on another."""
    names = ("orders-a", "orders-b", "carts", "people")
    one, twin = (
        batch(
            "file",
            [
                file_act(who, "/usr/bin/pg_dump", f"/var/backups/{day}-{name}.sql.gz", time=NOON + n * SECOND)
                for n, name in enumerate(names)
            ],
        )
        for who, day in (("db-1", "monday"), ("db-2", "tuesday"))
    )
    return one, twin


def ordinary_files() -> Batch:
    return batch(
        "file",
        [
            file_act(f"db-{n}", "/usr/bin/gzip", f"/var/log/app/{name}.{k}.gz", ocsf.CREATE, time=NOON + k * SECOND)
            for n in (1, 2, 3)
            for k in range(40)
            for name in ("access", "error", "slow")
        ],
    )


def loud(profile: Profile, work: Batch) -> float:
    """The share of a work's values at 3 nats or more (docs/profiles.md, "Answers")."""
    acts, _ = profile.use.read(work, {})
    scores = profile._scores(work, acts)
    best: dict[int, float] = {}
    for value, nats in zip(scores.value.tolist(), scores.nats.tolist(), strict=True):
        best[value] = max(best.get(value, -9.0), nats)
    return sum(nats >= 3 for nats in best.values()) / len(best)


@pytest.mark.parametrize("node", ["group db", "image db@v1", "fleet"])
def test_an_expected_answer_at_least_halves_the_twins_loud_values(node: str) -> None:
    profile = learned("path", [ordinary_files()])
    work, twin = twin_work()
    before = loud(profile, twin)
    overlay = profile.overlay_for(work, range(len(work)), node)
    after = loud(profile.with_overlays([overlay]), twin)
    assert before > 0.5
    assert after <= before / 2


def test_an_answer_stays_at_its_node_and_its_detector() -> None:
    profile = learned("path", [ordinary_files()])
    work, twin = twin_work()
    at_db_1 = profile.with_overlays([profile.overlay_for(work, range(len(work)), "db-1")])
    assert loud(at_db_1, work) < loud(profile, work)
    assert loud(at_db_1, twin) == loud(profile, twin)
    other = Overlay("profile.process", "fleet", {"/usr/bin/xxd › -p": 1.0})
    assert profile.with_overlays([other]).version == profile.version


def test_ten_answers_share_half_of_a_node_and_more_are_scaled(process: Profile) -> None:
    answers = [Overlay(process.name, "fleet", {f"/usr/bin/x{n} › plain": 1.0}) for n in range(40)]
    usual = "/usr/bin/curl › -fsS -m"
    assert of(process.with_overlays(answers), usual) <= of(process, usual) + 0.7  # log 2 and no more


def test_an_answer_is_a_mixture_that_still_sums_to_one() -> None:
    """Exact values take half of q, templates half; what q gives, the model loses."""
    profile = learned("path", [ordinary_files()])
    work, _ = twin_work()
    judge = profile.with_overlays([profile.overlay_for(work, range(len(work)), "db-1")]).judges["workload"]
    side = judge.expected._at["db-1"][()][0]
    assert sum(side.exact.values()) + sum(share for _, _, share in side.templates) == pytest.approx(1.0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["orders-1", "orders-2", "orders-9"]), min_size=1, max_size=5), st.booleans())
def test_undo_is_bit_equal_after_later_learning_too(who: list[str], condemned: bool) -> None:
    profile = learned("process", fleet())
    answered = batch("exec", [program(name, "/usr/bin/xxd", "xxd -p") for name in who])
    side = "malicious:T1048" if condemned else "benign"
    overlay = profile.overlay_for(answered, range(len(answered)), who[0], side)
    laid, later = profile.with_overlays([overlay]), ordinary_orders(3, 4)
    values = ["/usr/bin/xxd › -p", "/usr/bin/curl › -fsS -m", "/usr/bin/nc › -e", "/usr/bin/date › +%F"]
    subject = (Subject("workload", who[0]), "orders", "orders@v1")
    assert [laid.score_of(*subject, v) for v in values] != [profile.score_of(*subject, v) for v in values]
    undone, never = laid.learn(later).with_overlays([]), profile.learn(later)
    assert undone.version == never.version
    assert [undone.score_of(*subject, v) for v in values] == [never.score_of(*subject, v) for v in values]
    assert laid.with_overlays([]).version == profile.version


def test_a_condemning_answer_raises_its_values_and_no_others() -> None:
    few = learned("process", [ordinary_orders(2, 3)])
    answered = batch("exec", [program("orders-1", "/usr/bin/xxd", "xxd -p")])
    laid = few.with_overlays([few.overlay_for(answered, [0], "group orders", "malicious:T1048")])
    assert of(laid, "/usr/bin/xxd › -p") > of(few, "/usr/bin/xxd › -p") + 1
    assert of(laid, "/usr/bin/curl › -fsS -m") == of(few, "/usr/bin/curl › -fsS -m")


# beside, and files


def test_beside_shows_the_usual_next_to_the_seen() -> None:
    pairs = learned("pair", fleet())
    rows = pairs.beside(*ORDERS_2, ["? › /usr/bin/dash › /usr/bin/bash", "? › /usr/bin/dash › /usr/bin/curl"])
    assert [row.what for row in rows] == ["children of dash"]
    assert rows[0].seen == ("bash", "curl")
    assert rows[0].seen_is_new == (True, False)
    assert [name for name, _ in rows[0].normal] == ["curl", "date"]
    assert sum(share for _, share in rows[0].normal) == pytest.approx(1.0)
    assert rows[0].history == "never seen in the fleet (7 workloads, 2 hours)"


def test_a_damaged_or_foreign_file_is_refused_with_its_place(tmp_path, process: Profile) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Profile.load(tmp_path)
    (tmp_path / "profile.arrow").write_bytes(b"ARROW1 but not really")
    with pytest.raises(ModelError, match="remedy"):
        Profile.load(tmp_path)
    process.save(tmp_path)
    with pytest.raises(ModelError, match="no use is called"):
        Profile.load(tmp_path, {"pair": USES["pair"]})
    with pytest.raises(ModelError, match="not those that route reads"):
        Profile.load(tmp_path, {"process": USES["route"]})


def test_a_saved_profile_is_small_and_called_the_same(tmp_path, process: Profile) -> None:
    process.save(tmp_path)
    assert (tmp_path / "profile.arrow").stat().st_size < 20_000
    assert Profile.load(tmp_path).version == process.version


def test_events_with_odd_values_are_judged_and_bounded(process: Profile) -> None:
    odd = ["\x1b[31m", "a" * 50_000, "/tmp/\ufffd", "/x › y", "‮gpj.sh", " ", "/" * 3000]
    rows, _, memory = process.detect(batch("exec", [program("orders-2", image, image * 2) for image in odd]), {})
    assert rows[0].n_events == len(odd)
    values = next(iter(memory["windows"].values())).known
    assert all(len(value) < 400 and value.isprintable() and value.count("›") == 1 for value in values)


def test_the_same_counts_under_other_answers_share_what_is_derived_and_score_as_if_made_anew(process: Profile) -> None:
    value, overlay = "/usr/bin/xxd › -p", Overlay("profile.process", "orders-2", {"/usr/bin/xxd › -p": 1.0})
    before = of(process, value)
    laid = process.with_overlays([overlay])
    anew = Profile(process.use, process.minutes, process.learned, overlays=(overlay,))
    assert of(laid, value) == of(anew, value) < before
    assert laid.version == anew.version == f"{process.version}+{laid.version.partition('+')[2]}"
    assert process.with_overlays([]) is process
    assert laid.with_overlays([overlay]) is laid
    assert laid.judges["workload"].trees is process.judges["workload"].trees
    assert of(laid.with_overlays([]), value) == of(process, value) == before
