"""The matcher kernel: all literals of SigmaHQ's Windows rules over OTRF's command lines, both twins beside ahocorasick.

CPU seconds of one process, ratios to the pure twin (Hyperscan). `ahocorasick_rs` (overlapping, borders as 0xFF bytes,
values lowered beforehand and its matches not yet sorted into values) is a floor for what it could do, where installed.
The pairs of the twins must be identical; ends with 1 where they are not.
"""

from __future__ import annotations

import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
from public_data import available, sigma_folders, unpacked

from lichen.detect.rules import RuleSet
from lichen.detect.rules.algebra import Glob, How, Text, Wild, predicates_of
from lichen.detect.rules.kernels import Matcher, Needle

FIELDS = ("CommandLine", "Image", "TargetObject")
OTRF = "02_otrf_2019_2020"
ROUNDS = 3


def needles_by_field(rules: RuleSet) -> dict[str, list[Needle]]:
    """The literals of Windows rules: whole texts, and the longest piece of each wildcard pattern."""
    found: dict[str, dict[tuple[How, str, bool], int]] = {field: {} for field in FIELDS}
    for rule in rules.rules:
        for predicate in predicates_of(rule.condition) if rule.source.product == "windows" else ():
            if isinstance(predicate, Text) and predicate.field in found:
                key = (predicate.how, predicate.text, predicate.cased)
            elif isinstance(predicate, Glob) and predicate.field in found:
                texts = [piece for piece in predicate.pieces if not isinstance(piece, Wild)]
                key = (How.CONTAINS, max(texts, key=len, default=""), predicate.cased)
            else:
                continue
            of_field = found[predicate.field]
            of_field.setdefault(key, len(of_field))
    return {field: [(number, *key) for key, number in keys.items()] for field, keys in found.items()}


def members_of(path: Path) -> Iterator[bytes]:
    """The JSON files of one capture."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist() if name.endswith(".json"))
        return
    with tarfile.open(path) as tar:
        for member in tar:
            opened = tar.extractfile(member) if member.name.endswith(".json") else None
            if opened is not None:
                yield opened.read()


def distinct_values(folder: Path) -> dict[str, list[bytes]]:
    """Distinct values of the fields in every capture, in order of their coming."""
    found: dict[str, dict[str, None]] = {field: {} for field in FIELDS}
    for path in sorted([*folder.rglob("*.zip"), *folder.rglob("*.tar.gz")]):
        for lines in members_of(path):
            for line in lines.splitlines():
                if any(field.encode() in line for field in FIELDS):
                    try:
                        event = orjson.loads(line)
                    except orjson.JSONDecodeError:
                        continue
                    for field in FIELDS:
                        if isinstance(event.get(field), str):
                            found[field][event[field]] = None
    return {field: [text.encode("utf-8", "surrogatepass") for text in texts] for field, texts in found.items()}


def best(work: Callable[[], object]) -> float:
    """The least CPU time of a few rounds."""
    spent = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


def ahocorasick(needles: list[Needle], values: list[bytes]) -> float | None:
    try:
        from ahocorasick_rs import BytesAhoCorasick
    except ImportError:
        return None
    texts = []
    for _, how, text, _ in needles:
        before = b"\xff" * (how in (How.IS, How.STARTS))
        texts.append(before + text.lower().encode() + b"\xff" * (how in (How.IS, How.ENDS)))
    automaton = BytesAhoCorasick([text or b"\xff\xff" for text in texts])
    whole = b"\xff" + b"\xff".join(value.lower() for value in values) + b"\xff"
    return best(lambda: automaton.find_matches_as_indexes(whole, overlapping=True))


def compare(field: str, needles: list[Needle], values: list[bytes]) -> bool:
    """Prints one field's figures; whether the twins agree."""
    ends = np.cumsum([len(value) for value in values], dtype=np.int64)
    starts, data = ends - [len(value) for value in values], np.frombuffer(b"".join(values), dtype=np.uint8)
    built, spent, pairs = {}, {}, {}
    for name, fast in (("pure", False), ("fast", True)):
        begin = time.process_time()
        matcher = Matcher(needles, fast=fast)
        built[name] = time.process_time() - begin
        spent[name] = best(lambda matcher=matcher: matcher.match(data, starts, ends))
        found = matcher.match(data, starts, ends)
        pairs[name] = set(zip(found[0].tolist(), found[1].tolist(), strict=True))
    same = pairs["pure"] == pairs["fast"]
    other = ahocorasick(needles, values)
    beside = (
        "ahocorasick_rs is not installed" if other is None else f"ahocorasick_rs {spent['pure'] / other:.2f} x pure"
    )
    print(
        f"{field}: {len(needles):,} literals, {len(values):,} distinct values of {len(data) / len(values):.0f} bytes, "
        f"{len(pairs['pure']):,} pairs, {'identical' if same else 'DIFFERENT'}\n"
        f"  fast {spent['pure'] / spent['fast']:.1f} x pure; {beside}; "
        f"µs a value: pure {spent['pure'] / len(values) * 1e6:.2f}, fast {spent['fast'] / len(values) * 1e6:.2f}; "
        f"built in s: pure {built['pure']:.2f}, fast {built['fast']:.2f}"
    )
    return same


def main() -> int:
    if not available("02_sigma") or not available(OTRF):
        print("not measured: 02_sigma and 02_otrf_2019_2020 are needed (LICHEN_PUBLIC_DATA)")
        return 0
    Matcher([(0, How.CONTAINS, "warm", False)], fast=True)  # loads or compiles the kernels
    needles = needles_by_field(RuleSet.load(sigma_folders()))
    values = distinct_values(unpacked(OTRF))
    agree = [compare(field, needles[field], values[field]) for field in FIELDS]
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
