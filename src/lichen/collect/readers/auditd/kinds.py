"""What kind an auditd event is, and each kind's columns and Sigma shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lichen.collect.columns import Coded, stacked
from lichen.collect.identity import Facts
from lichen.collect.readers.auditd.calls import Call
from lichen.collect.readers.auditd.paths import (
    Item,
    activity_of,
    directory_of,
    file_of,
    items_of,
    old_name_of,
    whole_path,
)
from lichen.collect.readers.auditd.picked import Picked, common_columns, facts_of, number, said, set_id
from lichen.collect.readers.auditd.sockets import Peer, peer_of
from lichen.collect.readers.auditd.syscalls import (
    DIRECTORY,
    EXEC,
    FILE_ACTIVITY,
    NETWORK,
    OLD_DIRECTORY,
    OPENS,
    PEER_IS_SOURCE,
)
from lichen.collect.readers.auditd.tokens import UNKNOWN
from lichen.collect.readers.making import Column, fields_shape
from lichen.core import ocsf
from lichen.core.batch import LogSource, Shape

Made = tuple[dict[str, Column], Facts, list[Shape]]
_LOGIN_TYPES = """
LOGIN USER_AUTH USER_ACCT USER_LOGIN USER_LOGOUT USER_START USER_END USER_CMD USER_ERR USER_CHAUTHTOK USER_MGMT
USER_ROLE_CHANGE CRED_ACQ CRED_REFR CRED_DISP ADD_USER DEL_USER ADD_GROUP DEL_GROUP GRP_MGMT GRP_AUTH GRP_CHAUTHTOK
ACCT_LOCK ACCT_UNLOCK ANOM_LOGIN_FAILURES ANOM_LOGIN_TIME ANOM_LOGIN_SESSIONS ANOM_LOGIN_LOCATION
"""
FILE_CATEGORIES = {
    "file_event": (ocsf.CREATE, ocsf.UPDATE, ocsf.RENAME, ocsf.LINK),
    "file_access": (ocsf.READ,),
    "file_delete": (ocsf.DELETE,),
    "file_rename": (ocsf.RENAME,),
    "file_change": (ocsf.SET_ATTRIBUTES, ocsf.SET_SECURITY),
}
FAILED = ("failed", "no", "0")
NAMED_BY_UID = frozenset({"USER_CMD", "USER_ERR"})  # whose record names no account
LOGINS = frozenset(_LOGIN_TYPES.split())


def kind_of(call: Call | None, executed: bool, addressed: bool, named: bool) -> str:
    """The kind of an event that is no login: by its SYSCALL (or none) and whether it has EXECVE, SOCKADDR and PATH
    records."""
    if call is None:
        return "exec" if executed else "other"
    if call.name in EXEC:
        return "exec"
    if addressed and call.name in NETWORK:
        return "net"
    return "file" if named and (call.name in FILE_ACTIVITY or call.name in OPENS) else "other"


def exec_columns(picked: Picked, commands: Sequence[str | None]) -> Made:
    """kind "exec": `process` is what was started, `actor.process` who started it. A failed execve names what was
    tried, and is no process creation in Sigma's sense."""
    columns = common_columns(picked, [call.name if call else "EXECVE" for call in picked.calls])
    happened = np.array([call is None or call.succeeded for call in picked.calls], dtype=bool)
    directory = picked.of("CWD", "cwd").map(said)
    invoked = picked.of("PATH", "name").map(said).pair(directory, _whole)
    image = picked.of_call("exe").where(happened).or_else(invoked)
    command = Coded.of(commands)
    columns |= {
        "activity_id": np.full(len(picked), ocsf.LAUNCH),
        "process.file.path": image,
        "process.cmd_line": command,
        "process.pid": columns["actor.process.pid"],
        "process.working_directory": directory,
        "actor.process.pid": [number(call.ppid) if call else None for call in picked.calls],
    }
    made = np.flatnonzero(happened)
    other_name = invoked.pair(image, lambda name, exe: name if name != exe else None)
    again = np.flatnonzero(happened & other_name.present)
    rows = np.concatenate([made, again])
    fields: dict[str, Column] = {"Image": stacked([image.take(made), other_name.take(again)])}
    for name, column in {
        "CommandLine": command,
        "ParentImage": columns["actor.process.file.path"],
        "ParentCommandLine": columns["actor.process.cmd_line"],
        "CurrentDirectory": directory,
        "User": columns["actor.user.name"],
        "LogonId": columns["actor.user.uid"],
        "ProcessId": picked.of("SYSCALL", "pid"),
        "ParentProcessId": picked.of("SYSCALL", "ppid"),
    }.items():
        fields[name] = _coded(column).take(rows)
    shape = fields_shape(LogSource("linux", "process_creation", None), fields, len(rows), rows)
    return columns, facts_of(picked, columns), [shape]


