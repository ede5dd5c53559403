"""Synthesis: short, clean of everything benign, true of variants that nobody confirmed, and accepted by sigma-cli."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_events import START, batch_of, lay
from made_finds import ALERT, DASH, FINDS, confirmed, ground, hits, laid, ordinary, ran

from lichen.core.errors import LichenError
from lichen.core.signature import Signature
from lichen.share.atoms import Atom, holds
from lichen.share.fields import DIALECTS, grounds_of, lines_of
from lichen.share.sigma import detection_of, file_name, title_of
from lichen.share.synthesise import synthesise


def made(kind: str) -> Signature:
    return synthesise(ALERT, confirmed(FINDS[kind][0]), ground(), date="2026-11-18")[0]


@pytest.fixture(scope="module")
def signatures() -> dict[str, Signature]:
    return {kind: made(kind) for kind in FINDS}


@pytest.mark.parametrize("kind", FINDS)
def test_it_hits_all_that_was_confirmed_and_variants_that_were_not(
    signatures: dict[str, Signature], kind: str, tmp_path: Path
) -> None:
    signature = signatures[kind]
    known, variants = FINDS[kind]
    assert signature.support == len(known)
    assert hits(signature.sigma, laid(known), tmp_path) == [list(range(len(known)))]
    assert hits(signature.sigma, laid(variants), tmp_path) == [list(range(len(variants)))], signature.sigma


@pytest.mark.parametrize("kind", FINDS)
def test_it_hits_nothing_benign_neither_what_it_was_held_against_nor_another_day(
    signatures: dict[str, Signature], kind: str, tmp_path: Path
) -> None:
    for seed in (1, 2):
        batches = [batch for batch in ordinary(seed, 200) if batch.kind == DIALECTS[kind].kind]
        assert sum(map(len, batches)) > 30
        assert not any(hits(signatures[kind].sigma, batches, tmp_path))
    signature = signatures[kind]
    events = sum(
        len(np.unique(one.event)) for batch in ordinary() for one in lines_of(batch) if one.dialect.category == kind
    )
    assert (signature.benign_hits, signature.benign_events) == (0, events)
    assert signature.false_rate_bound == 3 / events
    assert f"{events:,} events" in yaml.safe_load(signature.sigma)["description"]


@pytest.mark.parametrize("kind", FINDS)
def test_hit_miss_and_near_miss_are_what_they_say(signatures: dict[str, Signature], kind: str) -> None:
    signature = signatures[kind]
    atoms = [Atom(*key, 0.0) for key in signature.atoms]
    benign = ground()[kind]

    def true_of(line: dict[str, str]) -> list[bool]:
        numbers = [n for n in range(len(benign.lines)) if benign.line(n) == line]
        return [bool(holds(atom, benign)[numbers[0]]) for atom in atoms]

    assert true_of(signature.near_miss).count(False) == 1
    assert true_of(signature.miss).count(False) >= 1
    assert signature.hit in [grounds_of(laid(FINDS[kind][0]))[kind].line(n) for n in range(len(FINDS[kind][0]))]


@pytest.mark.parametrize("kind", FINDS)
def test_no_atom_can_be_left_out(signatures: dict[str, Signature], kind: str) -> None:
    atoms = [Atom(*key, 0.0) for key in signatures[kind].atoms]
    benign = ground()[kind]
    true = np.array([holds(atom, benign) for atom in atoms])
    assert not true.all(axis=0).any()
    if len(atoms) > 1:
        for left_out in range(len(atoms)):
            assert np.delete(true, left_out, axis=0).all(axis=0).any(), atoms[left_out]


def test_it_says_nothing_that_the_attacker_picks_freely(signatures: dict[str, Signature]) -> None:
    picked = ("4444", "8081", "203.0.113", "kx7", "evil.test", "passwd")
    for signature in signatures.values():
        assert not [atom for atom in signature.atoms if any(word in atom[2] for word in picked)], signature.atoms


def test_the_order_in_which_things_came_does_not_matter() -> None:
    known = FINDS["process_creation"][0]
    there, back = synthesise(ALERT, confirmed(known), ground(), date="2026-11-18"), None
    back = synthesise(ALERT, confirmed(known[::-1]), grounds_of(ordinary()[::-1]), date="2026-11-18")
    assert [one.sigma for one in there] == [one.sigma for one in back]


def test_benign_events_among_the_confirmed_are_left_uncovered(tmp_path: Path) -> None:
    noise = [ran(DASH, "sh -c gzip -9 /var/app/report-3.csv"), ran("/usr/bin/sort", "sort -9 /var/app/report-1.csv")]
    first, *_ = synthesise(ALERT, confirmed([*FINDS["process_creation"][0], *noise]), ground(), date="2026-11-18")
    assert first.support == 2
    assert hits(first.sigma, laid(noise), tmp_path) == [[]]


def test_what_looks_like_benign_work_becomes_no_signature() -> None:
    same = [ran(DASH, "sh -c gzip -9 /var/app/report-3.csv")]
    with pytest.raises(LichenError, match="tells these events from benign"):
        synthesise(ALERT, confirmed(same), ground(), date="2026-11-18")
    assert synthesise(ALERT, confirmed(same), ground(), date="2026-11-18", hits_allowed=2)[0].benign_hits <= 2


def test_without_benign_events_of_the_kind_there_is_no_signature() -> None:
    with pytest.raises(LichenError, match="no benign events"):
        synthesise(ALERT, confirmed(FINDS["dns"][0]), {}, date="2026-11-18")
    login = batch_of(lay([("auth", START, "admin-1", {"user.name": "ada"})]))
    with pytest.raises(LichenError, match="none that Sigma has a category for"):
        synthesise(ALERT, [(login, np.array([0]))], ground(), date="2026-11-18")


def test_what_the_real_engine_counts_is_believed(tmp_path: Path) -> None:
    benign = ordinary(count=100)
    count = lambda sigma: sum(map(len, hits(sigma, benign, tmp_path)))  # noqa: E731
    found = synthesise(ALERT, confirmed(FINDS["network_connection"][0]), ground(), date="2026-11-18", count=count)
    assert found[0].benign_hits == 0
    with pytest.raises(LichenError, match="tells these events"):
        synthesise(ALERT, confirmed(FINDS["network_connection"][0]), ground(), date="2026-11-18", count=lambda sigma: 7)
    find = confirmed(FINDS["network_connection"][0])
    allowed, *_ = synthesise(ALERT, find, ground(), date="2026-11-18", hits_allowed=7, count=lambda sigma: 7)
    assert "7 benign hits" in allowed.sigma


def test_several_signatures_together_cover_what_one_cannot(tmp_path: Path) -> None:
    mixed = [*FINDS["process_creation"][0], *FINDS["network_connection"][0], *FINDS["file_event"][0]]
    found = synthesise(ALERT, confirmed(mixed), ground(), date="2026-11-18")
    assert {yaml.safe_load(one.sigma)["logsource"]["category"] for one in found} == {
        "process_creation",
        "network_connection",
        "file_event",
    }


def test_sigma_cli_accepts_every_kind(signatures: dict[str, Signature], tmp_path: Path) -> None:
    for signature in signatures.values():
        (tmp_path / file_name(signature)).write_text(signature.sigma, encoding="utf-8")
    sigma = Path(sys.executable).with_name("sigma")
    # these two fetch MITRE's lists from the network, which a test must not need
    offline = ["-x", "attacktag", "-x", "d3_fendtag"]
    run = [str(sigma), "check", "--fail-on-error", "--fail-on-issues", *offline, str(tmp_path)]
    told = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "No rule errors found" in told.stdout


def test_it_carries_where_it_came_from_and_waits_in_the_shadow(signatures: dict[str, Signature]) -> None:
    rule = yaml.safe_load(signatures["process_creation"].sigma)
    assert signatures["process_creation"].stage == "shadow"
    assert rule["status"] == "experimental"
    assert rule["logsource"] == {"product": "linux", "category": "process_creation"}
    assert rule["tags"] == ["attack.t1059.004"]
    origin = rule["lichen"]
    assert (origin["alert"], origin["subject"], origin["made"]) == (ALERT.uid, "workload orders-2", "2026-11-18")
    assert origin["detectors"] == {"profile.pair": "v1", "rules": "v9"}
    assert origin["hit"] == signatures["process_creation"].hit
    assert made("process_creation").id == signatures["process_creation"].id


def test_two_values_of_one_field_and_an_exclusion_are_all_asked_for(tmp_path: Path) -> None:
    atoms = [
        Atom("CommandLine", "contains", "curl", 1),
        Atom("CommandLine", "contains", "-s", 1),
        Atom("Image", "endswith", "/dash", 1),
    ]
    assert detection_of(atoms) == {
        "selection": {"CommandLine|contains": "curl", "Image|endswith": "/dash"},
        "selection1": {"CommandLine|contains": "-s"},
        "condition": "selection and selection1",
    }
    net = detection_of([Atom("Image", "endswith", "/x", 1), Atom("DestinationIp", "not cidr", "10.0.0.0/8,::1/128", 1)])
    assert net["condition"] == "selection and not filter"
    assert net["filter"] == {"DestinationIp|cidr": ["10.0.0.0/8", "::1/128"]}


def test_titles_are_short_and_say_what_it_is(signatures: dict[str, Signature]) -> None:
    assert all(len(signature.title) <= 100 for signature in signatures.values())
    assert len({signature.title for signature in signatures.values()}) == len(signatures)
    long = [Atom("CommandLine", "contains", f"word{i} \n{'x' * 60}", 1) for i in range(4)]
    assert len(title_of(DIALECTS["process_creation"], long)) <= 100
    assert title_of(DIALECTS["process_creation"], long).isprintable()


def test_events_read_from_shapes_and_from_the_view_are_the_same_lines() -> None:
    rows = [*FINDS["file_event"][0], *FINDS["file_access"][0]]
    events = lay([(kind, START + i, "orders-2", view) for i, (kind, view) in enumerate(rows)])
    shaped, plain = batch_of(events), batch_of(events, shaped=False)
    for left, right in zip(lines_of(shaped), lines_of(plain), strict=True):
        assert left.dialect == right.dialect
        assert left.lines.equals(right.lines)
        assert left.event.tolist() == right.event.tolist()
