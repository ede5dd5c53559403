"""JSON that does not stand a line each is read document by document: arrays, several lines, envelopes; bounded."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from conftest import MAPPINGS, Scan
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.collect.inputs import documents
from lichen.collect.inputs.documents import Documents
from lichen.collect.mapping import SensorMapping, load_mappings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from("abcd"), JSON, max_size=3), max_size=5)


def given_out(content: bytes, limit: int = 1 << 20, paths: Any = (), carried: Any = ()) -> list[bytes]:
    stream = Documents(io.BytesIO(content), limit, paths, carried)
    whole = b""
    while part := stream.read1(4096):
        whole += part
    return whole.split(b"\n")[:-1]


@pytest.fixture(params=[1, 7, 1 << 16])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHUNK", request.param)


@given(OBJECTS, st.sampled_from([None, 1, 2]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_documents_come_out_as_they_went_in_however_they_are_laid_out(
    objects: list[dict[str, Any]], indent: int | None, in_array: bool
) -> None:
    content = (
        json.dumps(objects, indent=indent)
        if in_array
        else "\n".join(json.dumps(each, indent=indent, ensure_ascii=False) for each in objects)
    )
    assert [json.loads(line) for line in given_out(content.encode())] == objects
    enveloped = json.dumps({"kind": "list", "Records": objects, "next": [1, {"a": 2}]}, indent=indent)
    found = given_out(enveloped.encode(), paths=[("Records",)])
    assert [json.loads(line) for line in found] == objects


@pytest.mark.usefixtures("chunk")
def test_blocks_may_end_anywhere() -> None:
    content = b'[{"a":"x\\"}\\n{"}, {"b":[1,\n{"c":-1.5e3}]}]{"Records":[{"d":"\xe2\x98\x83"}]}'
    expected = [b'{"a":"x\\"}\\n{"}', b'{"b":[1,{"c":-1.5e3}]}', b'{"d":"\xe2\x98\x83"}']
    assert given_out(content, paths=[("Records",)]) == expected


@pytest.mark.usefixtures("chunk")
def test_what_an_envelope_says_of_all_its_records_is_carried_to_each() -> None:
    content = b'{"resourceLogs":[{"resource":{"k":1},"scopeLogs":[{"scope":{},"logRecords":[{"t":1},{}]}]}]}'
    paths = [("resourceLogs", "scopeLogs", "logRecords")]
    assert given_out(content, paths=paths, carried=["resource"]) == [
        b'{"resource":{"k":1},"t":1}',
        b'{"resource":{"k":1}}',
    ]


@pytest.mark.usefixtures("chunk")
def test_what_is_no_json_is_given_out_as_it_stands_and_the_rest_is_read() -> None:
    content = b'{"a":"bro\nken"}\nnot json\n{"x":1}\n{"tail'
    assert given_out(content) == [b'{"a":"bro', b'ken"}', b"not json", b'{"x":1}', b'{"tail']


def test_a_document_beyond_the_limit_is_cut_where_it_is_seen_to_be_too_long() -> None:
    content = b'[{"a":"' + b"x" * 5000 + b'"},{"b":1}]'
    lines = given_out(content, limit=1000)
    assert (len(lines[0]), lines[1]) == (1001, b'{"b":1}')


def test_memory_stays_bounded_however_much_is_nested_or_never_closed() -> None:
    for content in (b"[" * 400_000, b'{"a":' * 60_000, b'{"a":"' + b"y" * 400_000, b'{"Records":[' * 30_000):
        tracemalloc.start()
        given_out(content, limit=10_000, paths=[("Records",)])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000


def test_a_cloudtrail_file_on_one_line_beyond_the_line_limit_is_read_whole(scan: Scan, tmp_path: Path) -> None:
    sample = (MAPPINGS / "cloudtrail.sample.ndjson").read_text(encoding="utf-8").splitlines()
    event = json.loads(sample[-1])
    records = [{**event, "eventID": f"id-{n}"} for n in range(3000)]
    file = tmp_path / "111122223333_CloudTrail_eu-central-1.json.gz"
    file.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    scanned = scan(file, line_limit_bytes=10_000)
    assert scanned.letters == []
    assert [event["metadata.uid"] for event in scanned.events()] == [f"id-{n}" for n in range(3000)]
    assert scanned.notes == [f"{file}: JSON in an envelope, AWS CloudTrail"]


def test_reading_goes_on_where_it_was_left_within_an_array(scan: Scan, tmp_path: Path) -> None:
    sample = (MAPPINGS / "okta.sample.ndjson").read_text(encoding="utf-8").splitlines()
    file = tmp_path / "okta.json"
    file.write_text("[" + ",\n".join(sample[:4]) + "]", encoding="utf-8")
    first = scan(file)
    file.write_text("[" + ",\n".join(sample) + "]", encoding="utf-8")
    second = scan(file, since=first.positions)
    assert [len(first.events()), len(second.events())] == [4, 2]
    assert first.ids + second.ids == scan(file).ids


def test_a_list_that_is_no_envelope_stays_within_its_document(scan: Scan, tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    log.write_text('{"time":"2026-11-24T10:00:00Z","event":"order","items":[{"sku":1},{"sku":2}]}\n', encoding="utf-8")
    [event] = scan(log).events()
    assert (event["metadata.product.name"], event["metadata.event_code"]) == ("generic-json", "order")


def test_files_of_one_document_that_begin_alike_are_all_read(scan: Scan, tmp_path: Path) -> None:
    for length in (1500, 1600, 1400):
        document = {"time": "2026-11-24T10:00:00Z", "padding": "p" * 1200, "rest": "r" * (length - 1200)}
        (tmp_path / f"{length}.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    assert len(scan(tmp_path).events()) == 3


ENVELOPED = [mapping for mapping in load_mappings(MAPPINGS) if mapping.each]


def wrapped(records: list[dict[str, Any]], path: tuple[str, ...], carried: frozenset[str]) -> dict[str, Any]:
    """Records in an envelope, whatever it carries for all of them said there."""
    *outer, last = path
    inner: dict[str, Any] = {name: records[0][name] for name in carried if name in records[0]}
    inner[last] = [{name: got for name, got in record.items() if name not in carried} for record in records]
    for name in reversed(outer):
        inner = {"version": "0", name: [inner]}
    return inner


@pytest.mark.parametrize("mapping", ENVELOPED, ids=lambda mapping: mapping.name)
def test_records_in_each_of_their_envelopes_become_the_events_that_they_are_by_themselves(
    mapping: SensorMapping, scan: Scan, tmp_path: Path
) -> None:
    sample = MAPPINGS / f"{mapping.name}.sample.ndjson"
    records = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    alone = [event | {"text": json.loads(event["text"])} for event in scan(sample, host="h").events()]
    for path in mapping.each:
        for indent in (None, 2):
            file = tmp_path / f"{'.'.join(path)}-{indent}"
            file.write_text(json.dumps(wrapped(records, path, mapping.carry), indent=indent), encoding="utf-8")
            scanned = scan(file, host="h")
            assert scanned.letters == []
            enveloped = [event | {"text": json.loads(event["text"])} for event in scanned.events()]
            for one, other in zip(alone, enveloped, strict=True):
                for name in one.keys() - {"id", "offset", "place"}:
                    assert one[name] == other[name], name


def test_an_envelope_a_line_confines_damage_to_its_line(scan: Scan, tmp_path: Path) -> None:
    event = json.loads((MAPPINGS / "cloudtrail.sample.ndjson").read_text(encoding="utf-8").splitlines()[0])
    lines = [json.dumps({"source": "aws", "detail": {**event, "eventID": f"id-{n}"}}) for n in range(9)]
    lines[0] = lines[0][:-40]
    lines[4] = lines[4].replace('"awsRegion": "', '"awsRegion": ')
    log = tmp_path / "events.log"
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    scanned = scan(log)
    assert [found["metadata.uid"] for found in scanned.events()] == [f"id-{n}" for n in (1, 2, 3, 5, 6, 7, 8)]
    assert len(scanned.letters) == 2


def test_lines_that_are_damaged_at_first_are_still_lines(scan: Scan, tmp_path: Path) -> None:
    lines = (MAPPINGS / "okta.sample.ndjson").read_text(encoding="utf-8").splitlines()
    log = tmp_path / "okta.log"
    log.write_text("\n".join([lines[0][:-9], *lines]) + "\n", encoding="utf-8")
    scanned = scan(log)
    assert (len(scanned.events()), len(scanned.letters)) == (len(lines), 1)
