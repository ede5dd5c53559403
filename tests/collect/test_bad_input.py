"""Input that is broken, hostile or odd: nothing is lost silently, nothing stops the rest, and there is no traceback."""

from __future__ import annotations

import gzip
import lzma
import random
import time
import zipfile
from pathlib import Path

import pytest
from conftest import Scan
from written_logs import execve, syscall, text_of

from lichen.core.errors import ConfigError, InputError

GOOD = text_of(execve(1, "/usr/bin/a", "a"), execve(2, "/usr/bin/b", "b"))
MORE = text_of(execve(3, "/usr/bin/c", "c"))
ACCESS = (
    '{"time":"2026-11-24T11:14:3%d.0Z","host":"web","user":"rosa","method":"GET","path":"/","status":200,'
    '"request_id":"%d","route":"GET /","upstream":"-","duration_ms":1.0}\n'
)


def written(folder: Path, content: bytes | str, name: str = "some.log") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def images(scanned) -> list[str]:
    return [event["process.file.path"] for event in scanned.events("exec")]


def test_binary_garbage_between_good_lines_becomes_dead_letters_and_the_rest_goes_on(
    scan: Scan, tmp_path: Path
) -> None:
    garbage = random.Random(7).randbytes(5000)
    scanned = scan(written(tmp_path, GOOD.encode() + garbage + b"\n" + MORE.encode()))
    assert images(scanned) == ["/usr/bin/a", "/usr/bin/b", "/usr/bin/c"]
    assert scanned.letters
    assert all(letter.reason and letter.remedy for letter in scanned.letters)
    assert all(letter.excerpt.isascii() and len(letter.excerpt) <= 1024 for letter in scanned.letters)
    assert scanned.letters[0].place == f"{tmp_path}/some.log:11"
    assert scanned.letters[0].offset == len(GOOD)


def test_a_file_of_binary_garbage_is_one_dead_letter_and_one_note(scan: Scan, tmp_path: Path) -> None:
    scanned = scan(written(tmp_path, random.Random(8).randbytes(300_000)))
    assert [letter.reason for letter in scanned.letters] == ["no reader or mapping knows this format"]
    assert scanned.batches == []
    assert len(scanned.notes) == 1


@pytest.mark.parametrize("place", ["first", "middle", "last", "last without an end"])
def test_a_ten_mebibyte_line_is_one_dead_letter_wherever_it_stands(scan: Scan, tmp_path: Path, place: str) -> None:
    long = b"x" * (10 << 20) + b"\n"
    good, more = GOOD.encode(), MORE.encode()
    content = {
        "first": long + good + more,
        "middle": good + long + more,
        "last": good + more + long,
        "last without an end": good + more + long[:-1],
    }[place]
    scanned = scan(written(tmp_path, content))
    assert images(scanned) == ["/usr/bin/a", "/usr/bin/b", "/usr/bin/c"]
    [letter] = scanned.letters
    assert "longer than 1048576 bytes" in letter.reason
    assert letter.offset == {"first": 0, "middle": len(good)}.get(place, len(good + more))
    assert len(letter.excerpt) <= 1024


def test_a_line_below_the_limit_but_longer_than_a_block_is_read(scan: Scan, tmp_path: Path) -> None:
    long = execve(9, "/usr/bin/long", "long", "y" * 50_000)
    scanned = scan(written(tmp_path, GOOD + text_of(long)), batch_bytes=4096, line_limit_bytes=1 << 20)
    assert images(scanned)[-1] == "/usr/bin/long"
    assert scanned.letters == []


def test_bytes_that_are_no_utf8_are_escaped_and_the_event_is_kept(scan: Scan, tmp_path: Path) -> None:
    line = execve(9, "/usr/bin/x", "x", "caf_")
    content = text_of(line).encode().replace(b"caf_", b"caf\xe9") + MORE.encode()
    scanned = scan(written(tmp_path, content))
    assert [event["process.cmd_line"] for event in scanned.events("exec")] == ["x caf\\xe9", "c"]
    assert scanned.letters == []
    json = (ACCESS % (1, 1)).encode().replace(b"rosa", b"ros\xe9") + (ACCESS % (2, 2)).encode()
    assert [event["actor.user.name"] for event in scan(written(tmp_path, json, "b.log")).events()] == [
        "ros\\xe9",
        "rosa",
    ]


