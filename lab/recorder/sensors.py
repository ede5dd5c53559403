"""The audit sensor: one auditd for the machine, shared by the estates that are up; rules for each replica."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from recorder.plan import STATE, Estate, Replica
from recorder.shell import call, quietly

LOG = STATE / "audit" / "audit.log"
CONFIGURATION = f"""log_file = {LOG}
local_events = yes
write_logs = yes
log_format = ENRICHED
log_group = root
flush = INCREMENTAL_ASYNC
freq = 50
num_logs = 0
max_log_file = 4000
max_log_file_action = IGNORE
space_left = 200
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = SUSPEND
disk_error_action = SUSPEND
name_format = NONE
priority_boost = 4
q_depth = 8192
overflow_action = IGNORE
plugin_dir = {STATE}/audit/plugins.d
"""
EVERYWHERE = """-c
-a always,exclude -F msgtype=BPRM_FCAPS
-a always,exclude -F msgtype=PROCTITLE
-a always,exit -F arch=b64 -S execve,execveat -F auid!=-1 -k exec
-a always,exit -F arch=b64 -S connect -F saddr_fam=2 -F auid!=-1 -k net
-a always,exit -F arch=b64 -S ptrace,mount,umount2,setns,unshare,bpf,memfd_create -F auid!=-1 -k priv
-a always,exit -F arch=b64 -S init_module,finit_module,delete_module -F auid!=-1 -k priv
-a always,exit -F arch=b64 -S mknod,mknodat -F auid!=-1 -k priv
-a always,exit -F arch=b64 -S chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,setxattr,fsetxattr -F auid!=-1 -k perm
"""
WRITES = (
    "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,truncate,"
    "mkdir,mkdirat,rmdir"
)
RESTORED = {"-e": "0", "-b": "64", "-f": "1", "--backlog_wait_time": "15000"}


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Held while the list of estates that use the sensor is read or changed."""
    STATE.mkdir(parents=True, exist_ok=True)
    with open(STATE / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def users_alive() -> list[str]:
    """The estates that use the sensor and whose recorder lives; the others are struck off."""
    alive = []
    for path in sorted(STATE.glob("user-*")):
        letter = path.name.removeprefix("user-")
        if is_claimed(letter):
            alive.append(letter)
        else:
            path.unlink()
    return alive


def claim(letter: str) -> TextIO | None:
    """Sole use of an estate until the file is closed or the process ends; None if another recorder has it."""
    STATE.mkdir(parents=True, exist_ok=True)
    lock = open(STATE / f"estate-{letter}.lock", "w", encoding="utf-8")  # noqa: SIM115 - held open on purpose
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def is_claimed(letter: str) -> bool:
    """Whether a living recorder has the estate."""
    lock = claim(letter)
    if lock is None:
        return True
    lock.close()
    return False


def join(estate: Estate, names: dict[str, str]) -> None:
    """Count this estate in; the first one starts auditd. `names`: the passwd and group files that auditd reads."""
    with locked():
        others = users_alive()
        (STATE / f"user-{estate.letter}").write_text(str(os.getpid()))
        if not others:
            start_auditd(names)


def leave(estate: Estate) -> None:
    """Count this estate out; the last one stops auditd and restores the kernel's settings."""
    with locked():
        (STATE / f"user-{estate.letter}").unlink(missing_ok=True)
        if not users_alive():
            stop_auditd()


def start_auditd(names: dict[str, str]) -> None:
    """auditd in a mount namespace with an /etc of its own (a bound file would be lost when the machine's is replaced).

    It can never stall the machine: it fails silently and nothing waits for it.
    """
    folder = STATE / "audit"
    (folder / "plugins.d").mkdir(parents=True, exist_ok=True)
    LOG.unlink(missing_ok=True)
    (folder / "auditd.conf").write_text(CONFIGURATION)
    (folder / "auditd.conf").chmod(0o640)
    etc = folder / "etc"
    etc.mkdir(exist_ok=True)
    for name, text in names.items():
        (etc / name).write_text(text)
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\n")
    call("auditctl", "-D")
    for words in (["-f", "0"], ["--backlog_wait_time", "0"], ["-b", "8192"], ["--reset-lost"]):
        quietly("auditctl", *words)
    own_etc = 'mount --bind "$0/etc" /etc; exec auditd -n -c "$0" -s enable'
    with open(folder / "auditd.out", "wb") as output:
        process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", own_etc, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (folder / "pid").write_text(str(process.pid))
    for _ in range(100):
        if LOG.exists() and LOG.stat().st_size:
            break
        time.sleep(0.05)
    load_rules(EVERYWHERE.splitlines())


def stop_auditd() -> None:
    """No daemon, no rules, the kernel's own settings."""
    pid_file = STATE / "audit" / "pid"
    quietly("auditctl", "-D")
    if pid_file.exists():
        pid = int(pid_file.read_text() or 0)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if b"auditd" in Path(f"/proc/{pid}/cmdline").read_bytes() if Path(f"/proc/{pid}").exists() else False:
                os.kill(pid, signal.SIGTERM)
                for _ in range(100):
                    if not Path(f"/proc/{pid}").exists() or os.waitpid(pid, os.WNOHANG)[0]:
                        break
                    time.sleep(0.05)
        pid_file.unlink()
    quietly("auditctl", "-D")
    for name, value in RESTORED.items():
        quietly("auditctl", name, value)
    quietly("auditctl", "--reset-lost")


def load_rules(lines: list[str]) -> None:
    """Add rules through one auditctl."""
    path = STATE / f"rules-{os.getpid()}"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o640)
    quietly("auditctl", "-R", str(path))
    path.unlink()


