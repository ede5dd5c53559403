"""Our learners keep the promises of `lichen.check`, over batches of every kind."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent / "detect" / "profiles"))
from crafted import NOON, SECOND, batch, call, file_act, program, workload

from lichen.check.learners import (
    detect_changes_nothing,
    forget_moves_towards_parent,
    merge_equals_learning_both,
    said,
    save_load_keeps_scores,
)
from lichen.core import ocsf
from lichen.core.batch import Batch
from lichen.core.doors import Detector, Learner
from lichen.detect.profiles.fit import fresh_profiles
from lichen.detect.profiles.profile import Profile

LEARNERS = {learner.name: learner for learner in fresh_profiles(5)}
DAY = 86_400 * SECOND

WORKLOADS = ("orders-1", "orders-2", "orders-3", "web-1")
IMAGES = ("/usr/bin/dash", "/usr/bin/curl", "/usr/bin/python3.11", "/dev/shm/.kx7", "/usr/bin/ls")
COMMANDS = ("x", "x -c id", "x /srv/app/a.sh", "x -la /tmp", "x -fsS -m 3 http://a/")
PATHS = ("/usr/bin/ls", "/etc/cron.d/a", "/var/log/a.1", "/srv/app/x.csv", "/tmp/.q")
CALLS = ("/api/cart", "/api/orders/7", "/api/orders/8/pay", "/api/export/customers", "/")
ADDRESSES = ("10.77.0.12", "198.51.100.7", "203.0.113.9")
NAMES = ("db-1", "a.mirror.example", "aa1795507567cc0190ffab.evil.test", "www.example.org")
KINDS = ("exec", "file", "http", "net", "dns", "auth")


def event(kind: str, chance: random.Random, time: int) -> dict[str, Any]:
    """An event of a kind, all its fields by chance."""
    pick, who = chance.choice, chance.choice(WORKLOADS)
    if kind == "exec":
        return program(who, pick(IMAGES), pick(COMMANDS), pick((None, *IMAGES)), time=time)
    if kind == "file":
        return file_act(who, pick(IMAGES), pick(PATHS), pick((ocsf.CREATE, ocsf.READ, ocsf.UPDATE)), time=time)
    if kind == "http":
        return call(pick(("alice", "bruno", "carla")), pick(CALLS), code=pick((200, 404, 500)), time=time)
    if kind == "dns":
        return {**workload(who), "query.hostname": pick(NAMES), "query.type": "A", "time": time}
    there = {"dst_endpoint.ip": pick(ADDRESSES), "dst_endpoint.port": 443, "activity_id": ocsf.OPEN}
    if kind == "net":
        return {**workload(who), "actor.process.file.path": pick(IMAGES), **there, "time": time}
    came = {"src_endpoint.ip": pick(ADDRESSES), "service.name": "sshd", "status_id": pick((1, 2)), "activity_id": 1}
    return {**workload(who), **came, "time": time}


def some_batches(chance: random.Random, kinds: Sequence[str]) -> list[Batch]:
    """A few batches over half an hour."""
    made = []
    for number in range(chance.randint(1, 3)):
        kind = chance.choice(kinds)
        times = sorted(NOON + chance.randrange(1800) * SECOND for _ in range(chance.randint(1, 25)))
        events = [event(kind, chance, time) for time in times]
        made.append(batch(kind, events, place=f"{kind}-{number}-{chance.random()}.log"))
    return made


def kinds_of(learner: Learner) -> Sequence[str]:
    return sorted(learner.use.kinds) if isinstance(learner, Profile) else KINDS


quick = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


def learned(learner: Learner, many: list[Batch], side: str = "benign") -> Learner:
    for one in many:
        learner = learner.learn(one, side=side)
    return learner


def test_every_profile_is_a_learner() -> None:
    assert sorted(LEARNERS) == [
        "profile.destination",
        "profile.pair",
        "profile.path",
        "profile.process",
        "profile.rate",
        "profile.route",
        "profile.sequence",
    ]
    for learner in LEARNERS.values():
        assert isinstance(learner, Learner)
        assert isinstance(learner, Detector)


@pytest.mark.parametrize("name", sorted(LEARNERS))
@quick
@given(seed=st.integers(0, 10**6))
def test_detect_changes_nothing(name: str, seed: int) -> None:
    learner, chance = LEARNERS[name], random.Random(seed)
    kinds = kinds_of(learner)
    detect_changes_nothing(learned(learner, some_batches(chance, kinds)), some_batches(chance, kinds))


@pytest.mark.parametrize("name", sorted(LEARNERS))
@quick
@given(seed=st.integers(0, 10**6))
def test_merge_equals_learning_both(name: str, seed: int) -> None:
    learner, chance = LEARNERS[name], random.Random(seed)
    kinds = kinds_of(learner)
    one, other, attacks, probes = (some_batches(chance, kinds) for _ in range(4))
    merge_equals_learning_both(learner, one, other, probes)
    merge_equals_learning_both(learner, attacks, other, probes, side="malicious:T1105")


@pytest.mark.parametrize("name", sorted(LEARNERS))
@quick
@given(seed=st.integers(0, 10**6))
def test_save_and_load_keep_scores(name: str, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    learner, chance = LEARNERS[name], random.Random(seed)
    kinds = kinds_of(learner)
    past, attacks, probes = (some_batches(chance, kinds) for _ in range(3))
    grown = learned(learned(learner, past), attacks, "malicious:T1048.003").forget(NOON + 40 * DAY)
    save_load_keeps_scores(grown, tmp_path_factory.mktemp("saved"), probes)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_forgetting_moves_towards_the_parent(name: str) -> None:
    """One odd replica (user) has a past of its own; its like has none; long after, both are judged alike."""
    past, own, sibling = odd_habit(name)
    learner = learned(LEARNERS[name], past)
    forget_moves_towards_parent(learner, [own], [sibling], [NOON + days * DAY for days in (1, 60, 200, 400)])


def odd_habit(name: str) -> tuple[list[Batch], Batch, Batch]:
    """The past of a group with one odd member, and the odd member's habit by itself and by a newcomer."""
    kind, habit, usual = HABITS[name]
    past = [usual(who, NOON + n * 20 * SECOND, n) for n in range(90) for who in MEMBERS[kind][:-2]]
    past += [habit(MEMBERS[kind][-2], NOON + n * 4 * SECOND, n) for n in range(450)]
    now = NOON + 2 * 3600 * SECOND
    own, sibling = (batch(kind, [habit(who, now + n * 4 * SECOND, n) for n in range(30)]) for who in MEMBERS[kind][-2:])
    return [batch(kind, sorted(past, key=lambda row: row["time"]))], own, sibling


