"""Whatever a row of the view holds, its document is valid under OCSF's own schema, and nothing of the row is lost."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocsf_schema import faults_of, schema

from lichen.collect.readers.making import CLASS_OF
from lichen.core import ocsf
from lichen.core.ocsf_classes import CLASSES, VERSION
from lichen.core.ocsf_document import document_of
from lichen.core.ocsf_parts import is_address

TEXTS = st.sampled_from(
    ["a", "", "/usr/bin/sh", r"C:\Windows\x.exe", "GET", "10.0.0.7", "fe80::1%eth0", "::ffff:1.2.3.4", "d" * 64]
) | st.text(max_size=12)
NUMBERS = st.sampled_from([0, 1, 2, 7, 12, 99, 443, -1, 65536, 2**31 - 1])


def _values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if kind == ocsf.TEXT:
        return TEXTS
    if kind == ocsf.TIME:
        return st.integers(0, 2**52)
    if pa.types.is_boolean(kind):
        return st.booleans()
    return st.floats() if pa.types.is_floating(kind) else NUMBERS


COLUMNS = {name: _values(kind) for name, kind in ocsf.VIEW.items() if name not in ("time", "class_uid")}
ROWS = st.fixed_dictionaries(
    {"time": st.integers(0, 2**52), "class_uid": st.sampled_from(sorted(CLASSES))},
    optional=COLUMNS,
)


@given(ROWS)
@settings(max_examples=300, deadline=None)
def test_whatever_a_row_holds_its_document_is_valid(row: dict[str, Any]) -> None:
    document = document_of(row, "0" * 32, "raw")
    assert faults_of(document) == []


@given(ROWS)
@settings(max_examples=300, deadline=None)
def test_every_text_of_a_row_stands_somewhere_in_its_document(row: dict[str, Any]) -> None:
    told = json.dumps(document_of(row))
    for name, value in row.items():
        if isinstance(value, str) and name != "privileges":
            assert json.dumps(value)[1:-1] in told, name


def test_every_class_that_a_kind_has_is_in_the_table() -> None:
    assert set(CLASS_OF.values()) <= set(CLASSES)


@pytest.mark.parametrize("class_uid", sorted(CLASSES))
def test_the_table_of_a_class_is_the_schemas_own(class_uid: int) -> None:
    whole = schema().schema.schema
    assert whole["version"] == VERSION
    [theirs] = [found for found in whole["classes"].values() if found["uid"] == class_uid]
    ours, attributes = CLASSES[class_uid], theirs["attributes"]
    by_profile = {name for name, told in attributes.items() if told.get("profiles")}
    always = {"time", "severity_id", "type_uid", "category_uid", "metadata", "class_uid", "activity_id"}
    needed = {name for name, told in attributes.items() if told.get("requirement") == "required"} - by_profile - always
    numbers = {int(number) for number in attributes["activity_id"]["enum"]} - {0, 99}
    assert ours.category == theirs["category_uid"]
    assert ours.required == needed
    assert ours.activities == numbers
    assert ours.admitted <= attributes.keys()
    assert {name for name in ours.admitted & by_profile if attributes[name]["profiles"] == ["host"]} == ours.host
    constraints = theirs.get("constraints") or {}
    one_of = set(constraints.get("at_least_one") or constraints.get("just_one") or ())
    assert set(ours.one_of) <= one_of
    assert bool(ours.one_of) == bool(one_of)


def test_what_a_class_has_no_place_for_stands_unmapped_under_its_own_name() -> None:
    row = {"time": 1_000_000, "class_uid": ocsf.PROCESS_ACTIVITY, "process.file.path": "/bin/sh", "activity_id": 1}
    document = document_of({**row, "subject.workload": "orders-7", "query.hostname": "a.example", "process.pid": 7})
    assert document["unmapped"] == {"subject.workload": "orders-7", "query.hostname": "a.example"}
    assert document["process"] == {
        "pid": 7,
        "name": "sh",
        "file": {"path": "/bin/sh", "name": "sh", "type_id": 0},
    }
    assert (document["type_uid"], document["time"]) == (100701, 1000)


def test_a_link_is_no_mount() -> None:
    document = document_of({"time": 0, "class_uid": ocsf.FILE_ACTIVITY, "activity_id": ocsf.LINK, "file.path": "/a/b"})
    assert (document["activity_id"], document["activity_name"], document["file"]["name"]) == (99, "Link", "b")


def test_a_service_that_stands_where_an_address_is_wanted_is_a_host_name() -> None:
    row = {"time": 0, "class_uid": ocsf.API_ACTIVITY, "src_endpoint.ip": "cloudformation.amazonaws.com"}
    assert document_of(row)["src_endpoint"] == {"hostname": "cloudformation.amazonaws.com"}
    assert is_address("2001:db8::7")
    assert not is_address("10.0.0.0/8")
