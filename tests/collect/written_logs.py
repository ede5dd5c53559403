"""Lines as auditd, sshd and nginx write them, made to order."""

from __future__ import annotations

from typing import Any

G = "\x1d"
NOW = 1795518860.0


def encoded(text: str) -> str:
    """A text as the kernel writes it: quoted, or in hexadecimal where it holds anything odd."""
    odd = any(not "!" <= sign <= "~" or sign == '"' for sign in text) or not text
    return text.encode().hex().upper() if odd else f'"{text}"'


def stamp(serial: int, time: float = NOW) -> str:
    return f"msg=audit({time:.3f}:{serial}):"


def syscall(serial: int, number: int, name: str, exe: str, *, time: float = NOW, **given: Any) -> str:
    """A SYSCALL record, ENRICHED unless raw=True."""
    known: dict[str, Any] = {"success": "yes", "exit": 0, "a0": "1", "a1": "2", "a2": "3", "a3": "4", "items": 1}
    known |= {"ppid": 1, "pid": 100, "auid": 1000, "uid": 0, "comm": exe.rpartition("/")[2], "key": "k"} | given
    uid = known["uid"]
    ids = " ".join(f"{kind}={uid}" for kind in ["uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid"])
    line = (
        f"type=SYSCALL {stamp(serial, time)} arch=c000003e syscall={number} success={known['success']} "
        f"exit={known['exit']} a0={known['a0']} a1={known['a1']} a2={known['a2']} a3={known['a3']} "
        f"items={known['items']} ppid={known['ppid']} pid={known['pid']} auid={known['auid']} {ids} "
        f"tty=pts0 ses=3 comm={encoded(str(known['comm']))} exe={encoded(exe)} key={encoded(str(known['key']))}"
    )
    if known.get("raw"):
        return line
    user = "root" if uid == 0 else "rosa"
    names = " ".join(f'{kind}="{user}"' for kind in ["UID", "GID", "EUID", "SUID", "FSUID", "EGID", "SGID", "FSGID"])
    return f'{line}{G}ARCH=x86_64 SYSCALL={name} AUID="rosa" {names}'


def execve(serial: int, exe: str, *argv: str, cwd: str = "/", invoked: str = "", **given: Any) -> list[str]:
    """The records of a successful execve."""
    time = float(given.get("time", NOW))
    arguments = " ".join(f"a{place}={encoded(text)}" for place, text in enumerate(argv))
    return [
        syscall(serial, 59, "execve", exe, **{"items": 2, **given}),
        f"type=EXECVE {stamp(serial, time)} argc={len(argv)} {arguments}",
        f"type=CWD {stamp(serial, time)} cwd={encoded(cwd)}",
        path(serial, 0, invoked or exe, time=time),
        path(serial, 1, "/lib64/ld-linux-x86-64.so.2", time=time),
    ]


def path(serial: int, item: int, name: str, nametype: str = "NORMAL", dev: str = "fe:00", time: float = NOW) -> str:
    """A PATH record; an empty name is (null)."""
    written = encoded(name) if name else "(null)"
    return (
        f"type=PATH {stamp(serial, time)} item={item} name={written} inode={1000 + item} dev={dev} mode=0100755 "
        f'ouid=0 ogid=0 rdev=00:00 nametype={nametype} cap_fp=0 cap_fi=0{G}OUID="root" OGID="root"'
    )


def connect(serial: int, exe: str, saddr: str, **given: Any) -> list[str]:
    """The records of a connect to a socket address in hexadecimal."""
    time = float(given.get("time", NOW))
    return [
        syscall(serial, 42, "connect", exe, **{"items": 0, **given}),
        f"type=SOCKADDR {stamp(serial, time)} saddr={saddr}{G}SADDR={{ saddr_fam=inet laddr=1.2.3.4 lport=5 }}",
    ]


def text_of(*records: str | list[str]) -> str:
    """Records and lists of records as the text of a log."""
    lines = [line for each in records for line in ([each] if isinstance(each, str) else each)]
    return "".join(f"{line}\n" for line in lines)
