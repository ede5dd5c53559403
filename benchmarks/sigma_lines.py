"""What `sigma.py` does: the engine's twins, JSON decoding alone and another engine over the same lines in one run.

    python benchmarks/sigma.py [--quick] [--rounds 3] [--no-peers]

All Windows rules of SigmaHQ over OTRF's captures of 2019 and 2020, each line as often as it was recorded. CPU seconds
of one process and one thread, the least of the rounds. The floor is an `orjson.loads` loop over the same file; ratios
are to it (2: twice as many events in a CPU second), and beside each stands the ratio to decoding the same lines out of
memory, where reading the file costs the floor nothing. Compiling is told apart; what is compiled when a value first
asks for it falls into the first round. Ends with 1 where the twins differ.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import orjson
import sigma_peers
from public_data import available, sigma_folders
from sigma_streams import OTRF, Stream, streams

from lichen.core.logsources import LogSources, load_logsources
from lichen.detect.rules import Rule, RuleSet
from lichen.detect.rules.engine import Hits, LineEngine
from lichen.detect.rules.kernels import fast_is_wanted

LOGSOURCES = Path(__file__).resolve().parents[1] / "content" / "logsources" / "windows.yml"
BLOCK = 16 << 20
BARS = {("mixed", "fast"): 1.8, ("mixed", "pure"): 0.84, ("creations", "fast"): 0.75, ("creations", "pure"): 0.35}
BARS |= {("creations alone", twin): bar for (name, twin), bar in BARS.items() if name == "creations"}


def cpu(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def decoded(path: Path) -> None:
    """The floor."""
    loads = orjson.loads
    with path.open("rb") as file:
        for line in file:
            loads(line)


def decoded_from_memory(lines: Iterable[bytes]) -> None:
    loads = orjson.loads
    for line in lines:
        loads(line)


def judged(engine: LineEngine, path: Path) -> Hits:
    """The engine over a file, read by blocks into one buffer."""
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)
    base = kept = 0
    with path.open("rb") as file:
        while got := file.readinto(view[kept:]):
            end = kept + got
            whole = buffer.rfind(b"\n", 0, end) + 1
            engine.feed(view[:whole], base)
            kept = end - whole
            view[:kept] = bytes(view[whole:end])
            base += whole
    return engine.taken()


class Measured:
    """CPU seconds by what was done, a number a round."""

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self.spent: dict[str, list[float]] = {}
        self.new: dict[str, float] = {}  # shares of lines

    def note(self, what: str, seconds: float) -> None:
        self.spent.setdefault(what, []).append(seconds)

    def ratio(self, what: str, floor: str = "floor") -> float:
        return min(self.spent[floor]) / min(self.spent[what])

    def told(self, what: str) -> str:
        """The ratio, its range over single rounds, and the ratio to decoding out of memory."""
        rounds = sorted(floor / own for floor, own in zip(self.spent["floor"], self.spent[what], strict=False))
        span = f"{rounds[0]:.2f}-{rounds[-1]:.2f}"
        return f"{self.ratio(what):.2f} ({span}; {self.ratio(what, 'memory'):.2f} to memory)"


def measure(stream: Stream, engines: dict[str, LineEngine], folder: Path, rounds: int) -> tuple[Measured, list[Hits]]:
    """Every pass over one stream: `fast` and `pure` with what other lines left behind, `… cold` with nothing, `… warm`
    once more over the same lines."""
    path, before = written(folder / "lines.json", stream.lines), written(folder / "before.json", stream.before)
    measured = Measured(len(stream.lines))
    found: list[Hits] = []
    for _ in range(rounds):
        measured.note("floor", cpu(lambda: decoded(path)))
        measured.note("memory", cpu(lambda: decoded_from_memory(stream.lines)))
        for name, engine in engines.items():
            passes = ["", " warm"] if not stream.before else [" cold", "", " warm"]
            for kind in passes:
                if kind != " warm":
                    engine.forget()
                if not kind and stream.before:
                    judged(engine, before)
                before_it = engine.counted.judged
                measured.note(name + kind, cpu(lambda engine=engine: found.append(judged(engine, path))))
                if kind != " warm":
                    what = "after the other captures" if stream.before and not kind else "nothing remembered"
                    measured.new[what] = (engine.counted.judged - before_it) / len(stream.lines)
    return measured, found


def written(path: Path, lines: list[bytes]) -> Path:
    with path.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")
    return path


def are_same(found: list[Hits]) -> bool:
    first = found[0]
    return all(np.array_equal(a.starts, first.starts) and np.array_equal(a.rules, first.rules) for a in found)


def report(stream: Stream, engines: dict[str, LineEngine], measured: Measured, found: list[Hits]) -> bool:
    """Prints one stream's figures; whether every pass of every twin found the same."""
    lines, size = len(stream.lines), sum(map(len, stream.lines)) // len(stream.lines)
    floor, memory = (lines / min(measured.spent[what]) for what in ("floor", "memory"))
    print(f"\n{stream.name}: {lines:,} lines of {size:,} bytes; {len(found[0]):,} hits", end="")
    same = are_same(found)
    print(", the same in every pass of every twin" if same else ", DIFFERENT between passes or twins")
    print(f"  orjson.loads: {floor:,.0f} lines a CPU second over the file (the floor), {memory:,.0f} out of memory")
    for name in engines:
        bar = BARS.get((stream.name, name))
        met = "" if bar is None else f" -- bar {bar}: {'met' if measured.ratio(name) >= bar else 'MISSED'}"
        how = "after the other captures" if stream.before else "cold"
        print(
            f"  {name}, {how}: {measured.told(name)}, {lines / min(measured.spent[name]):,.0f} lines a CPU second{met}"
        )
        for kind in (" cold", " warm"):
            if name + kind in measured.spent:
                print(f"    {kind.strip()}: {measured.told(name + kind)}")
    for kind, share in measured.new.items():
        print(f"  share of lines whose projection is new, {kind}: {share:.3f}")
    return same


