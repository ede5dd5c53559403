"""Syslog lines to logins and the rest; years and zones that the lines do not name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Scan

from lichen.core.batch import LogSource
from lichen.core.time import from_text, to_text


@pytest.fixture
def read(scan: Scan, tmp_path: Path):
    def read_lines(*lines: str, written: str = "2026-11-24T12:00:00Z", **options: Any):
        file = tmp_path / "auth.log"
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        os.utime(file, ns=(0, from_text(written) * 1000))
        return scan(file, **options)

    return read_lines


def times(scanned) -> list[str]:
    return [to_text(value)[:19] for batch in scanned.batches for value in batch.times().tolist()]


@pytest.mark.parametrize(
    ("written", "stamp", "expected"),
    [
        ("2026-11-24T12:00:00Z", "Nov 24 08:06:07", "2026-11-24T08:06:07"),
        ("2026-11-24T12:00:00Z", "Nov 25 01:00:00", "2026-11-25T01:00:00"),
        ("2026-11-24T12:00:00Z", "Nov 30 01:00:00", "2025-11-30T01:00:00"),
        ("2027-01-01T00:05:00Z", "Dec 31 23:59:59", "2026-12-31T23:59:59"),
        ("2027-01-01T00:05:00Z", "Jan  1 00:01:00", "2027-01-01T00:01:00"),
        ("2026-12-31T23:59:00Z", "Jan  1 00:00:10", "2027-01-01T00:00:10"),
        ("2026-03-01T00:00:00Z", "Feb 29 10:00:00", "2024-02-29T10:00:00"),
    ],
)
def test_an_old_style_time_takes_its_year_from_the_file(read, written: str, stamp: str, expected: str) -> None:
    assert times(read(f"{stamp} host sshd[1]: Server listening on :: port 22.", written=written)) == [expected]


def test_an_old_style_time_takes_its_zone_from_the_settings(read) -> None:
    line = "Nov 24 08:06:07 host sshd[1]: x"
    assert times(read(line, timezone="America/New_York")) == ["2026-11-24T13:06:07"]
    assert times(read("2026-11-24T08:06:07.5+02:00 host sshd[1]: x", timezone="America/New_York")) == [
        "2026-11-24T06:06:07"
    ]


LINES = {
    "Accepted publickey for anke from 10.77.1.101 port 53121 ssh2: ED25519 SHA256:PTZ8": ("anke", 1, 1, "10.77.1.101"),
    "Accepted password for diego from 2001:db8::7 port 55997 ssh2": ("diego", 1, 1, "2001:db8::7"),
    "Failed password for root from 203.0.113.9 port 4022 ssh2": ("root", 1, 2, "203.0.113.9"),
    "Failed password for invalid user admin from 203.0.113.9 port 4022 ssh2": ("admin", 1, 2, "203.0.113.9"),
    "Failed none for invalid user x from y from 203.0.113.9 port 1 ssh2": ("x from y", 1, 2, "203.0.113.9"),
    "Invalid user admin from 203.0.113.9 port 4022": ("admin", 99, 2, "203.0.113.9"),
    "Disconnected from user diego 10.77.1.104 port 55997": ("diego", 2, None, "10.77.1.104"),
    "Disconnected from authenticating user root 203.0.113.9 port 22 [preauth]": ("root", 99, None, "203.0.113.9"),
    "Connection closed by 10.77.1.200 port 56307": (None, 99, None, "10.77.1.200"),
    "Received disconnect from 10.77.1.104 port 55997:11: disconnected by user": (None, 99, None, "10.77.1.104"),
    "pam_unix(sshd:session): session opened for user diego(uid=1104) by (uid=0)": ("diego", 99, 1, None),
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root": (
        "root", 99, 2, "203.0.113.9",
    ),
    "error: kex_exchange_identification: Connection closed by remote host": (None, 99, None, None),
}  # fmt: skip


@pytest.mark.parametrize("text", LINES)
def test_what_sshd_says(read, text: str) -> None:
    [event] = read(f"2026-11-24T11:14:28.418+00:00 ops-1 sshd[77]: {text}").events("auth")
    told = (event.get("user.name"), event["activity_id"], event.get("status_id"), event.get("src_endpoint.ip"))
    assert told == LINES[text]
    assert event["service.name"] == "sshd"
    assert event["subject.host"] == "ops-1"


def test_a_guessed_name_that_the_system_does_not_know_is_no_subject(read) -> None:
    scanned = read(
        "2026-11-24T11:14:28Z ops-1 sshd[1]: Failed password for invalid user admin from 203.0.113.9 port 4022 ssh2",
        "2026-11-24T11:14:29Z ops-1 sshd[1]: Failed password for rosa from 203.0.113.9 port 4022 ssh2",
    )
    assert [event.get("subject.user") for event in scanned.events()] == [None, "rosa"]


def test_what_sudo_su_and_cron_say(read) -> None:
    events = read(
        "Nov 24 11:14:28 ops-1 sudo:    diego : PWD=/home/diego ; USER=root ; COMMAND=/usr/bin/cat /etc/cron.d/x ; y",
        "Nov 24 11:14:28 ops-1 sudo: boris : TTY=pts/0 ; PWD=/ ; USER=#-1 ; COMMAND=/usr/bin/id",
        "Nov 24 11:14:28 ops-1 sudo: boris : 3 incorrect password attempts ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
        "Nov 24 11:14:28 ops-1 sudo: eve : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
        "Nov 24 11:14:28 ops-1 su[5]: FAILED SU (to root) boris on pts/1",
        "Nov 24 11:14:28 ops-1 su[5]: (to root) anke on pts/0",
        "Nov 24 11:14:28 ops-1 CRON[6]: (root) CMD (test -x /etc/x && (id; ls))",
        "Nov 24 11:14:28 ops-1 CRON[6]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
        "Nov 24 11:14:28 ops-1 crontab[88]: (diego) REPLACE (diego)",
    )
    names = ("metadata.event_code", "user.name", "activity_id", "status_id", "actor.process.cmd_line")
    told = [tuple(event.get(name) for name in names) for event in events.events("auth")]
    assert told == [
        ("sudo command", "diego", 99, 1, "/usr/bin/cat /etc/cron.d/x ; y"),
        ("sudo command", "boris", 99, 1, "/usr/bin/id"),
        ("sudo refused", "boris", 99, 2, "/bin/sh"),
        ("sudo refused", "eve", 99, 2, "/bin/sh"),
        ("su failed", "root", 1, 2, None),
        ("su", "root", 99, 1, None),
        ("cron cmd", "root", 99, None, "test -x /etc/x && (id; ls)"),
        ("session opened", "root", 1, 1, None),
        ("cron replace", "diego", 99, None, None),
    ]
    sudo = events.lines(LogSource("linux", None, "sudo"))
    assert [line["USER"] for line in sudo] == ["root", "#-1", "root", "root"]
    assert len(events.lines(LogSource("linux", None, "cron"))) == 3
    assert len(events.lines(LogSource("linux", None, "auth"))) == 6


def test_every_line_is_under_its_programs_service_and_what_has_none_under_syslog(read) -> None:
    scanned = read(
        "Nov 24 11:14:28 h kernel: [ 12.5] x: link up",
        "Nov 24 11:14:28 h clamd[9]: /tmp/x: Eicar FOUND",
        "<38>Nov 24 11:14:28 h sshd-session[9]: Connection closed by 10.0.0.1 port 22",
        "Nov 24 11:14:28 last message repeated 3 times",
        "Nov 24 11:14:28 h /usr/sbin/cron[9]: (root) CMD (id)",
    )
    services = {shape.source.service: shape.fields.num_rows for batch in scanned.batches for shape in batch.shapes}
    assert services == {"syslog": 2, "clamav": 1, "sshd": 1, "auth": 1, "cron": 1}
    assert scanned.letters == []


def test_a_line_that_begins_otherwise_is_a_dead_letter(read) -> None:
    scanned = read(
        "Nov 24 11:14:28 h sshd[1]: x", "what is this", "Xyz 24 11:14:28 h sshd[1]: x", "Nov 31 11:14:28 h x: y"
    )
    assert [letter.place.rpartition(":")[2] for letter in scanned.letters] == ["2", "3", "4"]
    assert len(scanned.events()) == 1


@pytest.mark.parametrize(
    ("program", "text", "what", "user", "activity"),
    [
        (
            "login",
            "FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure",
            "console login failed",
            "root",
            1,
        ),
        ("login", "ROOT LOGIN ON tty1", "console login", "root", 1),
        ("systemd-logind", "New session 31 of user rosa.", "new session", "rosa", 99),
        ("useradd", "new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/sh", "useradd new user", "eve", 99),
        ("usermod", "add 'eve' to group 'sudo'", "usermod change", "eve", 99),
        ("passwd", "password changed for eve", "passwd change", "eve", 99),
        ("userdel", "delete user 'eve'", "userdel change", "eve", 99),
        (
            "sshd",
            "error: maximum authentication attempts exceeded for root from 203.0.113.9 port 4022 ssh2 [preauth]",
            "ssh too many attempts",
            "root",
            99,
        ),
    ],
)
def test_consoles_and_account_changes_are_named(
    scan: Scan, tmp_path: Path, program: str, text: str, what: str, user: str, activity: int
) -> None:
    (tmp_path / "auth.log").write_text(f"Nov 24 11:14:28 ops-1 {program}[77]: {text}\n", encoding="utf-8")
    [event] = scan(tmp_path / "auth.log").events("auth")
    assert (event["metadata.event_code"], event["user.name"], event["activity_id"]) == (what, user, activity)
