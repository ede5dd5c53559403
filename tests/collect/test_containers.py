"""What lies around logs: every compression, archives within archives, bombs, names that climb; nothing touches disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from conftest import Scan, Scanned
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_logs import execve, text_of

from lichen.collect.inputs.archives import shown
from lichen.collect.inputs.budget import Caps
from lichen.collect.inputs.opened import Bytes, origins_of

GOOD = text_of(execve(1, "/usr/bin/a", "a"), execve(2, "/usr/bin/b", "b")).encode()
MORE = text_of(execve(3, "/usr/bin/c", "c")).encode()
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


def tar_of(entries: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as tar:
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), 1795518860
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def zip_of(entries: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return made.getvalue()


def written(folder: Path, data: bytes, name: str = "logs.bin") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def images(scanned: Scanned) -> set[str]:
    return {event.get("process.file.path", "") for event in scanned.events("exec")}


@pytest.mark.parametrize("name", PACK)
def test_every_compression_gives_the_ids_of_the_plain_log(scan: Scan, tmp_path: Path, name: str) -> None:
    plain = scan(written(tmp_path, GOOD, "plain.log"))
    packed = scan(written(tmp_path, PACK[name](GOOD), "packed"))
    assert packed.ids == plain.ids
    assert len(packed.ids) == 2


@pytest.mark.parametrize("name", PACK)
def test_two_frames_in_a_row_are_one_stream(scan: Scan, tmp_path: Path, name: str) -> None:
    packed = PACK[name](GOOD) + PACK[name](MORE)
    assert images(scan(written(tmp_path, packed))) == {"/usr/bin/a", "/usr/bin/b", "/usr/bin/c"}


@pytest.mark.parametrize("name", ["", *PACK])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_plain_or_compressed_is_its_entries(scan: Scan, tmp_path: Path, name: str, form: int) -> None:
    tar = tar_of({"var/log/one.log": GOOD, "var/log/" + "n" * 120 + ".log" if form else "two.log": MORE}, form)
    scanned = scan(written(tmp_path, PACK[name](tar) if name else tar))
    assert images(scanned) == {"/usr/bin/a", "/usr/bin/b", "/usr/bin/c"}
    assert scanned.letters == []
    assert {event["place"].partition("!")[2][:12] for event in scanned.events()} >= {"var/log/one."}


def test_archives_within_archives_are_read_three_deep(scan: Scan, tmp_path: Path) -> None:
    inner = zip_of({"c.log": MORE})
    middle = gzip.compress(tar_of({"b.log.xz": lzma.compress(GOOD), "inner.zip": inner}))
    scanned = scan(written(tmp_path, zip_of({"middle.tar.gz": middle})))
    assert images(scanned) == {"/usr/bin/a", "/usr/bin/b", "/usr/bin/c"}
    assert any(event["place"].endswith("!middle.tar.gz!inner.zip!c.log") for event in scanned.events())


def test_a_fourth_archive_is_named_and_not_read(scan: Scan, tmp_path: Path) -> None:
    data = zip_of({"deep.log": GOOD})
    for level in range(3):
        data = zip_of({f"{level}.zip": data})
    scanned = scan(written(tmp_path, data))
    assert scanned.batches == []
    [letter] = scanned.letters
    assert "more than 3 deep" in letter.reason
    assert letter.place.endswith("!2.zip!1.zip!0.zip")


def test_a_zip_bomb_is_stopped_with_its_reason_and_its_neighbours_are_read(scan: Scan, tmp_path: Path) -> None:
    bomb = zip_of({"a.log": GOOD, "bomb.log": MORE + b"0" * (220 << 20)})
    assert len(bomb) < 300_000
    begun = time.monotonic()
    scanned = scan(written(tmp_path, bomb))
    assert time.monotonic() - begun < 20
    assert images(scanned) >= {"/usr/bin/a", "/usr/bin/b"}
    [told] = [letter for letter in scanned.letters if "times its" in letter.reason]
    assert told.place.endswith("!bomb.log")
    assert "archive_ratio" in told.remedy


def test_entries_of_one_name_are_as_many_accounts_as_they_are(tmp_path: Path) -> None:
    """Else a zip of ten thousand entries called the same would cost what its greatest one costs."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(40):
            archive.writestr("a.log", b"0" * (1 << 20))
    damages = []
    for origin in origins_of(str(written(tmp_path, made.getvalue())), Caps(free_bytes=4 << 20)):
        stream = Bytes(origin)
        while stream.read(1 << 20):
            pass
        stream.close()
        damages.append(stream.damage or "")
    assert damages[0] == ""
    assert "unfolds into more than" in damages[-1]


def test_compression_within_compression_is_one_account(tmp_path: Path) -> None:
    bomb = b"0" * (1 << 20)
    packed = gzip.compress(b"".join(gzip.compress(bomb) for _ in range(200)))
    [origin] = origins_of(str(written(tmp_path, packed)), Caps(free_bytes=4 << 20))
    stream = Bytes(origin)
    read = 0
    while part := stream.read(1 << 20):
        read += len(part)
    stream.close()
    assert "unfolds into more than" in (stream.damage or "")
    assert read < max(4 << 20, 500 * len(packed)) + (2 << 20)