def compiled(rules: list[Rule], sources: LogSources, every: Iterable[bytes]) -> dict[str, LineEngine]:
    """The twins, ready for all kinds of lines; prints what that took."""
    kinds = list({(event.get("Channel"), str(event.get("EventID"))): line for line, event in _events(every)}.values())
    engines = {}
    for name, fast in (("fast", True), ("pure", False)):
        if fast and not fast_is_wanted():
            print("the fast twin is not measured: numba is not installed (the extra `fast`), or LICHEN_FAST=0")
            continue
        begin = time.process_time()
        engine = LineEngine(rules, sources, fast=fast)
        loaded = time.process_time() - begin
        for line in kinds:
            engine.hits(line)
        seconds = time.process_time() - begin
        print(f"{name} compiled: {seconds:.2f} CPU s for {len(kinds)} kinds, {loaded:.2f} of it for its kernels")
        engines[name] = engine
    return engines


def _events(lines: Iterable[bytes]) -> Iterable[tuple[bytes, dict[str, object]]]:
    return ((line, orjson.loads(line)) for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="the engine over raw JSON lines, beside a floor and another engine")
    parser.add_argument("--quick", action="store_true", help="a small part of the lines")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true", help="measure no other engine")
    arguments = parser.parse_args()
    if not available("02_sigma") or not available(OTRF):
        print(f"not measured: 02_sigma and {OTRF} are needed (LICHEN_PUBLIC_DATA)")
        return 0
    made = streams(arguments.quick)
    begin = time.process_time()
    rules = [rule for rule in RuleSet.load(sigma_folders()).rules if rule.source.product == "windows"]
    print(f"{len(rules):,} Windows rules read in {time.process_time() - begin:.2f} CPU s")
    sources = load_logsources(LOGSOURCES)
    engines = compiled(rules, sources, [line for stream in made[:2] for line in (*stream.lines, *stream.before)])
    gc.collect()
    gc.freeze()
    same = []
    with tempfile.TemporaryDirectory() as name:
        for stream in made:
            measured, found = measure(stream, engines, Path(name), arguments.rounds)
            same.append(report(stream, engines, measured, found))
            if not arguments.no_peers and stream.name in ("mixed", "creations"):
                ours = {twin: min(measured.spent[twin]) for twin in engines}
                sigma_peers.beside(stream.lines, Path(name) / "lines.json", rules, sources, found[0], ours)
    return 0 if all(same) else 1