def net_columns(picked: Picked) -> Made:
    """kind "net": a connection begun, or accepted (then the peer is the source). Other socket families have no peer."""
    columns = common_columns(picked, [call.name if call else None for call in picked.calls])
    table = picked.tables["SOCKADDR"]
    saddr = table.of_event("saddr", len(picked)).used()
    peers: dict[str, Peer | None] = {text: peer_of(text) for text in saddr.values}
    address = saddr.map(lambda text: peer.address if (peer := peers[text]) else None)
    port = saddr.map(lambda text: str(peer.port) if (peer := peers[text]) else None)
    accepted = np.array([call is not None and call.name in PEER_IS_SOURCE for call in picked.calls], dtype=bool)
    columns |= {
        "activity_id": [NETWORK.get(call.name) if call else None for call in picked.calls],
        "dst_endpoint.ip": address.where(~accepted),
        "dst_endpoint.port": port.where(~accepted),
        "src_endpoint.ip": address.where(accepted),
        "src_endpoint.port": port.where(accepted),
    }
    initiated = np.where(accepted, 1, 0).astype(np.int32)
    fields: dict[str, Column] = {
        "Image": columns["actor.process.file.path"],
        "DestinationIp": address.where(~accepted),
        "DestinationPort": port.where(~accepted),
        "SourceIp": address.where(accepted),
        "SourcePort": port.where(accepted),
        "Initiated": Coded(initiated, ["true", "false"]),
        "User": columns["actor.user.name"],
    }
    shape = fields_shape(LogSource("linux", "network_connection", None), fields, len(picked))
    return columns, facts_of(picked, columns), [shape]


def file_columns(picked: Picked) -> Made:
    """kind "file": one path an event (of a rename the new one), absolute by the working directory."""
    columns = common_columns(picked, [call.name if call else None for call in picked.calls])
    directories = picked.of("CWD", "cwd").map(said).texts()
    paths, old_paths, modes, activities = [], [], [], []
    for call, items, directory in zip(picked.calls, _items(picked), directories, strict=True):
        item = file_of(items)
        name = call.name if call else ""
        moved = old_name_of(items) if name.startswith("rename") else None
        given = _arguments(call)
        here, there = (directory_of(table.get(name), given, directory) for table in (DIRECTORY, OLD_DIRECTORY))
        paths.append(None if item is None else whole_path(item.name or "", here))
        old_paths.append(None if moved is None else whole_path(moved.name or "", there))
        modes.append(item.mode if item else None)
        activities.append(activity_of(name, item, given))
    path, old_path = Coded.of(paths), Coded.of(old_paths)
    columns |= {"activity_id": activities, "file.path": path, "file.mode": Coded.of(modes)}
    return columns, facts_of(picked, columns), _file_shapes(picked, columns, old_path)


def _file_shapes(picked: Picked, columns: dict[str, Column], old_path: Coded) -> list[Shape]:
    """What happened to files under Sigma's categories; calls that failed changed nothing and are in none."""
    failed = np.array([call is not None and not call.succeeded for call in picked.calls], dtype=bool)
    activity = np.array(columns["activity_id"])
    shapes = []
    for category, activities in FILE_CATEGORIES.items():
        rows = np.flatnonzero(~failed & np.isin(activity, activities))
        if len(rows):
            fields: dict[str, Column] = {
                "TargetFilename": _coded(columns["file.path"]).take(rows),
                "Image": _coded(columns["actor.process.file.path"]).take(rows),
                "User": _coded(columns["actor.user.name"]).take(rows),
            }
            if category == "file_rename":
                fields["SourceFilename"] = old_path.take(rows)
            shapes.append(fields_shape(LogSource("linux", category, None), fields, len(rows), rows))
    return shapes


