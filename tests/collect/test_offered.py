"""What the sensors offered, told to a person and to the rules."""

from __future__ import annotations

from pathlib import Path

from conftest import Scan

from lichen.collect.columns import Coded, stacked
from lichen.collect.offered import offered
from lichen.core.batch import LogSource
from lichen.core.entity import Subject


def test_log_sources_fields_and_subjects_are_counted(scan: Scan, golden: Path) -> None:
    told = offered(scan(golden / "auditd.log", host="plain").batches)
    audit = LogSource("linux", None, "auditd")
    assert told.sources >= {audit, LogSource("linux", "process_creation", None), LogSource("linux", "file_event", None)}
    assert told.lines[audit] == 99
    assert told.fields[audit]["type"] == 99
    assert told.fields[audit]["acct"] == 3
    assert "DestinationHostname" not in told.fields[LogSource("linux", "network_connection", None)]
    assert told.subjects[Subject("host", "plain")] == sum(told.sensors.values()) == 21
    assert told.without_subject == 0


def test_a_column_of_codes_behaves_as_the_texts_that_it_stands_for() -> None:
    texts = ["a", None, "b", "a", None, "c"]
    column = Coded.of(texts)
    assert column.texts() == column.plain().to_pylist() == column.dictionary().to_pylist() == texts
    assert column.map(lambda text: None if text == "a" else text * 2).texts() == [None, None, "bb", None, None, "cc"]
    assert column.or_else(Coded.constant("z", 6)).texts() == ["a", "z", "b", "a", "z", "c"]
    assert column.pair(Coded.constant("x", 6), lambda mine, other: f"{mine}{other}").texts()[1] == "Nonex"
    assert stacked([column, Coded.of(["q", None])]).texts() == [*texts, "q", None]
    assert column.used().values == ["a", "b", "c"]
    assert Coded(column.codes[:2], column.values).used().values == ["a"]
    assert Coded.of(["7", "x", "-3", None, "9" * 30]).numbers().to_pylist() == [7, None, -3, None, None]
