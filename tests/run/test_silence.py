"""A source is silent when its own rhythm does not explain its pause; what has no rhythm yet is not measured."""

from pathlib import Path

import pytest

from lichen.run import silence
from lichen.run.silence import DAY, HISTORY, MINUTE, rhythms, source_of
from lichen.store.parts import Part

START = 1_795_000_000_000_000
HOUR = 60 * MINUTE


def parts(times: list[int], stream: str = "s") -> list[Part]:
    """A part an event, as a log that is followed gives them."""
    return [Part(f"{stream}{n}", stream, "http", "", n, n, 1, time, time, n) for n, time in enumerate(times)]


def one(times: list[int], now: int, live: bool = True) -> silence.Rhythm:
    (found,) = rhythms(parts(times), {"s": "/logs/a.log"}, Path("nowhere"), now, ["/logs"] if live else [])
    return found


def test_a_steady_source_is_silent_after_ten_minutes_and_not_before() -> None:
    steady = [START + n * MINUTE for n in range(120)]
    assert one(steady, steady[-1] + 9 * MINUTE).silent is False
    found = one(steady, steady[-1] + 11 * MINUTE)
    assert found.silent is True
    assert found.words == "nothing for 11 min; its longest pause in 7 days was 1 min"


def test_a_source_that_pauses_every_night_is_not_silent_in_the_second_night() -> None:
    days = [START + day * DAY + n * 10 * MINUTE for day in range(3) for n in range(60)]
    night = 14 * HOUR
    assert one(days, days[-1] + night).silent is False
    assert one(days, days[-1] + 2 * night + HOUR).silent is True
    assert one(days[:60], days[59] + night).silent is True  # of the first night nothing is known


def test_a_pause_of_long_ago_explains_nothing() -> None:
    old = [START, START + 3 * DAY]
    recent = [START + 20 * DAY + n * MINUTE for n in range(200)]
    assert one([*old, *recent], recent[-1] + HOUR).silent is True
    assert recent[-1] - old[-1] > HISTORY


@pytest.mark.parametrize(
    "times", [[START + n * MINUTE for n in range(30)], [START, START + 5 * HOUR, START + 6 * HOUR]]
)
def test_what_has_no_rhythm_yet_is_not_measured(times: list[int]) -> None:
    found = one(times, times[-1] + 30 * DAY)
    assert found.silent is None
    assert found.words.startswith("not measured")


def test_an_old_recording_is_silent_only_where_its_other_sources_went_on() -> None:
    steady = [START + n * MINUTE for n in range(120)]
    assert one(steady, steady[-1] + 400 * DAY, live=False).silent is False
    both = [*parts(steady), *parts([*steady, *(steady[-1] + n * MINUTE for n in range(60))], "other")]
    places = {"s": "/old/a.log", "other": "/old/b.log"}
    found = {each.place: each.silent for each in rhythms(both, places, Path("nowhere"), steady[-1] + 400 * DAY)}
    assert found == {"/old/a.log": True, "/old/b.log": False}


def test_rotated_files_are_one_source() -> None:
    for place in ("/l/a.log.1", "/l/a.log.2.gz", "/l/a.log-20261124", "/l/a.log.2026-11-24.xz", "/l/a.log"):
        assert source_of(place) == "/l/a.log"
    assert source_of("/l/web-1") == "/l/web-1"
    steady = [START + n * MINUTE for n in range(120)]
    rotated = [*parts(steady[:60], "old"), *parts(steady[60:], "new")]
    (found,) = rhythms(rotated, {"old": "/l/a.log.1", "new": "/l/a.log"}, Path("nowhere"), steady[-1], ["/l/a.log"])
    assert found.events == 120
    assert found.silent is False


def test_pauses_within_one_large_part_count(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lichen.core import ocsf

    times = [START + n * MINUTE for n in range(60)] + [START + 6 * HOUR + n * MINUTE for n in range(60)]
    pq.write_table(pa.table({"time": pa.array(times).cast(ocsf.TIME)}), tmp_path / "p.parquet")
    part = Part("p", "s", "http", "", 0, 1, 120, times[0], times[-1], 1)
    (found,) = rhythms([part], {"s": "/l/a.log"}, tmp_path, times[-1] + 5 * HOUR, ["/l"])
    assert found.longest == 5 * HOUR + MINUTE
    assert found.silent is False


def test_a_note_of_what_is_followed_grows_old_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert silence.followed(tmp_path) == ()
    silence.following(tmp_path, [Path("/logs")])
    assert silence.followed(tmp_path) == ("/logs",)
    monkeypatch.setattr(silence, "FRESH_SECONDS", -1.0)
    assert silence.followed(tmp_path) == ()
    silence.no_longer_followed(tmp_path)
    silence.no_longer_followed(tmp_path)
    assert list(tmp_path.iterdir()) == []
