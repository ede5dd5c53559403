"""One syslog line in its parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """`row` is the line's place in Lines, `time` µs UTC."""

    row: int
    time: int
    host: str | None
    program: str | None
    pid: str | None
    text: str

    @property
    def service(self) -> str:
        """The program in lower case without its path and without what sshd's helpers add."""
        name = (self.program or "").rpartition("/")[2].lower()
        return "sshd" if name.startswith("sshd-") else name
