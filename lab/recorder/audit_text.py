"""auditd's ENRICHED lines, joined to events by serial and read just far enough to count and label them."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field

HEAD = re.compile(rb"^type=(\S+) msg=audit\((\d+\.\d+):(\d+)\): ?")
FIELD = re.compile(rb"""(\w[\w\[\]-]*)=("[^"]*"|'[^']*'|\S*)""")
DROPPED_TYPES = {b"CONFIG_CHANGE", b"EOE", b"PROCTITLE", b"BPRM_FCAPS"}
ARGUMENT = re.compile(rb"^a(\d+)(?:\[\d+\])?$")


@dataclass
class AuditEvent:
    """The records of one serial: when, whose, which process, and the words in it."""

    time: float
    serial: int
    lines: list[bytes] = field(default_factory=list)
    auid: int = -1
    pid: int = 0
    types: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    address: str = ""
    target: tuple[str, int] = ("", 0)
    exe: str = ""
    key: str = ""
    first_login: bool = False  # the recorder gave a process its login uid: no act of the estate

    @property
    def executes(self) -> bool:
        """Whether a program was started."""
        return "EXECVE" in self.types

    def contains(self, mark: str) -> bool:
        """Whether a mark is in the argv, a path or a command."""
        return any(mark in text for text in self.texts)


def decoded(value: bytes) -> str:
    """A quoted value's text, a bare hex value's bytes as text, anything else as it is."""
    if value[:1] == b'"':
        return value.strip(b'"').decode("utf-8", "replace")
    if len(value) % 2 == 0 and re.fullmatch(rb"[0-9A-F]+", value):
        return bytes.fromhex(value.decode()).replace(b"\0", b" ").decode("utf-8", "replace")
    return value.decode("utf-8", "replace")


def read(lines: Iterable[bytes], auids: range) -> list[AuditEvent]:
    """The events of these login uids, in the order of their first record."""
    events: dict[tuple[bytes, bytes], AuditEvent] = {}
    for line in lines:
        head = HEAD.match(line)
        if head is None or head[1] in DROPPED_TYPES or head[1].startswith(b"DAEMON"):
            continue
        event = events.setdefault((head[2], head[3]), AuditEvent(float(head[2]), int(head[3])))
        event.lines.append(line)
        take(event, head[1].decode(), line[head.end() :].partition(b"\x1d")[0])
    canaries = {event.pid for event in events.values() if event.contains("/etc/lab/canary")}
    return [
        event
        for event in events.values()
        if event.auid in auids and event.pid not in canaries and not event.first_login
    ]


def take(event: AuditEvent, kind: str, body: bytes) -> None:
    """Read one record into its event."""
    event.types.add(kind)
    words: list[str] = []
    for name, value in FIELD.findall(body):
        if kind == "EXECVE" and ARGUMENT.match(name):
            words.append(decoded(value))
        elif kind == "SYSCALL" or name != b"msg":
            take_field(event, kind, name, value)
        else:
            for inner, inner_value in FIELD.findall(value[1:-1]):
                take_field(event, kind, inner, inner_value)
    if words:
        event.texts.append(" ".join(words))


def take_field(event: AuditEvent, kind: str, name: bytes, value: bytes) -> None:
    """One field that counting or labelling needs."""
    if kind == "LOGIN" and name == b"old-auid":
        event.first_login = value == b"4294967295"
    elif name == b"auid" and event.auid < 0 and value.isdigit():
        event.auid = int(value)
    elif name == b"pid" and kind != "OBJ_PID" and not event.pid:
        event.pid = int(value)
    elif name == b"exe":
        event.exe = decoded(value)
    elif name == b"key" and kind == "SYSCALL":
        event.key = decoded(value)
    elif name == b"addr" and value not in (b"?", b""):
        event.address = value.decode()
    elif name == b"saddr" and value[:4] == b"0200":
        event.target = (socket.inet_ntoa(bytes.fromhex(value[8:16].decode())), int(value[4:8], 16))
    elif (name == b"name" and kind == "PATH") or name in (b"cmd", b"acct", b"cwd"):
        event.texts.append(decoded(value))
