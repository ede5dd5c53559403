"""Log shipping: new bytes of every service log are taken twice a second, so rotation and tampering lose no line."""

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from recorder.plan import Replica
from recorder.replica import logs_of

EVERY_S = 0.4


@dataclass
class Follower:
    """One log file of one replica, followed through renames and truncations."""

    path: Path
    output: str
    replica: str
    stream: BinaryIO | None = None
    rest: bytes = b""

    def take(self, sink: list[tuple[str, bytes]]) -> None:
        """Append the new whole lines to `sink`."""
        try:
            info = self.path.stat()
        except OSError:
            info = None
        if self.stream is not None:
            there = os.fstat(self.stream.fileno())
            if there.st_size < self.stream.tell():
                self.stream.seek(0)
            self._read(sink)
            if info is not None and there.st_ino != info.st_ino:
                self.stream.close()
                self.stream = None
        if self.stream is None and info is not None:
            self.stream = open(self.path, "rb")  # noqa: SIM115 - kept open between reads
            self._read(sink)

    def _read(self, sink: list[tuple[str, bytes]]) -> None:
        assert self.stream is not None
        data = self.rest + self.stream.read()
        *lines, self.rest = data.split(b"\n")
        sink.extend((self.replica, line.replace(b"\x00", b"")) for line in lines if line)

    def close(self, sink: list[tuple[str, bytes]]) -> None:
        """Take what is left and let the file go (an open file would hold the mount)."""
        self.take(sink)
        if self.stream is not None:
            self.stream.close()
            self.stream = None


@dataclass
class Shipper:
    """All followers of an estate and what they brought: output file -> [(replica, line)]."""

    lines: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    followers: dict[str, list[Follower]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    running: bool = True

    def follow(self, replica: Replica) -> None:
        """Follow the logs of a replica that is about to start."""
        own = []
        for path, output in replica.settings.get("logs", {}).items():
            output = output.format(name=replica.name)
            inside = Path(path)
            real = logs_of(replica) / inside.name if path.startswith("/var/log/app/") else replica.root / path[1:]
            own.append(Follower(real, output, replica.name))
            self.lines.setdefault(output, [])
        with self.lock:
            self.followers[replica.name] = own

    def drop(self, replica: Replica) -> None:
        """Take the last lines of a replica whose processes have ended, before its tree goes."""
        with self.lock:
            for follower in self.followers.pop(replica.name, []):
                follower.close(self.lines[follower.output])

    def run(self) -> None:
        """Take new lines until told to end."""
        while self.running:
            with self.lock:
                for own in self.followers.values():
                    for follower in own:
                        follower.take(self.lines[follower.output])
            time.sleep(EVERY_S)
