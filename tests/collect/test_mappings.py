"""Every mapping reads its own sample into its own expected rows, exactly."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from lichen.collect.inputs.files import FileSource
from lichen.collect.mapping import load_mapping, load_mappings, value
from lichen.config import Settings
from lichen.core.batch import Batch
from lichen.core.errors import ConfigError

MAPPINGS = Path(__file__).parents[2] / "content" / "mappings"
FILES = sorted(path for path in MAPPINGS.glob("*.yml") if not path.name.endswith(".expected.yml"))


def rows_of(batch: Batch) -> list[tuple[int, dict[str, Any]]]:
    """(offset, what the mapping says of an event) of each event."""
    rows = []
    for place, event in enumerate(batch.view.to_pylist()):
        told = {name: plain(got) for name, got in event.items() if got is not None}
        told.pop("clock_ran_backwards")
        row: dict[str, Any] = {"kind": batch.kind, "view": told}
        sigma = []
        for shape in batch.shapes:
            lines = range(len(batch)) if shape.event is None else shape.event.tolist()
            for line, event_row in enumerate(lines):
                if event_row == place:
                    source = {
                        key: got for key in ("product", "category", "service") if (got := getattr(shape.source, key))
                    }
                    fields = {
                        name: got for name, got in shape.fields.slice(line, 1).to_pylist()[0].items() if got is not None
                    }
                    sigma.append({"source": source, "fields": fields})
        if sigma:
            row["sigma"] = sigma
        rows.append((int(batch.offset[place]), row))
    return rows


def plain(got: Any) -> Any:
    return got.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(got, dt.datetime) else got


def read_sample(path: Path) -> list[dict[str, Any]]:
    """The events of a mapping's samples, in the order of the files' names and of their lines."""
    rows: list[dict[str, Any]] = []
    samples = sorted(path.parent.glob(f"{path.stem}.sample.*"))
    assert samples, f"{path.stem} has no sample"
    for sample in samples:
        source = FileSource([sample], settings=Settings(host="the-host"), mappings=MAPPINGS, notes=[])
        deliveries = list(source.read({}))
        assert not [letter for delivery in deliveries for letter in delivery.dead_letters]
        batches = [batch for delivery in deliveries for batch in delivery.batches]
        assert {batch.stream.sensor for batch in batches} == {path.stem}
        by_place = sorted((pair for batch in batches for pair in rows_of(batch)), key=lambda pair: pair[0])
        rows += [row for _, row in by_place]
    return rows


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mapping_makes_of_its_sample_exactly_the_rows_that_stand_beside_it(path: Path) -> None:
    expected = yaml.safe_load(path.with_name(f"{path.stem}.expected.yml").read_text(encoding="utf-8"))
    assert read_sample(path) == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mapping_says_where_its_sample_comes_from(path: Path) -> None:
    provenance = load_mapping(path).provenance
    assert provenance in ("our own recording", "documentation shape, our own values")


def test_the_most_exact_mapping_is_asked_first_and_the_unknown_one_last() -> None:
    mappings = load_mappings(MAPPINGS)
    assert mappings[-1].name == "generic-json"
    assert [mapping.exactness for mapping in mappings] == sorted((m.exactness for m in mappings), reverse=True)


GOOD = "name: mine\ntitle: Mine\nprovenance: ours\ndetect: {has: [a]}\ntime: t\nkind: other\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD + "ocsf: {no.such.column: a}\n", "no.such.column"),
        (GOOD.replace("kind: other", "kind: strange"), "strange"),
        (GOOD + "secret: 1\n", "secret"),
        (GOOD + "ocsf: {file.path: {shell: rm}}\n", "shell"),
        (GOOD + "ocsf: {file.path: 7}\n", "7"),
        (GOOD.replace("name: mine", "name: other-name"), "other-name"),
        (GOOD.replace("detect: {has: [a]}", "detect: {matches: a}"), "matches"),
        (GOOD + "names: {colour: a}\n", "colour"),
        ("- a\n", "no mapping"),
        ("a: [\n", "cannot be read"),
        (GOOD.replace("time: t\n", ""), "time"),
    ],
)
def test_a_mapping_that_says_something_unknown_is_refused_with_place_fault_and_remedy(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_mapping(path)
    assert fault in str(caught.value)
    assert str(path) in caught.value.place
    assert caught.value.remedy


def test_a_new_sensor_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "door.yml").write_text(
        "name: door\ntitle: door sensor\nprovenance: ours\ndetect: {has: [door]}\ntime: at\nnames: {hostname: door}\n"
        "kind: auth\nocsf:\n  user.name: badge\n  activity_id: {value: 1}\n"
        "  status_id: {of: opened, map: {true: 1, false: 2}}\n",
        encoding="utf-8",
    )
    log = tmp_path / "doors.log"
    log.write_text('{"door":"north","at":1795518867,"badge":"rosa","opened":true}\n', encoding="utf-8")
    source = FileSource([log], settings=Settings(), mappings=tmp_path, notes=(notes := []))
    [batch] = [batch for delivery in source.read({}) for batch in delivery.batches]
    [event] = batch.view.to_pylist()
    assert (batch.kind, event["user.name"], event["status_id"], event["subject.host"]) == ("auth", "rosa", 1, "north")
    assert notes == [f"{log}: JSON lines, door sensor"]


def test_the_mapping_that_the_page_shows_is_read_as_the_page_says(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    (tmp_path / "door.yml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    log = tmp_path / "doors.log"
    log.write_text('{"door":"north","at":1795518867,"badge":"rosa","opened":false,"waited_s":1.5}\n', encoding="utf-8")
    source = FileSource([log], settings=Settings(), mappings=tmp_path, notes=[])
    [batch] = [batch for delivery in source.read({}) for batch in delivery.batches]
    [(_, row)] = rows_of(batch)
    assert row["kind"] == "auth"
    assert (row["view"]["status_id"], row["view"]["duration"], row["view"]["subject.user"]) == (2, 1500.0, "rosa")
    assert row["sigma"] == [
        {
            "source": {"product": "door", "service": "badge"},
            "fields": {"Door": "north", "Badge": "rosa", "Opened": "false"},
        }
    ]


def test_every_rule_that_the_page_lists_is_known() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    rules = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `{")]
    assert len(rules) == 9
    document = {"path": "a?b", "paths": [{"k": "w"}, {"k": "v", "t": "y"}, "x"]}
    told = [value(yaml.safe_load(rule.replace("[paths]", "[path, paths.2]")))(document) for rule in rules]
    assert told == ["x", "a?b", "a?b x", "c", None, "a?b", "a", "b", "y"]
