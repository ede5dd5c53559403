"""The names at the end of auditd's ENRICHED lines, written anew from the lab's own accounts.

auditd looks names up in /etc/passwd, and any package that adds an account replaces that file under it. What it then
writes is `unknown(2031)` or another machine's name for a number; the numbers in the record itself are always right.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

UNSET = 4294967295
USERS = {b"AUID", b"UID", b"EUID", b"SUID", b"FSUID", b"OUID", b"OAUID", b"ID", b"SAUID", b"OBJ_UID"}
GROUPS = {b"GID", b"EGID", b"SGID", b"FSGID", b"OGID", b"OBJ_GID", b"NEW_GID"}
TAIL = re.compile(rb'([A-Z_]+)="([^"]*)"')


@dataclass
class Names:
    """Accounts and groups by number."""

    users: dict[int, str] = field(default_factory=dict)
    groups: dict[int, str] = field(default_factory=dict)

    @classmethod
    def read(cls, passwd: str, group: str) -> "Names":
        """From the texts of a passwd and a group file; of two names for a number the first counts."""
        return cls(_by_number(passwd), _by_number(group))

    def rewritten(self, line: bytes) -> bytes:
        """The line with the names of its own numbers."""
        head, mark, tail = line.partition(b"\x1d")
        return head + mark + TAIL.sub(self._namer(head), tail) if mark else line

    def _namer(self, head: bytes) -> Callable[[re.Match[bytes]], bytes]:
        def name(found: re.Match[bytes]) -> bytes:
            known = self.users if found[1] in USERS else self.groups if found[1] in GROUPS else None
            number = re.search(rb"(?:^|[ '])" + found[1].lower() + rb"=(\d+)", head)
            if known is None or number is None:
                return found[0]
            value = int(number[1])
            text = "unset" if value == UNSET else known.get(value, f"unknown({value})")
            return found[1] + b'="' + text.encode() + b'"'

        return name


def _by_number(text: str) -> dict[int, str]:
    table: dict[int, str] = {}
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) > 2 and parts[2].isdigit():
            table.setdefault(int(parts[2]), parts[0])
    return table
