"""Runs the targets under atheris, one after the other: `python -m fuzz.run [TARGET …] --seconds 300` (make fuzz).

Ends with 1 where something was found; the input lies in fuzz/found/TARGET-… then. `--replay FILE` runs one input.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.targets import NAMES, target

ROOT = Path(__file__).parents[1]
FOUND = ROOT / "fuzz" / "found"
WALL_SECONDS = 20  # an input that takes as long hangs; CPU seconds are counted by targets.py
MEMORY_MB = 2048
SLOWEST = "LICHEN_FUZZ_SLOWEST"  # names the file that the slowest input's CPU seconds go to
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_PEAK = re.compile(r"stat::peak_rss_mb:\s*(\d+)")
_STATE = re.compile(r"#\d+\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)")


def main() -> int:
    """Every target asked for, and what came of it, a line each."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; all if none is named")
    asked.add_argument("--seconds", type=int, default=300, help="for each target")
    asked.add_argument("--corpus", type=Path, help="keep what was tried here, a folder a target, and go on with it")
    asked.add_argument("--replay", type=Path, help="run this one input through the one target that is named")
    asked.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options, rest = asked.parse_known_args()
    names = options.targets or list(NAMES)
    if unknown := set(names) - set(NAMES):
        asked.error(f"no such target: {', '.join(sorted(unknown))}")
    if options.replay is not None:
        if len(names) != 1:
            asked.error("--replay needs the one target that it is for")
        print(f"{target(names[0]).within_bounds(options.replay.read_bytes()):.3f} s of CPU time")
        return 0
    if options.one:
        fuzz(names[0], rest)
    found = [name for name in names if not held(name, options.seconds, options.corpus)]
    if found:
        print(f"found something in {', '.join(found)}: see fuzz/found and docs/fuzzing.md")
    return 1 if found else 0


def held(name: str, seconds: int, corpus: Path | None) -> bool:
    """Whether a target, run in a process of its own, kept its promises."""
    FOUND.mkdir(exist_ok=True)
    before = set(FOUND.iterdir())
    with tempfile.TemporaryDirectory() as work:
        folder = (corpus or Path(work)) / name
        folder.mkdir(parents=True, exist_ok=True)
        slowest = Path(work) / "slowest"
        command = [sys.executable, "-m", "fuzz.run", name, "--one", str(folder), f"-max_total_time={seconds}"]
        command += [f"-artifact_prefix={FOUND / name}-", f"-timeout={WALL_SECONDS}", f"-rss_limit_mb={MEMORY_MB}"]
        command += [f"-max_len={target(name).longest}", f"-dict={_dictionary(name, Path(work))}"]
        command += ["-print_final_stats=1", "-reload=0"]
        environment = {**os.environ, "LICHEN_FAST": "0", SLOWEST: str(slowest), "PYTHONWARNINGS": "ignore"}
        began = time.monotonic()
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace")
        told = ended.stdout + ended.stderr
        spent = slowest.read_text() if slowest.exists() else "?"
    new = sorted(str(path.relative_to(ROOT)) for path in set(FOUND.iterdir()) - before)
    print(f"{name}: {_summary(told)}, slowest {spent} s of CPU time, in {time.monotonic() - began:.0f} s", flush=True)
    if ended.returncode or new:
        print(_trace(told))
        print(f"{name}: FOUND {', '.join(new) or 'a fault that is no input, told above'}", flush=True)
    return not ended.returncode and not new


def _trace(told: str) -> str:
    """What atheris and libFuzzer say of a finding."""
    lines = [line for line in told.splitlines() if not line.startswith(("INFO:", "#", "0x"))]
    return "\n".join(line[:500] for line in lines[-80:])


def _summary(told: str) -> str:
    executed, peak, states = _EXECUTED.findall(told), _PEAK.findall(told), _STATE.findall(told)
    edges, features, kept = states[-1] if states else ("?", "?", "?")
    return (
        f"{executed[-1] if executed else '?'} executions, coverage {edges} edges and {features} features, "
        f"{kept} inputs kept, peak memory {peak[-1] if peak else '?'} MB"
    )


def _dictionary(name: str, work: Path) -> Path:
    """The target's words as libFuzzer reads them."""
    path = work / "words"
    words = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in target(name).words)
    path.write_text("".join(f'"{word}"\n' for word in words))
    return path


def fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process; never returns."""
    import atheris

    with atheris.instrument_imports(include=["lichen", "sigma", "fuzz"], enable_loader_override=False):
        chosen = target(name)
    seeds = [path.read_bytes() for path in chosen.seeds()]
    for _ in range(2):  # what is imported or built once is no input's fault
        for seed in seeds:
            chosen.read(seed)
    slowest = 0.0

    def read(data: bytes) -> None:
        nonlocal slowest
        spent = chosen.within_bounds(data)
        if spent > slowest:
            slowest = spent
            Path(os.environ[SLOWEST]).write_text(f"{spent:.3f}")

    shutil.copytree(Path(__file__).parent / "seeds" / name, arguments[0], dirs_exist_ok=True)
    made = {}
    if (mutate := chosen.mutate) is not None:
        made["custom_mutator"] = lambda data, size, seed: mutate(data, size, seed, atheris.Mutate)
    atheris.Setup([sys.argv[0], *arguments], read, **made)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
