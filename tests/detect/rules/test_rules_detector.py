"""The rules detector: one cumulative row per subject, window and rule, whatever the batches were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from compiling import SOURCE, rule_of
from near import batch_of

from lichen.core.batch import Batch
from lichen.core.census import CensusRow
from lichen.core.doors import Detector
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.ocsf import PROCESS_ACTIVITY, VIEW
from lichen.detect.rules import IndicatorList, RulesDetector, RuleSet, hits, load_indicators
from lichen.detect.rules.hits import OPEN_WINDOWS, HitsMemory

MINUTE = 60_000_000
SHELL = replace(rule_of("    s:\n        f|endswith: /sh\n    condition: s\n"), techniques=("T1059.004",))
SHADOW = replace(rule_of("    s:\n        f|contains: sh\n    condition: s\n"), id="young", stage="shadow")


def batch(
    images: list[str], workloads: list[str | None] | None = None, times: list[int] | None = None, **more: Any
) -> Batch:
    """Programs started: `images` under Sigma's field `f` and in the view, on the workloads, at the times."""
    made = batch_of(SOURCE, [{"f": image} for image in images], images)
    columns = {
        "class_uid": [PROCESS_ACTIVITY] * len(images),
        "process.file.path": images,
        "subject.workload": workloads or ["orders-1"] * len(images),
        "time": times or list(range(len(images))),
        **more,
    }
    view = made.view
    for name, values in columns.items():
        array = pa.array(values, pa.int64()).cast(VIEW[name]) if name == "time" else pa.array(values, VIEW[name])
        view = view.set_column(view.schema.get_field_index(name), name, array)
    return Batch(made.stream, "exec", made.text, made.offset, view, made.shapes)


def detector(*indicators: IndicatorList) -> RulesDetector:
    return RulesDetector(RuleSet((SHELL, SHADOW)), indicators, minutes=5)


def by_detector(evidence: list[Evidence]) -> dict[str, Evidence]:
    return {each.detector: each for each in evidence}


def test_it_is_a_detector() -> None:
    assert isinstance(detector(), Detector)


def test_a_fired_rule_gives_one_row_per_subject_and_window() -> None:
    images = ["/bin/sh", "/bin/ls", "/bin/sh", "/bin/sh"]
    events = batch(images, ["orders-1", "orders-1", "orders-2", "orders-1"], [0, 1, 2, 5 * MINUTE])
    evidence, _, _ = detector().detect(events, {})
    rows = {(each.subject.name, each.window): each for each in evidence if each.detector.startswith("rule:")}
    assert set(rows) == {("orders-1", 0), ("orders-2", 0), ("orders-1", 5 * MINUTE)}
    first = rows["orders-1", 0]
    assert (first.n_events, first.score_nats, first.because) == (1, 0.0, "a rule")
    assert first.detector == f"rule:{SHELL.id}"
    assert first.techniques == ("T1059.004",)
    assert first.cause == "exec  /bin/sh"
    assert first.sample_event_ids == tuple(events.event_ids([0]))


def test_rules_in_the_shadow_speak_under_their_own_name_and_are_not_counted_as_fired() -> None:
    evidence, census, _ = detector().detect(batch(["/opt/ssh-agent"]), {})
    assert [each.detector for each in evidence] == ["shadow:young"]
    assert [row.fired for row in census] == [0]


def test_rows_grow_over_batches_and_equal_those_of_one_batch() -> None:
    images = ["/bin/sh", "/usr/bin/sh", "/bin/sh", "/bin/ls", "/opt/sh"]
    whole = batch(images)
    rows = np.arange(len(images))
    memory: Any = {}
    for part in (whole.take(rows[:2]), whole.take(rows[2:3]), whole.take(rows[3:])):
        evidence, _, memory = detector().detect(part, memory)
    at_once, _, _ = detector().detect(whole, {})
    assert by_detector(evidence) == by_detector(at_once)
    assert by_detector(at_once)[f"rule:{SHELL.id}"].n_events == 4


def test_detect_changes_neither_memory_nor_detector() -> None:
    rules = detector()
    _, _, memory = rules.detect(batch(["/bin/sh"]), {})
    before = msgspec.json.encode(memory)
    again = [msgspec.json.encode(rules.detect(batch(["/usr/bin/sh", "/bin/sh"]), memory)[:2]) for _ in range(2)]
    assert again[0] == again[1]
    assert msgspec.json.encode(memory) == before


def test_memory_survives_json() -> None:
    _, _, memory = detector().detect(batch(["/bin/sh"]), {})
    restored = msgspec.json.decode(msgspec.json.encode(memory), type=HitsMemory)
    after = [detector().detect(batch(["/usr/bin/sh"]), each)[0] for each in (restored, memory)]
    assert after[0] == after[1]


def test_samples_show_the_rare_cause_among_many_of_a_common_one() -> None:
    events = batch(["/bin/sh"] * 40 + ["/dev/shm/sh"] + ["/bin/sh"] * 10)
    row = by_detector(detector().detect(events, {})[0])[f"rule:{SHELL.id}"]
    assert row.cause == "exec  /dev/shm/sh"
    assert row.others == ("exec  /bin/sh",)
    assert row.sample_event_ids[0] == events.event_ids([40])[0]
    assert len(row.sample_event_ids) == 8