@pytest.mark.parametrize("depth", [65, 100, 5000, 200_000])
def test_json_nested_too_deeply_is_a_dead_letter(scan: Scan, tmp_path: Path, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth + "\n"
    scanned = scan(written(tmp_path, ACCESS % (1, 1) + deep + ACCESS % (2, 2)), line_limit_bytes=4 << 20)
    assert len(scanned.events("http")) == 2
    [letter] = scanned.letters
    assert "nested deeper than 64" in letter.reason
    assert letter.place.endswith(":2")


@pytest.mark.parametrize("filling", ['\\"', '"', "\\", '["'])
def test_a_long_line_of_json_that_is_none_takes_linear_time(scan: Scan, tmp_path: Path, filling: str) -> None:
    line = '{"time":' + "[" * 70 + '"' + filling * (200_000 // len(filling)) + "\n"
    began = time.process_time()
    assert len(scan(written(tmp_path, ACCESS % (1, 1) + line)).letters) == 1
    assert time.process_time() - began < 2


def test_brackets_in_a_string_are_no_depth(scan: Scan, tmp_path: Path) -> None:
    odd = (ACCESS % (1, 1)).replace('"rosa"', '"' + "[" * 500 + '"')
    assert len(scan(written(tmp_path, odd)).events("http")) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ('{"time": "2026-11-24T11:14:31Z", "a": }', "not JSON"),
        ("[1, 2]", "not an object"),
        ("7", "not an object"),
        ('{"host":"web","request_id":"1"}', "no time"),
        ('{"time":"yesterday","request_id":"1"}', "no time"),
        ('{"time":-1}', "no time"),
        ('{"time":99999999999999999999999}', "no time"),
        ('{"time":true}', "no time"),
        ('{"time":NaN}', "not JSON"),
    ],
)
def test_a_bad_json_line_is_a_dead_letter_with_its_reason(scan: Scan, tmp_path: Path, line: str, reason: str) -> None:
    scanned = scan(written(tmp_path, ACCESS % (1, 1) + line + "\n" + ACCESS % (2, 2)))
    assert len(scanned.events("http")) == 2
    [letter] = scanned.letters
    assert reason in letter.reason
    assert letter.excerpt.startswith(line[:20].replace("\\", "\\\\"))


@pytest.mark.parametrize(
    "line",
    [
        "type=SYSCALL msg=audit(): arch=c000003e",
        "type=SYSCALL msg=audit(1795518860.000): arch=c000003e",
        "type=SYSCALL msg=audit(1795518860.000:x): arch=c000003e",
        "type=SYSCALL msg=audit(99999999999999999999.000:1): arch=c000003e",
        "type= msg=audit(1795518860.000:1): a=b",
        "type=SYSCALL",
        "arch=c000003e syscall=59",
    ],
)
def test_an_audit_line_without_type_time_or_serial_is_a_dead_letter(scan: Scan, tmp_path: Path, line: str) -> None:
    scanned = scan(written(tmp_path, GOOD + line + "\n" + MORE))
    assert len(scanned.events("exec")) == 3
    assert len(scanned.letters) == 1


@pytest.mark.parametrize("filling", ["a", "a={ ", 'a="', "{", "=", "a."])
def test_a_long_audit_line_takes_linear_time(scan: Scan, tmp_path: Path, filling: str) -> None:
    line = f"type=USER_CMD msg=audit(1795518890.000:77): pid=1 msg='cmd={filling * (200_000 // len(filling))}\n"
    began = time.process_time()
    scanned = scan(written(tmp_path, line))
    assert len(scanned.events()) == 1
    assert time.process_time() - began < 2


def test_an_event_of_its_end_alone_is_an_event(scan: Scan, tmp_path: Path) -> None:
    end = "type=EOE msg=audit(1795518890.000:77): \n"
    assert [event["text"] for event in scan(written(tmp_path, end)).events()] == [end.rstrip("\n")]
    assert len(scan(written(tmp_path, GOOD + end)).events()) == 3


