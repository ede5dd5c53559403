"""The share of a sensor's fields that its mapping does not read is counted leaf by leaf."""

from __future__ import annotations

from pathlib import Path

from conftest import MAPPINGS, Scan, source_of

from lichen.collect.mapping import load_mappings
from lichen.collect.unmapped import Unmapped, leaves_of


def shares_of(path: Path, mappings: Path) -> Unmapped:
    unmapped = Unmapped.of(load_mappings(mappings))
    for delivery in source_of([path], mappings=mappings).read({}):
        for batch in delivery.batches:
            unmapped.add(batch)
    return unmapped


def test_what_no_column_reads_is_counted_and_named(tmp_path: Path) -> None:
    (tmp_path / "door.yml").write_text(
        "name: door\ntitle: door sensor\nprovenance: ours\ndetect: {has: [door]}\ntime: at\nkind: auth\nocsf:\n"
        "  user.name: badge.owner\n  resources.name: {first: [tags.0.name, door]}\n"
        "  status_detail: {pick: notes, where: {kind: why}, take: text}\n",
        encoding="utf-8",
    )
    log = tmp_path / "doors.log"
    log.write_text(
        '{"door":"north","at":1795518867,"badge":{"owner":"rosa","colour":"red"},"tags":[{"name":"a"},{"name":"b"}],'
        '"notes":[{"kind":"why","text":"late","by":"x"}],"nothing":null,"empty":{}}\n',
        encoding="utf-8",
    )
    share = shares_of(log, tmp_path).shares["door"]
    assert (share.documents, share.leaves, share.unread) == (1, 9, 2)
    assert share.most(5) == ["badge.colour", "notes.by"]


def test_only_sensors_that_a_mapping_reads_are_counted(scan: Scan, golden: Path) -> None:
    assert shares_of(golden / "auditd.log", MAPPINGS).shares == {}


def test_a_document_of_any_shape_has_leaves_within_bounds() -> None:
    deep: object = "x"
    for _ in range(40):
        deep = {"a": [deep]}
    assert len(list(leaves_of({"a": deep, "b": [1] * 5000}))) == 1001
