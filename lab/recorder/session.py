"""One session from the first namespace to the packed folder: set up, play, collect, take down, label, pack."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder import image, network, pack, replica, restore, sensors, wiring
from recorder.audit_text import AuditEvent, read
from recorder.forks import Forks
from recorder.labels import Labeller, Line, as_document, read_line, stamp
from recorder.names import Names
from recorder.plan import LAB, Estate, Replica, read_estate
from recorder.play import Played, Player
from recorder.ship import Shipper

SETTLE_S = 6.0


@dataclass
class Session:
    """Everything that a session gathers while it runs."""

    estate: Estate
    scenario: dict[str, Any]
    minutes: float
    estate_digest: str
    images: dict[str, tuple[str, str]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    forks: Forks = field(default_factory=Forks)
    shipper: Shipper = field(default_factory=Shipper)
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)
    starts: list[dict[str, Any]] = field(default_factory=list)
    counters: list[dict[str, int]] = field(default_factory=list)
    audit_offset: int = 0
    lost_before: int = 0
    start: float = 0.0
    begin: float = 0.0
    end: float = 0.0
    deploying: threading.Lock = field(default_factory=threading.Lock)

    def raise_replica(self, one: Replica) -> None:
        """Mount, furnish and follow one replica; it runs after `boot`."""
        replica.mount(one, self.images[one.image][0])
        wiring.furnish(self.estate, one, self.scenario)
        self.shipper.follow(one)

    def boot(self, one: Replica) -> None:
        """Run a mounted replica and note the start."""
        replica.boot(one)
        self.starts.append(
            {
                "at": stamp(time.time()),
                "replica": one.name,
                "init_pid": one.init_pid,
                "auid": one.auid,
                "ses": replica.session_of(one),
                "dev": replica.device_of(one),
                "image": one.image,
            }
        )

    def deploy(self, name: str, image_name: str) -> None:
        """Replace a replica by one of another image: kill, unmount, mount the new one, watch it, start it."""
        one = self.estate.replicas[name]
        with self.deploying:
            sensors.unwatch(one)
            replica.end_processes(one)
            self.shipper.drop(one)
            replica.unmount(one)
            one.image = image_name
            self.raise_replica(one)
            sensors.watch([one])
            self.boot(one)
            sensors.canary([one])

    def set_up(self) -> None:
        """The estate, up and watched."""
        accounts = sensors.names_for([read_estate(letter) for letter in "ab"], self.common())
        self.names = Names.read(accounts["passwd"], accounts["group"])
        sensors.join(self.estate, accounts)
        self.audit_offset = sensors.LOG.stat().st_size
        self.lost_before = sensors.status().get("lost", 0)
        network.allow_many_neighbours()
        network.set_up(self.estate)
        self.forks.start()
        self.start = time.time()
        everyone = list(self.estate.replicas.values())
        for one in everyone:
            self.raise_replica(one)
        sensors.watch(everyone)
        threading.Thread(target=self.shipper.run, daemon=True).start()
        for one in everyone:
            self.boot(one)
            if one.role == "db":
                time.sleep(SETTLE_S / 2)
        sensors.canary(everyone)
        time.sleep(SETTLE_S / 2)

    def start_programs(self) -> None:
        """The standing load: the programs of each namespace outside the sensors."""
        shutil.rmtree(self.estate.folder / "services", ignore_errors=True)
        shutil.copytree(LAB / "services", self.estate.folder / "services", ignore=shutil.ignore_patterns("__pycache__"))
        told = wiring.for_programs(self.estate, self.scenario, self.minutes * 60, self.keys())
        path = wiring.write_json(self.estate.folder / "lab.json", told)
        for name, outside in self.estate.settings["outside"].items():
            for program in outside["programs"]:
                with open(self.estate.folder / f"program-{program}.log", "wb") as output:
                    self.programs.append(
                        subprocess.Popen(
                            [
                                "nsenter",
                                f"--net=/run/netns/{self.estate.namespace(name)}",
                                "python3",
                                "-B",
                                str(self.estate.folder / "services" / program),
                                str(path),
                            ],
                            stdin=subprocess.DEVNULL,
                            stdout=output,
                            stderr=output,
                            start_new_session=True,
                            cwd=self.estate.folder,
                        )
                    )

    def common(self) -> Path:
        """The layer with the accounts."""
        return Path(self.images["admin-v1"][0].split(":")[1])

    def keys(self) -> Path:
        """The people's private keys, for the ssh clients outside."""
        folder = self.estate.folder / "keys"
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.estate.settings["people"]:
            shutil.copy(self.common() / "home" / name / ".ssh" / "id_ed25519", folder / name)
            (folder / name).chmod(0o600)
        return folder

    def play(self) -> tuple[list[Played], list[Played]]:
        """The benign entries and the steps, while the clock runs."""
        player, stop = Player(self.estate, self.forks, self.keys(), self.deploy), threading.Event()
        self.begin = time.time()
        self.start_programs()
        player.play_all([*self.scenario["benign"], *self.scenario["steps"]], self.begin, stop)
        until = self.begin + self.minutes * 60
        try:
            while time.time() < until:
                self.counters.append(sensors.status())
                time.sleep(min(20.0, max(0.1, until - time.time())))
        finally:
            stop.set()
            player.end_all()
        self.end = time.time()
        for one in player.played:
            one.end = min(one.end or self.end, self.end)
        benign = len(self.scenario["benign"])
        return player.played[:benign], player.played[benign:]

    def take_down(self) -> tuple[list[bytes], dict[str, int]]:
        """Stop everything in order; the audit log's lines of this session and the losses."""
        self.stop_programs()
        for one in self.estate.replicas.values():
            sensors.unwatch(one) if os.path.ismount(one.root) else None
            replica.end_processes(one)
            self.shipper.drop(one)
            replica.unmount(one)
        self.shipper.running = False
        self.forks.finish()
        time.sleep(2.0)
        counters = sensors.status()
        with open(sensors.LOG, "rb") as stream:
            stream.seek(self.audit_offset)
            lines = stream.read().splitlines()
        worst = max((one.get("backlog", 0) for one in self.counters), default=0)
        return lines, {
            "lost": counters.get("lost", 0) - self.lost_before,
            "backlog_highest_seen": worst,
            "fork_events_overrun": self.forks.overruns,
        }

    def stop_programs(self) -> None:
        """End the standing load."""
        for program in self.programs:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()


