"""The events of one kind among some lines, with what every kind's view begins with: who acted, as whom, since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lichen.collect.columns import Coded
from lichen.collect.identity import Facts
from lichen.collect.processes import Process
from lichen.collect.readers.auditd.calls import Call
from lichen.collect.readers.auditd.tables import Table
from lichen.collect.readers.auditd.tokens import UNKNOWN, UNSET
from lichen.collect.readers.making import Column
from lichen.core import ocsf


@dataclass(slots=True)
class Picked:
    """Events of one kind. `calls`: each one's SYSCALL; `acting`: the process that acted (of an execve: the one that
    launched); `tables`: its records by type."""

    serial: Sequence[str]
    node: Coded
    calls: Sequence[Call | None]
    acting: Sequence[Process | None]
    tables: Mapping[str, Table]

    def __len__(self) -> int:
        return len(self.serial)

    def of(self, kind: str, name: str) -> Coded:
        """A field of each event's first record of a type; null where it has none."""
        table = self.tables.get(kind)
        return Coded.constant(None, len(self)) if table is None else table.of_event(name, len(self))

    def of_call(self, name: str) -> Coded:
        """A field of the SYSCALL record, null where it says (null), (none) or ?."""
        return self.of("SYSCALL", name).map(said)


def said(value: str) -> str | None:
    """None for the ways in which audit writes that there is nothing."""
    return None if value in UNKNOWN else value


def set_id(value: str) -> str | None:
    """None for an id that was never set, such as the login uid of a daemon."""
    return None if value in UNSET or value in UNKNOWN else value


def user_name(name: str | None, uid: str | None) -> str | None:
    """ENRICHED's name of a user; RAW logs have numbers, of which only root's name is known."""
    return name or ("root" if uid == "0" else uid)


def common_columns(picked: Picked, codes: Sequence[str | None]) -> dict[str, Column]:
    """Columns that every kind has; `codes` are the sensor's names of the record types."""
    uid = picked.of_call("uid")
    return {
        "metadata.product.name": Coded.constant("auditd", len(picked)),
        "metadata.event_code": Coded.of(codes),
        "metadata.uid": picked.serial,
        "device.hostname": picked.node,
        "status_id": [status_of(call) for call in picked.calls],
        "actor.process.file.path": Coded.of([process.image if process else None for process in picked.acting]),
        "actor.process.cmd_line": Coded.of([process.command if process else None for process in picked.acting]),
        "actor.process.parent_process.file.path": Coded.of([p.parent_image if p else None for p in picked.acting]),
        "actor.process.pid": [number(call.pid) if call else None for call in picked.calls],
        "actor.user.name": picked.of_call("UID").pair(uid, user_name),
        "actor.user.uid": uid,
        "actor.session.uid": picked.of_call("ses").map(set_id),
    }


def status_of(call: Call | None) -> int | None:
    """Success or failure of a call; a connect in progress (EINPROGRESS, EAGAIN) is neither yet."""
    if call is None or call.own[2] is None:
        return None
    if call.own[2] == "yes":
        return ocsf.SUCCESS
    return None if call.own[3] in ("-115", "-11") else ocsf.FAILURE


def number(text: str) -> int | None:
    """A process number; None for anything else."""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def facts_of(picked: Picked, columns: Mapping[str, Column]) -> Facts:
    """What subjects are named by: the login uid (never changed by su or sudo), the node, the acting executable."""
    auid = picked.of("SYSCALL", "auid")
    image = columns["actor.process.file.path"]
    assert isinstance(image, Coded)
    node = picked.node
    return Facts(
        known_as={
            "auid": auid.map(set_id),
            "login": picked.of("SYSCALL", "AUID").or_else(auid).map(set_id),
            "node": node,
            "hostname": node,
        },
        acting=image,
    )
