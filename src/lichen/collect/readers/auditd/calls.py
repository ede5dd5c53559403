"""SYSCALL records: the numbers that differ each time, apart from the rest, which repeats and is parsed once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lichen.collect.columns import Rows
from lichen.collect.readers.auditd.forms import TypeForms
from lichen.collect.readers.auditd.syscalls import MACHINES, name_of
from lichen.collect.readers.auditd.tokens import SEPARATOR, UNKNOWN, parse

_HEAD = re.compile(
    r"arch=([^ ]+) syscall=([^ ]+)(?: per=[^ ]+)?(?: success=([^ ]+) exit=([^ ]+))?"
    r" a0=([^ ]+) a1=([^ ]+) a2=([^ ]+) a3=([^ ]+) items=([0-9]+) ppid=([0-9]+) pid=([0-9]+) "
)
OWN_FIELDS = ("arch", "syscall", "success", "exit", "a0", "a1", "a2", "a3", "items", "ppid", "pid")


@dataclass(slots=True)
class Call:
    """One SYSCALL record. `own` are the texts of OWN_FIELDS (None where absent), `image` the executable that the
    process runs at the end of the call, `name` the system call's name."""

    own: tuple[str | None, ...]
    image: str | None
    name: str

    @property
    def ppid(self) -> str:
        return self.own[9] or ""

    @property
    def pid(self) -> str:
        return self.own[10] or ""

    @property
    def succeeded(self) -> bool:
        """False only if the record says so."""
        return self.own[2] != "no"

    def argument(self, name: str) -> str:
        """One of a0..a3, in hexadecimal."""
        return self.own[OWN_FIELDS.index(name)] or ""


class Calls:
    """Parses SYSCALL bodies; remembers all of them but the numbers."""

    def __init__(self) -> None:
        self.forms = TypeForms(parse, (" comm=", SEPARATOR))

    def parse(self, bodies: Sequence[str]) -> tuple[list[Call], Rows]:
        """The calls of these bodies, and the numbers of their forms. One of an unusual form is parsed field by
        field."""
        owns: list[tuple[str | None, ...]] = []
        rests = []
        for body in bodies:
            match = _HEAD.match(body)
            if match is None:
                fields = parse(body).fields
                own: tuple[str | None, ...] = tuple(fields.get(name) for name in OWN_FIELDS)
                rest = " ".join(word for word in body.split(" ") if word.partition("=")[0] not in OWN_FIELDS)
            else:
                own, rest = match.groups(), body[match.end() :]
            owns.append(own)
            rests.append(rest if SEPARATOR in rest else _with_names(rest, own[0] or "", own[1] or ""))
        numbers = self.forms.numbers_of(rests)
        images = self.forms.parts[1].texts("exe", numbers[1])
        names = self.forms.parts[2].texts("SYSCALL", numbers[2])
        calls = [
            Call(own, None if image in UNKNOWN else image, name or name_of(own[0] or "", own[1] or ""))
            for own, image, name in zip(owns, images, names, strict=True)
        ]
        return calls, numbers


def _with_names(text: str, machine: str, number: str) -> str:
    """RAW text with the names of machine and call behind it, as ENRICHED has them."""
    return f"{text}{SEPARATOR}ARCH={MACHINES.get(machine, machine)} SYSCALL={name_of(machine, number)}"
