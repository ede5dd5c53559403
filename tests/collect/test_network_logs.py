"""Real Zeek and Suricata logs, read where they lie: every line is an event of its kind, or its header."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from conftest import Scan

from lichen.core.batch import LogSource


def public_data() -> ModuleType:
    place = Path(__file__).parents[2] / "benchmarks" / "public_data.py"
    spec = importlib.util.spec_from_file_location("public_data", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder() -> Path:
    data = public_data()
    if not data.available("06_slips"):
        pytest.skip("the set 06_slips is not beside this clone (../shared/data)")
    return next(Path(data.unpacked("06_slips")).rglob("dataset"))


def lines_of(file: Path) -> int:
    return sum(
        1 for line in file.read_text(encoding="utf-8").splitlines() if line and not line.lstrip().startswith("#")
    )


@pytest.mark.parametrize("name", ["conn", "dns", "http", "ssl", "files", "x509", "notice", "weird", "smtp", "dhcp"])
def test_every_line_of_a_zeek_log_is_an_event(scan: Scan, folder: Path, name: str) -> None:
    kinds = {"conn": "net", "dns": "dns", "http": "http", "ssl": "protocol", "smtp": "protocol", "notice": "finding"}
    files = [file for file in folder.rglob(f"{name}.log*") if file.is_file()]
    assert files
    for file in files:
        scanned = scan(file)
        events = scanned.events()
        assert [letter.reason for letter in scanned.letters] == []
        assert len(events) == lines_of(file), file
        assert {event["kind"] for event in events} == {kinds.get(name, "other")}
        offered = Counter(shape.source for batch in scanned.batches for shape in batch.shapes)
        assert any(source.product == "zeek" for source in offered)


def test_zeek_dns_is_offered_to_rules_under_zeeks_own_names(scan: Scan, folder: Path) -> None:
    file = next(folder.rglob("test10*/dns.log"))
    lines = scan(file).lines(LogSource("zeek", None, "dns"))
    assert {"query", "qtype_name", "id.orig_h", "id.resp_p"} <= {name for line in lines for name in line}


def test_every_line_of_suricatas_eve_log_is_an_event(scan: Scan, folder: Path) -> None:
    [file] = folder.rglob("*.suricata.json")
    scanned = scan(file)
    assert len(scanned.events()) == lines_of(file)
    assert scanned.letters == []
    assert {batch.kind for batch in scanned.batches} >= {"net", "dns", "http", "finding"}
