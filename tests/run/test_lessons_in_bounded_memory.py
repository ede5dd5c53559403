"""Learning reads a stream in pieces: the result is that of learning it whole, and memory does not grow with it."""

import os
import subprocess
import sys
from collections.abc import Collection
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lichen import assemble, catalogue
from lichen.assemble import Models, open_platform
from lichen.collect.identity import load_inventory
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import Batch
from lichen.core.time import window_start
from lichen.detect.profiles.fit import fit_benign
from lichen.detect.profiles.schooling import School
from lichen.run.lessons import LEARNED_SHARE, Judging, Times, learned_benign, spooled
from lichen.run.scan import learn
from lichen.store.spool import Spool

MINUTES = 5
SETTINGS = Settings(window_minutes=MINUTES, batch_bytes=200_000)


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    """A recorded session: requests, logins, names and (a quarter of) the audit log of one lab recording."""
    folder = catalogue.lab() / "benign-calibrate"
    source = FileSource(
        sorted(folder.glob("*.log.xz")),
        settings=SETTINGS,
        inventory=load_inventory(folder / "inventory.yml"),
        mappings=catalogue.content("mappings"),
        notes=[],
    )
    found = [batch for delivery in source.read({}) for batch in delivery.batches if len(batch)]
    return [batch for place, batch in enumerate(found) if batch.stream.sensor != "auditd" or place % 4 == 0]


def test_profiles_taught_in_pieces_equal_profiles_taught_whole(batches: list[Batch]) -> None:
    empty = list(catalogue.profiles(MINUTES).values())
    school = School(empty, about=3000)
    school.take_all(batches)
    whole = fit_benign(empty, batches)
    assert counts(school.grown()) == counts(whole)
    assert school.events == sum(map(len, batches))
    careless = reduce(lambda profile, batch: profile.learn(batch), batches, empty[5])
    assert careless.name == whole[5].name == "profile.sequence"
    assert careless.version != whole[5].version  # without what each piece leaves in hand, the test would see it


def test_what_is_learned_in_bounded_memory_is_what_was_learned_with_everything_in_hand(
    batches: list[Batch], tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"store": tmp_path / "store"})
    platform = assemble.open_platform(settings)
    with platform.store, Spool(tmp_path) as spool:
        times = spooled(batches, spool, MINUTES)
        models, about = learned_benign(platform, spool, times)
        border, whole = everything_in_hand(platform, batches)
    assert models.decider is not None
    assert whole.decider is not None
    assert about["to"] == border
    assert about["events"] == sum(int((batch.times() < border).sum()) for batch in batches)
    assert counts(models.profiles.values()) == counts(whole.profiles.values())
    assert models.decider.version == whole.decider.version


def counts(profiles: Collection[Any]) -> dict[str, Any]:
    """All that a profile scores by: its digest; of rates the series, since whole batches tell one image's history."""
    found = {p.name: p.version for p in profiles}
    (rate,) = [p for p in profiles if p.name == "profile.rate"]
    return {**found, rate.name: {kind: (own.series, own.closed) for kind, own in rate.learned.items()}}


def everything_in_hand(platform: Any, batches: list[Batch]) -> tuple[int, Models]:
    """The same the plain way: all batches at once."""
    times = np.concatenate([batch.times() for batch in batches])
    border = int(window_start(int(np.quantile(times, LEARNED_SHARE)), MINUTES))
    earlier, later = (
        [b.take(np.flatnonzero(chosen)) for b in batches if (chosen := (b.times() < border) == first).any()]
        for first in (True, False)
    )
    profiles = {p.name: p for p in fit_benign(list(platform.models.profiles.values()), earlier)}
    judged = Judging(platform, Models(profiles, platform.models.classifier, None))
    judged.take_all(later)
    return border, Models(profiles, platform.models.classifier, judged.decider())


@pytest.mark.parametrize("seed", range(20))
def test_the_border_is_that_of_all_times_though_none_is_kept(seed: int, batches: list[Batch]) -> None:
    chance = np.random.default_rng(seed)
    size = int(chance.integers(1, 9)) if seed < 10 else int(chance.integers(100, 2000))
    (example,) = [batch for batch in batches if len(batch) >= 2000][:1] or [max(batches, key=len)]
    rows = np.sort(chance.choice(len(example), min(size, len(example)), replace=False))
    batch = example.take(rows)
    spread = chance.integers(0, 10**10, len(batch)) if seed % 2 else chance.integers(0, 3, len(batch)) * 300_000_000
    import pyarrow as pa

    from lichen.core import ocsf

    view = batch.view.set_column(0, "time", pa.array(spread, type=pa.int64()).cast(ocsf.TIME))
    moved = Batch(batch.stream, batch.kind, batch.text, batch.offset, view)
    times = Times(MINUTES)
    half = len(moved) // 2
    for part in (np.arange(half), np.arange(half, len(moved))):
        if len(part):
            times.add(moved.take(part))
    for share in (0.0, 0.25, 0.6, 1.0):
        assert times.border(share) == window_start(int(np.quantile(spread, share)), MINUTES), share


