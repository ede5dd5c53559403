"""Engine and naive oracle on random rules and events: how many pairs agree, and every one that does not.

    python benchmarks/oracle.py --pairs 1000000 --seed 0

Rules and events are drawn by hypothesis from the small, nasty alphabet of the tests, then paired at random: each rule
meets some hundred events. Ends with 1 on the first disagreement that is found, and prints it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

TESTS = Path(__file__).resolve().parents[1] / "tests" / "detect" / "rules"
sys.path.insert(0, str(TESTS))

import oracle  # noqa: E402
import yaml  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from near import batch_of  # noqa: E402
from random_rules import EVENTS, TYPED, WILD, rules  # noqa: E402

from lichen.core.batch import LogSource  # noqa: E402
from lichen.detect.rules import Rule  # noqa: E402
from lichen.detect.rules.sigma_compile import compile_file  # noqa: E402
from lichen.detect.rules.sigma_match import Matcher  # noqa: E402

SOURCE = LogSource("linux", None, "auditd")
EVENTS_A_ROUND, RULES_A_ROUND = 250, 40


class Known:
    """A stand-in indicator list."""

    def finds(self, value: str) -> str | None:
        return value if value.startswith("a") else None


def drawn(strategy: st.SearchStrategy[Any], count: int, number: int) -> list[Any]:
    """About `count` examples of a strategy."""
    found: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(each: Any) -> None:
        found.append(each)

    keep()
    return found


def round_of(texts: list[dict[str, Any]], events: list[tuple[dict[str, Any], str]], count: Counter[bool]) -> list[Any]:
    """The disagreements of some rules on some events."""
    compiled = [next(compile_file(Path("random.yml"), yaml.safe_dump(text, allow_unicode=True))) for text in texts]
    chosen = [(text, rule) for text, rule in zip(texts, compiled, strict=True) if isinstance(rule, Rule)]
    assert len(chosen) == len(texts), [each for each in compiled if not isinstance(each, Rule)][:1]
    rows = (
        Matcher([rule for _, rule in chosen], {"known": Known()})
        .match(batch_of(SOURCE, [event for event, _ in events], [text for _, text in events]))
        .rows
    )
    wrong = []
    for i, (said, _) in enumerate(chosen):
        fired = set(rows[i].tolist()) if i in rows else set()
        for line, (event, text) in enumerate(events):
            expected = oracle.fires(said, event, text, {"known": lambda value: value.startswith("a")})
            count[expected] += 1
            if expected != (line in fired):
                wrong.append((said["detection"], event, text, expected))
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dice, began, count = random.Random(options.seed), time.perf_counter(), Counter[bool]()
    rounds = -(-options.pairs // (EVENTS_A_ROUND * RULES_A_ROUND))
    texts = drawn(rules(), min(rounds * RULES_A_ROUND, 4000), options.seed)
    events = drawn(st.tuples(EVENTS | TYPED, WILD), 8000, options.seed + 1)
    print(f"{len(texts)} rules and {len(events)} events drawn in {time.perf_counter() - began:.0f} s", flush=True)
    while count.total() < options.pairs:
        wrong = round_of(dice.sample(texts, RULES_A_ROUND), dice.sample(events, EVENTS_A_ROUND), count)
        for detection, event, text, expected in wrong[:3]:
            print(f"disagreement: the oracle says {expected}\n  {detection}\n  {event}\n  {text!r}")
        if wrong:
            return 1
    share = count[True] / count.total()
    print(
        f"{count.total()} pairs, {count[True]} fire ({share:.1%}), 0 disagreements, {time.perf_counter() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
