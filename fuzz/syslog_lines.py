"""Syslog: RFC 3164, RFC 5424, octet counts, logins and DNS queries; each line is in an event or a dead letter."""

from __future__ import annotations

import zlib

from fuzz.reading import Folder, every_line_is_told, grown
from fuzz.targets import Target

AS_FOUND, AS_SYSLOG = Folder(), Folder(format="syslog")


def read(data: bytes) -> None:
    """The file as it is found, or with `--format syslog`."""
    draw = zlib.crc32(data)
    folder = AS_FOUND if draw & 1 else AS_SYSLOG
    told = folder.read(data)
    if folder.stands_as_it_is():
        every_line_is_told(data, told)
    if (more := grown(data, draw >> 1)) is not None:
        folder.read(more)


WORDS = (
    "<13>1 ", "<34>", "Nov 24 08:06:07 ", "Feb 29 23:59:60 ", "2026-11-24T08:06:07.123456Z ", "host ", "sshd[77]: ",
    "sudo: ", "su: ", "CRON[6]: ", "dnsmasq[40]: ", "query[A] ", "config ", "cached ", "forwarded ", "reply ",
    "<CNAME>", " is ", " from ", "10.0.0.1", "TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=", "Failed password for ",
    "Accepted publickey for ", "invalid user ", " port 22 ssh2", "pam_unix(sshd:session): session opened for user ",
    '[a@1 b="c"]', '\\"', "\\]", "- - - ", "CEF:0|a|b|1|2|c|9|", "kernel: ", "audit(1763980000.1:1): ",
)  # fmt: skip
TARGET = Target("syslog_lines", read, 8192, WORDS)