def test_a_late_event_counts_in_its_own_window_and_moves_its_first_time() -> None:
    rules = detector()
    _, _, memory = rules.detect(batch(["/bin/sh"], times=[2 * MINUTE]), {})
    _, _, memory = rules.detect(batch(["/bin/sh"], times=[7 * MINUTE]), memory)
    evidence, _, _ = rules.detect(batch(["/usr/bin/sh"], times=[MINUTE]), memory)
    row = by_detector(evidence)[f"rule:{SHELL.id}"]
    assert (row.window, row.first_time, row.n_events) == (0, MINUTE, 2)


def test_the_oldest_windows_of_a_subject_are_let_go_and_counted() -> None:
    count = OPEN_WINDOWS + 3
    _, _, memory = detector().detect(batch(["/bin/sh"] * count, times=[i * 5 * MINUTE for i in range(count)]), {})
    opened = [one for each in memory["windows"].values() for one in each]
    kept = {one.window for one in opened if one.detector.startswith("rule:")}
    assert kept == {i * 5 * MINUTE for i in range(3, count)}
    assert memory["evicted"] == 6  # three of the rule, three of the one in the shadow


def test_subjects_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hits, "OPEN_SERIES", 10)
    memory: Any = {}
    for i in range(30):
        events = batch(["/bin/sh"], [f"made-up-{i}"], [i * MINUTE])
        evidence, _, memory = detector().detect(events, memory)
        assert {each.subject.name for each in evidence} == {f"made-up-{i}"}
        assert len(memory["windows"]) <= 10
    assert memory["evicted"] + len(memory["windows"]) == 60


def test_the_subject_is_the_workload_else_the_host_else_the_user() -> None:
    more = {"subject.host": ["h", "h", None], "subject.user": ["u", "u", "u"]}
    evidence, _, _ = detector().detect(batch(["/bin/sh"] * 3, ["w", None, None], **more), {})
    assert {each.subject for each in evidence} == {Subject("workload", "w"), Subject("host", "h"), Subject("user", "u")}


def test_the_census_counts_what_could_be_seen_and_what_fired() -> None:
    events = batch(["/bin/sh", "/bin/ls", "/bin/ls"], ["a", "a", "b"])
    _, census, _ = detector().detect(events, {})
    assert {(row.subject.name, row.seen, row.fired, row.missing) for row in census} == {("a", 2, 1, 0), ("b", 1, 0, 0)}
    assert all(isinstance(row, CensusRow) and row.detector == "rules" and row.start == 0 for row in census)
    assert len({row.key for row in census}) == len(census)


def test_indicators_speak_for_their_list_and_say_what_was_seen(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("# title: bad things\n# techniques: T1071\n192.0.2.0/28\nevil.example\n")
    lists, refused = load_indicators([tmp_path])
    assert refused == ()
    more = {"dst_endpoint.ip": ["192.0.2.3", None, "192.0.2.16"], "query.hostname": [None, "a.EVIL.example", None]}
    evidence, census, _ = detector(*lists).detect(batch(["/bin/curl"] * 3, ["a", "b", "c"], **more), {})
    told = {each.subject.name: each.because for each in evidence if each.detector == "indicator:bad"}
    assert told == {
        "a": "reached 192.0.2.3, which is on the list bad things",
        "b": "asked for a.EVIL.example, which is on the list bad things",
    }
    assert {row.subject.name: row.fired for row in census} == {"a": 1, "b": 1, "c": 0}


def test_a_rule_whose_list_is_not_loaded_is_refused_and_the_others_run() -> None:
    listed = replace(rule_of("    s:\n        f|expand: '%nowhere%'\n    condition: s\n"), id="listed")
    rules = RulesDetector(RuleSet((SHELL, listed)), (), minutes=5)
    assert [rule.id for rule in rules.rules.rules] == [SHELL.id]
    assert "%nowhere%" in rules.rules.refused[0].fault


def test_the_version_names_what_is_in_force() -> None:
    assert detector().version == detector().version
    other = RulesDetector(RuleSet((SHELL,)), (), minutes=5)
    assert other.version != detector().version
    assert RulesDetector(RuleSet((SHELL,)), (), minutes=60).version != other.version


def test_a_rule_can_fire_only_where_its_source_and_its_fields_are_seen() -> None:
    rules = RuleSet((SHELL,))
    assert rules.can_fire(SHELL, [SOURCE], {"f"})
    assert not rules.can_fire(SHELL, [SOURCE], {"g"})
    assert not rules.can_fire(SHELL, [], {"f"})
    selections = "    s:\n        f: a\n    t:\n        g: b\n    n:\n        h: c\n"
    either = rule_of(f"{selections}    condition: (s or t) and not n\n")
    assert rules.can_fire(either, [SOURCE], {"g"})
    assert not rules.can_fire(either, [SOURCE], {"h"})


def test_an_empty_batch_says_nothing() -> None:
    assert detector().detect(batch(["/bin/sh"]).take(np.array([], dtype=np.int64)), {"windows": {}}) == (
        [],
        [],
        {"windows": {}},
    )
