"""LAUREL's JSON gives the events that the raw records give: our own recording, read by LAUREL 0.5.1, against itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import Scan, Scanned

from lichen.collect.readers.auditd.tokens import parse, parse_execve
from lichen.collect.readers.laurel import looks_like_laurel, records_of

OWN = ("id", "text", "offset", "place")


def views(scanned: Scanned) -> list[dict[str, Any]]:
    rows = [{name: got for name, got in event.items() if name not in OWN} for event in scanned.events()]
    for row in rows:
        row.pop("clock_ran_backwards")  # LAUREL gives events without an end later than the log does
    return sorted(rows, key=lambda row: (row["time"], row["metadata.uid"]))


def sigma_lines(scanned: Scanned) -> list[str]:
    lines = []
    for batch in scanned.batches:
        for shape in batch.shapes:
            for line in shape.fields.to_pylist():
                fields = {name: got for name, got in line.items() if got is not None}
                lines.append(json.dumps([str(shape.source), fields], sort_keys=True))
    return sorted(lines)


def test_the_same_kinds_columns_and_sigma_records_come_of_both(scan: Scan, golden: Path) -> None:
    raw, laurel = scan(golden / "auditd.log", host="h"), scan(golden / "laurel.ndjson", host="h")
    assert laurel.letters == []
    assert "LAUREL" in laurel.notes[0]
    assert views(raw) == views(laurel)
    assert sigma_lines(raw) == sigma_lines(laurel)


def test_an_events_text_and_place_are_its_own_documents(scan: Scan, golden: Path) -> None:
    lines = (golden / "laurel.ndjson").read_text(encoding="utf-8").splitlines()
    events = scan(golden / "laurel.ndjson").events()
    assert [event["text"] for event in events] == lines
    assert [event["offset"] for event in events] == [
        sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines))
    ]


def fields_of(document: dict[str, Any], read: Callable[[str], Any] = parse) -> dict[str, str]:
    body = next(iter(records_of(document))).partition("): ")[2]
    fields: dict[str, str] = read(body).fields
    return fields


def test_a_text_comes_back_as_it_was_whatever_it_holds() -> None:
    for text in ("plain", "two words", 'a "quote"', "snowman ☃", "100%25", "tab\tand\nline", "x'y", ""):
        document = {"ID": "1.2:3", "EXECVE": {"argc": 2, "ARGV": ["sh", text]}}
        expected = text.replace("%25", "%")
        assert fields_of(document, parse_execve).get("a1", "") == expected
        if text:
            document = {"ID": "1.2:3", "PATH": [{"item": 0, "name": text, "nametype": "NORMAL"}]}
            assert fields_of(document)["name"] == expected


def test_what_is_no_event_of_laurel_is_a_dead_letter_and_the_rest_is_read(
    scan: Scan, golden: Path, tmp_path: Path
) -> None:
    good = (golden / "laurel.ndjson").read_text(encoding="utf-8").splitlines()[:3]
    bad = ['{"ID":"1795518860.859:1"}', '{"ID":"x","SYSCALL":{}}', '{"ID":"1795518860.859:2","SYSCALL":[[1]]}', "{"]
    log = tmp_path / "laurel.log"
    log.write_text("\n".join([good[0], *bad, *good[1:]]) + "\n", encoding="utf-8")
    scanned = scan(log)
    assert len(scanned.events()) == 3
    assert len(scanned.letters) == len(bad)
    assert all(letter.remedy for letter in scanned.letters)


def test_only_laurels_documents_look_like_it() -> None:
    assert looks_like_laurel('{"ID":"1795518860.859:3400","SYSCALL":{}}')
    assert not looks_like_laurel('{"ID":"1795518860","SYSCALL":{}}')
    assert not looks_like_laurel('{"id":"1795518860.859:3400"}')
