"""auditd's records to events: what they say, whoever acted, however they are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from conftest import Scan
from test_mappings import rows_of
from written_logs import connect, encoded, execve, path, stamp, syscall, text_of

from lichen.core.batch import LogSource

AUDITD = LogSource("linux", None, "auditd")
CREATION = LogSource("linux", "process_creation", None)
AT_CWD = "ffffff9c"


@pytest.fixture
def read(scan: Scan, tmp_path: Path):
    """Read a text as an audit log of the host `here`."""

    def read_text(text: str, **options):
        file = tmp_path / "audit.log"
        file.write_text(text, encoding="utf-8")
        return scan(file, **{"host": "here", **options})

    return read_text


def test_the_recorded_log_becomes_exactly_the_rows_that_stand_beside_it(scan: Scan, golden: Path) -> None:
    scanned = scan(golden / "auditd.log", host="plain")
    rows = sorted((pair for batch in scanned.batches for pair in rows_of(batch)), key=lambda pair: pair[0])
    told = []
    for _, row in rows:
        sigma = [shape for shape in row.pop("sigma") if shape["source"].get("service") != "auditd"]
        told.append({**row, "sigma": sigma} if sigma else row)
    assert told == yaml.safe_load((golden / "auditd.expected.yml").read_text(encoding="utf-8"))
    assert not scanned.letters


def test_a_raw_log_gives_the_same_events_but_for_the_names_of_users(scan: Scan, golden: Path, tmp_path: Path) -> None:
    enriched = (golden / "auditd.log").read_text(encoding="utf-8")
    raw = tmp_path / "auditd.log"
    raw.write_text(re.sub("\x1d.*", "", enriched), encoding="utf-8")
    named = {"actor.user.name", "subject.user", "user.name", "id", "text", "offset", "place"}
    told = [
        [{name: got for name, got in event.items() if name not in named} for event in scan(file, host="plain").events()]
        for file in (golden / "auditd.log", raw)
    ]
    assert told[0] == told[1]


def test_a_raw_log_offers_the_names_of_its_system_calls(read) -> None:
    scanned = read(text_of(syscall(1, 319, "memfd_create", "/usr/bin/x", raw=True)))
    [line] = scanned.lines(AUDITD)
    assert (line["SYSCALL"], line["ARCH"], line["syscall"]) == ("memfd_create", "x86_64", "319")


def test_every_record_is_one_line_for_sigma_under_its_own_names(scan: Scan, golden: Path) -> None:
    text = (golden / "auditd.log").read_text(encoding="utf-8")
    lines = scan(golden / "auditd.log").lines(AUDITD)
    assert len(lines) == text.count("\n") == 99
    shell = next(line for line in lines if line["type"] == "EXECVE" and "4444" in line.get("a2", ""))
    assert shell["a2"].startswith("grep -m1 -F -- ")
    assert shell["argc"] == "3"
    command = next(line for line in lines if line["type"] == "USER_CMD")
    assert (command["cmd"], command["exe"], command["AUID"]) == (
        "logrotate -d /etc/logrotate.conf",
        "/usr/bin/sudo",
        "ops-1",
    )
    failed = next(line for line in lines if line["type"] == "USER_AUTH")
    assert (failed["acct"], failed["addr"], failed["res"]) == ("boris", "10.77.1.102", "failed")
    thread = next(line for line in lines if line.get("exe") == "/usr/sbin/rsyslogd")
    assert thread["comm"] == "rs:main Q:Reg"


def test_keywords_find_what_the_line_holds_in_hexadecimal(scan: Scan, golden: Path) -> None:
    shapes = [shape for batch in scan(golden / "auditd.log").batches for shape in batch.shapes]
    keywords = [text for shape in shapes if shape.source == AUDITD for text in shape.keywords.to_pylist()]
    assert sum("/dev/tcp/198.51.100.23/4444" in text for text in keywords) == 1
    assert all(text.startswith("type=") for text in keywords)


@pytest.mark.parametrize(
    "argv",
    [
        ("sh", "-c", "id; whoami"),
        ("printf", 'a "quoted" text', "тест", "tab\there", "line\nbreak"),
        ("echo", "", "x"),
        ("echo", "deadbeef", "CAFE"),
        ("x",) * 40,
    ],
)
def test_arguments_come_back_as_they_were_given(read, argv: tuple[str, ...]) -> None:
    scanned = read(text_of(execve(1, "/usr/bin/x", *argv)))
    [event] = scanned.events("exec")
    assert event["process.cmd_line"] == " ".join(argv)
    [line] = [line for line in scanned.lines(AUDITD) if line["type"] == "EXECVE"]
    assert [line.get(f"a{place}") for place in range(min(len(argv), 16))] == list(argv[:16])


def test_an_argument_that_is_split_over_pieces_and_records_is_whole_again(read) -> None:
    long = "echo " + "x y " * 5000
    pieces = [long.encode().hex().upper()[start : start + 7500] for start in range(0, len(long) * 2, 7500)]
    first = f'type=EXECVE {stamp(1)} argc=3 a0="sh" a1="-c" a2_len={len(long) * 2} ' + " ".join(
        f"a2[{place}]={piece}" for place, piece in enumerate(pieces)
    )
    second = f'type=EXECVE {stamp(1)} a3="late"'
    scanned = read(text_of(syscall(1, 59, "execve", "/bin/sh"), first, second))
    [event] = scanned.events("exec")
    assert event["process.cmd_line"] == f"sh -c {long} late"


def test_an_argument_that_is_no_utf8_is_escaped(read) -> None:
    record = f"type=EXECVE {stamp(1)} argc=2 a0={encoded('x')} a1=FF41FE"
    [event] = read(text_of(syscall(1, 59, "execve", "/usr/bin/x"), record)).events("exec")
    assert event["process.cmd_line"] == "x \\xffA\\xfe"


@pytest.mark.parametrize(
    ("saddr", "address", "port"),
    [
        ("0200115CC63364170000000000000000", "198.51.100.23", 4444),
        ("0A0001BB0000000020010DB800000000000000000000000100000000", "2001:db8::1", 443),
        ("0A0001BB0000000000000000000000000000FFFFC633641700000000", "198.51.100.23", 443),
    ],
)
def test_a_socket_address_gives_address_and_port(read, saddr: str, address: str, port: int) -> None:
    [event] = read(text_of(connect(1, "/usr/bin/curl", saddr))).events("net")
    assert (event["dst_endpoint.ip"], event["dst_endpoint.port"], event["activity_id"]) == (address, port, 1)


@pytest.mark.parametrize("saddr", ["01002F72756E2F6E736364", "02", "0200", "zz", "100000000000000000000000"])
def test_a_socket_that_is_no_internet_address_leaves_the_endpoint_empty(read, saddr: str) -> None:
    [event] = read(text_of(connect(1, "/usr/bin/curl", saddr))).events()
    assert "dst_endpoint.ip" not in event


def test_a_connect_in_progress_neither_failed_nor_worked_yet(read) -> None:
    text = text_of(
        connect(1, "/x", "02000050C6336417", success="no", exit=-115),
        connect(2, "/x", "02000050C6336417", success="no", exit=-111),
        connect(3, "/x", "02000050C6336417"),
    )
    assert [event.get("status_id") for event in read(text).events("net")] == [None, 2, 1]


def opened(serial: int, *items: str, name: str = "openat", number: int = 257, **given: object) -> list[str]:
    return [
        syscall(serial, number, name, "/usr/bin/tool", **{"a0": AT_CWD, **given}),
        f'type=CWD {stamp(serial)} cwd="/home/rosa"',
        *items,
    ]


@pytest.mark.parametrize(
    ("records", "where", "activity"),
    [
        (opened(1, path(1, 0, "/etc/", "PARENT"), path(1, 1, "/etc/new", "CREATE"), a2="241"), "/etc/new", 1),
        (opened(1, path(1, 0, "notes.txt"), a2="1"), "/home/rosa/notes.txt", 3),
        (opened(1, path(1, 0, "../../etc//shadow"), a2="0"), "/etc/shadow", 2),
        (opened(1, path(1, 0, "notes.txt"), a2="0", a0="5"), "notes.txt", 2),
        (
            opened(1, path(1, 0, "/etc/", "PARENT"), path(1, 1, "/etc/x", "DELETE"), name="unlink", number=87),
            "/etc/x",
            4,
        ),
        (opened(1, path(1, 0, "/usr/bin/x"), name="fchmodat", number=268), "/usr/bin/x", 7),
        (opened(1, path(1, 0, "/var/log/", "PARENT"), name="mkdir", number=83, success="no"), "/var/log", 1),
        (opened(1, path(1, 0, "/etc/crontab"), name="openat2", number=437), "/etc/crontab", 2),
        (opened(1, path(1, 0, "a b.txt"), a2="2"), "/home/rosa/a b.txt", 3),
    ],
    ids=["create", "relative", "dots", "other-directory", "delete", "chmod", "only-parent", "openat2", "blank"],
)
def test_a_file_event_has_one_whole_path_and_what_was_done_to_it(
    read, records: list[str], where: str, activity: int
) -> None:
    [event] = read(text_of(records)).events("file")
    assert (event["file.path"], event["activity_id"]) == (where, activity)


def test_the_items_of_an_overlays_upper_layer_are_left_out_but_for_what_it_removed(read) -> None:
    moved = [
        path(1, 0, "/usr/bin/", "PARENT", "00:84"),
        path(1, 1, "/usr/bin/", "PARENT", "00:84"),
        path(1, 2, "/usr/bin/date.dpkg-new", "DELETE", "fe:00"),
        path(1, 3, "/usr/bin/date", "DELETE", "fe:00"),
        path(1, 4, "", "PARENT", "fe:00"),
        path(1, 5, "", "CREATE", "fe:00"),
        path(1, 6, "/usr/bin/date", "CREATE", "00:84"),
    ]
    scanned = read(text_of(opened(1, *moved, name="rename", number=82)))
    [event] = scanned.events("file")
    assert event["file.path"] == "/usr/bin/date"
    [line] = scanned.lines(LogSource("linux", "file_rename", None))
    assert (line["SourceFilename"], line["TargetFilename"]) == ("/usr/bin/date.dpkg-new", "/usr/bin/date")
    made = [path(2, 0, "/bin/", "PARENT", "00:84"), path(2, 1, "/bin/k", "CREATE", "00:84"), path(2, 2, "", "CREATE")]
    assert read(text_of(opened(2, *made))).events("file")[0]["file.path"] == "/bin/k"


def test_a_link_on_the_reading_machine_is_not_followed(read, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    [event] = read(text_of(opened(1, path(1, 0, f"{tmp_path}/link/file")))).events("file")
    assert event["file.path"] == f"{tmp_path}/link/file"


def test_a_call_that_failed_is_in_no_file_category(read) -> None:
    scanned = read(text_of(opened(1, path(1, 0, "/etc/shadow"), success="no", exit=-13)))
    [event] = scanned.events("file")
    assert event["status_id"] == 2
    assert [shape.source for batch in scanned.batches for shape in batch.shapes] == [AUDITD]


def test_the_invoked_path_is_offered_beside_the_resolved_one(read) -> None:
    scanned = read(text_of(execve(1, "/usr/bin/nc.openbsd", "nc", "-z", "db", invoked="/bin/nc")))
    assert {line["Image"] for line in scanned.lines(CREATION)} == {"/usr/bin/nc.openbsd", "/bin/nc"}
    assert scanned.events("exec")[0]["process.file.path"] == "/usr/bin/nc.openbsd"


def test_a_failed_execve_names_what_was_tried_and_is_no_process_creation(read) -> None:
    tried = [
        syscall(1, 59, "execve", "/usr/bin/dash", success="no", exit=-2, pid=7, ppid=6),
        f'type=CWD {stamp(1)} cwd="/"',
        path(1, 0, "/usr/local/bin/tool", "UNKNOWN"),
    ]
    scanned = read(text_of(tried))
    [event] = scanned.events("exec")
    assert (event["process.file.path"], event["actor.process.file.path"], event["status_id"]) == (
        "/usr/local/bin/tool",
        "/usr/bin/dash",
        2,
    )
    assert scanned.lines(CREATION) == []


def test_parents_are_known_by_their_last_execve_and_unknown_ones_stay_null(read) -> None:
    text = text_of(
        execve(1, "/usr/bin/python3", "python3", "app.py", pid=10, ppid=1),
        execve(2, "/usr/bin/dash", "sh", "-c", "id", pid=11, ppid=10),
        execve(3, "/usr/bin/id", "id", pid=12, ppid=11),
        execve(4, "/usr/bin/ls", "ls", pid=20, ppid=19),
    )
    events = read(text).events("exec")
    parents = [
        (
            e.get("actor.process.file.path"),
            e.get("actor.process.cmd_line"),
            e.get("actor.process.parent_process.file.path"),
        )
        for e in events
    ]
    assert parents == [
        (None, None, None),
        ("/usr/bin/python3", "python3 app.py", None),
        ("/usr/bin/dash", "sh -c id", "/usr/bin/python3"),
        (None, None, None),
    ]


def test_a_forked_child_runs_what_its_parent_runs_until_it_executes(read) -> None:
    text = text_of(
        execve(1, "/usr/bin/bash", "bash", "-c", "…", pid=10, ppid=1),
        connect(2, "/usr/bin/bash", "0200115CC6336417", pid=11, ppid=10),
        execve(3, "/usr/bin/id", "id", pid=12, ppid=11),
        execve(4, "/usr/bin/nc", "nc", pid=11, ppid=10),
        execve(5, "/usr/bin/cat", "cat", pid=30, ppid=29),
        execve(6, "/usr/bin/tac", "tac", pid=30, ppid=29),
    )
    events = read(text).events()
    assert [event.get("actor.process.cmd_line") for event in events] == [
        None,
        "bash -c …",
        "bash -c …",
        "bash -c …",
        None,
        "cat",  # the same process executed again: it launched itself
    ]


def test_a_boot_makes_all_processes_unknown(read) -> None:
    text = text_of(
        execve(50_000, "/usr/bin/bash", "bash", pid=10, ppid=1),
        execve(50_001, "/usr/bin/id", "id", pid=11, ppid=10),
        execve(12, "/usr/bin/id", "id", pid=11, ppid=10, time=1795519999.0),
    )
    assert [event.get("actor.process.file.path") for event in read(text).events()] == [None, "/usr/bin/bash", None]


def test_processes_of_different_nodes_are_kept_apart(read) -> None:
    text = text_of(execve(1, "/usr/bin/bash", "bash", pid=10, ppid=1), execve(2, "/usr/bin/id", "id", pid=11, ppid=10))
    nodes = "".join(
        f"node={'web' if 'audit(1795518860.000:1)' in line else 'db'} {line}\n" for line in text.split("\n")[:-1]
    )
    events = read(nodes).events()
    assert [event["subject.host"] for event in events] == ["web", "db"]
    assert [event.get("actor.process.file.path") for event in events] == [None, None]


def test_who_logged_on_counts_once_an_attempt(read) -> None:
    def user(serial: int, kind: str, result: str, exe: str = "/usr/sbin/sshd", acct: str = "rosa") -> str:
        inner = f'op=x acct={encoded(acct)} exe="{exe}" hostname=? addr=10.0.0.9 terminal=ssh res={result}'
        return f"type={kind} {stamp(serial)} pid=5 uid=0 auid=4294967295 ses=4294967295 msg='{inner}'"

    text = text_of(
        user(1, "USER_AUTH", "failed"),
        user(2, "USER_LOGIN", "failed"),
        user(3, "USER_AUTH", "success"),
        user(4, "USER_START", "success"),
        user(5, "USER_LOGIN", "success"),
        user(6, "USER_AUTH", "failed", exe="/usr/bin/su"),
        user(7, "USER_END", "success"),
        user(8, "USER_LOGIN", "failed", acct="(unknown)"),
    )
    events = read(text).events("auth")
    counted = [(e["metadata.event_code"], e["status_id"]) for e in events if e["activity_id"] == 1]
    assert counted == [("USER_LOGIN", 2), ("USER_START", 1), ("USER_AUTH", 2), ("USER_LOGIN", 2)]
    assert {event["src_endpoint.ip"] for event in events} == {"10.0.0.9"}
    assert [event.get("subject.user") for event in events] == ["rosa"] * 7 + [None]


def test_what_is_none_of_these_is_kept_as_other(read) -> None:
    text = text_of(
        syscall(1, 101, "ptrace", "/usr/bin/gdb"),
        f"type=SERVICE_STOP {stamp(2)} pid=1 uid=0 msg='unit=auditd comm=\"systemd\" res=success'",
        f"type=CONFIG_CHANGE {stamp(3)} op=remove_rule res=1",
        f"type=UNKNOWN[1420] {stamp(4)} subj_trace=x",
    )
    scanned = read(text)
    assert [event["metadata.event_code"] for event in scanned.events("other")] == [
        "ptrace",
        "SERVICE_STOP",
        "CONFIG_CHANGE",
        "UNKNOWN[1420]",
    ]
    assert next(line for line in scanned.lines(AUDITD) if line["type"] == "SERVICE_STOP")["unit"] == "auditd"


def test_without_an_inventory_the_acting_executable_the_host_and_the_login_name_are_the_subjects(read) -> None:
    text = text_of(
        execve(1, "/usr/bin/python3", "python3", pid=10, ppid=1),
        execve(2, "/usr/bin/dash", "sh", pid=11, ppid=10),
        connect(3, "/usr/bin/curl", "0200115CC6336417", pid=12, ppid=11),
    )
    events = read(text).events()
    assert [event.get("subject.workload") for event in events] == [None, "/usr/bin/python3", "/usr/bin/curl"]
    assert {event["subject.host"] for event in events} == {"here"}
    assert events[0]["subject.user"] == "rosa"
    folder = read(text, host=None).events()
    assert {event["subject.host"] for event in folder} == {events[0]["place"].split("/")[-2]}


def test_a_clock_that_ran_backwards_is_kept_and_flagged(read) -> None:
    text = text_of(
        execve(1, "/usr/bin/a", "a", time=1795518860.0),
        execve(2, "/usr/bin/b", "b", time=1795518000.0),
        execve(3, "/usr/bin/c", "c", time=1795518001.0),
    )
    events = read(text).events()
    assert [event["clock_ran_backwards"] for event in events] == [False, True, False]
    assert [event["process.file.path"] for event in events] == ["/usr/bin/a", "/usr/bin/b", "/usr/bin/c"]