def record(scenario: dict[str, Any], letter: str, out: Path, counts: dict[str, int] | None = None) -> None:
    """Record a scenario in estate a or b into a folder; whatever happens, the machine is put back."""
    estate = read_estate(letter, counts)
    session = Session(estate, scenario, float(scenario["minutes"]), image.digest_of(LAB / "estate.yml"))
    claim = sensors.claim(letter)
    if claim is None:
        raise SystemExit(f"estate {letter} is being recorded by another process; wait for it or use the other estate")
    restore.restore(letter)
    try:
        session.images = image.build(estate)
        session.set_up()
        benign, steps = session.play()
        lines, losses = session.take_down()
    finally:
        session.stop_programs()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        restore.restore(letter)
        claim.close()
    write(session, benign, steps, lines, losses, out)


def write(
    session: Session, benign: list[Played], steps: list[Played], audit: list[bytes], losses: dict[str, int], out: Path
) -> None:
    """Label and pack what was gathered, giving way to a session that still records."""
    os.setpriority(os.PRIO_PROCESS, 0, 10)
    estate, year = session.estate, time.gmtime(session.start).tm_year
    events = read(audit, estate.auids())
    events = [event for event in events if session.start - 1 <= event.time <= session.end]
    labeller = Labeller(estate, session.forks, steps, events)
    by_event = labeller.label_events()
    out.mkdir(parents=True, exist_ok=True)
    labels: list[dict[str, Any]] = []
    chunks = [
        (b"".join(session.names.rewritten(line) + b"\n" for line in event.lines), frozenset(own))
        for event, own in zip(events, by_event, strict=True)
    ]
    pack.write_stream(out, "audit-{}.log", chunks, labels)
    everything: list[Line] = []
    for output, raw in sorted(session.shipper.lines.items()):
        read_lines = pack.in_time_order([read_line(output, name, line, year) for name, line in raw])
        read_lines = [line for line in read_lines if line.time <= session.end]
        labeller.label_lines(output, read_lines)
        pack.write_stream(out, output, [(line.raw + b"\n", frozenset(line.steps)) for line in read_lines], labels)
        everything += read_lines
    pack.write_labels(out, labels)
    write_documents(session, benign, steps, events, everything, losses, out)


def write_documents(
    session: Session,
    benign: list[Played],
    steps: list[Played],
    events: list[AuditEvent],
    lines: list[Line],
    losses: dict[str, int],
    out: Path,
) -> None:
    """session.yml, inventory.yml and steps.yml."""
    estate, name = session.estate, session.scenario["session"]
    digests = {image_name: digest for image_name, (_, digest) in session.images.items()}
    listed = pack.subjects(estate, pack.counted(estate, events, lines), session.minutes)
    times = [event.time for event in events] + [line.time for line in lines]
    manifest = {
        "name": name,
        "start": stamp(session.start),
        "end": stamp(session.end),
        "minutes": session.minutes,
        "seed": session.scenario.get("seed", 0),
        "estate": estate.letter,
        "estate_digest": session.estate_digest,
        "counting_subjects": sum(one["counts"] for one in listed),
        "subjects": listed,
        "images": digests,
        "replicas": session.starts,
        "losses": losses,
        "latency": pack.latency([line for line in lines if line.replica.startswith("gateway-")]),
        "events": {"audit": len(events), "log_lines": len(lines)},
        "events_per_minute": pack.per_minute(session.start, int(session.minutes) + 1, times),
        "markers": pack.markers(benign),
    }
    pack.write_yaml(out / "session.yml", manifest)
    pack.write_yaml(out / "inventory.yml", pack.inventory(estate, session.starts, digests))
    pack.write_yaml(out / "steps.yml", [as_document(step) for step in steps if step.start])
    (estate.folder / f"played-{name}.txt").write_text(pack.notes([*benign, *steps]), encoding="utf-8")
