"""`lichen rule add`: rules of others, pinned and dated, replaced whole; nothing leads out of an archive."""

from __future__ import annotations

import io
import json
import stat
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "run"))

from answered_store import CASES, ID, RULE, line

from lichen.run import packs

Run = Callable[..., tuple[int, str, str]]
OTHER = RULE.replace("1111-2222", "1111-9999").replace("Somebody", "Nobody")
CREDITED = RULE + "author: A. Person, B. Person\nlicense: DRL-1.1\n"


def zipped(files: dict[str, str | bytes], link: str = "") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
    return held.getvalue()


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def added(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, err = run("rule", "add", *arguments, "--store", "store")
    assert code == 0, err
    told: dict[str, Any] = json.loads(out)
    return told


def listed(run: Run, store: str = "store") -> dict[str, str]:
    rows = [json.loads(each) for each in run("rule", "list", "--store", store)[1].splitlines()]
    return {row["title"]: row["from"] for row in rows if row["from"] != "lichen"}


def test_a_folder_is_copied_with_licence_authors_and_what_was_refused(run: Run, tmp_path: Path) -> None:
    bad = OTHER.replace("startswith", "startswyth")
    files = {"web/admin.yml": CREDITED, "web/admin.test.yaml": CASES, "LICENSE.md": "DRL", "bad.yml": bad}
    put(tmp_path / "theirs", files | {"ci.yml": "jobs: {}\n", ".github/x.yml": OTHER, "tool.py": "print()"})
    pack = added(run, "theirs")
    assert (pack["name"], pack["rules"], pack["skipped"]) == ("theirs", 1, 1)
    assert pack["licences"] == ["LICENSE.md"]
    assert pack["rule_licences"] == [["DRL-1.1", 1]]
    assert pack["authors"] == [["A. Person", 1], ["B. Person", 1]]
    assert [(place, fault) for place, fault, _ in pack["refused"]] == [
        ("bad.yml:5", "the modifier |startswyth is not supported")
    ]
    shelf = tmp_path / "store" / "rules" / "theirs"
    kept = sorted(path.relative_to(shelf).as_posix() for path in shelf.rglob("*") if path.is_file())
    assert kept == ["LICENSE.md", "pack.json", "web/admin.test.yaml", "web/admin.yml"]
    assert listed(run) == {"Somebody looks at the administration": "theirs"}
    assert listed(run, "elsewhere") == {}


def test_what_was_added_is_in_force_in_a_scan(run: Run, tmp_path: Path) -> None:
    put(tmp_path / "theirs", {"admin.yml": RULE})
    added(run, "theirs")
    (tmp_path / "access.log").write_text(line(8, "/admin/a", "curl"))
    hits = run("scan", "--hits", "access.log", "--store", "store")[1].splitlines()
    assert ID in {json.loads(each)["rule"] for each in hits}


def test_an_update_replaces_the_whole_pack_and_no_filter(run: Run, tmp_path: Path) -> None:
    put(tmp_path / "theirs", {"admin.yml": RULE, "old.yml": OTHER})
    before = added(run, "theirs", "--name", "web")
    put(tmp_path / "filters", {"own.yml": "title: own\n"})
    (tmp_path / "theirs" / "old.yml").unlink()
    after = added(run, "theirs", "--name", "web")
    assert after["replaced"] == before["sha256"] != after["sha256"]
    assert listed(run) == {"Somebody looks at the administration": "web"}
    assert (tmp_path / "filters" / "own.yml").read_text() == "title: own\n"
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["rules"]  # nothing passing is left


def test_a_pin_that_does_not_fit_changes_nothing(run: Run, tmp_path: Path) -> None:
    put(tmp_path / "theirs", {"admin.yml": RULE})
    pinned = added(run, "theirs")["sha256"]
    assert added(run, "theirs", "--sha256", pinned)["sha256"] == pinned
    (tmp_path / "theirs" / "admin.yml").write_text(RULE.replace("/admin", "/nothing"))
    code, _, err = run("rule", "add", "theirs", "--store", "store", "--sha256", pinned)
    assert code == 3
    assert "sha256" in err
    assert "/admin" in (tmp_path / "store" / "rules" / "theirs" / "admin.yml").read_text()
    assert "CHANGED" not in run("rule", "list", "--store", "store")[2]
    (tmp_path / "store" / "rules" / "theirs" / "admin.yml").write_text(OTHER)
    assert "CHANGED since it was added" in run("rule", "list", "--store", "store")[2]


def test_a_zip_is_the_same_pack_as_its_folder(run: Run, tmp_path: Path) -> None:
    files = {"web/admin.yml": RULE, "LICENSE": "MIT"}
    put(tmp_path / "theirs", files)
    (tmp_path / "theirs.zip").write_bytes(zipped({**files}, link="link.yml"))
    assert added(run, "theirs")["sha256"] == added(run, "theirs.zip")["sha256"]


@pytest.mark.parametrize("name", ["../evil.yml", "/evil.yml", "a/../../evil.yml", "a\\..\\evil.yml", "C:evil.yml"])
def test_an_archive_that_leads_outside_is_refused_whole(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.zip").write_bytes(zipped({"good.yml": RULE, name: OTHER}))
    code, _, err = run("rule", "add", "x.zip", "--store", "store")
    assert code == 3
    assert "outside" in err
    assert list((tmp_path / "store" / "rules").iterdir()) == []
    assert not list(tmp_path.rglob("evil.yml"))


def test_a_bomb_is_read_no_further_than_the_limit(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "BYTES_LIMIT", 4 << 20)
    (tmp_path / "bomb.zip").write_bytes(zipped({f"{i}.yml": bytes(1 << 20) for i in range(8)}))
    code, _, err = run("rule", "add", "bomb.zip", "--store", "store")
    assert code == 3
    assert "limit: 4194304 bytes" in err
    monkeypatch.setattr(packs, "ENTRIES_LIMIT", 3)
    code, _, err = run("rule", "add", "bomb.zip", "--store", "store")
    assert "limit: 3" in err


def test_one_file_too_large_is_told_and_the_rest_is_taken(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zipped({"good.yml": RULE, "large.yml": RULE + "#" * (2 << 20)}))
    assert added(run, "x.zip")["refused"][0][:2] == ["large.yml", "the file is too large"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nowhere", "cannot be read"),
        ("text.zip", "not a zip"),
        ("empty", "no rule in it"),
        ("http://example.org/x.zip", "not encrypted"),
        ("ftp://example.org/x.zip", "no URL of the web"),
        ("https://127.0.0.1/x.zip", "private address"),
        ("https://[::1]/x.zip", "private address"),
        ("https://169.254.169.254/latest", "private address"),
    ],
)
def test_a_source_that_cannot_be_added_is_a_fault_with_a_remedy(
    run: Run, tmp_path: Path, source: str, told: str
) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "empty").mkdir()
    code, _, err = run("rule", "add", source, "--store", "store")
    assert code == 3
    assert told in err
    assert "remedy: " in err


def test_a_name_cannot_lead_elsewhere(run: Run, tmp_path: Path) -> None:
    put(tmp_path / "theirs", {"admin.yml": RULE})
    for name in ("../evil", "a/b", ".hidden"):
        assert run("rule", "add", "theirs", "--name", name, "--store", "store")[0] == 3


@pytest.fixture
def server() -> Iterator[str]:
    """A server that gives a zip at /rules.zip, and at /away leads to a private address by another name."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", "/rules.zip")
                self.end_headers()
                return
            body = zipped({"admin.yml": RULE})
            self.send_response(200 if self.path == "/rules.zip" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_a_url_is_fetched_where_its_address_is_allowed(run: Run, tmp_path: Path, server: str) -> None:
    pack = added(run, f"{server}/away", "--allow-private", "--name", "fetched")
    assert (pack["rules"], pack["source"]) == (1, f"{server}/away")
    assert run("rule", "add", f"{server}/absent", "--allow-private", "--store", "store")[0] == 3
    assert "not encrypted" in run("rule", "add", f"{server}/rules.zip", "--store", "store")[2]
