"""`/healthz` speaks of the process, `/readyz` of what is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.request import urlopen

from desk_for_pages import DeskForPages
from served import Site
from trial_alerts import NOW

from lichen.core.desk import Health
from lichen.core.errors import LichenError
from lichen.core.time import MICROSECONDS

Serve = Callable[[DeskForPages], Site]


def test_a_monitor_needs_no_token_and_learns_no_event(site: Site) -> None:
    with urlopen(f"{site.url}/healthz") as answer:
        assert answer.status == 200
    ready = site.ask("/readyz", Cookie="")
    assert ready.status == 200
    assert json.loads(ready.text) == {
        "ready": True, "sources": 4, "silent": 0, "events": 9746, "dropped": 0, "dead_letters": 0,
        "seconds_since_last_event": 2,
    }  # fmt: skip
    assert "orders" not in ready.text


def test_nothing_is_ready_where_every_source_is_silent(serve: Serve) -> None:
    silent = Health((("a.log", NOW - MICROSECONDS, 3),), ("a.log",), 0, 0, 0, 0, 3)
    for health in (silent, Health((), (), 0, 0, 0, 0, 0)):
        answer = serve(DeskForPages([], health=health)).ask("/readyz", Cookie="")
        assert answer.status == 503
        assert json.loads(answer.text)["ready"] is False


class Broken(DeskForPages):
    """A desk whose store fails."""

    def health(self) -> Health:
        raise LichenError("the store cannot be read", place=".lichen/records.sqlite", remedy="check the disk")


def test_a_fault_of_the_store_is_told_with_place_and_remedy(serve: Serve) -> None:
    site = serve(Broken([]))
    assert site.ask("/readyz", Cookie="").status == 503
    answer = site.ask("/")
    assert answer.status == 422
    for told in ("the store cannot be read", ".lichen/records.sqlite", "check the disk"):
        assert told in answer.text


class Faulty(DeskForPages):
    """A desk with a fault of ours."""

    def models(self) -> list[dict[str, object]]:
        raise ZeroDivisionError("secret of the inside")


def test_a_fault_of_ours_is_a_page_without_a_trace(serve: Serve) -> None:
    answer = serve(Faulty([])).ask("/models")
    assert answer.status == 500
    assert "a fault of ours" in answer.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_corner_names_what_was_missed_and_what_was_not_measured(serve: Serve) -> None:
    health = Health(
        sources=(("a.log", NOW - MICROSECONDS, 3),),
        silent=(),
        dead_letters=2,
        dropped=None,
        canaries_seen=4,
        canaries_sent=5,
        events=3,
        canaries_time=NOW - 120 * MICROSECONDS,
        canaries_missed=("profile.path: it said <b>nothing</b>",),
        drops=(("not JSON", 2),),
        not_measured=("drops before we read", "silence of a.log"),
    )
    page = serve(DeskForPages([], health=health)).ask("/").text
    assert "4 of 5 canaries seen" in page
    assert "Canary not seen: profile.path: it said &lt;b&gt;nothing&lt;/b&gt;" in page
    assert "2 records unreadable: not JSON" in page
    assert "Not measured: drops before we read; silence of a.log." in page
    assert "silence not measured" in page
    assert "drops not measured" in page
    assert "0 dropped" not in page