def test_bytes_in_all_are_bounded_over_all_entries(tmp_path: Path, scan: Scan) -> None:
    noise = {
        f"{place}.log": text_of(*(execve(place * 1000 + n, "/usr/bin/a", "a") for n in range(600))).encode()
        for place in range(1, 9)
    }
    scanned = scan(written(tmp_path, zip_of(noise)), archive_limit_bytes=1 << 20)
    assert scanned.events()
    assert any("archive_limit_bytes" in letter.remedy for letter in scanned.letters)


def test_entries_beyond_the_limit_are_named(scan: Scan, tmp_path: Path) -> None:
    archive = zip_of({f"{n}.log": text_of(execve(n, f"/bin/x{n}", "x")).encode() for n in range(1, 8)})
    scanned = scan(written(tmp_path, archive), archive_entries=3)
    assert len(images(scanned)) == 3
    assert [letter.reason for letter in scanned.letters] == ["more than 3 entries; the others are not read"]


@pytest.mark.parametrize(
    "name", ["../../evil.log", "/etc/evil.log", "a/../../evil.log", "evil\x1b[2J\n.log", "a!b.log"]
)
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_names_that_climb_or_move_the_cursor_are_shown_escaped_and_touch_nothing(
    scan: Scan, tmp_path: Path, name: str, make: Callable[[dict[str, bytes]], bytes]
) -> None:
    (tmp_path / "in").mkdir()
    before = sorted(tmp_path.rglob("*"))
    file = written(tmp_path / "in", make({name: GOOD}))
    scanned = scan(file)
    told = scanned.events()[0]["place"].partition("!")[2]
    assert told.isprintable()
    assert ".." not in told
    assert not told.startswith("/")
    assert "!" not in told
    assert sorted(tmp_path.rglob("*")) == sorted([*before, file])


def test_a_name_is_shown_unambiguously_and_not_longer_than_512_signs() -> None:
    assert shown("../a") == r"\x2e\x2e/a"
    assert shown("/a..b") == r"\x2fa..b"
    assert len(shown("x" * 5000)) <= 512


def test_links_and_devices_in_a_tar_are_left_alone(scan: Scan, tmp_path: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("dev", tarfile.CHRTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            tar.addfile(entry)
        entry = tarfile.TarInfo("a.log")
        entry.size = len(GOOD)
        tar.addfile(entry, io.BytesIO(GOOD))
    scanned = scan(written(tmp_path, made.getvalue()))
    assert {event["place"].partition("!")[2] for event in scanned.events()} == {"a.log"}


def test_a_tar_that_claims_a_huge_entry_or_name_costs_no_memory(scan: Scan, tmp_path: Path) -> None:
    claims = bytearray(tar_of({"a.log": GOOD}, tarfile.USTAR_FORMAT)[:512])
    claims[124:136] = b"77777777777\0"
    for kind in (b"0", b"x", b"L"):
        claims[156:157] = kind
        claims[148:156] = b" " * 8
        claims[148:156] = f"{sum(claims):06o}\0 ".encode()
        tracemalloc.start()
        scanned = scan(written(tmp_path, gzip.compress(bytes(claims) + GOOD)))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
        tracemalloc.stop()
        assert len(scanned.letters) + len(scanned.events()) > 0


@pytest.mark.parametrize("at", [0, 100, 511, 512, 600, 1500])
def test_a_tar_that_ends_early_gives_what_came_before_and_says_so(scan: Scan, tmp_path: Path, at: int) -> None:
    tar = tar_of({"a.log": GOOD, "b.log": MORE}, tarfile.USTAR_FORMAT)
    second = tar.index(b"b.log")
    scanned = scan(written(tmp_path, tar[: second + at]))
    assert images(scanned) >= {"/usr/bin/a", "/usr/bin/b"}
    assert (len(scanned.letters) > 0) is (at > 0)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_damaged_archive_never_is_an_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    base = data.draw(
        st.sampled_from(
            [
                zip_of({"a.log": GOOD, "b.tar": tar_of({"c.log": MORE})}),
                tar_of({"a.log": GOOD, "b.zip": zip_of({"c.log": MORE})}),
                PACK["zst"](tar_of({"a.log": GOOD})),
                PACK["gz"](zip_of({"a.log": GOOD})),
            ]
        )
    )
    broken = bytearray(base)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(1, 9))] = data.draw(st.binary(max_size=9))
        broken = broken or bytearray(b"x")
    file = tmp_path_factory.mktemp("archive") / "some"
    file.write_bytes(bytes(broken))
    for origin in origins_of(str(file)):
        stream = Bytes(origin)
        while stream.read(1 << 16):
            pass
        stream.close()


def test_what_is_not_read_is_told_by_what_it_is(scan: Scan, tmp_path: Path) -> None:
    for magic, word in ((b"7z\xbc\xaf\x27\x1c" + b"x" * 40, "7z archive"), (b"LPKSHHRH" + b"x" * 40, "binary journal")):
        scanned = scan(written(tmp_path, magic + b"\n"))
        assert word in scanned.letters[0].reason
        assert word in scanned.notes[0]
