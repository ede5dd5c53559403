"""Attack captures, and who names them: the capture's own technique by SigmaHQ's rules, by ours, by the unusual lane.

    python benchmarks/captures.py                   every capture, some minutes
    python benchmarks/captures.py --sets 02_evtx    one of the sets
    python benchmarks/captures.py --no-unusual      rules only

02_evtx: the folder's name says tactic and technique. 02_otrf: the metadata do. Captures of one content count once;
captures that say no technique are read, and are in no share. A capture is *named* by a rule set if one of its rules of
level medium or more fires that has the capture's own technique, or one with the same parent; *touched* if any such rule
fires, whatever it is for. The unusual lane claims no technique and must have something to compare with: each set is
scanned once, whole, without a baseline, and the lane *sees* a capture if a window of it that crossed rests on an event
of the capture. *alerted*: the same of the malicious lane, which without a baseline rests on our rules. A capture is
mostly attack: how often each of these fires on benign logs is not told by these figures. Reads the public sets where
they lie; keeps nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import resource
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import public_data
import yaml

from lichen import catalogue
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.belief import LANES, MALICIOUS, UNUSUAL
from lichen.decide.policy import LEAST_FOR_UNUSUAL
from lichen.detect.rules import RulesDetector, RuleSet
from lichen.run.scan import scan

Shown = dict[str, set[str]]  # lane -> ids of the events that it rests on
EVTX, OTRF = "02_evtx", "02_otrf_2019_2020"
SHOWN_LEVELS = ("medium", "high", "critical")
TACTICS = {
    "TA0001": "initial access",
    "TA0002": "execution",
    "TA0003": "persistence",
    "TA0004": "privilege escalation",
    "TA0005": "defense evasion",
    "TA0006": "credential access",
    "TA0007": "discovery",
    "TA0008": "lateral movement",
    "TA0009": "collection",
    "TA0010": "exfiltration",
    "TA0011": "command and control",
    "TA0040": "impact",
}
_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?")
# ATT&CK gave these new numbers in 2026; the labels are older, SigmaHQ's tags follow (its history shows each rule's
# change).
SUCCESSORS = {"T1562": ("T1685", "T1686"), "T1070.001": ("T1685",), "T1070.002": ("T1685",)}


@dataclass(slots=True)
class Capture:
    """One capture, what it is of, and who named it."""

    of: str
    path: Path
    tactics: frozenset[str]
    techniques: frozenset[str]  # parents
    events: int = 0
    dead_letters: int = 0
    named: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    seen: Shown = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"


def captures(sets: Iterable[str]) -> Iterator[Capture]:
    """The captures of these sets, each content once."""
    seen: set[str] = set()
    for name in sets:
        for capture in {EVTX: _of_evtx, OTRF: _of_otrf}[name]():
            content = _content(capture.path)
            if content not in seen:
                seen.add(content)
                yield capture


def _content(path: Path) -> str:
    """What tells a capture from others: its bytes, or those of what is in it (one lies in two zips)."""
    digest = hashlib.sha256()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                digest.update(archive.read(entry))
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _of_evtx() -> Iterator[Capture]:
    for path in sorted(public_data.unpacked(EVTX).rglob("*.evtx")):
        folders = path.parts[-3:-1]
        tactics = {part[:6] for part in folders if part[:6] in TACTICS}
        yield Capture(EVTX, path, frozenset(tactics), _parents(_TECHNIQUE.findall(folders[-1])))


def _parents(techniques: Sequence[str]) -> frozenset[str]:
    """The techniques' parents, and by what number they go now."""
    now = (new for each in techniques for old, new in SUCCESSORS.items() if each.startswith(old))
    return frozenset([each[:5] for each in techniques] + [each for new in now for each in new])


def _of_otrf() -> Iterator[Capture]:
    top = public_data.unpacked(OTRF)
    tactics: dict[str, set[str]] = defaultdict(set)
    techniques: dict[str, set[str]] = defaultdict(set)
    for file in sorted(top.rglob("_metadata/*.yaml")):
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
        for link in (each["link"].rpartition("/")[2] for each in said.get("files") or ()):
            for mapping in said.get("attack_mappings") or ():
                sub = mapping.get("sub-technique")
                techniques[link].add(f"{mapping['technique']}.{sub}" if sub else str(mapping["technique"]))
                tactics[link] |= set(mapping.get("tactics") or ())
    for path in sorted([*top.rglob("*.zip"), *top.rglob("*.tar.gz")]):
        yield Capture(OTRF, path, frozenset(tactics[path.name]), _parents(sorted(techniques[path.name])))


def judged(capture: Capture, sets: dict[str, RulesDetector], shown: Shown) -> None:
    """Read a capture by the ordinary way, and note which rule sets name it and which lanes rest on its events."""
    source = FileSource([capture.path], settings=Settings(), mappings=catalogue.content("mappings"), notes=[])
    about = {name: {rule.id: rule for rule in detector.rules.rules} for name, detector in sets.items()}
    memories: dict[str, object] = {}
    for delivery in source.read({}):
        capture.dead_letters += len(delivery.dead_letters)
        for batch in delivery.batches:
            capture.events += len(batch)
            ids = set(batch.event_ids(range(len(batch)))) if shown else set()
            for lane, rested_on in shown.items():
                if both := ids & rested_on:
                    capture.seen.setdefault(lane, set()).update(both)
            for name, detector in sets.items():
                rows, _, memories[name] = detector.detect(batch, memories.get(name, {}))  # type: ignore[arg-type]
                for row in rows:
                    rule = about[name].get(row.detector.removeprefix("rule:"))
                    if rule is not None and rule.level in SHOWN_LEVELS:
                        capture.touched.add(name)
                        if capture.techniques & {technique[:5] for technique in rule.techniques}:
                            capture.named.add(name)


