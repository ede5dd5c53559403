"""Every row that a reader or mapping of ours makes is valid OCSF 1.8.0: samples, recordings, and events of others."""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest
from conftest import MAPPINGS, Scan, source_of
from panther_events import TIMES, samples
from windows_sets import captures, windows_logs

sys.path.insert(0, str(Path(__file__).parent.parent / "core"))

from ocsf_schema import faults_of

from lichen.core.batch import Batch
from lichen.core.ocsf_document import document_of

LAB = Path(__file__).parents[2] / "lab" / "benign-fit"
NAMES = {path.stem for path in MAPPINGS.glob("*.yml") if not path.stem.endswith(".expected")}
SAMPLES = sorted(path for path in MAPPINGS.glob("*.sample.*") if path.suffix not in {".yml", ".yaml"})
GOLDEN = sorted(path for path in (Path(__file__).parent / "golden").iterdir() if path.suffix not in {".yml", ".yaml"})
LINES = 1500  # of each recorded log
BEGINNING = 32 << 10  # bytes of each capture


def check(batches: Iterable[Batch]) -> int:
    """How many documents there are, all of them valid."""
    seen = 0
    for batch in batches:
        ids = batch.event_ids(range(len(batch)))
        for event_id, row, text in zip(ids, batch.view.to_pylist(), batch.text.to_pylist(), strict=True):
            document = document_of(row, event_id, text if isinstance(text, str) else None)
            assert faults_of(document) == [], text
            json.dumps(document, allow_nan=False)
            seen += 1
    return seen


def sensor_of(sample: Path) -> str:
    return sample.name.partition(".sample.")[0]


def test_every_mapping_has_a_sample_that_is_looked_at() -> None:
    assert {sensor_of(path) for path in SAMPLES} == NAMES


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_row_of_a_sample_is_valid(path: Path, scan: Scan) -> None:
    batches = scan(path).batches
    assert {batch.stream.sensor for batch in batches} == {sensor_of(path)}
    assert check(batches) > 0


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_every_row_of_a_golden_log_is_valid(path: Path, scan: Scan) -> None:
    assert check(scan(path).batches) > 0


@pytest.mark.skipif(not LAB.exists(), reason="lab/benign-fit is not in this checkout")
@pytest.mark.parametrize("path", sorted(LAB.glob("*.log.xz")), ids=lambda path: path.name)
def test_every_row_of_a_recording_is_valid(path: Path, scan: Scan, tmp_path: Path) -> None:
    log = tmp_path / path.stem
    with lzma.open(path, "rt", encoding="utf-8", errors="backslashreplace") as lines:
        log.write_text("".join(islice(lines, LINES)), encoding="utf-8")
    assert check(scan(log).batches) > 0


@pytest.mark.parametrize("sensor", TIMES)
def test_every_row_of_others_events_is_valid(sensor: str, scan: Scan, tmp_path: Path) -> None:
    log = tmp_path / f"{sensor}.ndjson"
    log.write_text("".join(json.dumps(event) + "\n" for event in samples()[sensor]), encoding="utf-8")
    assert check(scan(log).batches) > 0


def test_every_row_of_others_windows_logs_is_valid(scan: Scan) -> None:
    assert sum(check(scan(path).batches) for path in windows_logs()) == 10_011


def test_every_row_of_the_beginning_of_others_captures_is_valid() -> None:
    seen = 0
    for path in captures():
        delivery = next(source_of([path], batch_bytes=BEGINNING).read({}))
        seen += check(delivery.batches)
    assert seen > 1000
