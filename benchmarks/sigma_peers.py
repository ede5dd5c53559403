"""rsigma over the same lines and rules as `sigma.py`, and where its hits are not the engine's, by class of reason."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from lichen.core.logsources import LogSources
from lichen.detect.rules import Rule
from lichen.detect.rules.engine import Hits

INSTALL = """\
rsigma: `cargo install rsigma --locked` (crates.io), then on the PATH, or named by RSIGMA.
Zircolite is not measured: PyPI does not have it, its repository is its only source."""
WAYS: tuple[tuple[str, ...], ...] = ((), ("-p", "sysmon"))
AGREEING = ("-p", "sysmon")  # Sysmon's categories are told apart by event id, as the engine does
BAR = 2.5
SYSMON = "microsoft-windows-sysmon/operational"


def rsigma() -> str | None:
    """The program, where it is installed."""
    return os.environ.get("RSIGMA") or shutil.which("rsigma")


def spent(rules: Path, events: Path, way: Sequence[str], out: Path, more: Sequence[str] = ()) -> float:
    """CPU seconds of one run; its hits are in `out`."""
    command = [str(rsigma()), "engine", "eval", "-r", str(rules), "-e", f"@{events}", "--output-format", "ndjson"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with out.open("wb") as file:
        subprocess.run([*command, *way, *more], stdout=file, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def beside(
    lines: list[bytes], path: Path, rules: list[Rule], sources: LogSources, hits: Hits, ours: Mapping[str, float]
) -> None:
    """Prints rsigma's figures for one stream: `lines`, which are in `path`. `ours`: the engine's CPU seconds."""
    if rsigma() is None:
        print(f"  no other engine is installed\n{INSTALL}")
        return
    folder = path.with_name("rules")
    one, out = path.with_name("one.json"), path.with_name("hits.ndjson")
    one.write_bytes(lines[0] + b"\n")
    if not folder.exists():
        folder.mkdir()
        for number, rule in enumerate(rules):
            shutil.copy(rule.path, folder / f"{number}.yml")
    version = subprocess.run([str(rsigma()), "--version"], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[0]
    least = float("inf")
    for way in WAYS:
        loading = min(spent(folder, one, way, out) for _ in range(3))
        seconds = min(spent(folder, path, way, out) for _ in range(2)) - loading
        least = min(least, seconds)
        rate = f"{len(lines) / seconds:,.0f} lines a CPU second"
        print(f"  {version} {' '.join(way) or 'plain'}: {rate}; loads in {loading:.2f}")
    for name, own in ours.items():
        met = "" if name != "fast" else f" -- bar {BAR}: {'met' if least / own >= BAR else 'MISSED'}"
        print(f"  {name}: {least / own:.1f} times as many lines a CPU second as its faster way{met}")
    print("  Zircolite is not measured: PyPI does not have it")
    spent(folder, path, AGREEING, out, ["--include-event"])
    compare(lines, rules, sources, hits, out)


def compare(lines: list[bytes], rules: list[Rule], sources: LogSources, hits: Hits, out: Path) -> None:
    """Prints how many hits agree, and the others by class."""
    events = [orjson.loads(line) for line in lines]
    keys = [canonical(event) for event in events]
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    theirs: dict[bytes, set[int]] = defaultdict(set)
    with out.open("rb") as file:
        for line in file:
            hit = orjson.loads(line)
            theirs[canonical(hit["event"])].add(numbers[hit["rule_id"]])
    ours: dict[int, set[int]] = defaultdict(set)
    starts = {}
    at = 0
    for number, line in enumerate(lines):
        starts[at] = number
        at += len(line) + 1
    for start, rule in hits:
        ours[starts[start]].add(rule)
    agreed = 0
    classes: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for number, (event, key) in enumerate(zip(events, keys, strict=True)):
        own, other = ours.get(number, set()), theirs.get(key, set())
        agreed += len(own & other)
        for whose, several in (("only here", own - other), ("only there", other - own)):
            for each in several:
                why = whose, reason(event, rules[each], sources, whose == "only here")
                classes[why] += 1
                examples.setdefault(why, rules[each].title)
    print(f"  hits of both: {agreed:,}; of one:{'' if classes else ' none'}")
    for why, count in classes.most_common():
        print(f"    {why[0]}, {count:,}: {why[1]} (as `{examples[why]}`)")


def canonical(event: dict[str, Any]) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


def reason(event: dict[str, Any], rule: Rule, sources: LogSources, here: bool) -> str:
    """Why one of the two fires a rule on an event and the other does not."""
    channel, number = event.get("Channel"), event.get("EventID")
    if not isinstance(channel, str):
        return "the shipper's layout nests the fields (winlog.event_data and the like)" if here else "UNEXPLAINED"
    offered = sources.of(channel, number if isinstance(number, int) else None)
    reading = [rename for source, rename in offered if source.offers(rule.source)]
    if not here:
        return "UNEXPLAINED" if reading else "the event's channel is not the rule's log source"
    if any(reading):
        return "fields of the Windows channel are read under Sigma's names (NewProcessName as Image)"
    if rule.source.category and channel.casefold() != SYSMON:
        return "an event of another channel than Sysmon's is of the rule's category too"
    return "UNEXPLAINED"