def dns(who: str, name: str, time: int) -> dict[str, Any]:
    return {**workload(who), "query.hostname": name, "query.type": "A", "time": time}


PEOPLE = (*(f"user-{n}" for n in range(12)), "odd", "newcomer")
REPLICAS = ("orders-1", "orders-2", "orders-8", "orders-9")
WALK = ("/api/login", "/api/cart")
MEMBERS = {"exec": REPLICAS, "file": REPLICAS, "dns": REPLICAS, "http": PEOPLE}
PROGRAMS = (
    "exec",
    lambda who, t, n: program(who, "/usr/bin/nc", "nc -l", "/usr/bin/dash", time=t),
    lambda who, t, n: program(who, "/usr/bin/curl", "curl -s", "/usr/bin/dash", time=t),
)
HABITS: dict[str, tuple[str, Any, Any]] = {
    "profile.process": PROGRAMS,
    "profile.pair": PROGRAMS,
    "profile.path": (
        "file",
        lambda who, t, n: file_act(who, "/usr/bin/cp", "/usr/bin/odd", time=t),
        lambda who, t, n: file_act(who, "/usr/bin/gzip", "/var/log/a.gz", time=t),
    ),
    "profile.destination": (
        "dns",
        lambda who, t, n: dns(who, "a.odd.example", t),
        lambda who, t, n: dns(who, "db-1", t),
    ),
    "profile.route": (
        "http",
        lambda who, t, n: call(who, "/api/export/x", time=t),
        lambda who, t, n: call(who, "/api/cart", time=t),
    ),
    "profile.sequence": (  # all log in and look at the cart; then the odd one exports, the others buy
        "http",
        lambda who, t, n: call(who, (*WALK, "/api/export/x")[n % 3], time=t),
        lambda who, t, n: call(who, (*WALK, "/api/buy")[n % 3], time=t),
    ),
    "profile.rate": (  # fifteen calls a minute, where others make three
        "http",
        lambda who, t, n: call(who, "/api/cart", time=t),
        lambda who, t, n: call(who, "/api/cart", time=t),
    ),
}


def test_memory_of_one_stream_is_bounded() -> None:
    """Two days of windows leave the newest sixteen of a subject, and the evicted are counted."""
    for name, learner in LEARNERS.items():
        kind, habit, _ = HABITS[name]
        events = [habit(MEMBERS[kind][0], NOON + n * 300 * SECOND, n) for n in range(40)]
        memory = said(learner, [batch(kind, events)])[2]
        per_subject = np.unique([window.subject.kind for window in memory["windows"].values()], return_counts=True)[1]
        assert per_subject.max() == 16
        unjudged = 2 if name == "profile.sequence" else 0  # calls before which nothing was seen
        assert memory["evicted"] == (24 - unjudged) * len(per_subject)
