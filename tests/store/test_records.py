"""The records: one transaction a delivery, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from made_events import START
from made_findings import ORDERS, alert_of, belief_of, census_of, evidence_of, verdict_of

from lichen.core.batch import DeadLetter, Position
from lichen.core.entity import Subject
from lichen.core.errors import ConfigError, LichenError
from lichen.detect.windows import FoldMemory, OpenWindow, Reason
from lichen.store import checkpoint, schema
from lichen.store.answers import Answers
from lichen.store.parts import Part
from lichen.store.records import Judged, Records
from lichen.store.rows import unpacked

POSITION = Position("ab" * 16, "/var/log/audit.log", 4096, "beef", {"processes": {"7": ["/usr/bin/sh", "sh -c x"]}})
PART = Part("day=2026-11-18/kind=exec/x-0-9", "ab" * 16, "exec", "2026-11-18", 0, 9, 2, START, START + 9)
LETTER = DeadLetter("/var/log/audit.log", "ab" * 16, 77, "not UTF-8", "none needed", "\\xff")
JUDGED = Judged([evidence_of()], [census_of()], {"profile.pair": {"seen": {"a": 1}}}, [belief_of()], [alert_of()])


def everything(records: Records) -> list[Any]:
    return [
        records.positions(),
        records.parts(),
        records.evidence(),
        records.census(),
        records.beliefs(),
        records.alerts(),
        records.dead_letters(),
        records.memory("profile.pair", dict),
        records.counts(),
    ]


def test_a_delivery_comes_back_whole_and_again_changes_nothing(records: Records) -> None:
    assert records.commit(POSITION, [PART], JUDGED, [LETTER]) == 1
    once = everything(records)
    assert once[:7] == [
        {POSITION.stream: POSITION},
        [msgspec.structs.replace(PART, delivery=1)],
        [evidence_of()],
        [census_of()],
        [belief_of()],
        [alert_of()],
        [LETTER],
    ]
    records.commit(POSITION, [PART], JUDGED, [LETTER])
    assert everything(records) == once


def test_a_later_row_of_the_same_key_replaces_and_another_key_adds(records: Records) -> None:
    records.commit(None, [], Judged([evidence_of(score=1.0)], [census_of(0)]))
    records.commit(
        None, [], Judged([evidence_of(score=5.0), evidence_of("profile.path")], [census_of(0), census_of(4096)])
    )
    assert [(row.detector, row.score_nats) for row in records.evidence()] == [
        ("profile.pair", 5.0),
        ("profile.path", 3.5),
    ]
    assert sum(row.seen for row in records.census()) == 24


def test_a_commit_that_fails_leaves_nothing_behind(records: Records) -> None:
    before = everything(records)
    broken = Judged([evidence_of()], [census_of()], {"profile.pair": {"x": 1}}, [belief_of()], [alert_of()])
    nameless = msgspec.structs.replace(LETTER, stream=None)  # type: ignore[arg-type]
    with pytest.raises(sa.exc.IntegrityError):
        records.commit(POSITION, [PART], broken, [nameless])
    assert everything(records) == before
    records.commit(POSITION, [PART], broken, [LETTER])
    assert records.memory("profile.pair", dict) == {"x": 1}


def test_reading_is_cut_to_windows_subject_and_detector(records: Records) -> None:
    other = Subject("user", "alice")
    rows = [evidence_of(window=START + i, subject=s) for i in range(4) for s in (ORDERS, other)]
    records.commit(None, [], Judged([*rows, evidence_of("rule:x")]))
    assert records.evidence(START + 1, START + 3, other) == [rows[3], rows[5]]
    assert records.evidence(detector="rule:x") == [evidence_of("rule:x")]


def test_names_that_an_attacker_chose_come_back_as_they_were(records: Records) -> None:
    names = ["a\0b", "a\\0b", "a\\\\0", "\\", "\0", "o'; DROP TABLE alert; --", "‮gpj.exe", "☃", ""]
    subjects = [Subject("user", name) for name in names]
    records.commit(
        None, [], Judged([evidence_of(subject=s) for s in subjects], [census_of(subject=s) for s in subjects])
    )
    assert {row.subject for row in records.evidence()} == set(subjects)
    assert {row.subject for row in records.census()} == set(subjects)
    assert records.census(subject=Subject("user", "a\0b"))[0].subject.name == "a\0b"


def test_a_path_with_bytes_that_are_no_text_does_not_stop_the_commit(records: Records) -> None:
    records.commit(Position("cd" * 16, "/var/log/\udcff.log", 1), [], Judged())
    assert records.positions()["cd" * 16].place == "/var/log/\\udcff.log"


class Memory(TypedDict, total=False):
    by_subject: dict[str, list[int]]
    evicted: int
    last: dict[str, dict[str, int]]


KEYS = st.sampled_from(["a", "b\0c", "", "\\0"])
MEMORIES = st.fixed_dictionaries(
    {},
    optional={
        "by_subject": st.dictionaries(KEYS, st.lists(st.integers(0, 9), max_size=3)),
        "evicted": st.integers(0, 5),
        "last": st.dictionaries(KEYS, st.dictionaries(KEYS, st.integers(0, 9), max_size=2)),
    },
)


def _sharing(before: Any, value: Any) -> Any:
    """A field whose entries that did not change are the same objects as before, as detectors make them."""
    if not isinstance(value, dict) or not isinstance(before, dict):
        return value
    return {key: before[key] if before.get(key) == item else item for key, item in value.items()}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(MEMORIES, st.booleans()), max_size=7), st.sampled_from([2, checkpoint.STEPS]))
def test_a_memory_written_by_what_changed_reads_as_the_whole(
    steps: list[tuple[dict[str, Any], bool]], between: int
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "STEPS", between)
        records, before = Records.at(Path(folder)), {}
        records.commit(None, [], Judged(memory={"gone.since": {"last": {"a": {"b": 1}}}}))
        for memory, restarted in steps:
            shared = {name: _sharing(before.get(name), value) for name, value in memory.items()}
            if restarted:
                records.close()
                records = Records.at(Path(folder))
            records.commit(None, [], Judged(memory={"profile.pair": shared}))
            assert records.memory("profile.pair", Memory) == memory
            assert records.memory("gone.since", Memory) == {"last": {"a": {"b": 1}}}
            before = shared
        records.close()


def test_a_memory_of_structs_is_decoded_as_the_detector_s_type(records: Records) -> None:
    window = OpenWindow(ORDERS, START, START, 3, {"exec a b": Reason(1.0, "ran b")}, {"b": True}, [(1.0, START, "00")])
    memory: dict[str, Any] = {"windows": {f"workload\0orders-2\0{START}": window}, "evicted": 2}
    records.commit(None, [], Judged(memory={"profile.pair": memory}))
    assert records.memory("profile.pair", FoldMemory) == memory
    assert records.memory("profile.path", FoldMemory) == {}


def steps_of(records: Records) -> list[Any]:
    table = schema.checkpoint
    with records.reading.begin() as connection:
        bodies = connection.scalars(sa.select(table.c.body).order_by(table.c.number)).all()
    return [msgspec.json.decode(unpacked(body)) for body in bodies]


def test_a_commit_writes_only_the_entries_of_memory_that_changed(records: Records) -> None:
    lasting = {str(i): [i] for i in range(100)}
    records.commit(None, [], Judged(memory={"d": {"seen": lasting}}))
    records.commit(None, [], Judged(memory={"d": {"seen": {**lasting, "7": [8]}}}))
    records.commit(None, [], Judged(memory={"d": {"seen": {k: v for k, v in lasting.items() if k != "9"}}}))
    first, second, third = steps_of(records)
    assert len(first[1]) == 101
    assert second == [[], [["d", "seen", ":7", [8]]], []]
    assert third == [[], [["d", "seen", ":7", [7]]], [["d", "seen", ":9"]]]


def test_the_log_of_memories_is_shortened(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STEPS", 4)
    for i in range(10):
        records.commit(None, [], Judged(memory={"d": {"n": i}}))
    assert len(steps_of(records)) <= 4
    assert records.memory("d", dict) == {"n": 9}


def test_an_answer_stands_until_the_alert_has_a_new_cause(records: Records) -> None:
    answers = Answers(records.reading, records.writing)
    records.judge_again(alerts=[alert_of("exec a b")])
    answers.answer(verdict_of(alert_of()))
    records.judge_again(alerts=[alert_of("exec a b", nats=9.0)])
    assert [alert.status for alert in records.alerts()] == ["benign-expected"]
    assert records.alerts(status="open") == []
    records.judge_again(alerts=[alert_of("exec a b", "net x y 443")])
    assert records.alert(alert_of().uid).status == "open"


def test_alerts_come_strongest_first_and_unknown_ones_raise(records: Records) -> None:
    weak, strong = alert_of(nats=1.0), alert_of(nats=8.0, subject=Subject("user", "bob"))
    records.judge_again(alerts=[weak, strong])
    assert records.alerts() == [strong, weak]
    assert records.alerts(lane="unusual") == []
    assert records.pinned_versions() == {"profile.pair": {"v1"}}
    with pytest.raises(KeyError):
        records.alert("nobody")


def test_records_of_another_version_are_refused_with_a_remedy(url: str) -> None:
    records = Records(url)
    with records.writing.begin() as connection:
        connection.execute(schema.schema_version.update().values(version=schema.VERSION + 1))
    records.close()
    with pytest.raises(LichenError, match="install a newer lichen"):
        Records(url)


BAD_URLS = {
    "nonsense": "not a database URL",
    "oracle9://x": "not a database URL",
    "postgresql://a:secret@127.0.0.1:1/x": "cannot be used",
}


@pytest.mark.parametrize(("bad", "said"), BAD_URLS.items())
def test_a_bad_database_url_is_a_setting_s_fault_and_shows_no_password(bad: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Records(bad)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"not a database at all, not even a little" * 100)
    with pytest.raises(ConfigError, match=r"records\.sqlite.*remedy"):
        Records.at(tmp_path)
