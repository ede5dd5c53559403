"""Who started whom: every fork and exit on the machine, from the process connector, for exact process trees."""

import bisect
import os
import socket
import struct
import threading
import time

NETLINK_CONNECTOR, CN_IDX_PROC, LISTEN, IGNORE = 11, 1, 1, 2
FORK, EXIT = 0x00000001, 0x80000000
SLACK_S = 0.012  # audit stamps with a clock that may be one tick behind


class Forks(threading.Thread):
    """Listens until `finish`; afterwards `instance` and `descendants` answer questions about the time it listened."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_CONNECTOR)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 25)  # SO_RCVBUFFORCE
        self.socket.bind((os.getpid(), CN_IDX_PROC))
        self.socket.settimeout(0.5)
        self.offset_s = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        self.starts: dict[int, list[tuple[float, int]]] = {}  # pid -> [(start, instance)]
        self.parent: list[int] = []  # instance -> instance
        self.born: list[float] = []  # instance -> start
        self.current: dict[int, int] = {}
        self.ended: dict[int, float] = {}
        self.overruns, self.running = 0, True
        self._control(LISTEN)

    def _control(self, operation: int) -> None:
        body = struct.pack("=IIIIHHI", CN_IDX_PROC, 1, 0, 0, 4, 0, operation)
        self.socket.send(struct.pack("=IHHII", 16 + len(body), 3, 0, 0, os.getpid()) + body)

    def run(self) -> None:
        """Read events until told to finish."""
        while self.running:
            try:
                data = self.socket.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                self.overruns += 1
                continue
            if len(data) >= 16 + 20 + 16 + 16:
                self._take(data[36:])

    def _take(self, event: bytes) -> None:
        what, _cpu, at_ns = struct.unpack_from("=IIQ", event)
        at = at_ns / 1e9 + self.offset_s
        if what == FORK:
            _thread, parent, child_thread, child = struct.unpack_from("=IIII", event, 16)
            if child_thread == child:
                self.begin(child, self.current_of(parent), at)
        elif what == EXIT:
            thread, process = struct.unpack_from("=II", event, 16)
            if thread == process and process in self.current:
                self.ended[self.current.pop(process)] = at

    def current_of(self, pid: int) -> int:
        """The instance that now has this pid; one that was there before the listening began gets a number."""
        if pid not in self.current:
            self.begin(pid, -1, 0.0)
        return self.current[pid]

    def begin(self, pid: int, parent: int, at: float) -> int:
        """A new process instance."""
        instance = len(self.parent)
        self.parent.append(parent)
        self.born.append(at)
        self.starts.setdefault(pid, []).append((at, instance))
        self.current[pid] = instance
        return instance

    def instance(self, pid: int, at: float) -> int:
        """The process that had this pid at that time; -1 if none was seen."""
        known = self.starts.get(pid, [])
        place = bisect.bisect_right(known, (at + SLACK_S, 1 << 60)) - 1
        return known[place][1] if place >= 0 else -1

    def ancestors(self, instance: int) -> list[int]:
        """The process and those above it."""
        line = []
        while instance >= 0:
            line.append(instance)
            instance = self.parent[instance]
        return line

    def finish(self) -> None:
        """Stop listening."""
        self._control(IGNORE)
        self.running = False
        self.join(timeout=3)
        self.socket.close()