def auth_columns(picked: Picked, types: Sequence[str]) -> Made:
    """kind "auth": USER_*, CRED_*, LOGIN and account records. LOGON is given once an attempt: sshd and login write a
    USER_LOGIN when one fails and a USER_START when one succeeds; for others a failed USER_AUTH is the attempt."""
    columns = common_columns(picked, types)
    records = _own_records(picked, types)

    def of(*names: str) -> Coded:
        """The first of these fields that each event's own record has."""
        found = [next((r[name] for name in names if r.get(name, "?") not in UNKNOWN), None) for r in records]
        return Coded.of(found)

    login = of("AUID", "auid").map(set_id)
    outcome = [None if text is None else text in FAILED for text in of("res", "success").texts()]
    signs = np.array([kind in NAMED_BY_UID for kind in types], dtype=bool)
    account = of("acct", "id").or_else(of("UID", "uid").where(signs)).or_else(login.where(np.array(types) == "LOGIN"))
    image = of("exe").or_else(_coded(columns["actor.process.file.path"]))
    columns |= {
        "activity_id": [
            _login_activity(kind, bool(failed), exe or "")
            for kind, failed, exe in zip(types, outcome, image.texts(), strict=True)
        ],
        "status_id": [None if failed is None else ocsf.FAILURE if failed else ocsf.SUCCESS for failed in outcome],
        "user.name": account,
        "service.name": image.map(lambda path: path.rpartition("/")[2]),
        "src_endpoint.ip": of("addr").map(_address),
        "actor.process.file.path": image,
        "actor.process.cmd_line": of("cmd").or_else(_coded(columns["actor.process.cmd_line"])),
        "actor.process.pid": of("pid"),
        "actor.session.uid": of("ses").map(set_id),
    }
    known_as = facts_of(picked, columns).known_as
    auid = known_as["auid"].or_else(of("auid").map(set_id))
    known_as = {**known_as, "auid": auid, "login": known_as["login"].or_else(login)}
    return columns, Facts(known_as, acting=image, user=account), []


def other_columns(picked: Picked, types: Sequence[str]) -> Made:
    """kind "other": everything else, under the system call's name where there is one, else the record's type."""
    codes = [call.name if call else kind for call, kind in zip(picked.calls, types, strict=True)]
    columns = common_columns(picked, codes)
    return columns, facts_of(picked, columns), []


def _whole(name: str | None, directory: str | None) -> str | None:
    return None if name is None else whole_path(name, directory or "")


def _items(picked: Picked) -> list[list[Item]]:
    """The items of each event that may be its file."""
    of_event: list[list[Item]] = [[] for _ in range(len(picked))]
    table = picked.tables["PATH"]
    columns = [table.column(name).texts() for name in Item._fields]
    for event, item in zip(table.event.tolist(), map(Item._make, zip(*columns, strict=True)), strict=True):
        of_event[event].append(item)
    return [items_of(items) for items in of_event]


def _arguments(call: Call | None) -> dict[str, str]:
    return {name: call.argument(name) for name in ("a0", "a1", "a2")} if call else {}


def _own_records(picked: Picked, types: Sequence[str]) -> list[dict[str, str]]:
    """The fields of each event's first record of its own type."""
    records: list[dict[str, str]] = [{} for _ in types]
    for kind in dict.fromkeys(types):
        table = picked.tables.get(kind)
        if table is None:
            continue
        for event, fields in zip(table.event.tolist(), table.fields(), strict=True):
            if types[event] == kind and not records[event]:
                records[event] = fields
    return records


def _coded(column: Column) -> Coded:
    assert isinstance(column, Coded)
    return column


def _address(text: str) -> str | None:
    return text if text.replace(".", "").replace(":", "").isalnum() and any(sign in text for sign in ".:") else None


def _login_activity(kind: str, failed: bool, exe: str) -> int:
    if kind == "USER_START" and not failed:
        return ocsf.LOGON
    if kind == "USER_LOGIN" and failed:
        return ocsf.LOGON
    if kind == "USER_AUTH" and failed and not exe.endswith(("/sshd", "/login", "/sshd-session")):
        return ocsf.LOGON
    return ocsf.LOGOFF if kind in ("USER_END", "USER_LOGOUT") else 99
