"""Putting the machine back, from what is there, not from memory: processes, mounts, namespaces, audit, limits."""

import os
import shutil
import signal
import time
from pathlib import Path

from recorder import network, sensors
from recorder.plan import CACHE, STATE
from recorder.shell import quietly


def namespaces(letter: str) -> list[str]:
    """The network namespaces of an estate that exist."""
    folder = Path("/run/netns")
    return sorted(path.name for path in folder.glob(f"lichen-{letter}-*")) if folder.exists() else []


def mounts_below(folder: Path) -> list[str]:
    """The machine's mounts below a folder, deepest first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1].encode().decode("unicode_escape") for line in lines]
    return sorted((point for point in points if point.startswith(f"{folder}/")), key=len, reverse=True)


def end_processes_in(names: list[str]) -> None:
    """Kill whatever runs in these namespaces, until nothing does."""
    for _ in range(100):
        pids = [int(pid) for name in names for pid in quietly("ip", "netns", "pids", name).split() if pid.isdigit()]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def restore(letter: str) -> None:
    """Take down what is left of one estate; the other estate's is not touched."""
    folder, names = CACHE / "estates" / letter, namespaces(letter)
    end_processes_in(names)
    for point in mounts_below(folder):
        quietly("umount", point)
    for point in mounts_below(folder):
        quietly("umount", "-l", point)
    quietly("ip", "-batch", "-", stdin="".join(f"netns del {name}\n" for name in names))
    with sensors.locked():
        (STATE / f"user-{letter}").unlink(missing_ok=True)
        if not sensors.users_alive():
            restore_machine()
    if not mounts_below(folder):
        for kind in ("upper", "work", "logs", "roots"):
            shutil.rmtree(folder / kind, ignore_errors=True)


def restore_machine() -> None:
    """The settings that all estates share: audit, ARP limits, the folder of namespaces."""
    sensors.stop_auditd()
    network.restore_neighbours()
    if Path("/run/netns").exists() and not any(Path("/run/netns").iterdir()):
        quietly("umount", "/run/netns")


def restore_all() -> None:
    """`lab/record --restore`: every estate whose recorder is gone."""
    for letter in "ab":
        lock = sensors.claim(letter)
        if lock is not None:
            with lock:
                restore(letter)