@pytest.mark.parametrize(
    "body",
    [
        "",
        "arch=c000003e",
        "syscall=59 success=yes",
        "arch=c000003e syscall=59 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=x ppid=y pid=z exe",
        'arch= syscall= exe="',
        'arch=c000003e syscall=59 pid=99999999999999999999999999 ppid=1 exe="/bin/x"',
        "key==== exe=(null) comm=\"'\"'",
        "msg='op=x",
        "exe=ZZ comm=F",
    ],
)
def test_a_record_with_fields_missing_or_broken_is_an_event_with_what_it_has(
    scan: Scan, tmp_path: Path, body: str
) -> None:
    records = [
        f"type=SYSCALL msg=audit(1795518890.000:77): {body}",
        "type=EXECVE msg=audit(1795518890.000:77): argc=x a0= a[1]=2 a9999999=1",
        "type=PATH msg=audit(1795518890.000:77): item= name=",
        "type=SOCKADDR msg=audit(1795518890.000:77): saddr=02",
    ]
    for kept in ([0], [0, 1], [0, 2], [0, 3], [1, 2, 3]):
        scanned = scan(written(tmp_path, GOOD + text_of(*[records[place] for place in kept]) + MORE))
        assert len(scanned.events()) == 4
        assert scanned.letters == []


def test_a_truncated_gzip_gives_what_came_before_and_a_dead_letter(scan: Scan, tmp_path: Path) -> None:
    text = "".join(text_of(execve(serial, f"/usr/bin/{serial}", "x")) for serial in range(2000)).encode()
    whole = gzip.compress(text)
    scanned = scan(written(tmp_path, whole[: len(whole) // 2], "audit.log.gz"))
    assert 500 < len(scanned.events("exec")) < 1900
    assert any("ends before its end" in letter.reason for letter in scanned.letters)
    assert scanned.deliveries[-1].ended


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.gz", gzip.compress(GOOD.encode(), mtime=0)[:12]),
        ("b.gz", b"\x1f\x8bnonsense"),
        ("c.xz", lzma.compress(GOOD.encode())[:20]),
        ("d.xz", lzma.compress(GOOD.encode() * 50)[:-30] + b"nonsense nonsense nonsense"),
        ("e.zip", b"PK\x03\x04 but no zip"),
        ("f.bz2", b"BZh9 but no bzip2"),
    ],
)
def test_damaged_compression_is_a_dead_letter_not_an_error(
    scan: Scan, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    good = written(tmp_path, MORE, "z.log")
    scanned = scan(tmp_path / name, good)
    assert "/usr/bin/c" in images(scanned)
    assert [letter for letter in scanned.letters if letter.place.startswith(str(tmp_path / name))]


def test_an_xz_that_asks_for_too_much_memory_is_refused(scan: Scan, tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    file = tmp_path / "big.xz"
    compressor = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}])
    data = bytearray(compressor.compress(GOOD.encode()) + compressor.flush())
    assert filters
    block = 12  # block header: size, flags, filter id, size of properties, then the dictionary's size
    assert data[block + 2] == 0x21
    data[block + 4] = 38  # 2 GiB
    import zlib

    size = (data[block] + 1) * 4
    data[block + size - 4 : block + size] = zlib.crc32(data[block : block + size - 4]).to_bytes(4, "little")
    file.write_bytes(bytes(data))
    [letter] = scan(file).letters
    assert "memory" in letter.reason.lower()


def test_a_zip_entry_without_a_name_is_no_error(scan: Scan, tmp_path: Path) -> None:
    archive = tmp_path / "logs.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("q", GOOD)
        made.writestr("a.log", MORE)
    data = bytearray(archive.read_bytes())
    for sign, name in ((b"PK\x03\x04", 26), (b"PK\x01\x02", 28)):
        at = data.find(sign) + name
        data[at : at + 4] = b"\0\0\1\0"  # the name's one byte is taken for what is beside it
    archive.write_bytes(bytes(data))
    scanned = scan(archive)
    assert len(scanned.events("exec")) + len(scanned.letters) > 0


def test_an_encrypted_zip_entry_is_a_dead_letter_and_its_neighbours_are_read(scan: Scan, tmp_path: Path) -> None:
    archive = tmp_path / "logs.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("secret.log", GOOD)
        made.writestr("open.log", MORE)
    data = bytearray(archive.read_bytes())
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(sign) + flags] |= 1
    archive.write_bytes(bytes(data))
    scanned = scan(archive)
    assert images(scanned) == ["/usr/bin/c"]
    assert [letter.place for letter in scanned.letters] == [f"{archive}!secret.log"]


def test_a_zip_entrys_name_never_becomes_a_path(scan: Scan, tmp_path: Path) -> None:
    archive = tmp_path / "in" / "logs.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("../../evil.log", GOOD)
    scanned = scan(archive)
    assert scanned.events()[0]["place"].endswith(r"logs.zip!\x2e\x2e/\x2e\x2e/evil.log")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "logs.zip"]


