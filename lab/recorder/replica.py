"""One replica: an overlay, namespaces, few capabilities, its login uid; start it, enter it, stop it."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from recorder.plan import Replica
from recorder.shell import CommandFailed, call, quietly

# Clock, kernel log, devices and audit are the whole machine's: no replica may touch them, attacked or not.
# fmt: off
DROPPED_CAPABILITIES = [
    "sys_time", "syslog", "sys_boot", "sys_module", "sys_rawio", "sys_admin", "bpf", "perfmon", "mac_admin",
    "mac_override", "wake_alarm", "audit_control", "audit_read", "mknod", "dac_read_search", "linux_immutable",
    "sys_pacct", "sys_tty_config", "block_suspend", "checkpoint_restore",
]
# fmt: on
DROPPED = ",".join(f"-{name}" for name in DROPPED_CAPABILITIES)
PATH = "PATH=/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin"
CONFINE = ["setpriv", "--bounding-set", DROPPED, "--inh-caps", "-all"]
ENTER_ROOT = r"""set -e
root=$1 name=$2 auid=$3 logs=$4; shift 4
hostname "$name"
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t tmpfs -o mode=755,size=1m tmpfs dev
for d in null zero full random urandom tty; do : > dev/$d; mount --bind /dev/$d dev/$d; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,size=32m tmpfs dev/shm
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=755,size=32m tmpfs run
mkdir -m 1777 run/lock; mkdir run/sshd; mkdir -m 2775 run/postgresql; chown 1:1 run/postgresql
chown --reference=var/lib/postgresql run/postgresql
mkdir -p var/log/app; mount --bind "$logs" var/log/app
mount --bind proc/sys proc/sys; mount -o remount,ro,bind proc/sys
for f in sysrq-trigger kcore kmsg keys timer_list; do [ ! -e proc/$f ] || mount --bind /dev/null proc/$f; done
mkdir -p mnt/old; pivot_root . mnt/old; cd /
umount -l /mnt/old
exec env -i "$@"
"""


def mount(replica: Replica, lowers: str) -> None:
    """Mount the image under a fresh upper layer."""
    replica.generation += 1
    upper, work = (
        replica.root.parent.parent / kind / f"{replica.name}.{replica.generation}" for kind in ("upper", "work")
    )
    for folder in (upper, work, replica.root):
        folder.mkdir(parents=True, exist_ok=True)
    call(
        "mount",
        "-t",
        "overlay",
        f"lab-{replica.name}",
        "-o",
        f"lowerdir={lowers},upperdir={upper},workdir={work}",
        str(replica.root),
    )


def logs_of(replica: Replica) -> Path:
    """The folder on the machine that is /var/log/app inside: service logs stay out of the audited tree."""
    folder = replica.root.parent.parent / "logs" / f"{replica.name}.{replica.generation}"
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o1777)
    return folder


def boot(replica: Replica) -> None:
    """Run the init of a mounted, furnished replica and wait until its login uid is set."""
    script = 'echo "$1" >/proc/self/loginuid; exec tini -- /etc/lab/init'
    within = f"nsenter --net=/run/netns/{replica.namespace} unshare -m -p -f -u -i --kill-child=KILL sh -c".split()
    arguments = [str(replica.root), replica.name, str(replica.auid), str(logs_of(replica))]
    inner = [PATH, "HOME=/root", "LANG=C.UTF-8", *CONFINE, "sh", "-c", script, "sh", str(replica.auid)]
    words = [*within, ENTER_ROOT, "sh", *arguments, *inner]
    log = replica.root.parent.parent / f"boot-{replica.name}.log"
    with open(log, "ab") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    replica.unshare_pid = process.pid
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        if child := init_below(process.pid, replica.auid):
            replica.init_pid = child
            return
        time.sleep(0.005)
    raise CommandFailed(f"{replica.name} did not start; see {log}")


def init_below(pid: int, auid: int) -> int:
    """The child of `unshare` once it has its login uid; 0 before."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{child}/loginuid").read_text().strip() == str(auid):
                return int(child)
    return 0


def session_of(replica: Replica) -> int:
    """The audit session number that the kernel gave the replica."""
    return int(Path(f"/proc/{replica.init_pid}/sessionid").read_text())


def device_of(replica: Replica) -> str:
    """The overlay's device as audit prints it (hex minor), the cross-check of the login uid."""
    number = replica.root.stat().st_dev
    return f"{os.major(number):02x}:{os.minor(number):02x}"


def entering(replica: Replica, user: str, argv: list[str], cwd: str = "/") -> list[str]:
    """The words that run argv inside as `user`: confined, under the login uid, audited from argv's own exec on."""
    change = [] if user == "root" else ["--reuid", user, "--regid", user, "--init-groups"]
    home = {"root": "/root", "www-data": "/var/www", "postgres": "/var/lib/postgresql"}.get(user, f"/home/{user}")
    within = 'echo "$1" >/proc/self/loginuid; cd "$2" 2>/dev/null; shift 2; exec "$@"'
    return [
        "nsenter",
        "-t",
        str(replica.init_pid),
        "-m",
        "-p",
        "-n",
        "-u",
        "-i",
        "-r",
        "-w",
        "env",
        "-i",
        PATH,
        f"HOME={home}",
        f"USER={user}",
        f"LOGNAME={user}",
        "LANG=C.UTF-8",
        "TERM=xterm",
        *CONFINE,
        *change,
        "--",
        "sh",
        "-c",
        within,
        "sh",
        str(replica.auid),
        cwd,
        *argv,
    ]


def end_processes(replica: Replica) -> None:
    """End every process of the replica (SIGTERM to unshare is ignored: KILL) and wait until its namespace is empty."""
    for pid in [replica.unshare_pid, replica.init_pid]:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        if replica.unshare_pid:
            os.waitpid(replica.unshare_pid, 0)
    for _ in range(200):
        if not quietly("ip", "netns", "pids", replica.namespace).strip():
            break
        time.sleep(0.02)
    replica.unshare_pid = replica.init_pid = 0


def unmount(replica: Replica) -> None:
    """Let the replica's tree go; what it wrote stays in its upper layer until the session ends."""
    for _ in range(20):
        quietly("umount", str(replica.root))
        if not os.path.ismount(replica.root):
            return
        time.sleep(0.05)
    quietly("umount", "-l", str(replica.root))
