"""The engine over raw JSON lines, beside JSON decoding alone and other engines, on the same lines in the same run.

    python benchmarks/sigma.py [--quick] [--rounds 3]

All Windows rules of SigmaHQ over OTRF's captures of 2019 and 2020. CPU seconds of one process and one thread; the floor
is an `orjson.loads` loop over the same lines, and every ratio is to it: 2 means twice as many events a CPU second. Each
line comes as often as it was recorded. Pieces of 16 MiB are taken by the floor and both twins in turn, and of each the
least of the rounds counts; the range beside a ratio is that of single rounds. Ends with 1 where twins differ.

    mixed        every second capture, the memory of verdicts filled from the other captures; also with none, and again
    creations    unique process creations, three of five lines, and recorded lines; nothing remembered
    only those   the same creations alone
    ... + GUID   the same with a random GUID in every command line: what is left when nothing repeats

There are too few recorded process creations (the share of distinct ones is printed), so each unique one is a recorded
one with the words of other recorded command lines behind its own program.
"""

from __future__ import annotations

import argparse
import gc
import io
import random
import re
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import sigma_peers
from matcher import OTRF, members_of
from public_data import available, sigma_folders, unpacked

from lichen.core.logsources import load_logsources
from lichen.detect.rules import Rule, RuleSet
from lichen.detect.rules.engine import LineEngine
from lichen.detect.rules.kernels import fast_is_wanted

LOGSOURCES = Path(__file__).resolve().parents[1] / "content" / "logsources" / "windows.yml"
PIECE = 16 << 20
CREATIONS, OTHERS = 30_000, 20_000
CREATION = re.compile(rb'"EventID":(?:1|4688),')
COMMAND = re.compile(rb'("(?:Parent)?CommandLine":")')
BARS = {("mixed", "fast"): 1.8, ("mixed", "pure"): 0.84, ("creations", "fast"): 0.75, ("creations", "pure"): 0.35}


@dataclass
class Stream:
    """Lines to be measured, and what is fed before."""

    name: str
    lines: list[bytes]
    before: list[bytes] = field(default_factory=list)

    def pieces(self) -> list[bytes]:
        """Whole lines, about 16 MiB each."""
        return joined(self.lines)


def joined(lines: Iterable[bytes]) -> list[bytes]:
    pieces, held, size = [], [], 0
    for line in lines:
        held.append(line)
        size += len(line) + 1
        if size >= PIECE:
            pieces.append(b"\n".join(held) + b"\n")
            held, size = [], 0
    return [*pieces, b"\n".join(held) + b"\n"] if held else pieces


def captures(limit: int | None) -> list[list[bytes]]:
    """The JSON lines of each capture; what is no JSON is left out, for the floor stops there."""
    folder = unpacked(OTRF)
    found, left_out = [], 0
    for path in sorted([*folder.rglob("*.zip"), *folder.rglob("*.tar.gz")])[:limit]:
        lines = []
        for data in members_of(path):
            for line in data.split(b"\n"):
                line = line.rstrip(b"\r")
                if is_object(line):
                    lines.append(line)
                else:
                    left_out += bool(line.strip())
        found.append(lines)
    print(f"{len(found)} captures, {sum(map(len, found)):,} lines, {left_out:,} that are no JSON objects left out")
    return found


def is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def unique_creations(recorded: Sequence[bytes], count: int, dice: random.Random) -> list[bytes]:
    """Process creations no two of which have the same command line, each made of recorded ones."""
    events = [event for line in recorded if CREATION.search(line) and "CommandLine" in (event := orjson.loads(line))]
    commands = list(dict.fromkeys(str(event["CommandLine"]) for event in events))
    words = list(dict.fromkeys(word for command in commands for word in command.split()[1:] if len(word) < 400))
    whole = {event["EventID"]: 0 for event in events}
    whole.update(Counter(event["EventID"] for event in events))
    distinct = len({(e["EventID"], str(e["CommandLine"]), e.get("ParentCommandLine")) for e in events})
    print(f"{len(events):,} recorded process creations, {distinct:,} distinct, {len(commands):,} command lines")
    made: dict[str, bytes] = {}
    while len(made) < count:
        event = dict(dice.choice(events))
        own = str(event["CommandLine"]).split()[:1]
        event["CommandLine"] = " ".join([*own, *dice.choices(words, k=dice.randint(1, 12))])
        made.setdefault(event["CommandLine"], orjson.dumps(event))
    return list(made.values())