def rules_for(replica: Replica) -> list[str]:
    """A rule for changes in the replica's tree, one a sensitive file, accepted connections where asked for."""
    root, auid, arch = replica.root, replica.auid, "-F arch=b64"
    lines = [
        f"-A never,exit {arch} -S {WRITES} -F auid={auid} -F dir={root}{folder}" for folder in replica.settings["quiet"]
    ]
    lines.append(f"-a always,exit {arch} -S {WRITES} -F auid={auid} -F dir={root} -F perm=wa -k file")
    for key, paths in replica.settings["reads"].items():
        lines += [f"-a always,exit {arch} -F path={root}{path} -F perm=r -F auid={auid} -k {key}" for path in paths]
    if replica.settings.get("accept"):
        lines.append(f"-a always,exit {arch} -S accept4,accept -F saddr_fam=2 -F success=1 -F auid={auid} -k acc")
    return lines


def watch(replicas: list[Replica]) -> None:
    """Rules for these replicas' mounted trees; they die with the mount, so a deploy calls this again."""
    load_rules(["-c", *(line for replica in replicas for line in rules_for(replica))])


def unwatch(replica: Replica) -> None:
    """Drop a replica's rules while its tree is still mounted."""
    load_rules(["-c", *(re.sub(r"^-[aA] ", "-d ", line) for line in rules_for(replica))])


def rules_listed(replica: Replica) -> int:
    """How many of a replica's rules the kernel lists."""
    return sum(
        f"={replica.root}" in line and f"auid={replica.auid}" in line for line in call("auditctl", "-l").splitlines()
    )


def canary(replicas: list[Replica]) -> None:
    """Write once in each replica's tree under its login uid; the event must be in the log when the session ends."""
    code = """
import os, sys
for auid, path in zip(sys.argv[1::2], sys.argv[2::2]):
    if os.fork() == 0:
        open("/proc/self/loginuid", "w").write(auid)
        open(path, "w").close()
        os._exit(0)
    os.wait()
"""
    words = [word for one in replicas for word in (str(one.auid), str(one.root / "etc" / "lab" / "canary"))]
    call("python3", "-c", code, *words)


def status() -> dict[str, int]:
    """The kernel's counters: lost, backlog and the rest."""
    pairs = [line.split() for line in call("auditctl", "-s").splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def names_for(estates: list[Estate], common: Path) -> dict[str, str]:
    """passwd and group: the replicas' accounts, then every replica's login uid under its name."""
    lines = [f"{one.name}:x:{one.auid}:65534::/:/bin/false" for estate in estates for one in estate.replicas.values()]
    accounts = (common / "etc" / "passwd").read_text()
    return {"passwd": accounts + "\n".join(lines) + "\n", "group": (common / "etc" / "group").read_text()}
