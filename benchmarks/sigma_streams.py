"""The streams of `sigma.py`: OTRF's recorded Windows events, and process creations of which no two are alike."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson
from matcher import OTRF, members_of
from public_data import unpacked

CREATIONS, OTHERS = 30_000, 20_000
CREATION = re.compile(rb'"EventID":(?:1|4688),')
COMMAND = re.compile(rb'("(?:Parent)?CommandLine":")')
LONGEST_WORD = 400


@dataclass(frozen=True)
class Stream:
    """Lines to be measured, and other lines that were judged before."""

    name: str
    lines: list[bytes]
    before: list[bytes] = field(default_factory=list)


def captures(limit: int | None) -> list[list[bytes]]:
    """The JSON lines of each capture, each file once however often it lies there. What is no JSON object is left out,
    for the floor would stop at it."""
    folder = unpacked(OTRF)
    found: list[list[bytes]] = []
    known: set[bytes] = set()
    left_out = 0
    for path in sorted([*folder.rglob("*.zip"), *folder.rglob("*.tar.gz")])[:limit]:
        for data in members_of(path):
            if data not in known:
                known.add(data)
                lines = [line.rstrip(b"\r") for line in data.split(b"\n") if line.strip()]
                found.append([line for line in lines if is_object(line)])
                left_out += len(lines) - len(found[-1])
    print(f"{len(found)} files, {sum(map(len, found)):,} lines; {left_out:,} left out that are no JSON objects")
    return found


def is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def unique_creations(recorded: Sequence[bytes], count: int, dice: random.Random) -> list[bytes]:
    """Process creations with a command line each of its own: recorded ones, as often as recorded, with one to twelve
    words of other recorded command lines behind their program."""
    events = [event for line in recorded if CREATION.search(line) and (event := orjson.loads(line)).get("CommandLine")]
    commands = list(dict.fromkeys(event["CommandLine"] for event in events))
    words = list({word: 0 for each in commands for word in each.split()[1:] if len(word) <= LONGEST_WORD})
    print(f"{len(events):,} process creations are recorded, with {len(commands):,} command lines: too few to measure")
    made: dict[str, bytes] = {}
    while len(made) < count:
        event = dict(dice.choice(events))
        own = event["CommandLine"].split()[:1]
        event["CommandLine"] = " ".join([*own, *dice.choices(words, k=dice.randint(1, 12))])
        made.setdefault(event["CommandLine"], orjson.dumps(event))
    return list(made.values())


def with_guids(lines: Iterable[bytes], dice: random.Random) -> list[bytes]:
    """The same lines, and in every command line a GUID of its own."""

    def begun(found: re.Match[bytes]) -> bytes:
        return found[1] + str(uuid.UUID(int=dice.getrandbits(128))).encode() + b" "

    return [COMMAND.sub(begun, line) for line in lines]


def streams(quick: bool) -> list[Stream]:
    """The mixed stream, with every second capture fed before; unique creations among others and alone; all that with a
    GUID in every command line."""
    dice = random.Random(7)
    of_capture = captures(20 if quick else None)
    before = [line for lines in of_capture[1::2] for line in lines]
    mixed = [line for lines in of_capture[::2] for line in lines]
    known = set(before)
    print(f"{sum(line in known for line in mixed):,} of the {len(mixed):,} mixed lines are among the lines fed before")
    less = 20 if quick else 1
    creations = unique_creations([*before, *mixed], CREATIONS // less, dice)
    among = [*creations, *dice.sample(mixed, min(len(mixed), OTHERS // less))]
    dice.shuffle(among)
    return [
        Stream("mixed", mixed, before),
        Stream("creations", among),
        Stream("creations alone", creations),
        Stream("mixed, a GUID in every command line", with_guids(mixed, dice), with_guids(before, dice)),
        Stream("creations alone, a GUID in every command line", with_guids(creations, dice)),
    ]
