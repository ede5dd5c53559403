"""Model versions: content-hashed, current all at once, kept while alerts refer to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.core.errors import LichenError, ModelError
from lichen.store.models import Current, Models, content_hash


def saving(text: str) -> object:
    def save(folder: Path) -> None:
        (folder / "counts.json").write_text(text)
        (folder / "deep").mkdir()
        (folder / "deep" / "more").write_text(text * 2)

    return save


def put(models: Models, text: str, time: int = 1, version: str = "", detector: str = "profile.pair") -> str:
    return models.put(detector, saving(text), time=time, version=version, learned={"events": 7})  # type: ignore[arg-type]


def test_a_version_is_named_by_its_content_and_the_same_content_is_one_version(tmp_path: Path) -> None:
    models = Models(tmp_path)
    version = put(models, "a")
    assert put(models, "a", time=2) == version != put(models, "b")
    assert (models.path("profile.pair", version) / "deep" / "more").read_text() == "aa"
    assert models.card("profile.pair", version).learned == {"events": 7}
    assert models.card("profile.pair", version).time == 1


def test_other_content_under_a_taken_name_is_refused(tmp_path: Path) -> None:
    models = Models(tmp_path)
    assert put(models, "a", version="v1") == "v1"
    with pytest.raises(ModelError, match="other content"):
        put(models, "b", version="v1")
    assert (models.path("profile.pair", "v1") / "counts.json").read_text() == "a"


def test_a_changed_or_absent_file_is_noticed(tmp_path: Path) -> None:
    models = Models(tmp_path)
    version = put(models, "a")
    (tmp_path / "profile.pair" / version / "counts.json").write_text("z")
    with pytest.raises(ModelError, match="not those that were saved"):
        models.path("profile.pair", version)
    with pytest.raises(ModelError, match="no such model version"):
        models.path("profile.pair", "nothing")


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    for name in ("../x", "a/b", "", ".hidden", "x\0"):
        with pytest.raises(ModelError, match="cannot name"):
            put(Models(tmp_path), "a", detector=name)


def test_versions_and_the_reader_s_place_advance_together_or_not_at_all(tmp_path: Path) -> None:
    models = Models(tmp_path)
    assert models.current() == Current()
    first = Current({"profile.pair": put(models, "a")}, {"learn": {"s": 3}})
    with models.advancing() as advance:
        advance(first)
        with pytest.raises(LichenError, match="another process is learning"), Models(tmp_path).advancing():
            pass
    assert Models(tmp_path).current() == first
    with models.advancing() as advance, pytest.raises(ModelError):
        advance(Current({"profile.pair": "missing"}, {"learn": {"s": 4}}))
    assert models.current() == first


def test_sweeping_keeps_current_pinned_and_newest(tmp_path: Path) -> None:
    models = Models(tmp_path)
    versions = [put(models, text, time) for time, text in enumerate("abcdef")]
    with models.advancing() as advance:
        advance(Current({"profile.pair": versions[0]}))
    gone = models.sweep({"profile.pair": {versions[2]}})
    assert {card.version for card in gone} == {versions[1], versions[3]}
    assert {card.version for card in models.versions()} == {versions[0], versions[2], versions[4], versions[5]}
    assert not (tmp_path / "profile.pair" / versions[1]).exists()


def test_a_folder_s_hash_knows_names_from_content(tmp_path: Path) -> None:
    for name, files in {"a": {"x": "12"}, "b": {"x1": "2"}, "c": {"x": "12"}}.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    assert content_hash(tmp_path / "a") == content_hash(tmp_path / "c") != content_hash(tmp_path / "b")


def test_a_version_is_found_by_what_alerts_call_it_and_kept_for_them_under_any_answers(tmp_path: Path) -> None:
    models = Models(tmp_path)
    names = [
        models.put("profile.pair", saving(text), time=time, learned={}, known_as=f"v{time}")  # type: ignore[arg-type]
        for time, text in enumerate("abc")
    ]
    assert [models.find("profile.pair", f"v{time}") for time in range(3)] == names
    assert models.find("profile.pair", "v9") is None
    assert models.find("profile.pair", "") is None
    models.sweep({"profile.pair": {"v0+12345678"}}, newest=1)
    assert [card.version for card in models.versions("profile.pair")] == [names[0], names[2]]
