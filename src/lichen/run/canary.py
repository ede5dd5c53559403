"""Canaries: made events sent the way that real ones go, so that silence means peace and not a dead detector.

A canary is a log in `content/canaries`, one a reader, and the sample beside each mapping. They are read as any log is,
all about the subject "lichen-canary", judged by every detector in force, believed, and kept in a passing store. None of
it reaches the user's events, alerts or models: nothing is committed but the result (`canaries.json`).
"""

from __future__ import annotations

import datetime as dt
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from lichen import catalogue
from lichen.assemble import Platform
from lichen.collect.identity import Entry, Inventory
from lichen.collect.inputs.files import FileSource
from lichen.core.batch import Batch, Delivery
from lichen.core.census import activity_of
from lichen.core.entity import Subject
from lichen.core.errors import LichenError
from lichen.core.evidence import Evidence
from lichen.store.records import Judged
from lichen.store.store import Store

NAME = "lichen-canary"
RESULT = "canaries.json"
PASSING = ".canary-"
LEFT_BEHIND_SECONDS = 3600.0  # after which what a killed process left is removed
SAMPLES = 200  # lines of a mapping's sample
AGE_SECONDS = 60.0  # of a canary: a younger log might still be written on, and would be waited for


class Canaries(msgspec.Struct, frozen=True):
    """One round, at `time` (µs UTC): every path and detector that was `sent` a canary, and those that did not see it
    with the reason."""

    time: int
    sent: tuple[str, ...]
    missed: dict[str, str] = {}

    @property
    def seen(self) -> int:
        return len(self.sent) - len(self.missed)


def last(folder: Path) -> Canaries | None:
    """The last round of a store; None where none was sent, or its note cannot be read."""
    try:
        return msgspec.json.decode((folder / RESULT).read_bytes(), type=Canaries)
    except (OSError, msgspec.DecodeError):
        return None


def send(platform: Platform) -> Canaries:
    """Send one canary along every path and to every detector; the result is kept for the desk."""
    now = time.time_ns() // 1000
    folder = platform.store.folder
    _sweep(folder)
    with tempfile.TemporaryDirectory(prefix=PASSING, dir=folder) as passing:
        found = _round(platform, Path(passing), now)
    beside = folder / f".{RESULT}.{os.getpid()}"
    beside.write_bytes(msgspec.json.encode(found))
    os.replace(beside, folder / RESULT)
    return found


def _round(platform: Platform, passing: Path, now: int) -> Canaries:
    sent: list[str] = []
    missed: dict[str, str] = {}
    deliveries: list[Delivery] = []
    for name, log in _written(passing / "logs", now):
        sent.append(f"source {name}")
        read = list(_read(platform, log))
        if not any(_about(batch) for delivery in read for batch in delivery.batches):
            letters = [letter.reason for delivery in read for letter in delivery.dead_letters]
            missed[sent[-1]] = letters[0] if letters else "no event came of it"
        deliveries += read
    batches = [batch for delivery in deliveries for batch in delivery.batches if len(batch)]
    evidence = list(_judged(platform, batches, sent, missed))
    _believed(platform, batches, evidence, sent, missed)
    _stored(passing / "store", deliveries, sent, missed)
    return Canaries(now, tuple(sent), missed)


def _written(folder: Path, now: int) -> Iterator[tuple[str, Path]]:
    """Every canary as a log of its own, its times set to a minute ago: (source, path)."""
    moment = dt.datetime.fromtimestamp(now / 1e6 - AGE_SECONDS, dt.UTC)
    times = {
        "{epoch}": str(int(moment.timestamp())),
        "{clf}": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "{syslog}": moment.strftime("%b %d %H:%M:%S"),
        "{iso}": moment.isoformat(),
    }
    folder.mkdir()
    for made in sorted(catalogue.content("canaries").glob("*.log")):
        text = made.read_text(encoding="utf-8")
        for placeholder, value in times.items():
            text = text.replace(placeholder, value)
        (folder / made.name).write_text(text, encoding="utf-8")
        os.utime(folder / made.name, (moment.timestamp(), moment.timestamp()))
        yield made.stem, folder / made.name
    for sample in sorted(catalogue.content("mappings").glob("*.sample.ndjson")):
        lines = sample.read_text(encoding="utf-8").splitlines()[:SAMPLES]
        (folder / sample.name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield sample.name.removesuffix(".sample.ndjson"), folder / sample.name


def _read(platform: Platform, log: Path) -> list[Delivery]:
    """A canary read as `lichen scan` reads, but that every event is about the canary."""
    named = {"workload": NAME, "host": NAME, "user": NAME, "image": NAME, "group": NAME}
    source = FileSource(
        [log],
        settings=platform.settings,
        inventory=Inventory((Entry({"file": "*"}, named),)),
        mappings=catalogue.content("mappings"),
        notes=[],
    )
    try:
        return list(source.read({}))
    except LichenError:
        return []


def _about(batch: Batch) -> int:
    return sum(batch.column(f"subject.{kind}").to_pylist().count(NAME) for kind in ("workload", "host", "user"))


def _judged(
    platform: Platform, batches: Iterable[Batch], sent: list[str], missed: dict[str, str]
) -> Iterator[Evidence]:
    """Evidence of every detector in force, each starting from an empty memory."""
    detectors = platform.detectors()
    if platform.rules.indicators:
        sent.append("indicators")
        missed["indicators"] = "no list named a canary's address or name"
    for detector in detectors:
        sent.append(detector.name)
        memory: Any = {}
        spoke = False
        try:
            for batch in batches:
                rows, _, memory = detector.detect(batch, memory)
                for row in rows:
                    if row.detector.startswith("indicator:"):
                        missed.pop("indicators", None)
                    else:
                        spoke |= row.subject.name == NAME
                    yield row
        except Exception as fault:  # a detector that fails is what a canary is for
            missed[detector.name] = f"{type(fault).__name__}: {fault}"
        else:
            if not spoke:
                missed[detector.name] = "it said nothing of the canary"


def _believed(
    platform: Platform, batches: Iterable[Batch], evidence: list[Evidence], sent: list[str], missed: dict[str, str]
) -> None:
    models = platform.answered()
    if models.decider is None:
        return
    sent.append("belief")
    activity: dict[tuple[Subject, int], int] = {}
    for batch in batches:
        for row in activity_of(batch, platform.settings.window_minutes):
            activity[row.subject, row.window] = activity.get((row.subject, row.window), 0) + row.seen
    beliefs = platform.believing(models)(evidence, activity)
    loudest = max((belief.log_odds for belief in beliefs), default=-math.inf)
    if not loudest > models.decider.start:
        missed["belief"] = "no belief rose above the starting odds"


def _stored(folder: Path, deliveries: list[Delivery], sent: list[str], missed: dict[str, str]) -> None:
    """A passing store on the same disk: what is kept must come back."""
    sent.append("store")
    try:
        with Store(folder) as store:
            for delivery in deliveries:
                store.keep(delivery, Judged())
            kept = sum(len(batch) for batch in store.lake.batches())
    except LichenError as fault:
        missed["store"] = str(fault)
        return
    wanted = sum(len(batch) for delivery in deliveries for batch in delivery.batches)
    if kept != wanted:
        missed["store"] = f"{kept} of {wanted} events came back"


def _sweep(folder: Path) -> None:
    """Remove what a killed process left behind."""
    for left in folder.glob(f"{PASSING}*"):
        if time.time() - left.stat().st_mtime > LEFT_BEHIND_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
