"""Five million synthetic indicators: how long they take to load, how much memory, how many values a second they judge.

All data is made up here (seeded), and so every figure is synthetic. A probe is a distinct value; half of them are on a
list, of URLs each in another of the ways to write it. 100,000 probes are checked against a naive look-up of sets,
suffixes and `ipaddress`; ends with 1 where one answer differs or a bound is missed. `--scale .01` makes all smaller.
"""

from __future__ import annotations

import argparse
import ipaddress
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from lichen.detect.rules.indicators import IndicatorList, Kind, load_indicators

COUNTS = {"domains": 2_000_000, "urls": 1_000_000, "addresses": 1_000_000, "hashes": 1_000_000}
PROBES = 1_000_000
CHECKED = 25_000  # of each of four kinds
AT_LEAST = {"addresses": 3e6, "hashes": 3e6, "domains": 0.5e6, "urls": 0.2e6}
LOAD_SECONDS, MEMORY_BYTES = 30.0, 1.2e9
KINDS = {"domains": Kind.DOMAIN, "urls": Kind.URL, "addresses": Kind.ADDRESS, "hashes": Kind.HASH}
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass
class Made:
    """What was made of one kind: the indicators, and probes with what a naive look-up says of each."""

    indicators: list[str]
    probes: list[str] = field(default_factory=list)
    naive: Callable[[str], bool] = bool


def word(dice: random.Random, least: int, most: int) -> str:
    return "".join(dice.choices(LETTERS, k=dice.randint(least, most)))


def domains(dice: random.Random, count: int, probes: int) -> Made:
    made = [f"{word(dice, 6, 14)}.{dice.choice(('com', 'net', 'example', 'co.uk'))}" for _ in range(count)]
    held = frozenset(made)
    asked = []
    for number in range(probes):
        name = dice.choice(made) if number % 2 else f"{word(dice, 6, 14)}.com"
        turn = number % 6
        asked.append(
            f"h{number}.{name}" if turn < 3 else f"{name}." if turn == 3 else name.upper() if turn == 4 else f"x{name}"
        )

    def naive(value: str) -> bool:
        labels = value.rstrip(".").lower().split(".")
        return any(".".join(labels[at:]) in held for at in range(len(labels)))

    return Made(made, asked, naive)


def urls(dice: random.Random, count: int, probes: int) -> Made:
    made = [
        f"http://{word(dice, 6, 14)}.com/{word(dice, 3, 9)}/{word(dice, 3, 12)}?id={number}" for number in range(count)
    ]
    truth: dict[str, bool] = {}
    for number in range(probes):
        url = dice.choice(made) if number % 2 else f"http://{word(dice, 6, 14)}.com/{word(dice, 3, 9)}?id={number}"
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        ways = (
            url,
            f"HTTP://{host.upper()}:80/{path}",
            f"{scheme}://{host}/./a/../{path}#{number}",
            f"{scheme}://{host}/%{ord(path[0]):02x}{path[1:]}",
            url + "#top",
            url,
        )
        truth[ways[number // 2 % 6]] = bool(number % 2)
    return Made(made, list(truth), truth.__getitem__)


def addresses(dice: random.Random, count: int, probes: int) -> Made:
    """A tenth of them IPv6, one in twenty a network."""

    def one() -> str:
        if dice.random() < 0.1:
            return str(ipaddress.IPv6Address(0x20010DB8 << 96 | dice.getrandbits(64)))
        return str(ipaddress.IPv4Address(dice.getrandbits(32)))

    made = []
    for number in range(count):
        text = one()
        if number % 20 == 0:
            wide = f"{text}/{dice.randint(100, 127)}" if ":" in text else f"{text}/{dice.randint(22, 31)}"
            text = str(ipaddress.ip_network(wide, strict=False))
        made.append(text)
    single = frozenset(text for text in made if "/" not in text)
    networks = frozenset(text for text in made if "/" in text)
    asked: dict[str, None] = {}
    for number in range(probes):
        text = dice.choice(made) if number % 2 else one()
        asked[str(ipaddress.ip_network(text)[-1]) if "/" in text else text] = None

    def naive(value: str) -> bool:
        widths = range(96, 128) if ":" in value else range(16, 32)
        return value in single or any(
            str(ipaddress.ip_network(f"{value}/{width}", strict=False)) in networks for width in widths
        )

    return Made(made, list(asked), naive)


def hashes(dice: random.Random, count: int, probes: int) -> Made:
    sizes = (128, 160, 256)
    made = [f"{dice.getrandbits(size):0{size // 4}x}" for size in dice.choices(sizes, k=count)]
    held = frozenset(made)
    asked = []
    for number in range(probes):
        size = sizes[number % 3]
        text = dice.choice(made) if number % 2 else f"{dice.getrandbits(size):0{size // 4}x}"
        asked.append(text.upper() if number % 4 > 1 else text)
    return Made(made, asked, lambda value: value.lower() in held)


def loaded(folder: Path) -> tuple[IndicatorList, ...]:
    begin = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lists, refused = load_indicators([folder])
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert not refused, refused[:3]
    held = seconds < LOAD_SECONDS and peak < MEMORY_BYTES
    print(
        f"{sum(map(len, lists)):,} synthetic indicators loaded in {seconds:.1f} s, peak memory of the process "
        f"{peak / 1e9:.2f} GB ({before / 1e6:.2f} before): {'held' if held else 'MISSED'} "
        f"(< {LOAD_SECONDS:.0f} s, < {MEMORY_BYTES / 1e9} GB)"
    )
    return lists


def judge(name: str, one: IndicatorList, folder: Path) -> bool:
    probes = (folder / f"{name}.probes").read_text().splitlines()
    truth = (folder / f"{name}.truth").read_text()
    array = pa.array(probes, type=pa.large_string())
    spent = []
    for _ in range(3):
        begin = time.process_time()
        places, _ = one.matches(array, (KINDS[name],))
        spent.append(time.process_time() - begin)
    hit = set(places.tolist())
    wrong = sum((at in hit) != (truth[at] == "1") for at in range(len(truth)))
    rate = len(probes) / min(spent)
    held = rate >= AT_LEAST[name] and not wrong
    print(
        f"  {name}: {rate / 1e6:.2f} M distinct values a CPU second ({len(places) / len(probes):.0%} on the list); "
        f"{len(truth):,} against a naive look-up: {wrong} differ: {'held' if held else 'MISSED'} "
        f"(>= {AT_LEAST[name] / 1e6} M, none)"
    )
    return held


def make(folder: Path, scale: float) -> None:
    """In a process of its own, so that making is not in the memory measured."""
    for number, maker in enumerate((domains, urls, addresses, hashes)):
        dice, name = random.Random(number), maker.__name__
        made = maker(dice, int(COUNTS[name] * scale), int(PROBES * min(1.0, scale * 4)))
        (folder / f"{name}.txt").write_text("\n".join(dict.fromkeys(made.indicators)))
        probes = list(dict.fromkeys(made.probes))
        (folder / f"{name}.probes").write_text("\n".join(probes))
        (folder / f"{name}.truth").write_text("".join("01"[made.naive(value)] for value in probes[:CHECKED]))


def main() -> int:
    import subprocess

    reader = argparse.ArgumentParser()
    reader.add_argument("--scale", type=float, default=1.0)
    reader.add_argument("--make", type=Path)
    given = reader.parse_args()
    if given.make:
        make(given.make, given.scale)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, "--make", name, "--scale", str(given.scale)], check=True)
        lists = {one.name: one for one in loaded(folder)}
        held = [judge(each, lists[each], folder) for each in AT_LEAST]
        return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
