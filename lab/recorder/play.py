"""Playing a scenario: each benign entry and each step in a thread of its own, at its time, every action bounded."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.forks import Forks
from recorder.plan import Estate
from recorder.replica import entering

DEFAULT_FOR_S = 30.0
LONGEST_FOR_S = 900.0


@dataclass
class Played:
    """What really happened of one entry: when, which processes, which requests, from which addresses."""

    entry: dict[str, Any]
    start: float = 0.0
    end: float = 0.0
    roots: list[tuple[int, float]] = field(
        default_factory=list
    )  # (pid on the machine, time) of actions inside replicas
    requests: list[str] = field(default_factory=list)
    clients: set[str] = field(default_factory=set)
    logins: list[tuple[str, str, float, float]] = field(default_factory=list)  # (host, from, start, end)
    names: set[str] = field(default_factory=set)  # replicas that it touches on purpose
    output: list[str] = field(default_factory=list)


@dataclass
class Player:
    """Plays entries in an estate that is up."""

    estate: Estate
    forks: Forks
    keys: Path
    deploy: Callable[[str, str], None]
    played: list[Played] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def play_all(self, entries: list[dict[str, Any]], begin: float, stop: threading.Event) -> list[threading.Thread]:
        """Threads that wait for their entry's time; an entry that fails is noted, the others go on."""
        threads = []
        for entry in entries:
            record = Played(entry)
            self.played.append(record)
            thread = threading.Thread(target=self._at_its_time, args=(record, begin, stop), daemon=True)
            thread.start()
            threads.append(thread)
        return threads

    def _at_its_time(self, record: Played, begin: float, stop: threading.Event) -> None:
        if stop.wait(max(0.0, begin + record.entry["at_s"] - time.time())):
            return
        record.start = time.time()
        try:
            self.perform(record)
        except Exception as fault:  # one bad entry must not end the session; it is reported in the log
            record.output.append(f"FAULT {fault!r}")
        record.end = time.time()

    def perform(self, record: Played) -> None:
        """Do an entry's actions in order, then wait for those in the background."""
        entry = record.entry
        record.names |= {subject["name"] for subject in [_subject(entry), *entry.get("also", [])]}
        if "do" not in entry:
            self._built_in(record)
            return
        waiting = []
        for action in entry["do"]:
            ((kind, order),) = action.items()
            if kind == "sleep":
                time.sleep(float(order))
                continue
            process, until, root = self._start(kind, order, record)
            thread = threading.Thread(target=self._attend, args=(process, until, record, root), daemon=True)
            thread.start()
            if kind == "listen" or order.get("background"):
                waiting.append(thread)
            else:
                thread.join()
        for thread in waiting:
            thread.join()

    def _built_in(self, record: Played) -> None:
        what, name = record.entry["what"], _subject(record.entry)["name"]
        if what == "deploy":
            self.deploy(name, record.entry["image"])
        elif what == "restart":
            replica = self.estate.replicas[name]
            argv = replica.settings["start"][0]["argv"]
            pattern = argv[1] if argv[0].endswith("python3") else argv[0]
            self._start("run", {"in": name, "as": "root", "argv": ["pkill", "-TERM", "-o", "-f", pattern]}, record)
            time.sleep(3)
        else:
            raise ValueError(f"{what}: not built in (deploy, restart), so it needs `do`")

    def _start(self, kind: str, order: dict[str, Any], record: Played) -> tuple[subprocess.Popen[bytes], float, bool]:
        until = time.monotonic() + min(float(order.get("for", DEFAULT_FOR_S)), LONGEST_FOR_S)
        words = getattr(self, f"_words_{kind}")(order, record)
        feed = subprocess.PIPE if order.get("stdin") else subprocess.DEVNULL
        process = subprocess.Popen(
            words, stdin=feed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        if order.get("stdin") and process.stdin:
            process.stdin.write(str(order["stdin"]).encode())
            process.stdin.close()
            process.stdin = None  # communicate() would flush it again
        if kind == "run":
            record.roots.append((process.pid, time.time()))
        with self.lock:
            self.processes.append(process)
        return process, until, kind == "run"

    def _words_run(self, order: dict[str, Any], record: Played) -> list[str]:
        replica = self.estate.replicas[order["in"]]
        record.names.add(replica.name)
        argv = [str(word) for word in order["argv"]] if "argv" in order else ["/bin/sh", "-c", order["sh"]]
        return entering(replica, order.get("as", "root"), argv, order.get("cwd", "/"))

    def _words_http(self, order: dict[str, Any], record: Played) -> list[str]:
        target = self.estate.replicas[order.get("to", "web-1")]
        port = 80 if target.role == "web" else 8080
        record.names |= {target.name, *order.get("pin", {}).values()}
        return self._outside(order["from"], record, "caller.py", {**order, "base": f"http://{target.address}:{port}"})

    def _words_ssh(self, order: dict[str, Any], record: Played) -> list[str]:
        target = self.estate.replicas[order["to"]]
        record.names.add(target.name)
        record.logins.append(
            (target.name, order["from"], time.time(), time.time() + float(order.get("for", DEFAULT_FOR_S)))
        )
        extra = {"host": target.address, "key_file": str(self.keys / order["user"]) if order.get("user") else ""}
        return self._outside(order["from"], record, "ssh_client.py", {**order, **extra})

    def _words_listen(self, order: dict[str, Any], record: Played) -> list[str]:
        return self._outside(order["address"], record, "listener.py", order)

    def _outside(self, address: str, record: Played, program: str, order: dict[str, Any]) -> list[str]:
        owner = next(
            (name for name in self.estate.settings["outside"] if address in self.estate.outside_addresses(name)), None
        )
        if owner is None:
            raise ValueError(f"{address} belongs to no namespace outside the sensors")
        if owner == "attackers":
            record.clients.add(address)
        return [
            "nsenter",
            f"--net=/run/netns/{self.estate.namespace(owner)}",
            "python3",
            "-B",
            str(self.estate.folder / "services" / program),
            json.dumps(order),
        ]

    def _attend(self, process: subprocess.Popen[bytes], until: float, record: Played, inside: bool) -> None:
        """Wait for an action, read its request ids, and end it with everything it started when its time is over."""
        try:
            output, _ = process.communicate(timeout=max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._end(process, inside)
            try:
                output, _ = process.communicate(timeout=3)
            except subprocess.TimeoutExpired:
                output = b""
        for line in (output or b"").decode("utf-8", "replace").splitlines():
            if line.startswith('{"request_id"'):
                record.requests.append(json.loads(line)["request_id"])
            if len(record.output) < 400:
                record.output.append(line[:500])

    def _end(self, process: subprocess.Popen[bytes], inside: bool) -> None:
        victims = self.living_below(process.pid) if inside else []
        for pid in [*victims, process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def living_below(self, pid: int) -> list[int]:
        """The pids of the living processes that descend from this one, however they were started."""
        top = self.forks.instance(pid, time.time())
        alive = dict(self.forks.current)
        return [other for other, instance in alive.items() if other != pid and top in self.forks.ancestors(instance)]

    def end_all(self) -> None:
        """Kill what is still running of any entry."""
        for process in self.processes:
            if process.poll() is None:
                self._end(process, True)


def _subject(entry: dict[str, Any]) -> dict[str, Any]:
    """A step's subject, or a benign entry's, which may be a bare name."""
    subject = entry.get("subject", "")
    return subject if isinstance(subject, dict) else {"kind": "workload", "name": subject}