def with_guids(lines: Iterable[bytes], dice: random.Random) -> list[bytes]:
    """The same lines, and in every command line a GUID of its own."""

    def begun(found: re.Match[bytes]) -> bytes:
        return found[1] + str(uuid.UUID(int=dice.getrandbits(128))).encode() + b" "

    return [COMMAND.sub(begun, line) for line in lines]


def streams(quick: bool) -> list[Stream]:
    dice = random.Random(7)
    of_capture = captures(12 if quick else None)
    other = [line for lines in of_capture[::2] for line in lines]
    mixed = [line for lines in of_capture[1::2] for line in lines]
    known = set(other)
    seen = sum(line in known for line in mixed)
    print(
        f"mixed: {len(mixed):,} lines of {sum(map(len, mixed)) // len(mixed):,} bytes, {seen:,} of them in the others"
    )
    creations = unique_creations([*other, *mixed], CREATIONS // (20 if quick else 1), dice)
    made = [*creations, *dice.sample(mixed, min(len(mixed), OTHERS // (20 if quick else 1)))]
    dice.shuffle(made)
    return [
        Stream("mixed", mixed, other),
        Stream("creations", made),
        Stream("only those", creations),
        Stream("mixed + GUID", with_guids(mixed, dice), with_guids(other, dice)),
        Stream("only those + GUID", with_guids(creations, dice)),
    ]


def floor(piece: bytes) -> None:
    loads = orjson.loads
    for line in io.BytesIO(piece):
        loads(line)


def cpu(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


class Timings:
    """CPU seconds by (what, round, piece)."""

    def __init__(self) -> None:
        self._spent: dict[str, dict[int, dict[int, float]]] = {}

    def note(self, what: str, turn: int, piece: int, seconds: float) -> None:
        of_piece = self._spent.setdefault(what, {}).setdefault(turn, {})
        of_piece[piece] = min(seconds, of_piece.get(piece, seconds))

    def least(self, what: str) -> float:
        """Of each piece the least of all rounds."""
        rounds = list(self._spent[what].values())
        return sum(min(spent[piece] for spent in rounds) for piece in rounds[0])

    def told(self, what: str) -> str:
        """The ratio to the floor, and its range over the rounds."""
        single = sorted(
            sum(self._spent["floor"][turn].values()) / sum(spent.values()) for turn, spent in self._spent[what].items()
        )
        return f"{self.least('floor') / self.least(what):.2f} ({single[0]:.2f}-{single[-1]:.2f})"

    def ratio(self, what: str) -> float:
        return self.least("floor") / self.least(what)


def measured(stream: Stream, engines: dict[str, LineEngine], rounds: int) -> tuple[Timings, dict[str, list[Any]]]:
    """CPU seconds of the floor and of both twins (`fast`, or `fast cold` with nothing remembered where others come
    before, and `fast warm`), and the hits of each."""
    pieces, before = stream.pieces(), joined(stream.before)
    spent = Timings()
    hits: dict[str, list[Any]] = {}
    for turn in range(rounds):
        for name, engine in engines.items():
            passes = [(f"{name}", before), (f"{name} warm", None)]
            if before and turn == 0:
                passes.insert(0, (f"{name} cold", []))
            for what, fed in passes:
                if fed is not None:
                    engine.forget()
                    for piece in fed:
                        engine.hits(piece)
                found = []
                for number, piece in enumerate(pieces):
                    spent.note("floor", turn, number, cpu(lambda piece=piece: floor(piece)))
                    spent.note(what, turn, number, cpu(lambda piece=piece: found.append(engine.hits(piece))))
                hits[what] = [list(each) for each in found]
    return spent, hits


def report(
    stream: Stream, engines: dict[str, LineEngine], rounds: int, spent: Timings, hits: dict[str, list[Any]]
) -> bool:
    """Prints one stream's figures; whether both twins found the same."""
    lines = len(stream.lines)
    print(f"\n{stream.name}: {lines:,} lines; orjson.loads {lines / spent.least('floor'):,.0f} a CPU second")
    for name in engines:
        bar = BARS.get((stream.name, name))
        met = "" if bar is None else f" [bar {bar}: {'met' if spent.ratio(name) >= bar else 'MISSED'}]"
        beside = [f"{kind} {spent.told(f'{name} {kind}')}" for kind in ("cold", "warm") if f"{name} {kind}" in hits]
        print(
            f"  {name}: {spent.told(name)} x orjson.loads{met}, {lines / spent.least(name):,.0f} a CPU second; "
            + "; ".join(beside)
        )
    told = list(hits.values())
    same = all(each == told[0] for each in told)
    count = sum(map(len, told[0]))
    print(f"  {count:,} hits, {'identical in every pass of every twin' if same else 'DIFFERENT'}")
    return same
