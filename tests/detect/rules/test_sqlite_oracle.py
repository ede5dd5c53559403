"""A second oracle: pySigma's own SQLite backend, wherever SQL can say what the rule says.

The generated SQL runs over the same events in a table of texts. What SQLite reads differently, and is left out:

* letters beyond ASCII: LIKE and NOCASE fold ASCII only (`=` minds case in SQL, so the columns are NOCASE);
* absent fields: NULL makes every comparison NULL, so an absent field is the empty text here, and rules with null,
  exists, '' or '*' are left out;
* regular expressions, networks, numbers compared, fields compared, placeholders, times, `cased`: SQLite has no function
  for them, or compares by the type of a column;
* encodings with zero bytes: SQLite cuts a text at the first;
* keywords: the backend refuses them.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from near import batch_of, events_near
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError
from sigmahq import sigmahq

from lichen.core.batch import LogSource
from lichen.detect.rules import Rule
from lichen.detect.rules.ruleset import rule_files
from lichen.detect.rules.sigma_compile import compile_file
from lichen.detect.rules.sigma_match import Matcher

FIELDS = ("f", "g", "h")
LETTERS = "abAB01-/ .%_'"
PLAIN = st.text(LETTERS, min_size=1, max_size=4)
PATTERN = st.text(LETTERS + "**??", min_size=1, max_size=5).filter(lambda text: set(text) - {"*"})
ITEMS = st.tuples(
    st.sampled_from(FIELDS),
    st.sampled_from(
        ["", "|contains", "|startswith", "|endswith", "|contains|all", "|windash|contains", "|base64offset|contains"]
    ),
    st.lists(PATTERN, min_size=2, max_size=3),
).map(
    lambda item: (
        item[0] + item[1],
        [v.replace("*", "").replace("?", "") or "a" for v in item[2]] if "base64" in item[1] else item[2],
    )
)
MAPS = st.lists(ITEMS, min_size=1, max_size=3).map(dict)
CONDITIONS = st.sampled_from(
    [
        "a and b",
        "a or b",
        "a and not b",
        "not a",
        "1 of them",
        "all of them",
        "not (a or b)",
        "not 1 of a*",
        "(a and not b) or b",
    ]
)
EVENTS = st.lists(
    st.fixed_dictionaries(dict.fromkeys(FIELDS, st.text(LETTERS + "\\", max_size=7))), min_size=8, max_size=16
)


def rows_of_sql(rule: dict[str, Any], events: list[dict[str, str]]) -> set[int]:
    """Which events the generated SQL finds. Raises SigmaError where the backend cannot say it."""
    query = sqliteBackend().convert(SigmaCollection.from_dicts([{**rule, "status": "test"}]))[0]
    names = sorted({name for event in events for name in event})
    database = sqlite3.connect(":memory:")
    try:
        columns = ", ".join(f'"{name}" TEXT COLLATE NOCASE' for name in names)
        database.execute(f"CREATE TABLE logs (row INTEGER, {columns})")
        marks = ", ".join("?" * (len(names) + 1))
        lines = [(i, *(event.get(name, "") for name in names)) for i, event in enumerate(events)]
        database.executemany(f"INSERT INTO logs VALUES ({marks})", lines)
        found = database.execute(query.replace("SELECT *", "SELECT row", 1))
        return {row for (row,) in found}
    finally:
        database.close()


def rows_of_engine(rule: dict[str, Any], events: list[dict[str, str]], source: LogSource) -> set[int]:
    compiled = next(compile_file(Path("random.yml"), yaml.safe_dump(rule, allow_unicode=True)))
    assert isinstance(compiled, Rule), compiled
    found = Matcher([compiled]).match(batch_of(source, list(events), [""] * len(events))).rows
    return set(found[0].tolist()) if 0 in found else set()


def test_random_rules_fire_exactly_where_sqlite_finds_them() -> None:
    fired = [0, 0]

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(MAPS, MAPS | st.lists(MAPS, min_size=1, max_size=2), CONDITIONS, EVENTS)
    def they_agree(a: Any, b: Any, condition: str, events: list[dict[str, str]]) -> None:
        rule = {
            "title": "random",
            "logsource": {"product": "linux"},
            "detection": {"a": a, "b": b, "condition": condition},
        }
        expected = rows_of_sql(rule, events)
        fired[0] += len(events)
        fired[1] += len(expected)
        assert rows_of_engine(rule, events, LogSource("linux")) == expected

    they_agree()
    assert fired[0] >= 2400
    assert 0.05 < fired[1] / fired[0] < 0.95


def _differs(rule: dict[str, Any]) -> bool:
    """Whether SQL reads a rule differently, or not at all."""
    text = yaml.safe_dump(rule["detection"], allow_unicode=True)
    odd = (
        "|re",
        "|cidr",
        "|gt",
        "|lt",
        "|exists",
        "|fieldref",
        "|expand",
        "|wide",
        "|utf16",
        "|cased",
        "null",
        "''",
        "'*'",
    )
    return not text.isascii() or any(each in text for each in odd)


def test_rules_of_sigmahq_fire_exactly_where_sqlite_finds_them_on_events_near_them() -> None:
    dice, asked, fired = random.Random(3), 0, 0
    paths = list(rule_files(sigmahq()))
    for path in dice.sample(paths, len(paths)):
        rule = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        if _differs(rule):
            continue
        near = [event for event, _ in events_near(rule, 6, seed=asked)]
        events = [{name: _text(value) for name, value in event.items()} for event in near]
        if not all("\0" not in text and text.isascii() for event in events for text in event.values()):
            events = [
                {name: text.encode("ascii", "ignore").decode().replace("\0", "") for name, text in e.items()}
                for e in events
            ]
        whole = [{name: event.get(name, "") for name in _fields(rule)} for event in events]
        try:
            expected = rows_of_sql(rule, whole)
        except SigmaError:
            continue
        source = LogSource(*(rule["logsource"].get(key) for key in ("product", "category", "service")))
        assert rows_of_engine(rule, whole, source) == expected, path
        asked, fired = asked + 1, fired + bool(expected)
        if asked >= 400:
            break
    if asked < 400:
        pytest.fail(f"only {asked} rules could be asked")
    assert fired >= 200


def _fields(rule: dict[str, Any]) -> set[str]:
    compiled = next(compile_file(Path("a.yml"), yaml.safe_dump(rule, allow_unicode=True)))
    assert isinstance(compiled, Rule), compiled
    return set(compiled.fields) or {"f"}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
