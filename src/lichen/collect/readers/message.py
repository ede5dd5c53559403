"""One syslog line in its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """`row` is the line's place in Lines, `time` µs UTC. `fields`: structured data of RFC 5424, `id.name` -> value;
    what follows them only the journal says."""

    row: int
    time: int
    host: str | None
    program: str | None
    pid: str | None
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    container: str | None = None
    exe: str | None = None
    command: str | None = None
    uid: str | None = None

    @property
    def service(self) -> str:
        """The program in lower case without its path and without what sshd's helpers add."""
        name = (self.program or "").rpartition("/")[2].lower()
        return "sshd" if name.startswith("sshd-") else name
