"""Folding scores into windows equals a plain loop, however the events were cut into batches."""

import random
import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "profiles"))
from crafted import NOON, SECOND, batch, program

from lichen.core.batch import Batch
from lichen.core.census import SKETCH_EDGES
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence, cause_of
from lichen.core.time import window_start
from lichen.detect.windows import CAUSES, Scores, fold

MINUTES = 5
IMAGES = [f"/bin/p{n}" for n in range(12)]


def made(chance: random.Random, n: int) -> tuple[Batch, dict[str, float]]:
    """Events of two workloads over twenty minutes, and a score for each program."""
    nats = {image: chance.choice([-3.0, -1.5, 0.0, 2.25, chance.uniform(-6, 6)]) for image in IMAGES}
    rows = [
        program(
            chance.choice(["orders-1", "web-1"]), chance.choice(IMAGES), time=NOON + chance.randrange(1200) * SECOND
        )
        for _ in range(n)
    ]
    return batch("exec", sorted(rows, key=lambda row: row["time"])), nats


def scored(events: Batch, nats: dict[str, float]) -> Scores:
    """Every event scored by its program."""
    images = events.column("process.file.path").to_pylist()
    names = events.column("subject.workload").to_pylist()
    subjects = [Subject("workload", "orders-1"), Subject("workload", "web-1")]
    return Scores(
        rows=np.arange(len(events)),
        subject=np.array([subjects.index(Subject("workload", name)) for name in names]),
        subjects=subjects,
        groups=["orders", "web"],
        nats=np.array([nats[image] for image in images]),
        value=np.array([IMAGES.index(image) for image in images]),
        values=IMAGES,
        known=np.array([image < "/bin/p3" for image in images]),
        because=lambda i: f"ran {images[i]}",
    )


def plain(events: Batch, nats: dict[str, float]) -> dict[tuple, tuple]:
    """Of each (subject, window): score, first time, number, known and new values, causes in order, samples."""
    images, names = events.column("process.file.path").to_pylist(), events.column("subject.workload").to_pylist()
    times, ids = events.times().tolist(), events.event_ids(range(len(events)))
    windows: dict[tuple, list[int]] = {}
    for i, name in enumerate(names):
        windows.setdefault((name, window_start(times[i], MINUTES)), []).append(i)
    answers = {}
    for key, own in windows.items():
        causes: dict[str, float] = {}
        for i in own:
            cause = cause_of(events, [i])[0]
            causes[cause] = max(causes.get(cause, -99.0), nats[images[i]])
        ranked = sorted(causes, key=lambda cause: (-causes[cause], cause))
        samples = sorted((-nats[images[i]], times[i], ids[i]) for i in own)[:8]
        known = {images[i] for i in own if images[i] < "/bin/p3"}
        distinct = {images[i] for i in own}
        answers[key] = (
            max(nats[images[i]] for i in own),
            min(times[i] for i in own),
            len(own),
            len(known),
            len(distinct - known),
            ranked[0],
            [f"ran {cause.split(' ')[-1]}" for cause in ranked[1:CAUSES]],
            [event_id for _, _, event_id in samples],
        )
    return answers


def told(row: Evidence) -> tuple:
    return (
        row.score_nats,
        row.first_time,
        row.n_events,
        row.n_known,
        row.n_new,
        row.cause,
        list(row.others),
        list(row.sample_event_ids),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 5))
def test_folding_in_any_number_of_batches_equals_a_plain_loop(seed: int, n: int, pieces: int) -> None:
    events, nats = made(random.Random(seed), n)
    memory: dict = {}
    rows: dict[tuple, Evidence] = {}
    census = []
    for piece in np.array_split(np.arange(n), pieces):
        if len(piece):
            cut = events.take(piece)
            evidence, counted, memory = fold(scored(cut, nats), cut, memory, detector="d", version="v", minutes=MINUTES)
            rows.update({(row.subject.name, row.window): row for row in evidence})
            census.extend(counted)
    assert {key: told(row) for key, row in rows.items()} == plain(events, nats)
    assert sum(row.seen for row in census) == n
    images = events.column("process.file.path").to_pylist()
    assert sum(row.fired for row in census) == sum(nats[image] > 0 for image in images)
    bins = np.sum([row.sketch for row in census], axis=0)
    every = np.searchsorted(SKETCH_EDGES, [nats[image] for image in images], side="right")
    assert bins.tolist() == np.bincount(every, minlength=26).tolist()


def test_no_events_leave_memory_as_it_was() -> None:
    events, nats = made(random.Random(1), 5)
    _, _, memory = fold(scored(events, nats), events, {}, detector="d", version="v", minutes=MINUTES)
    nothing = events.take(np.zeros(0, dtype=np.int64))
    evidence, census, after = fold(scored(nothing, nats), nothing, memory, detector="d", version="v", minutes=MINUTES)
    assert (evidence, census) == ([], [])
    assert after == memory
