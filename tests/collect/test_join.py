"""Records find their event however they interleave, and however the log is cut into blocks or taken up again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from conftest import MAPPINGS, Scanned, source_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_logs import connect, execve, syscall, text_of

from lichen.collect.readers.auditd.join import Joiner, held_events
from lichen.core.batch import Position

SLOW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def some_events(count: int) -> list[list[str]]:
    """Events of three kinds, each with the process of the one before as parent."""
    made = []
    for serial in range(1, count + 1):
        time = 1795518860.0 + serial / 100
        if serial % 3:
            made.append(
                execve(
                    serial, f"/usr/bin/tool-{serial % 5}", "tool", f"{serial} x", pid=serial + 1, ppid=serial, time=time
                )
            )
        else:
            made.append(connect(serial, "/usr/bin/curl", "0200115CC6336417", pid=serial + 1, ppid=serial, time=time))
    return made


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[list[str]], list[str]]:
    """Some events, and their lines with the records of neighbours mixed, each event's own in order."""
    events = some_events(draw(st.integers(2, 12)))
    waiting = [list(event) for event in events]
    lines: list[str] = []
    while any(waiting):
        open_now = [event for event in waiting if event][:4]
        lines.append(draw(st.sampled_from(open_now)).pop(0))
    return events, lines


def read_text(
    text: str, since: dict[str, Position] | None = None, folder: str | None = None, **options: int
) -> Scanned:
    with tempfile.TemporaryDirectory() as own:
        file = Path(folder or own) / "audit.log"
        file.write_text(text, encoding="utf-8")
        return Scanned(list(source_of([file], host="here", mappings=MAPPINGS, **options).read(since or {})))


def told(scanned: Scanned) -> list[tuple[str, str, frozenset[str]]]:
    """Each event's serial, kind and lines."""
    return sorted((e["metadata.uid"], e["kind"], frozenset(e["text"].split("\n"))) for e in scanned.events())


@given(interleaved())
@SLOW
def test_interleaved_records_join_to_the_same_events(case: tuple[list[list[str]], list[str]]) -> None:
    events, lines = case
    assert told(read_text(text_of(lines))) == told(read_text(text_of(*events)))


@given(st.integers(4096, 9000), st.integers(10, 60))
@SLOW
def test_the_size_of_blocks_changes_no_event(batch_bytes: int, count: int) -> None:
    text = text_of(*some_events(count))
    whole, cut = read_text(text), read_text(text, batch_bytes=batch_bytes)
    assert cut.ids == whole.ids
    parents = [[event.get("actor.process.file.path") for event in scanned.events()] for scanned in (whole, cut)]
    assert parents[0] == parents[1]


@given(st.data(), st.integers(20, 60))
@SLOW
def test_a_scan_taken_up_at_any_delivery_gives_what_the_whole_gives(data: st.DataObject, count: int) -> None:
    text = text_of(*some_events(count))
    with tempfile.TemporaryDirectory() as folder:
        whole = read_text(text, folder=folder)
        first = read_text(text, folder=folder, batch_bytes=4096)
        done = data.draw(st.integers(1, len(first.deliveries)))
        committed = Scanned(first.deliveries[:done])
        stored = msgspec.json.encode(committed.positions)
        rest = read_text(text, msgspec.json.decode(stored, type=dict[str, Position]), folder=folder)
    assert sorted([*committed.ids, *rest.ids]) == sorted(whole.ids)
    views = [
        [{**event, "id": ""} for event in scanned.events()]
        for scanned in (whole, Scanned(committed.deliveries + rest.deliveries))
    ]
    assert views[0] == views[1]


@given(st.data(), st.integers(4, 20))
@SLOW
def test_a_log_that_grows_between_two_scans_loses_nothing_and_doubles_nothing(data: st.DataObject, count: int) -> None:
    text = text_of(*some_events(count))
    cut = data.draw(st.integers(1, len(text)))
    with tempfile.TemporaryDirectory() as folder:
        whole = read_text(text, folder=folder)
        first = read_text(text[:cut], folder=folder)
        positions = msgspec.json.decode(msgspec.json.encode(first.positions), type=dict[str, Position])
        second = read_text(text, positions, folder=folder)
    # what was cut through is told as far as it stood, and told whole later; all else exactly once
    both = [*first.ids, *second.ids]
    assert len(both) == len(set(both))
    if text[:cut].count("\n"):
        assert set(whole.ids) <= set(both)
        assert len(set(both) - set(whole.ids)) <= 2


def test_an_event_is_held_until_two_seconds_or_a_closing_record_passed() -> None:
    def record(serial: int, time: float) -> str:
        return syscall(serial, 59, "execve", "/bin/x", time=time)

    lines = [
        record(1, 100.0),
        record(2, 100.5),
        "type=PROCTITLE msg=audit(100.500:2): proctitle=6964",
        record(3, 102.1),
    ]
    assert held_events(Joiner().join(lines), len(lines)) == [False, False, True]
    assert held_events(Joiner().join(lines[:1]), 1) == [True]


def test_events_of_different_nodes_with_one_serial_stay_two() -> None:
    lines = [f"node={node} {syscall(7, 59, 'execve', '/bin/x')}" for node in ("a", "b")]
    assert Joiner().join(lines).node == ["a", "b"]