def test_more_bad_lines_than_can_be_told_are_counted(scan: Scan, tmp_path: Path) -> None:
    scanned = scan(written(tmp_path, GOOD + "nonsense\n" * 5000 + MORE))
    assert len(scanned.letters) == 1001
    assert scanned.letters[-1].reason.startswith("4000 more")
    assert images(scanned)[-1] == "/usr/bin/c"


@pytest.mark.parametrize("content", ["", "\n\n\n", " \n"])
def test_a_file_with_nothing_in_it_is_no_error(scan: Scan, tmp_path: Path, content: str) -> None:
    assert scan(written(tmp_path, content)).batches == []


def test_line_ends_of_windows_are_line_ends(scan: Scan, tmp_path: Path) -> None:
    scanned = scan(written(tmp_path, GOOD.replace("\n", "\r\n")))
    assert images(scanned) == ["/usr/bin/a", "/usr/bin/b"]
    assert not any("\r" in event["text"] for event in scanned.events())


def test_text_that_breaks_lines_elsewhere_does_not_break_ours(scan: Scan, tmp_path: Path) -> None:
    odd = (ACCESS % (1, 1)).replace("rosa", "ro\u2028sa\u0085x")
    [event] = scan(written(tmp_path, odd)).events("http")
    assert event["actor.user.name"] == "ro\u2028sa\u0085x"


def test_a_nul_byte_stays_in_its_line(scan: Scan, tmp_path: Path) -> None:
    scanned = scan(written(tmp_path, GOOD.encode() + b"\0\0\0\n" + MORE.encode()))
    assert len(scanned.events()) == 3
    assert scanned.letters[0].excerpt == "\\x00\\x00\\x00"


def test_names_that_a_sender_makes_up_do_not_grow_without_bound(scan: Scan, tmp_path: Path) -> None:
    lines = [f"type=T{n} msg=audit(1795518860.000:{n}): field{n}=x" for n in range(11, 3010)]
    scanned = scan(written(tmp_path, GOOD + text_of(*lines)))
    assert len(scanned.events()) == 3001
    assert max(len(shape.fields.schema) for batch in scanned.batches for shape in batch.shapes) <= 512


def test_numbers_that_fit_nowhere_are_null(scan: Scan, tmp_path: Path) -> None:
    line = (ACCESS % (1, 1)).replace('"status":200', '"status":99999999999,"bytes_out":1e300,"bytes_in":"x"')
    [event] = scan(written(tmp_path, line)).events("http")
    assert not {"http_response.code", "http_response.length", "http_request.length"} & event.keys()


def test_a_path_that_does_not_exist_is_an_input_error_with_a_remedy(scan: Scan, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        scan(tmp_path / "nowhere.log")
    assert caught.value.place.endswith("nowhere.log")
    assert caught.value.remedy


def test_a_time_zone_that_does_not_exist_is_a_config_error(scan: Scan, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Mars"):
        scan(written(tmp_path, GOOD), timezone="Mars/Olympus")


def test_a_link_in_a_folder_is_left_alone(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    outside = written(tmp_path, GOOD, "outside.log")
    (tmp_path / "logs" / "link.log").symlink_to(outside)
    written(tmp_path / "logs", MORE)
    assert images(scan(tmp_path / "logs")) == ["/usr/bin/c"]


def test_a_call_with_an_unknown_machine_keeps_its_number(scan: Scan, tmp_path: Path) -> None:
    line = syscall(5, 9999, "", "/bin/x", raw=True).replace("c000003e", "deadbeef")
    [event] = scan(written(tmp_path, text_of(line))).events()
    assert event["metadata.event_code"] == "9999"


def test_a_windows_field_that_is_a_list_of_whatever_is_a_list_of_texts(scan: Scan, tmp_path: Path) -> None:
    about = '{"@timestamp":"2026-11-24T10:00:00Z","winlog":{"channel":"Security","event_id":4688,"provider_name":%s,'
    about += '"computer_name":"h","record_id":1,"event_data":{"NewProcessName":"a.exe"}}}\n'
    scanned = scan(written(tmp_path, about % '"a"' + about % '[1,{"b":null},null,"c"]'))
    assert len(scanned.events()) == 2
    lines = [line for batch in scanned.batches for line in batch.shapes[0].fields.to_pylist()]
    assert [line["Provider_Name"] for line in lines] == [["a"], ["1", '{"b":null}', "", "c"]]
