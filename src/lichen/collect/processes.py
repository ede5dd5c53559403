"""Who is who among processes: (host, boot, pid) -> (image, command), so that parents are known.

Only what a log says: a process is known from its last execve or, lacking one, from any call it made. A child that has
not executed anything since its fork runs what its parent runs. Bounded per host, the longest unseen let go first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOSTS = 64
OF_A_HOST = 4096
LONGEST_COMMAND = 512
SERIAL_FELL = 1000  # audit serials start again at boot; disorder within a boot is far smaller


@dataclass(frozen=True, slots=True)
class Process:
    """What a process runs, with what command (None: never seen), and what its parent ran when it began."""

    image: str
    command: str | None = None
    parent_image: str | None = None


@dataclass(slots=True)
class Host:
    """The processes of one host since its boot, the longest unused first."""

    boot: int = 0
    serial: int = 0
    processes: dict[str, Process] = field(default_factory=dict)
    evicted: int = 0

    def started(self, pid: str, parent: str, image: str, command: str) -> Process | None:
        """A process executed an image; returns who started it: its parent if known, else what the process itself ran
        before (an exec without a fork)."""
        starter = self._used(parent) or self.processes.get(pid)
        self._remember(pid, Process(image, command[:LONGEST_COMMAND], starter.image if starter else None))
        return starter

    def acting(self, pid: str, parent: str, image: str) -> Process:
        """The process that made a call, running `image`: as known, or taken to have inherited its parent's command."""
        known = self._used(pid)
        if known is not None and known.image == image:
            return known
        above = self._used(parent)
        inherits = above is not None and above.image == image
        process = above if above is not None and inherits else Process(image, None, above.image if above else None)
        self._remember(pid, process)
        return process

    def _used(self, pid: str) -> Process | None:
        process = self.processes.pop(pid, None)
        if process is not None:
            self.processes[pid] = process
        return process

    def _remember(self, pid: str, process: Process) -> None:
        self.processes.pop(pid, None)
        self.processes[pid] = process
        if len(self.processes) > OF_A_HOST:
            del self.processes[next(iter(self.processes))]
            self.evicted += 1


class Processes:
    """The table, shared by all streams of a source: a log's next file goes on where the last one ended."""

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}

    def host(self, name: str, serial: int) -> Host:
        """The table of a host as of an event with this serial; a serial that fell far back means a new boot."""
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= HOSTS:
                del self._hosts[next(iter(self._hosts))]
            host = self._hosts[name] = Host()
        if serial < host.serial - SERIAL_FELL and serial < host.serial // 2:
            host.boot += 1
            host.processes.clear()
            host.serial = serial
        host.serial = max(host.serial, serial)
        return host

    def state(self, names: set[str]) -> dict[str, Any]:
        """The tables of the named hosts, JSON-able."""
        return {
            name: {
                "boot": host.boot,
                "serial": host.serial,
                "evicted": host.evicted,
                "processes": [[pid, p.image, p.command, p.parent_image] for pid, p in host.processes.items()],
            }
            for name in sorted(names)
            if (host := self._hosts.get(name)) is not None
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up tables that `state` gave; of two of one host the one further on counts."""
        for name, saved in state.items():
            known = self._hosts.get(name)
            if known is not None and (known.boot, known.serial) >= (saved["boot"], saved["serial"]):
                continue
            processes = {str(pid): Process(image, *rest) for pid, image, *rest in saved["processes"]}
            self._hosts[name] = Host(saved["boot"], saved["serial"], processes, saved["evicted"])
