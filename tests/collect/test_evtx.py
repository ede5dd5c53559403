"""EVTX files: every record that their headers count is an event or a dead letter, whatever was done to the file."""

from __future__ import annotations

import gzip
import random
import shutil
import struct
from pathlib import Path

import pytest
from conftest import Scan, Scanned
from windows_sets import records_found, records_in, windows_logs

from lichen.collect.inputs.evtx import CHUNK_BYTES, HEADER_BYTES, without_circles
from lichen.core.batch import LogSource

FILES, RECORDS = 279, 10_011


@pytest.fixture(scope="module")
def logs() -> list[Path]:
    """EVTX files, each content once, the smallest first."""
    return windows_logs()


@pytest.fixture
def log(logs: list[Path], tmp_path: Path) -> Path:
    """A file of one chunk with some dozens of records, of our own to damage."""
    chosen = next(path for path in logs if path.stat().st_size < 80_000 and records_in(path) > 20)
    return Path(shutil.copy(chosen, tmp_path / "a.evtx"))


def told(scanned: Scanned) -> tuple[int, int]:
    return len(scanned.events()), sum(len(delivery.dead_letters) for delivery in scanned.deliveries)


def test_every_file_is_read_and_every_record_is_accounted_for(logs: list[Path], scan: Scan) -> None:
    assert len(logs) == FILES
    in_all = 0
    for path in logs:
        counted = records_in(path)
        events, letters = told(scan(path))
        assert counted == records_found(path), path
        assert (events + letters, letters) == (counted, 0), path
        in_all += events
    assert in_all == RECORDS


def test_what_a_file_is_for_is_told_by_its_content(log: Path, scan: Scan) -> None:
    renamed = log.rename(log.with_name("notes.txt"))
    assert scan(renamed).notes == [f"{renamed}: EVTX, Windows events (Event.System, Event.EventData)"]


def test_a_compressed_and_renamed_copy_has_the_same_events(log: Path, scan: Scan) -> None:
    packed = log.with_name("b.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert scan(packed).ids == scan(log).ids != []


def test_a_copy_brings_nothing_new(log: Path, scan: Scan) -> None:
    copy = Path(shutil.copy(log, log.with_name("copy.evtx")))
    assert told(scan(log, copy)) == told(scan(log))


def test_a_record_is_the_same_event_in_whatever_export_it_stands(logs: list[Path], scan: Scan, tmp_path: Path) -> None:
    """Exports of one log that overlap: a file, and the same file without its first chunk."""
    path = next(path for path in logs if path.stat().st_size > HEADER_BYTES + 3 * CHUNK_BYTES and records_in(path) > 99)
    whole = path.read_bytes()
    (tmp_path / "later.evtx").write_bytes(whole[:HEADER_BYTES] + whole[HEADER_BYTES + CHUNK_BYTES :])
    ids, later = scan(path).ids, scan(tmp_path / "later.evtx").ids
    assert len(set(ids)) == len(ids)
    assert set(later) < set(ids)


def test_a_file_cut_anywhere_is_read_up_to_there(log: Path, scan: Scan) -> None:
    whole, counted = log.read_bytes(), records_in(log)
    for size in (10, HEADER_BYTES - 1, HEADER_BYTES + 600, HEADER_BYTES + 9000, len(whole) - 40_000):
        log.write_bytes(whole[:size])
        events, letters = told(scan(log))
        assert events + letters == (counted if size > HEADER_BYTES + 512 else 1)
        assert letters


def test_damage_costs_the_damaged_records_and_no_others(log: Path, scan: Scan) -> None:
    whole, counted = log.read_bytes(), records_in(log)
    draw = random.Random(7)
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(5):
            damaged[draw.randrange(HEADER_BYTES + 512, HEADER_BYTES + 20_000)] = draw.randrange(256)
        log.write_bytes(damaged)
        events, letters = told(scan(log))
        assert events + letters == counted


def test_a_damaged_chunk_costs_itself_alone(logs: list[Path], scan: Scan, tmp_path: Path) -> None:
    path = next(path for path in logs if path.stat().st_size > HEADER_BYTES + 3 * CHUNK_BYTES and records_in(path) > 99)
    damaged = bytearray(path.read_bytes())
    lost = struct.unpack_from("<QQ", damaged, HEADER_BYTES + CHUNK_BYTES + 8)
    damaged[HEADER_BYTES + CHUNK_BYTES : HEADER_BYTES + CHUNK_BYTES + 8] = b"damaged!"
    (tmp_path / "a.evtx").write_bytes(damaged)
    events, letters = told(scan(tmp_path / "a.evtx"))
    assert events == records_in(path) - (lost[1] - lost[0] + 1)
    assert letters == 1


@pytest.mark.parametrize("table", [128, 384])
def test_a_circle_in_a_chains_links_ends(log: Path, scan: Scan, table: int) -> None:
    """Of strings and of templates: a parser that follows such a circle never returns."""
    damaged = bytearray(log.read_bytes())
    chunk = bytes(damaged[HEADER_BYTES : HEADER_BYTES + CHUNK_BYTES])
    assert without_circles(chunk) == chunk
    place = next(at for at in struct.unpack_from("<32I", chunk, table) if at)
    struct.pack_into("<I", damaged, HEADER_BYTES + place, place)
    log.write_bytes(damaged)
    events, letters = told(scan(log))
    assert events + letters == records_in(log)


def test_rules_read_the_events_under_the_names_that_sigma_has_for_them(logs: list[Path], scan: Scan) -> None:
    seen: set[str] = set()
    wanted = {"Image", "CommandLine", "ParentImage", "User", "EventID", "Channel", "Computer", "Provider_Name"}
    for path in logs:
        if "4688" in path.name:
            for line in scan(path).lines(LogSource("windows", "process_creation", None)):
                seen |= line.keys()
        if wanted <= seen:
            break
    assert wanted <= seen
    assert not {"NewProcessName", "ParentProcessName"} & seen
