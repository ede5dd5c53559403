"""The matcher: lines become events, what was seen is remembered within bounds, and nothing else changes the answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from compiling import SOURCE, rule_of
from near import batch_of

from lichen.core.batch import Batch, LogSource, Shape, Stream
from lichen.detect.rules import program
from lichen.detect.rules.sigma_match import Matcher

SHELL = rule_of("    s:\n        f|endswith: /sh\n        g: c\n    condition: s\n")
WORD = rule_of("    k:\n        - needle\n    condition: k\n")


def rows_of(matcher: Matcher, batch: Batch) -> dict[int, list[int]]:
    return {rule: rows.tolist() for rule, rows in matcher.match(batch).rows.items()}


def with_text(batch: Batch, text: pa.Array, *shapes: Shape) -> Batch:
    return Batch(batch.stream, batch.kind, text, batch.offset, batch.view, shapes or batch.shapes)


def test_a_rule_matches_one_line_and_never_two_lines_of_an_event_together() -> None:
    lines = [{"f": "/bin/sh"}, {"g": "c"}, {"f": "/bin/sh", "g": "c"}]
    batch = batch_of(SOURCE, lines, ["", ""], event=[0, 0, 1])
    assert rows_of(Matcher([SHELL]), batch) == {0: [1]}


def test_an_event_with_many_matching_lines_is_one_hit() -> None:
    lines = [{"f": "/bin/sh", "g": "c"}] * 3
    assert rows_of(Matcher([SHELL]), batch_of(SOURCE, lines, ["", ""], event=[1, 1, 0])) == {0: [0, 1]}


def test_rules_read_only_shapes_of_their_own_log_source() -> None:
    line = [{"f": "/bin/sh", "g": "c"}]
    for other in (LogSource("windows", "process_creation"), LogSource("linux", "file_event"), LogSource("linux")):
        assert rows_of(Matcher([SHELL]), batch_of(other, line, [""])) == {}
    narrower = LogSource("linux", "process_creation", "auditd")
    assert rows_of(Matcher([SHELL]), batch_of(narrower, line, [""])) == {0: [0]}


def test_a_field_that_the_shape_does_not_have_is_absent() -> None:
    missing = rule_of("    s:\n        f: a\n        h: null\n    condition: s\n")
    assert rows_of(Matcher([missing]), batch_of(SOURCE, [{"f": "a"}], [""])) == {0: [0]}


def test_keywords_are_found_where_the_shape_says() -> None:
    batch = batch_of(SOURCE, [{"f": "a"}, {"f": "b"}, {"f": "c"}], ["a needle", "none"], event=[0, 1, 1])
    assert rows_of(Matcher([WORD]), batch) == {0: [0]}
    own = Shape(SOURCE, batch.shapes[0].fields, batch.shapes[0].event, pa.array(["none", "a needle", "none"]))
    assert rows_of(Matcher([WORD]), with_text(batch, batch.text, own)) == {0: [1]}


def test_two_shapes_of_a_batch_are_searched_each_in_its_own_text() -> None:
    batch = batch_of(SOURCE, [{"f": "a"}, {"f": "b"}], ["none", "none"])
    fields = batch.shapes[0].fields
    shapes = [Shape(SOURCE, fields), Shape(SOURCE, fields, None, pa.array(["needle", "none"]))]
    assert rows_of(Matcher([WORD]), with_text(batch, batch.text, *shapes)) == {0: [0]}
    assert rows_of(Matcher([WORD]), with_text(batch, batch.text, *reversed(shapes))) == {0: [0]}


def test_a_keyword_never_runs_over_from_one_record_into_the_next() -> None:
    batch = batch_of(SOURCE, [{}, {}], ["a nee", "dle"])
    assert rows_of(Matcher([WORD]), batch) == {}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_texts_may_be_of_any_kind_sliced_null_or_no_utf8(kind: pa.DataType) -> None:
    raw = [b"no", b"a NEEDLE", None, b"needle", "néedle needle".encode()]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raw[3] = b"\xff\xfe needle \xc3"
    texts = pa.array(raw, pa.large_binary()).cast(kind).slice(1)
    batch = batch_of(SOURCE, [{}] * 4, [""] * 4)
    assert rows_of(Matcher([WORD]), with_text(batch, texts)) == {0: [0, 2, 3]}
    assert rows_of(Matcher([WORD]), with_text(batch, texts.slice(1).take(pa.array([0, 1, 2, 2])))) == {0: [1, 2, 3]}


def test_columns_may_be_dictionaries_that_repeat_values_and_hold_nulls() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 3]), pa.array(["a", "b", "a", None]))
    fields = pa.RecordBatch.from_pydict({"f": column})
    batch = batch_of(SOURCE, [{}] * 5, [""] * 5)
    rule = rule_of("    s:\n        f: A\n    condition: s\n")
    none = rule_of("    s:\n        f: null\n    condition: s\n")
    matcher = Matcher([rule, none])
    assert rows_of(matcher, with_text(batch, batch.text, Shape(SOURCE, fields))) == {0: [0, 2], 1: [3, 4]}


def test_what_was_seen_before_gives_the_same_answer_again() -> None:
    matcher = Matcher([SHELL, WORD])
    batch = batch_of(SOURCE, [{"f": "/bin/sh", "g": "c"}, {"f": "x"}] * 50, ["needle", "none"] * 50)
    first = rows_of(matcher, batch)
    assert first == {0: list(range(0, 100, 2)), 1: list(range(0, 100, 2))}
    assert rows_of(matcher, batch) == first
    swapped = batch_of(SOURCE, [{"f": "x"}, {"f": "/bin/sh", "g": "c"}], ["needle", "none"])
    assert rows_of(matcher, swapped) == {0: [1], 1: [0]}


def test_the_memory_of_verdicts_is_bounded_and_forgetting_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "VERDICTS_LIMIT", 20)
    monkeypatch.setattr(program, "MISSES_LIMIT", 7)
    matcher = Matcher([SHELL])
    for start in range(0, 300, 30):
        lines = [{"f": f"/{i}/sh", "g": "c" if i % 3 else "d"} for i in range(start, start + 30)]
        expected = [i - start for i in range(start, start + 30) if i % 3]
        assert rows_of(matcher, batch_of(SOURCE, lines, [""] * 30)) == {0: expected}
        assert matcher.remembered <= 20 + 30
    assert matcher.resets >= 5


def test_long_values_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "VALUES_LIMIT", 10_000)
    matcher = Matcher([SHELL])
    for i in range(10):
        lines = [{"f": f"{i}{'x' * 5000}/sh", "g": "c"}]
        assert rows_of(matcher, batch_of(SOURCE, lines, [""])) == {0: [0]}
        assert matcher.remembered <= 3
    assert matcher.resets >= 3


def test_events_out_of_reach_and_events_without_the_fields_are_told_apart() -> None:
    batch = batch_of(SOURCE, [{"f": "x"}, {"z": "y"}], ["", ""])
    matches = Matcher([SHELL]).match(batch)
    assert matches.reach.tolist() == [True, True]
    assert matches.blank.tolist() == [False, True]
    elsewhere = Matcher([SHELL]).match(batch_of(LogSource("windows"), [{"f": "x"}], [""]))
    assert elsewhere.reach.tolist() == [False]


def test_rules_that_share_predicates_keep_their_own_answers() -> None:
    other = rule_of("    s:\n        f|endswith: /sh\n    n:\n        g: c\n    condition: s and not n\n")
    lines = [{"f": "/bin/sh", "g": "c"}, {"f": "/bin/sh", "g": "d"}, {"f": "x", "g": "d"}]
    assert rows_of(Matcher([SHELL, other]), batch_of(SOURCE, lines, [""] * 3)) == {0: [0], 1: [1]}


def test_a_batch_without_lines_or_shapes_matches_nothing() -> None:
    batch = batch_of(SOURCE, [{"f": "x"}], [""])
    empty = Shape(SOURCE, batch.shapes[0].fields.slice(1), np.array([], dtype=np.int64))
    assert rows_of(Matcher([SHELL, WORD]), with_text(batch, batch.text, empty)) == {}
    bare = Batch(Stream("", "", ""), "other", batch.text, batch.offset, batch.view)
    assert rows_of(Matcher([SHELL]), bare) == {}
