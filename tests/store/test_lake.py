"""The lake: events come back as they were, once, however they were delivered."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_events import MINUTE, START, batch_of, day_of_work, delivery_of, lay, shapes_of, stream_named

from lichen.core import ocsf
from lichen.core.batch import Batch, Delivery, LogSource, Shape
from lichen.core.entity import Subject
from lichen.core.errors import LichenError
from lichen.core.time import DAY
from lichen.store.lake import Lake
from lichen.store.records import Judged
from lichen.store.store import Store


def keep(store: Store, *deliveries: Delivery) -> None:
    for delivery in deliveries:
        store.keep(delivery, Judged())


def ids_of(store: Store) -> list[str]:
    return [event_id for batch in store.lake.batches() for event_id in batch.event_ids(range(len(batch)))]


def same(left: Batch, right: Batch) -> bool:
    shapes = all(
        a.source == b.source
        and a.fields.equals(b.fields)
        and (a.event is None) == (b.event is None)
        and (a.event is None or b.event is None or np.array_equal(a.event, b.event))
        and (a.keywords is None) == (b.keywords is None)
        and (a.keywords is None or a.keywords.equals(b.keywords))
        for a, b in zip(left.shapes, right.shapes, strict=True)
    )
    plain = left.stream == right.stream and left.kind == right.kind and np.array_equal(left.offset, right.offset)
    return shapes and plain and left.text.equals(right.text) and left.view.equals(right.view)


def test_a_batch_comes_back_exactly_with_text_offsets_view_and_shapes(store: Store) -> None:
    batch = batch_of([event for event in day_of_work() if event.kind == "exec"])
    lines = np.repeat(np.arange(len(batch)), 3)
    records = pa.record_batch(
        {"type": pa.array(["SYSCALL", "EXECVE", "PATH"] * len(batch)), "a0": pa.nulls(len(lines))}
    )
    words = pa.array([f"line {i}" for i in range(len(lines))])
    auditd = Shape(LogSource("linux", None, "auditd"), records, lines, words)
    empty = Shape(
        LogSource(None, "webserver", None), pa.record_batch({"x": pa.array([], pa.string())}), np.array([], int)
    )
    batch = Batch(batch.stream, batch.kind, batch.text, batch.offset, batch.view, (auditd, *batch.shapes, empty))
    parts = store.lake.write([batch])
    store.records.commit(None, parts, Judged())
    (found,) = store.lake.batches()
    assert same(found, batch)
    (cut,) = store.lake.batches(subject=Subject("workload", "orders-1"))
    assert 0 < len(cut) < len(batch)
    assert same(cut, batch.take(np.flatnonzero(np.array(batch.column("subject.workload").to_pylist()) == "orders-1")))


def test_text_that_is_not_utf8_comes_back_byte_for_byte(store: Store) -> None:
    batch = batch_of(lay([("exec", START, "orders-1", {})]))
    batch = Batch(batch.stream, "exec", pa.array([b"\xff\x00 type=EXECVE"]), batch.offset, batch.view)
    store.records.commit(None, store.lake.write([batch]), Judged())
    (found,) = store.lake.batches()
    assert found.text.equals(batch.text)
    (told,) = store.lake.events(batch.event_ids([0]))
    assert told["raw"] == "\\xff\x00 type=EXECVE"


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_delivered_in_any_pieces_order_and_number_every_event_is_stored_once(
    chance: random.Random, rounds: int
) -> None:
    events = day_of_work(seed=3, count=40)
    expected = {i for e in events for i in batch_of([e]).event_ids([0])}
    with TemporaryDirectory() as folder, Store(Path(folder)) as store:
        pieces = []
        for _ in range(rounds):
            piece_of = [chance.randrange(5) for _ in events]  # interleaved: an auditd event may end after a later one
            pieces += [[e for e, p in zip(events, piece_of, strict=True) if p == piece] for piece in range(5)]
        chance.shuffle(pieces)
        for piece in pieces:
            delivery = delivery_of(piece, 0)
            if chance.random() < 0.2:
                store.lake.write(delivery.batches)  # a crash before the commit
            keep(store, delivery)
            if chance.random() < 0.2:
                keep(store, delivery)
        found = ids_of(store)
        assert len(found) == len(events)
        assert set(found) == expected
        assert store.records.counts()["events"] == len(events)


def test_the_same_delivery_again_rewrites_its_parts_and_adds_none(store: Store) -> None:
    delivery = delivery_of(day_of_work(), 9_000)
    keep(store, delivery)
    before = store.records.parts()
    keep(store, delivery, delivery)
    assert store.records.parts() == before


def test_events_count_only_once_their_delivery_is_committed(store: Store) -> None:
    events = day_of_work(count=60)
    keep(store, delivery_of(events[:30], 3_000))
    store.lake.write(delivery_of(events[30:], 6_000).batches)
    assert len(ids_of(store)) == 30
    store.lake.close()
    left_over = set(store.folder.glob("lake/day=*/kind=*/*"))
    with Store(store.folder) as again:
        keep(again, delivery_of(events[50:], 6_000))
        assert len(ids_of(again)) == 40
        committed = {f"{part.path}.parquet" for part in again.records.parts()}
        standing = {path.relative_to(again.lake.folder).as_posix() for path in again.folder.glob("lake/day=*/kind=*/*")}
        assert standing == committed
        assert left_over - {again.lake.folder / name for name in standing}, "nothing was swept: the test tests nothing"


def test_reading_is_cut_to_times_subject_and_kinds(store: Store) -> None:
    events = day_of_work(count=200)
    keep(store, delivery_of(events[:90], 9_000), delivery_of(events[90:], 20_000))
    since, until = START + 5 * MINUTE, START + 12 * MINUTE
    found = list(
        store.lake.batches(kinds=["exec", "net"], since=since, until=until, subject=Subject("workload", "orders-2"))
    )
    wanted = [
        event.offset
        for event in events
        if event.kind in ("exec", "net")
        and since <= event.time < until
        and event.view["subject.workload"] == "orders-2"
    ]
    assert sorted(offset for batch in found for offset in batch.offset.tolist()) == wanted
    assert wanted


def test_events_are_found_by_id_in_the_order_asked_even_where_the_hint_is_wrong(store: Store) -> None:
    events = day_of_work(count=80)
    keep(store, delivery_of(events[:40], 4_000), delivery_of(events[40:], 8_000))
    ids = [batch_of([event]).event_ids([0])[0] for event in (events[70], events[3], events[41])]
    for between in (None, (START, START + MINUTE), (0, 1)):
        told = store.lake.events([*ids[:2], "00" * 16, ids[2]], between)
        assert [event["event_id"] for event in told] == ids
        assert [event["raw"] for event in told] == [events[70].text, events[3].text, events[41].text]
        assert told[0]["time"] == events[70].time
        assert None not in told[0].values()


def test_dates_that_a_liar_invents_do_not_become_folders_without_end(store: Store) -> None:
    rows = [("exec", START + i * 400 * DAY, "orders-1", {}) for i in range(200)]
    keep(store, delivery_of(lay([*rows, ("exec", 2**62, "orders-1", {}), ("exec", -(2**62), "orders-1", {})]), 9_000))
    assert len(list((store.folder / "lake").glob("day=*"))) <= 17
    assert len(ids_of(store)) == 202


def test_names_from_outside_never_leave_the_lake(store: Store) -> None:
    batch = batch_of(lay([("../../escape", START, "orders-1", {})]), stream_named("../../../etc/x"))
    hostile = Batch(
        batch.stream.__class__("../../../x", "p\0lace", "s"), "../../k", batch.text, batch.offset, batch.view
    )
    store.records.commit(None, store.lake.write([hostile]), Judged())
    files = list(store.folder.parent.rglob("*.parquet"))
    assert all(path.is_relative_to(store.lake.folder) for path in files)
    assert same(next(store.lake.batches()), hostile)


def test_shapes_are_made_anew_where_a_function_is_given(tmp_path: Path) -> None:
    delivery = delivery_of(day_of_work(), 9_000)
    by_kind = {batch.kind: batch for batch in delivery.batches}

    def reshape(batch: Batch) -> tuple[Shape, ...]:
        return shapes_of(batch.kind, batch.view)

    with Store(tmp_path, reshape=reshape) as store:
        keep(store, delivery)
        assert not any("shapes" in pq.read_schema(path).names for path in tmp_path.rglob("*.parquet"))
        assert all(same(batch, by_kind[batch.kind]) for batch in store.lake.batches())


def test_a_second_writer_is_told_to_wait(store: Store) -> None:
    keep(store, delivery_of(day_of_work(count=5), 900))
    with Store(store.folder) as other, pytest.raises(LichenError, match="another process writes"):
        keep(other, delivery_of(day_of_work(count=5), 900))


def test_a_lake_is_never_swept_under_other_records(store: Store, tmp_path: Path) -> None:
    keep(store, delivery_of(day_of_work(count=5), 900))
    store.close()
    stranger = Lake(store.folder / "lake", lambda **_: [], "other-records")
    with pytest.raises(LichenError, match="other records"):
        stranger.write(delivery_of(day_of_work(count=5), 900).batches)
    (store.folder / "lake" / "records.id").unlink()
    with pytest.raises(LichenError, match="nothing says"):
        stranger.write(delivery_of(day_of_work(count=5), 900).batches)
    with Store(store.folder) as again:
        assert len(ids_of(again)) == 5


def test_a_damaged_part_is_named_with_a_remedy(store: Store) -> None:
    keep(store, delivery_of(day_of_work(count=5), 900))
    place = store.lake.folder / f"{store.records.parts()[0].path}.parquet"
    place.write_bytes(b"PAR1 not any more")
    with pytest.raises(LichenError, match=r"cannot be read.*remedy"):
        list(store.lake.batches())


def test_reading_for_many_subjects_gives_each_what_the_lake_gives(tmp_path: Path) -> None:
    events = day_of_work(seed=8, count=400)
    with Store(tmp_path) as store:
        keep(store, *(delivery_of(events[at : at + 40], at) for at in range(0, 400, 40)))
        reading = store.lake.reading()
        subjects = sorted({Subject("workload", event.view["subject.workload"]) for event in events})
        times = [int(time) for batch in store.lake.batches() for time in batch.times()]
        since, until = min(times) + MINUTE, max(times) - MINUTE
        for subject in (*subjects, Subject("workload", "nobody")):
            given = list(reading.batches(subject, since, until))
            wanted = list(store.lake.batches(since=since, until=until, subject=subject))
            assert len(given) == len(wanted)
            assert all(same(a, b) for a, b in zip(given, wanted, strict=True))


def test_a_part_that_was_written_when_the_view_had_fewer_columns_reads_with_the_others_null(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        keep(store, delivery_of(day_of_work(count=40), 10_000))
        [part, *_] = store.records.parts()
        path = store.lake.folder / f"{part.path}.parquet"
        table = pq.read_table(path)
        older = ["event_id", "offset", "text", "time", "class_uid", "metadata.product.name", "shapes"]
        pq.write_table(table.select([name for name in older if name in table.schema.names]), path)
        [batch, *_] = store.lake.batches()
        assert batch.view.schema.equals(ocsf.SCHEMA)
        assert batch.column("time").null_count == 0
        for name in ("api.operation", "cloud.provider", "reg_key.path", "severity_id", "process.file.path"):
            assert batch.column(name).null_count == len(batch)
