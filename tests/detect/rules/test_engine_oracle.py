"""The engine and the naive oracle never disagree: random rules over random JSON lines, by both twins."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import oracle
import orjson
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_rules import EVENTS, TYPED, rules

from lichen.core.batch import LogSource
from lichen.detect.rules import Rule
from lichen.detect.rules.engine import GivenRoutes, LineEngine, Reading, Route
from lichen.detect.rules.sigma_compile import compile_file

ROUTES = GivenRoutes([Route((("sensor.name", "s"),), Reading(LogSource("linux", None, None)))])
TWINS = (False, True) if find_spec("numba") else (False,)


class Known:
    """A stand-in list, told to both sides alike."""

    def finds(self, value: str) -> str | None:
        return value if value.startswith("a") else None


def lines_of(events: list[dict[str, Any]]) -> list[bytes]:
    return [orjson.dumps({"sensor": {"name": "s"}, **event}) for event in events]


def test_random_rules_fire_on_lines_exactly_where_the_oracle_says() -> None:
    count: Counter[bool] = Counter()

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(st.lists(rules(), min_size=2, max_size=4), st.lists(EVENTS | TYPED, min_size=12, max_size=24))
    def they_agree(rule_texts: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
        compiled = [
            next(compile_file(Path("random.yml"), yaml.safe_dump(each, allow_unicode=True))) for each in rule_texts
        ]
        kept = [(rule, text) for rule, text in zip(compiled, rule_texts, strict=True) if isinstance(rule, Rule)]
        assert len(kept) == len(compiled), compiled
        lines = lines_of(events)
        starts = [sum(len(line) + 1 for line in lines[:i]) for i in range(len(lines))]
        expected = sorted(
            (start, number)
            for start, line, event in zip(starts, lines, events, strict=True)
            for number, (_, text) in enumerate(kept)
            if oracle.fires(text, event, line.decode(), {"known": lambda value: value.startswith("a")})
        )
        count.update({True: len(expected), False: len(lines) * len(kept) - len(expected)})
        for fast in TWINS:
            engine = LineEngine([rule for rule, _ in kept], ROUTES, {"known": Known()}, fast=fast)
            for _ in range(2):  # the second time everything is remembered
                assert list(engine.hits(b"\n".join(lines))) == expected

    they_agree()
    assert count.total() >= 3000
    assert 0.1 < count[True] / count.total() < 0.9
