"""Events of Windows' log and of Sysmon mean the same to rules and to the view, however a shipper wrote them down."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import MAPPINGS, Scan, source_of
from windows_sets import captures, unpacked

from lichen.core.batch import LogSource

SYSMON = "Microsoft-Windows-Sysmon/Operational"
EXEC = LogSource("windows", "process_creation", "sysmon")
FIELDS = {"Image": r"C:\Windows\cmd.exe", "CommandLine": "cmd /c id", "ParentImage": r"C:\w3wp.exe", "User": r"EX\rosa"}
TIME = "2026-11-24T11:14:27.779Z"


def as_event_json() -> dict[str, Any]:
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "EventID": 1,
        "TimeCreated": {"#attributes": {"SystemTime": TIME}},
        "Channel": SYSMON,
        "Computer": "web-7",
    }
    return {"Event": {"System": system, "EventData": FIELDS}}


def as_winlogbeat() -> dict[str, Any]:
    winlog = {"channel": SYSMON, "event_id": 1, "provider_name": "Microsoft-Windows-Sysmon", "computer_name": "web-7"}
    return {"@timestamp": TIME, "winlog": {**winlog, "event_data": FIELDS}}


def as_winlogbeat_6() -> dict[str, Any]:
    about = {"log_name": SYSMON, "event_id": 1, "source_name": "Microsoft-Windows-Sysmon", "computer_name": "web-7"}
    return {"@timestamp": TIME, **about, "event_data": FIELDS}


def as_flat_json() -> dict[str, Any]:
    about = {"Channel": SYSMON, "EventID": 1, "SourceName": "Microsoft-Windows-Sysmon", "Hostname": "web-7"}
    return {"@timestamp": TIME, **about, **FIELDS}


def as_xml() -> str:
    data = "".join(f'<Data Name="{name}">{text}</Data>' for name, text in FIELDS.items())
    return (
        '<Event><System><Provider Name="Microsoft-Windows-Sysmon"/><EventID>1</EventID>'
        f'<TimeCreated SystemTime="{TIME}"/><Channel>{SYSMON}</Channel><Computer>web-7</Computer></System>'
        f"<EventData>{data}</EventData></Event>"
    )


SHAPES = {
    "windows-event": json.dumps(as_event_json()),
    "winlogbeat": json.dumps(as_winlogbeat()),
    "winlogbeat-6": json.dumps(as_winlogbeat_6()),
    "windows-json": json.dumps(as_flat_json()),
    "windows-event-xml": as_xml(),
}


@pytest.mark.parametrize("sensor", SHAPES)
def test_every_shape_of_one_event_gives_the_same_row_and_the_same_fields(
    tmp_path: Path, scan: Scan, sensor: str
) -> None:
    log = tmp_path / "a.log"
    log.write_text(SHAPES[sensor] + "\n", encoding="utf-8")
    scanned = scan(log)
    [batch] = scanned.batches
    assert (batch.stream.sensor, batch.kind) == (sensor, "exec")
    [event] = batch.view.to_pylist()
    assert event["process.file.path"] == FIELDS["Image"]
    assert (event["subject.host"], event["subject.workload"], event["subject.user"]) == (
        "web-7",
        FIELDS["ParentImage"],
        FIELDS["User"],
    )
    assert scanned.lines(EXEC) == [
        {"EventID": "1", "Channel": SYSMON, "Computer": "web-7", "Provider_Name": "Microsoft-Windows-Sysmon", **FIELDS}
    ]


def scanned_lines(tmp_path: Path, scan: Scan, *documents: dict[str, Any] | str) -> Any:
    log = tmp_path / "a.log"
    lines = [line if isinstance(line, str) else json.dumps(line) for line in documents]
    log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return scan(log)


def test_an_events_own_channel_is_what_rules_read_and_never_what_the_event_is(tmp_path: Path, scan: Scan) -> None:
    cleared = as_event_json()
    cleared["Event"]["System"] |= {"Channel": "System", "EventID": 104}
    cleared["Event"]["EventData"] = {"Channel": SYSMON, "EventID": 1, "Computer": "other"}
    scanned = scanned_lines(tmp_path, scan, cleared)
    [line] = scanned.lines(LogSource("windows", None, "system"))
    assert (line["Channel"], line["EventID"], line["Computer"]) == (SYSMON, "104", "web-7")
    assert scanned.lines(EXEC) == []


def test_names_of_ours_in_a_document_are_not_believed(tmp_path: Path, scan: Scan) -> None:
    forged = {"@log": "security", "@time": TIME, "@timestamp": TIME, "EventID": 4688, "Computer": "x"}
    scanned = scanned_lines(tmp_path, scan, as_flat_json(), as_flat_json(), forged)
    assert scanned.lines(LogSource("windows", None, "security")) == []
    assert len(scanned.lines(EXEC)) == 2


def test_data_without_a_name_is_data_to_rules_and_each_part_a_value(tmp_path: Path, scan: Scan) -> None:
    parts = ["Available", "None", r"HostApplication=C:\a.exe"]
    event = as_event_json()
    event["Event"]["System"] |= {"Channel": "Windows PowerShell", "EventID": 400}
    event["Event"]["EventData"] = {"Data": {"#text": parts}}
    beat = as_winlogbeat()
    beat["winlog"] |= {"channel": "Windows PowerShell", "event_id": 400}
    beat["winlog"]["event_data"] = {f"param{n}": part for n, part in enumerate(parts, 1)}
    source = LogSource("windows", "ps_classic_start", "powershell-classic")
    for document in (event, beat):
        [line] = scanned_lines(tmp_path, scan, document).lines(source)
        assert line["Data"] == parts


def test_values_of_renamed_fields_are_written_as_rules_write_them(tmp_path: Path, scan: Scan) -> None:
    flow = {"Channel": "Security", "EventID": 5156, "Hostname": "web-7", "TimeCreated": TIME, "Direction": "%%14593"}
    scanned = scanned_lines(tmp_path, scan, flow)
    [line] = scanned.lines(LogSource("windows", "network_connection", None))
    assert line["Initiated"] == "true"
    [own] = scanned.lines(LogSource("windows", None, "security"))
    assert own["Direction"] == "%%14593"


def test_hexadecimal_numbers_of_processes_are_numbers(tmp_path: Path, scan: Scan) -> None:
    made = {"Channel": "Security", "EventID": 4688, "Hostname": "a", "TimeCreated": TIME, "NewProcessId": "0x1d2c"}
    [event] = scanned_lines(tmp_path, scan, made).events()
    assert event["process.pid"] == 0x1D2C


HOSTILE = {
    "entities": '<!DOCTYPE a [<!ENTITY a "aaaa">]><Event><System><EventID>&a;</EventID></System></Event>',
    "inner entities": f"<Event><!ENTITY b 'x'>{'<System>' * 3}</Event>",
    "deep": "<Event>" + "<a>" * 5000 + "</a>" * 5000 + "</Event>",
    "wide": "<Event>" + "<a/>" * 50_000 + "</Event>",
    "torn": "<Event><System><EventID>1</System></Event>",
    "no time": "<Event><System><EventID>1</EventID></System></Event>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_xml_that_would_do_harm_is_a_dead_letter_and_the_rest_is_read(tmp_path: Path, scan: Scan, name: str) -> None:
    begun = time.monotonic()
    scanned = scanned_lines(tmp_path, scan, as_xml(), HOSTILE[name], as_xml())
    assert time.monotonic() - begun < 1
    assert len(scanned.lines(EXEC)) == 2
    [letter] = [letter for delivery in scanned.deliveries for letter in delivery.dead_letters]
    assert letter.reason
    assert letter.remedy


def test_what_events_of_a_log_become_is_said_once_for_every_shipper() -> None:
    texts = [(MAPPINGS / f"{sensor}.yml").read_text(encoding="utf-8") for sensor in SHAPES]
    assert all("\n  of: windows\n" in text and "records:" not in text for text in texts)


CAPTURES = ("empire_dcsync_dcerpc_drsuapi_DsGetNCChanges.zip", "empire_mimikatz_opth.tar.gz", "cmd_lsass*.zip")


@pytest.mark.parametrize("name", CAPTURES)
def test_real_captures_are_read_whole(scan: Scan, name: str) -> None:
    capture = sorted(unpacked("02_otrf_2019_2020").rglob(name))[0]
    scanned = scan(capture)
    assert [letter for delivery in scanned.deliveries for letter in delivery.dead_letters] == []
    assert {batch.stream.sensor for batch in scanned.batches} <= {"windows-json", "winlogbeat-6"}
    assert {"exec", "process", "registry_value", "registry_key"} & {batch.kind for batch in scanned.batches}
    assert sum(map(len, scanned.batches)) > 100


def test_every_capture_is_told_for_what_it_is_by_its_beginning() -> None:
    """Whichever of the shapes it has: none is left to a person to name, none to the mapping for any JSON."""
    assert len(captures()) == 100
    for path in captures():
        notes: list[str] = []
        delivery = next(source_of([path], notes=notes, batch_bytes=4096).read({}))
        assert {batch.stream.sensor for batch in delivery.batches} <= {"windows-json", "winlogbeat-6"}, path
        assert delivery.batches, path
        assert not delivery.dead_letters, path
        assert all("Windows events" in note for note in notes), notes