def looked_at(name: str, own: Sequence[Capture]) -> Shown:
    """One scan of a whole set, without a baseline: the events that what is in each lane rests on."""
    begun = time.process_time()
    with tempfile.TemporaryDirectory(prefix="lichen-captures-") as store:
        report = scan(Settings(store=Path(store)), [capture.path for capture in own])
    shown: Shown = {MALICIOUS: set(), UNUSUAL: set()}
    crossed = dict.fromkeys(shown, 0)
    for alert in report.alerts:
        crossed[alert.lane] += len(alert.beliefs)
        for line in (line for belief in alert.beliefs for line in belief.ledger if line.weight_nats > 0):
            if alert.lane == MALICIOUS or line.family != "rules":  # without a baseline models weigh, and claim nothing
                shown[alert.lane].update(line.sample_event_ids)
    took, most = time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}, one scan without a baseline: {report.events:,} events, {report.windows:,} windows of a subject"
        f" ({LEAST_FOR_UNUSUAL} are needed for the unusual lane); {crossed[UNUSUAL]} windows in the unusual lane,"
        f" {crossed[MALICIOUS]} in the malicious; {took:.0f} s CPU, {most:.0f} MiB at most",
        flush=True,
    )
    return shown


def table(found: list[Capture]) -> None:
    """By tactic: captures that say a technique, and the share that each names; the whole below."""
    columns: list[tuple[str, Callable[[Capture], bool]]] = [
        ("SigmaHQ", lambda c: "sigmahq" in c.named),
        ("ours", lambda c: "ours" in c.named),
        ("unusual", lambda c: UNUSUAL in c.seen),
        ("any of these", lambda c: bool(c.named) or UNUSUAL in c.seen),
        ("touched", lambda c: bool(c.touched)),
        ("alerted", lambda c: MALICIOUS in c.seen),
    ]
    print(f"\n{'':24}{'captures':>9}" + "".join(f"{name:>14}" for name, _ in columns))
    rows = [(TACTICS[tactic], [c for c in found if tactic in c.tactics]) for tactic in TACTICS]
    for name, own in [*rows, ("all", found)]:
        if own:
            shares = [sum(map(test, own)) for _, test in columns]
            cells = "".join(f"{f'{share} ({share / len(own):.0%})':>14}" for share in shares)
            print(f"{name:24}{len(own):>9}{cells}")


def report(every: list[Capture], lanes: Sequence[Shown]) -> None:
    """The table of each set and of both, and what nothing names."""
    for name in sorted({capture.of for capture in every}):
        own = [capture for capture in every if capture.of == name]
        told = [capture for capture in own if capture.techniques]
        events, letters = sum(c.events for c in own), sum(c.dead_letters for c in own)
        print(f"\n{name}: {len(own)} captures, {len(told)} with a technique; {events:,} events, {letters} dead letters")
        table(told)
    told = [capture for capture in every if capture.techniques]
    if len({capture.of for capture in every}) > 1:
        print(f"\nboth sets: {len(told)} captures with a technique")
        table(told)
    if not any(lanes):
        print("\nunusual: not measured (--no-unusual)")
    else:
        for lane in LANES:
            rested = {event for of_set in lanes for event in of_set.get(lane, ())}
            lost = rested.difference(*(capture.seen.get(lane, ()) for capture in every))
            print(f"\n{lane}: the lane rests on {len(rested)} events, {len(lost)} of them in no capture")
    nothing = [capture for capture in told if not capture.named and UNUSUAL not in capture.seen]
    print(f"\n{len(nothing)} captures that nothing names (* a rule fired for another technique):")
    for capture in nothing:
        print(f"  {'*' if capture.touched else ' '} {capture.name}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sets", nargs="+", choices=[EVTX, OTRF], default=[EVTX, OTRF])
    parser.add_argument("--no-unusual", action="store_true")
    arguments = parser.parse_args()
    absent = [name for name in (*arguments.sets, "02_sigma") if not public_data.available(name)]
    if absent:
        print(f"not measured: {', '.join(absent)} not beside this clone (LICHEN_PUBLIC_DATA names their folder)")
        return 0
    begun = time.monotonic()
    theirs, ours = RuleSet.load(public_data.sigma_folders()), RuleSet.load([catalogue.content("rules")])
    sets = {"sigmahq": RulesDetector(theirs), "ours": RulesDetector(ours)}
    print(f"SigmaHQ: {len(theirs.rules)} rules, {len(theirs.refused)} refused; ours: {len(ours.rules)} rules")
    for fault in theirs.refused:
        print(f"  refused: {fault}".replace(f"{public_data.CACHE}/", ""))
    every = list(captures(arguments.sets))
    shown: dict[str, Shown] = {name: {} for name in arguments.sets}
    for name in () if arguments.no_unusual else arguments.sets:
        shown[name] = looked_at(name, [capture for capture in every if capture.of == name])
    for place, capture in enumerate(every, 1):
        judged(capture, sets, shown[capture.of])
        print(f"\r{place}/{len(every)} {time.monotonic() - begun:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    report(every, list(shown.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
