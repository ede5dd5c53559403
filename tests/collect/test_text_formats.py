"""Formats of text told by what they say: syslog, the journal, access and error logs, Zeek, PostgreSQL, CEF."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import MAPPINGS, Scan, Scanned

from lichen.collect.inputs.containers import fault_line, fault_of
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import LogSource
from lichen.core.errors import ConfigError


def scanned_text(scan: Scan, folder: Path, text: str | bytes, name: str = "some.log", **options: object) -> Scanned:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return scan(file, **options)


SSHD = "Failed password for invalid user admin from 203.0.113.9 port 4022 ssh2"
NEW = f"<38>1 2026-11-24T11:14:28.418Z ops-1 sshd 77 - - {SSHD}"
STRUCTURED = (
    r"<165>1 2026-11-24T11:14:29.003000+01:00 app-1 shop 8710 ID47 "
    r'[origin@32473 ip="192.0.2.7" note="a \"quoted\" \] word"][meta seq="1"] ' + "\ufeffpaid"
)


def test_syslog_of_rfc_5424_is_read_with_its_structured_data(scan: Scan, tmp_path: Path) -> None:
    scanned = scanned_text(scan, tmp_path, f"{NEW}\n{STRUCTURED}\n")
    assert scanned.letters == []
    [login] = scanned.events("auth")
    assert (login["src_endpoint.ip"], login["device.hostname"], login["actor.process.pid"]) == (
        "203.0.113.9",
        "ops-1",
        77,
    )
    [line] = scanned.lines(LogSource("linux", None, "syslog"))
    assert line["message"] == "paid"
    assert line["origin@32473.note"] == 'a "quoted" ] word'
    assert (line["origin@32473.ip"], line["meta.seq"], line["msgid"]) == ("192.0.2.7", "1", "ID47")
    [other] = scanned.events("other")
    assert other["time"].isoformat() == "2026-11-24T10:14:29.003000+00:00"


def test_syslog_with_the_length_of_each_message_before_it_is_read(scan: Scan, tmp_path: Path) -> None:
    two_lines = f"{STRUCTURED}\nand more"
    framed = b"".join(f"{len(m.encode())} ".encode() + m.encode() for m in (NEW, two_lines, NEW))
    scanned = scanned_text(scan, tmp_path, framed)
    assert len(scanned.events("auth")) == 2
    [line] = scanned.lines(LogSource("linux", None, "syslog"))
    assert line["message"] == "paid\\nand more"
    cut = scanned_text(scan, tmp_path, framed[:-5], "cut.log")
    assert len(cut.events()) == 3
    assert len(cut.letters) == 1


ENTRY = {
    "__CURSOR": "s=1;i=2",
    "__REALTIME_TIMESTAMP": "1795518868418000",
    "_HOSTNAME": "ops-1",
    "SYSLOG_IDENTIFIER": "sshd",
    "_PID": "77",
    "_EXE": "/usr/sbin/sshd",
    "_CMDLINE": "sshd: [accepted]",
    "_UID": "0",
    "_SYSTEMD_UNIT": "ssh.service",
    "MESSAGE": SSHD,
}


def exported(entry: dict[str, str], long: tuple[str, ...] = ()) -> bytes:
    """An entry as journalctl -o export writes it, some fields with their length."""
    out = b""
    for name, text in entry.items():
        data = text.encode()
        out += name.encode() + (
            b"\n" + len(data).to_bytes(8, "little") + data + b"\n" if name in long else b"=" + data + b"\n"
        )
    return out + b"\n"


def test_the_journal_as_json_and_as_export_gives_the_same_events(scan: Scan, tmp_path: Path) -> None:
    other = {**ENTRY, "SYSLOG_IDENTIFIER": "shop", "MESSAGE": "two\nlines", "__REALTIME_TIMESTAMP": "1795518869000000"}
    as_json = scanned_text(scan, tmp_path, "".join(f"{json.dumps(each)}\n" for each in (ENTRY, other)), "j.json")
    as_export = scanned_text(scan, tmp_path, exported(ENTRY) + exported(other, ("MESSAGE",)), "j.export")
    plain = [
        [{name: got for name, got in event.items() if name not in {"id", "text", "place", "offset"}} for event in each]
        for each in (as_json.events(), as_export.events())
    ]
    assert plain[0] == plain[1]
    [login] = as_json.events("auth")
    assert login["subject.workload"] == "ssh.service"
    assert login["actor.process.file.path"] == "/usr/sbin/sshd"
    assert login["user.name"] == "admin"
    assert as_json.notes[0].endswith("systemd's journal")
    assert as_json.lines(LogSource("linux", None, "syslog"))[0]["message"] == "two\nlines"


def test_a_message_of_the_journal_that_is_no_utf_8_is_read(scan: Scan, tmp_path: Path) -> None:
    entry = {**ENTRY, "SYSLOG_IDENTIFIER": "shop", "MESSAGE": [99, 97, 102, 233]}
    scanned = scanned_text(scan, tmp_path, json.dumps(entry) + "\n")
    assert scanned.lines(LogSource("linux", None, "syslog"))[0]["message"] == "caf\\xe9"


def test_a_journal_export_that_claims_too_much_is_told(scan: Scan, tmp_path: Path) -> None:
    bad = exported(ENTRY) + b"__CURSOR=x\nMESSAGE\n" + (1 << 40).to_bytes(8, "little") + b"abc"
    scanned = scanned_text(scan, tmp_path, bad)
    assert len(scanned.events()) == 1
    assert "claims 1099511627776 bytes" in scanned.letters[0].reason


ACCESS = '203.0.113.9 - rosa [24/Nov/2026:11:14:32 +0000] "GET /a?b=1 HTTP/1.1" 404 58'


@pytest.mark.parametrize(
    ("line", "site"),
    [
        (ACCESS, None),
        (f'{ACCESS} "http://x/" "curl/7.88.1"', None),
        (f'shop.example:443 {ACCESS} "-" "curl/7.88.1"', "shop.example"),
        (ACCESS.replace(" 58", " -"), None),
    ],
)
def test_access_logs_are_read_as_common_combined_and_with_the_site_before(
    scan: Scan, tmp_path: Path, line: str, site: str | None
) -> None:
    [event] = scanned_text(scan, tmp_path, line + "\n").events("http")
    assert (event["src_endpoint.ip"], event["http_response.code"]) == ("203.0.113.9", 404)
    assert event.get("http_request.url.hostname") == site


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ("zeek.sample.log", "Zeek's tab-separated log, Zeek"),
        ("zeek.sample.ndjson", "JSON lines, Zeek"),
        ("cef.sample.log", "CEF, of firewalls, proxies and other devices"),
        ("haproxy.sample.log", "HAProxy log, HAProxy"),
        ("nginx-error.sample.log", "nginx's error log"),
        ("postgresql.sample.csv", "PostgreSQL's csvlog, PostgreSQL"),
        ("postgresql.sample.ndjson", "JSON lines, PostgreSQL"),
        ("logfmt.sample.log", 'logfmt, of a program that no mapping knows; kept as kind "other"'),
    ],
)
def test_one_line_a_file_says_what_it_was_taken_for_whatever_its_name(
    scan: Scan, tmp_path: Path, sample: str, told: str
) -> None:
    scanned = scanned_text(scan, tmp_path, (MAPPINGS / sample).read_bytes(), "nameless")
    assert scanned.notes == [f"{tmp_path}/nameless: {told}"]


def test_a_zeek_log_is_read_on_under_the_header_that_was_read_before(scan: Scan, tmp_path: Path) -> None:
    whole = (MAPPINGS / "zeek.sample.log").read_text(encoding="utf-8")
    head, last = whole[: whole.index("1795518869")], whole[whole.index("1795518869") :]
    first = scanned_text(scan, tmp_path, head)
    then = scanned_text(scan, tmp_path, whole, since=first.positions)
    assert [event["query.hostname"] for event in then.events()] == ["café.example"]
    assert last


def test_a_zeek_log_of_a_header_alone_is_no_fault(scan: Scan, tmp_path: Path) -> None:
    header = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\n#types\ttime\tstring\n"
    scanned = scanned_text(scan, tmp_path, header)
    assert scanned.letters == []
    assert scanned.notes[0].endswith("Zeek's tab-separated log, Zeek")


def test_a_statement_of_several_lines_is_one_event_and_held_until_it_is_whole(scan: Scan, tmp_path: Path) -> None:
    record = (MAPPINGS / "postgresql.sample.csv").read_text(encoding="utf-8")
    scanned = scanned_text(scan, tmp_path, record * 3, batch_bytes=4096)
    assert len(scanned.events()) == 3
    assert scanned.letters == []
    log = "".join(
        f"2026-11-24 11:14:33.{n:03} UTC [812] rosa@shop ERROR:  bad\n"
        f"2026-11-24 11:14:33.{n:03} UTC [812] rosa@shop STATEMENT:  SELECT 1\n\tUNION SELECT {n}\n"
        for n in range(300)
    )
    read = scanned_text(scan, tmp_path, log, "pg.log", batch_bytes=4096)
    assert len(read.events("datastore")) == 300
    assert all("UNION" in line["statement"] for line in read.lines(LogSource("postgresql", "database", None)))


def test_lines_swallowed_by_an_open_quote_are_all_dead_letters(scan: Scan, tmp_path: Path) -> None:
    record = (MAPPINGS / "postgresql.sample.csv").read_text(encoding="utf-8")
    scanned = scanned_text(scan, tmp_path, record + '2026-11-24 11:14:36.123 UTC,"ro\nb\nc\n')
    assert len(scanned.events()) == 1
    assert len(scanned.letters) == 3


def test_what_a_person_says_of_a_file_beats_what_it_looks_like(scan: Scan, tmp_path: Path) -> None:
    line = '{"timestamp":"2026-11-24T11:14:27Z","flow_id":1,"event_type":"flow","src_ip":"192.0.2.1"}\n'
    assert scanned_text(scan, tmp_path, line).batches[0].stream.sensor == "suricata"
    said = scanned_text(scan, tmp_path, line, sensor="generic-json")
    assert said.batches[0].stream.sensor == "generic-json"
    wrong = scanned_text(scan, tmp_path, line, format="zeek-tsv")
    assert [letter.reason for letter in wrong.letters] == ["no #fields header before it"]


@pytest.mark.parametrize("name", ["sensor", "format"])
def test_a_sensor_or_format_that_does_not_exist_is_a_config_error(scan: Scan, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        scanned_text(scan, tmp_path, NEW, **{name: "teapot"})
    assert "teapot" in caught.value.fault
    assert "zeek" in caught.value.remedy


def test_a_mapping_of_ones_own_is_asked_first(tmp_path: Path) -> None:
    own = tmp_path / "door.yml"
    own.write_text(
        "name: door\ntitle: door sensor\nprovenance: ours\ndetect: {has: [door]}\ntime: time\nkind: auth\n"
        "ocsf: {user.name: badge}\n",
        encoding="utf-8",
    )
    line = '{"time":"2026-11-24T11:14:27Z","door":"north","badge":"rosa"}\n'
    (tmp_path / "some.log").write_text(line, encoding="utf-8")
    notes: list[str] = []
    source = FileSource([tmp_path / "some.log"], settings=Settings(mappings=(own,)), mappings=MAPPINGS, notes=notes)
    scanned = Scanned(list(source.read({})), notes)
    assert scanned.events("auth")[0]["user.name"] == "rosa"
    assert scanned.notes == [f"{tmp_path}/some.log: JSON lines, door sensor"]


def test_a_fault_line_tells_its_reason_remedy_and_excerpt_and_stays_one_line() -> None:
    line = fault_line("a reason", "a remedy", b"some\nbytes\0and more")
    assert line.count(b"\n") == 1
    assert fault_of(line.decode().removesuffix("\n")) == ("a reason", "a remedy", "some\\nbytes\\0and more")
    assert fault_of("a line") is None
