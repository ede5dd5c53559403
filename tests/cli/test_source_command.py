"""`lichen source`: every sensor told, a file explained, a first mapping that loads and reads its own sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lichen import catalogue
from lichen.collect.mapping import load_mapping

Run = Callable[..., tuple[int, str, str]]
DOORS = [
    {
        "when": f"2026-11-24T11:14:{second:02}Z",
        "door": {"id": f"d-{second % 3}", "floor": 2},
        "badge": "rosa",
        "src_ip": "10.0.0.1",
        "dst_ip": "10.0.0.2",
        "action": "open" if second % 2 else "close",
        "odd.name": 7,
        "count": second,
    }
    for second in range(10, 40)
]


def ndjson(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_list_names_every_sensor_with_title_format_provenance_and_kinds(run: Run) -> None:
    code, out, _ = run("source", "list")
    assert code == 0
    sensors = {each["name"]: each for each in ndjson(out)}
    assert {"auditd", "access", "syslog", "dns", "journald", "zeek", "suricata", "cef", "postgresql"} <= sensors.keys()
    assert sensors["zeek"]["formats"] == ["json", "zeek-tsv"]
    assert all(each["title"] and each["kinds"] and each["provenance"] and each["formats"] for each in sensors.values())


def test_explain_says_what_a_file_was_taken_for_and_why(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_bytes((catalogue.content("mappings") / "zeek.sample.log").read_bytes() + b"too\tfew\nodd\n")
    code, out, _ = run("source", "explain", str(log))
    assert code == 0
    [told] = ndjson(out)
    assert told["taken_for"] == "Zeek's tab-separated log, Zeek"
    assert "16 of the first 17 lines: Zeek's tab-separated log, Zeek" in told["why"]
    assert told["kinds"] == {"net": 2, "dns": 1}
    assert len(told["rows"]) == 3
    assert "history" in told["unmapped"]
    assert 0 < told["unmapped_share"] < 1
    assert {"product": "zeek", "category": None, "service": "dns", "lines": 1} in told["log_sources"]
    assert told["dead_letters"]["not a line of a Zeek log"] == 1


def test_explain_on_a_terminal_is_made_of_plain_words(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_text('{"timestamp":"2026-11-24T11:14:27Z","flow_id":1,"event_type":"x\\u001b[2J"}\n', encoding="utf-8")
    code, out, _ = run("source", "explain", str(log), "--output", "table")
    assert code == 0
    assert "Suricata EVE" in out
    assert "\x1b[2J" not in out


def test_explain_names_what_nobody_can_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "some.log").write_bytes(b"7z\xbc\xaf\x27\x1c" + b"x" * 100)
    code, out, _ = run("source", "explain", "some.log")
    assert code == 0
    [told] = ndjson(out)
    assert told["taken_for"] is None
    assert "a 7z archive, which is not read" in told["dead_letters"]


def test_new_writes_a_mapping_that_loads_and_reads_its_own_sample(run: Run, tmp_path: Path) -> None:
    (tmp_path / "doors.ndjson").write_text("".join(json.dumps(each) + "\n" for each in DOORS), encoding="utf-8")
    code, out, _ = run("source", "new", "doors.ndjson")
    assert code == 0
    (tmp_path / "doors.yml").write_text(out, encoding="utf-8")
    assert load_mapping(tmp_path / "doors.yml").name == "doors"
    said = yaml.safe_load(out)
    assert said["time"] == "when"
    assert said["kind"] == "net"
    assert said["ocsf"]["src_endpoint.ip"] == "src_ip"
    assert said["ocsf"]["metadata.event_code"] == "action"
    code, out, _ = run("source", "explain", "doors.ndjson", "--mapping", "doors.yml")
    [told] = ndjson(out)
    assert (told["sensor"], told["kinds"], told["dead_letters"]) == ("doors", {"net": 30}, {})


def test_new_works_for_logfmt_too(run: Run, tmp_path: Path) -> None:
    lines = "".join(f'time=2026-11-24T11:14:{s:02}Z level=info msg="done" remote_addr=192.0.2.1\n' for s in range(10))
    (tmp_path / "app.log").write_text(lines, encoding="utf-8")
    code, out, _ = run("source", "new", "app.log", "--name", "app")
    assert code == 0
    assert yaml.safe_load(out)["formats"] == "logfmt"


@pytest.mark.parametrize("content", ["no json\n", '{"a":1}\n', ""])
def test_new_says_why_a_sample_will_not_do(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "some.log").write_text(content, encoding="utf-8")
    code, out, err = run("source", "new", "some.log")
    assert code == 3
    assert out == ""
    assert "remedy" in err


def test_hostile_names_make_no_hostile_mapping(run: Run, tmp_path: Path) -> None:
    odd = {"time": "2026-11-24T11:14:27Z", "a\n- b: {value: 1}": 1, "[x]": 2, "": 3, "\x1b[2J": "x", "a.b": {"c.d": 1}}
    (tmp_path / "some.log").write_text(json.dumps(odd) + "\n", encoding="utf-8")
    code, out, _ = run("source", "new", "some.log")
    assert code == 0
    assert "\x1b" not in out
    assert set(yaml.safe_load(out)) >= {"name", "detect", "time"}