def test_a_spool_gives_back_what_was_put_and_leaves_no_file(batches: list[Batch], tmp_path: Path) -> None:
    chosen = batches[:3] + batches[-3:]
    with Spool(tmp_path) as spool:
        for batch in chosen:
            spool.put(batch)
        assert list(tmp_path.iterdir()) == []
        for before, after in zip(chosen, spool.batches(), strict=True):
            assert after.event_ids(range(len(after))) == before.event_ids(range(len(before)))
            assert after.view.equals(before.view)
            assert [shape.source for shape in after.shapes] == [shape.source for shape in before.shapes]
            assert all(a.fields.num_rows == b.fields.num_rows for a, b in zip(after.shapes, before.shapes, strict=True))
        assert not any(batch.shapes for batch in spool.batches(shapes=False))


MADE = """
import sys
count, path = int(sys.argv[1]), sys.argv[2]
with open(path, "w") as out:
    for n in range(count):
        at = 1_795_000_000 + n // 50
        head = f"node=web-{n % 7} type="
        mark = f"msg=audit({at}.{n % 1000:03d}:{n}):"
        exe = ("/usr/bin/curl", "/usr/bin/sh", "/usr/sbin/cron", "/usr/bin/python3")[n % 4]
        out.write(f'{head}SYSCALL {mark} arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=1 '
                  f'pid={n % 30000 + 2} auid=1000 uid=0 gid=0 euid=0 comm="x" exe="{exe}" key="exec"\\n'
                  f'{head}EXECVE {mark} argc=2 a0="{exe}" a1="job-{n % 50}"\\n')
"""
MEASURED = """
import sys
from pathlib import Path
from lichen.config import Settings
from lichen.run.scan import learn, scan
def peak():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0])
settings = Settings(store=Path(sys.argv[2]), window_minutes=1)
learn(settings, [Path(sys.argv[1])], "benign", lambda done, total: None) if sys.argv[3] == "learn" else scan(
    settings, [Path(sys.argv[1])])
print(peak())
"""


def peak_kib(folder: Path, events: int, work: str) -> int:
    """The most memory that a process held while it learned or scanned so many generated audit events."""
    log = folder / f"{events}.log"
    subprocess.run([sys.executable, "-c", MADE, str(events), str(log)], check=True)
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, str(log), str(folder / f"{work}-{events}"), work],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"},
    )
    return int(ended.stdout.split()[-1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("work", ["learn", "scan"])
def test_memory_grows_far_slower_than_what_is_learned_or_scanned(work: str, tmp_path: Path) -> None:
    few, many = (peak_kib(tmp_path, events, work) for events in (10_000, 40_000))
    assert many - few < 40 * 1024, f"{few} KiB for 10,000 events, {many} KiB for 40,000"


def test_learning_nothing_is_told(tmp_path: Path) -> None:
    from lichen.core.errors import InputError

    (tmp_path / "empty.log").write_text("")
    with pytest.raises(InputError, match="no events"):
        learn(Settings(store=tmp_path / "store"), [tmp_path / "empty.log"], "benign", lambda done, total: None)


def test_too_little_to_learn_from_is_an_error_and_leaves_no_baseline(tmp_path: Path) -> None:
    from lichen.core.errors import InputError

    log = tmp_path / "short.log"
    subprocess.run([sys.executable, "-c", MADE, "200", str(log)], check=True)  # four seconds
    settings = Settings(store=tmp_path / "store")
    with pytest.raises(InputError, match="too short to learn from"):
        learn(settings, [log], "benign", lambda done, total: None)
    with open_platform(settings).store as store:
        assert store.models.current().versions == {}


def test_what_could_not_be_read_is_counted_by_what_learns(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    subprocess.run([sys.executable, "-c", MADE, "200", str(log)], check=True)
    log.write_text(log.read_text() + "type=broken\n" * 3)
    notes: list[str] = []
    settings = Settings(store=tmp_path / "store")
    learned = learn(settings, [log], "malicious:T1059", lambda done, total: None, notes)
    assert learned["unreadable records"] == 3
    assert any("auditd" in line for line in notes)
