"""The second reader: at a distance, once, and past what must not teach."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_events import MINUTE, START, Event, batch_of, day_of_work, delivery_of, lay, stream_named

from lichen.core.alert import Alert
from lichen.core.batch import Batch
from lichen.core.entity import Subject
from lichen.core.time import DAY
from lichen.detect.profiles.profile import Profile
from lichen.detect.profiles.uses import USES
from lichen.learn.reader import HOUR, Hold, holding, lessons
from lichen.store.models import Current
from lichen.store.records import Judged
from lichen.store.store import Store

NOW = START + 2 * DAY
ORDERS = Subject("workload", "orders-1")


def free(batch: Batch) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.zeros(len(batch), dtype=bool)


def filled(store: Store, events: list[Event], piece: int = 20, name: str = "audit.log") -> None:
    for at in range(0, len(events), piece):
        store.keep(delivery_of(events[at : at + piece], at, stream_named(name)), Judged())


def alert_of(status: str, first: int, last: int, subject: Subject = ORDERS) -> Alert:
    return Alert("a", subject, "", "malicious", "", (), first, last, (), {}, status)


def taught_by(store: Store, read: dict[str, int], hold: Hold = free, now: int = NOW, hours: float = 24.0) -> list[int]:
    """Offsets of what would be taught, and `read` moved on."""
    found = []
    for lesson in lessons(
        store.records.parts(), store.lake.read, read.copy(), now=now, quarantine_hours=hours, hold=hold, about=50
    ):
        found += [offset for batch in lesson.batches for offset in batch.offset.tolist()]
        read.update(lesson.read)
    return found


@settings(max_examples=6, deadline=None)
@given(st.randoms(use_true_random=False))
def test_every_event_is_taught_once_however_the_clock_advances(chance: random.Random) -> None:
    events = day_of_work(count=120)
    with TemporaryDirectory() as folder, Store(Path(folder)) as store:
        read: dict[str, int] = {}
        taught: list[int] = []
        at = 0
        while at < len(events):
            step = chance.randrange(1, 40)
            store.keep(delivery_of(events[at : at + step], at), Judged())
            at += step
            now = START + chance.randrange(0, 120 * 7) * 1_000_000
            fresh = taught_by(store, read, now=now, hours=0.02)
            assert all(event.time <= now - 0.02 * HOUR for event in events if event.offset in fresh)
            taught += fresh
        taught += taught_by(store, read)
        assert sorted(taught) == [event.offset for event in events]
        assert taught_by(store, read) == []


def test_nothing_younger_than_the_quarantine_teaches_and_nothing_is_passed_over(tmp_path: Path) -> None:
    events = day_of_work(count=120)
    with Store(tmp_path) as store:
        filled(store, events)
        read: dict[str, int] = {}
        assert taught_by(store, read, now=events[-1].time) == []
        half = taught_by(store, read, now=events[60].time + DAY)
        assert 0 < len(half) <= 61
        assert max(half) <= events[60].offset
        assert sorted(half + taught_by(store, read)) == [event.offset for event in events]


def test_one_stream_that_waits_does_not_hold_up_another(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        filled(store, day_of_work(count=40, start=NOW), name="young.log")
        filled(store, day_of_work(count=40), name="old.log")
        read: dict[str, int] = {}
        assert len(taught_by(store, read)) == 40
        assert set(read) == {stream_named("old.log").identity}


def test_a_subject_under_alert_teaches_nothing_near_it(tmp_path: Path) -> None:
    events = day_of_work(count=200)
    middle = START + 10 * MINUTE
    window = middle - middle % (5 * MINUTE)
    held_at = {
        ("open", 0.0): lambda time: time >= window,
        ("malicious", 0.0): lambda time: window <= time < window + 5 * MINUTE,
        ("malicious", 24.0): lambda time: True,
        ("benign-expected", 24.0): lambda time: False,
    }
    for (status, hours), expected in held_at.items():
        hold = holding([alert_of(status, middle, middle + 1)], quarantine_hours=hours, window_minutes=5)
        for event in events:
            own = event.view["subject.workload"] == ORDERS.name
            assert hold(batch_of([event])).tolist() == [own and expected(event.time)], (status, hours)


def test_an_event_is_held_by_any_of_its_subjects() -> None:
    event = lay([("http", START, "gateway-1", {"subject.user": "alice"})])[0]
    for subject in (Subject("user", "alice"), Subject("host", "node-1"), Subject("workload", "gateway-1")):
        hold = holding([alert_of("open", START, START, subject)], quarantine_hours=1, window_minutes=5)
        assert hold(batch_of([event])).tolist() == [True]
    stranger = holding(
        [alert_of("open", START, START, Subject("user", "gateway-1"))], quarantine_hours=1, window_minutes=5
    )
    assert stranger(batch_of([event])).tolist() == [False]


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    rows = [("exec", START + i * MINUTE, "orders-1" if i % 2 else "orders-2", {}) for i in range(120)]
    with Store(tmp_path) as store:
        filled(store, lay([*rows, ("exec", NOW + 9 * DAY, "orders-1", {})]), piece=200)
        hold = holding([alert_of("open", START, START)], quarantine_hours=24, window_minutes=5)
        (lesson,) = lessons(
            store.records.parts(),
            store.lake.read,
            {},
            now=NOW,
            quarantine_hours=24,
            hold=hold,
            degraded=lambda stream, time: stream.sensor == "auditd" and time >= START + HOUR - START % HOUR,
        )
    assert set(lesson.left_out) == {"clock ahead", "subject under alert", "sensor degraded"}
    assert lesson.left_out["clock ahead"] == 1
    assert lesson.left_out["subject under alert"] == 60
    assert lesson.events + sum(lesson.left_out.values()) == 121
    assert lesson.events > 0


def test_a_clock_that_runs_ahead_does_not_stop_the_reader_for_ever(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        filled(store, lay([("exec", NOW + 400 * DAY, "orders-1", {})]))
        filled(store, [further(event) for event in day_of_work(count=10)])
        assert len(taught_by(store, {})) == 10


def further(event: Event) -> Event:
    return Event(event.kind, event.time, event.offset + 10_000, event.text, event.view)


def test_a_learner_killed_between_version_and_pointer_learns_nothing_twice(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        filled(store, day_of_work(count=80))

        def learn(killed: bool) -> None:
            with store.models.advancing() as advance:
                current = store.models.current()
                model = Profile(USES["process"], 5)
                if current.versions:
                    model = Profile.load(store.models.path("profile.process", current.versions["profile.process"]))
                read = current.read.get("learn", {})
                for lesson in lessons(
                    store.records.parts(), store.lake.read, read, now=NOW, quarantine_hours=1, hold=free
                ):
                    for batch in lesson.batches:
                        model = model.learn(batch)
                    read = dict(lesson.read)
                version = store.models.put("profile.process", model.save, time=NOW, learned={"events": 80})
                if not killed:
                    advance(Current({"profile.process": version}, {"learn": read}))

        learn(killed=True)
        learn(killed=False)
        once = store.models.current()
        learn(killed=False)
        assert store.models.current() == once
        assert len(store.models.versions()) == 1
        assert msgspec.json.encode(once.read)
