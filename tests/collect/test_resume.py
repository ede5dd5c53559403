"""A stream is known by what it holds: renamed, compressed, copied, grown or rotated, nothing is lost or doubled."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import threading
import zipfile
from pathlib import Path

import msgspec
import pytest
from conftest import Scan, Scanned, source_of
from written_logs import execve, text_of

from lichen.core.batch import Position


def log(*serials: int, size: int = 0) -> str:
    """An audit log of one execve a serial."""
    return text_of(*[execve(n, "/usr/bin/x", "x", str(n), "y" * size, time=1795518860.0 + n * 10) for n in serials])


def stored(scanned: Scanned) -> dict[str, Position]:
    """Positions as a store gives them back."""
    return msgspec.json.decode(msgspec.json.encode(scanned.positions), type=dict[str, Position])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_text(log(*range(1, 200)))
    return path


def test_the_same_file_twice_gives_no_doubled_event(scan: Scan, file: Path) -> None:
    first = scan(file, file)
    assert len(first.ids) == len(set(first.ids)) == 199
    again = scan(file, since=stored(first))
    assert again.ids == []
    assert again.deliveries[-1].ended


COMPRESSED = {
    "audit.log.1": lambda data: data,
    "audit.log.2.gz": gzip.compress,
    "audit.log.2.xz": lzma.compress,
    "audit.log.2.bz2": bz2.compress,
    "two-members.gz": lambda data: gzip.compress(data[:5000]) + gzip.compress(data[5000:]),
    "two-streams.xz": lambda data: lzma.compress(data[:5000]) + lzma.compress(data[5000:]),
}


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_renamed_and_compressed_copy_is_the_same_stream(scan: Scan, file: Path, name: str) -> None:
    first = scan(file)
    copy = file.with_name(name)
    copy.write_bytes(COMPRESSED[name](file.read_bytes()))
    assert scan(copy, since=stored(first)).ids == []
    assert scan(copy).ids == first.ids
    file.unlink()
    assert scan(copy.parent).ids == first.ids


def test_entries_of_a_zip_are_streams_of_their_own_with_the_same_ids(scan: Scan, file: Path) -> None:
    other = log(*range(500, 510))
    archive = file.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("var/log/audit.log", file.read_text())
        made.writestr("var/log/other.log", other)
    scanned = scan(archive)
    assert {event["place"] for event in scanned.events()} == {
        f"{archive}!var/log/audit.log",
        f"{archive}!var/log/other.log",
    }
    assert set(scan(file).ids) < set(scanned.ids)
    assert len(scanned.ids) == 209


def test_a_file_that_grew_is_read_on_from_where_it_was_left(scan: Scan, file: Path) -> None:
    first = scan(file)
    with file.open("a") as opened:
        opened.write(log(300, 301))
    second = scan(file, since=stored(first))
    assert [event["metadata.uid"] for event in second.events()] == ["300", "301"]
    assert [*first.ids, *second.ids] == scan(file).ids
    assert "from byte" in second.notes[0]


def test_parents_are_known_across_a_resume(scan: Scan, tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    parent = text_of(execve(1, "/usr/bin/bash", "bash", pid=10, ppid=1))
    file.write_text(parent)
    first = scan(file)
    file.write_text(parent + text_of(execve(2, "/usr/bin/id", "id", pid=11, ppid=10, time=1795518990.0)))
    [event] = scan(file, since=stored(first)).events()
    assert event["actor.process.file.path"] == "/usr/bin/bash"


def test_parents_are_known_across_rotated_files_whatever_their_names(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "z-older.log").write_text(text_of(execve(1, "/usr/bin/bash", "bash", pid=10, ppid=1)))
    (tmp_path / "a-newer.log").write_text(text_of(execve(2, "/usr/bin/id", "id", pid=11, ppid=10, time=1795518990.0)))
    events = {event["process.file.path"]: event for event in scan(tmp_path).events()}
    assert events["/usr/bin/id"]["actor.process.file.path"] == "/usr/bin/bash"


def test_half_a_line_is_read_when_it_is_whole(scan: Scan, file: Path) -> None:
    text = file.read_text()
    extra = log(300)
    with file.open("a") as opened:
        opened.write(extra[:100])
    first = scan(file)
    file.write_text(text + extra)
    second = scan(file, since=stored(first))
    whole = scan(file)
    assert set(whole.ids) <= {*first.ids, *second.ids}
    assert len([*first.ids, *second.ids]) == len({*first.ids, *second.ids})


def test_half_a_line_that_is_being_written_is_held_back(file: Path) -> None:
    line, stop = log(300), threading.Event()

    def write_slowly() -> None:
        with file.open("a") as opened:
            for sign in line[:200]:
                opened.write(sign)
                opened.flush()
                if stop.wait(0.01):
                    return

    writer = threading.Thread(target=write_slowly)
    writer.start()
    try:
        source = source_of([file])
        source.settle_seconds = 0.3
        scanned = Scanned(list(source.read({})))
    finally:
        stop.set()
        writer.join()
    assert len(scanned.ids) == 199
    assert scanned.letters == []


def test_a_last_line_without_an_end_is_read_once(scan: Scan, file: Path) -> None:
    file.write_text(file.read_text().rstrip("\n"))
    first = scan(file)
    assert len(first.ids) == 199
    assert scan(file, since=stored(first)).ids == []
    with file.open("a") as opened:
        opened.write("\n" + log(300))
    second = scan(file, since=stored(first))
    assert [event["metadata.uid"] for event in second.events()] == ["300"]


def test_an_older_shorter_copy_brings_nothing_new(scan: Scan, file: Path) -> None:
    first = scan(file)
    older = file.with_name("noon.log")
    older.write_text(log(*range(1, 90)))
    second = scan(older, since=stored(first))
    assert second.ids == []
    assert "older copy" in second.notes[0]
    both = scan(file.parent)
    assert len(both.ids) == len(set(both.ids)) == 199


def test_an_equal_first_line_alone_never_skips_a_file(scan: Scan, tmp_path: Path) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    first.write_text(log(1, *range(100, 200)))
    second.write_text(log(1, *range(300, 340)))
    scanned = scan(first, second)
    assert len({event["metadata.uid"] for event in scanned.events()}) == 141
    assert len(scanned.ids) == len(set(scanned.ids)) == 142
    assert len(scanned.positions) == 2
    again = scan(second, first, since=stored(scanned))
    assert again.ids == []
    with second.open("a") as opened:
        opened.write(log(900))
    grown = scan(first, second, since=stored(scanned))
    assert [event["metadata.uid"] for event in grown.events()] == ["900"]


def test_a_longer_file_that_only_begins_like_a_known_one_is_read_whole(scan: Scan, tmp_path: Path) -> None:
    known, other = tmp_path / "a.log", tmp_path / "b.log"
    known.write_text(log(1, *range(100, 140)))
    other.write_text(log(1, *range(300, 400)))
    first = scan(known)
    assert len(scan(other, since=stored(first)).ids) == 101


def test_a_short_file_that_begins_like_a_long_one_is_read(scan: Scan, tmp_path: Path) -> None:
    line = '{"time":1795518860,"hostname":"a","n":%s}\n'
    long, short = tmp_path / "long.log", tmp_path / "short.log"
    long.write_text(line % 1 + "".join(line % n for n in range(2, 40)))
    short.write_text(line % 1 + line % 777)
    scanned = scan(long, short)
    assert sum('"n":777' in event["text"] for event in scanned.events()) == 1


def test_a_file_cut_short_and_written_anew_is_another_stream(scan: Scan, file: Path) -> None:
    first = scan(file)
    file.write_text(log(700, 701))
    second = scan(file, since=stored(first))
    assert [event["metadata.uid"] for event in second.events()] == ["700", "701"]
    assert set(second.positions) != set(first.positions)


def test_rotation_between_two_scans_loses_nothing(scan: Scan, file: Path) -> None:
    first = scan(file.parent)
    with file.open("a") as opened:
        opened.write(log(300))
    file.rename(file.with_name("audit.log.1"))
    file.write_text(log(301, 302))
    second = scan(file.parent, since=stored(first))
    assert [event["metadata.uid"] for event in second.events()] == ["301", "302", "300"]


def test_identical_lines_at_different_places_stay_two_events(scan: Scan, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    line = '10.0.0.9 - - [24/Nov/2026:11:14:32 +0000] "GET / HTTP/1.1" 200 58 "-" "x"\n'
    file.write_text(line * 3)
    assert len(set(scan(file).ids)) == 3


def test_positions_are_small_and_json(scan: Scan, file: Path) -> None:
    positions = stored(scan(file))
    [position] = positions.values()
    assert position.offset == file.stat().st_size
    assert position.state["sensor"] == "auditd"
    assert len(msgspec.json.encode(position)) < 100_000


def test_the_process_table_is_bounded_and_counts_what_it_lets_go(scan: Scan, tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    file.write_text(
        text_of(*[execve(n, "/usr/bin/x", "x", pid=n, ppid=1, time=1795518860 + n) for n in range(1, 5000)])
    )
    [position] = scan(file, host="here").positions.values()
    table = position.state["processes"]["here"]
    assert (len(table["processes"]), table["evicted"]) == (4096, 4999 - 4096)


def test_deliveries_are_small_and_one_batch_a_kind(scan: Scan, file: Path) -> None:
    scanned = scan(file, batch_bytes=8192)
    assert len(scanned.deliveries) > 10
    for delivery in scanned.deliveries:
        kinds = [batch.kind for batch in delivery.batches]
        assert len(kinds) == len(set(kinds))
        assert sum(len(text) for batch in delivery.batches for text in batch.text.to_pylist()) < 16384
    assert [delivery.ended for delivery in scanned.deliveries] == [False] * (len(scanned.deliveries) - 1) + [True]


def test_standard_input_is_read_as_a_file_is(scan: Scan, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(file.read_bytes()))  # type: ignore[arg-type]

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert scan("-").ids == scan(file).ids


def test_a_session_folder_is_read_but_for_what_is_no_log(scan: Scan, file: Path) -> None:
    (file.parent / "session.yml").write_text("name: x\n")
    (file.parent / ".hidden").write_text(log(1))
    (file.parent / "labels.ndjson.xz").write_bytes(lzma.compress(b'{"file":"audit.log","offset":0,"step":"a"}\n' * 9))
    scanned = scan(file.parent)
    assert len(scanned.ids) == 199
    assert len(scanned.letters) == 1
