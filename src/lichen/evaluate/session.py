"""A recorded session of the lab with its ground truth: subjects that count, steps, and which events belong to them."""

from __future__ import annotations

import datetime as dt
import lzma
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from lichen.core.entity import Subject
from lichen.core.errors import InputError
from lichen.core.plain_yaml import plain_yaml
from lichen.core.time import from_text

COMPRESSED = (".xz", ".gz", ".zst")
JUDGES = ("judge", "judge-2", "judge-3")  # attacked sessions that nothing but evaluation may read


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the ground truth: one technique, one subject, one interval (µs UTC)."""

    id: str
    kind: str
    variant: str
    technique: str
    subject: Subject
    start: int
    end: int
    in_reach: bool
    what: str


@dataclass(frozen=True, slots=True)
class Session:
    """A session's ground truth. `counting`: subjects whose windows enter calibration, cuts and false rates;
    `labels`: (file without compression suffix, offset of the event's first line) -> step id."""

    folder: Path
    name: str
    start: int
    end: int
    counting: frozenset[Subject]
    steps: tuple[Step, ...]
    markers: tuple[Mapping[str, Any], ...] = ()
    labels: Mapping[tuple[str, int], str] = field(default_factory=dict)

    @property
    def hours(self) -> float:
        return (self.end - self.start) / 3.6e9

    @property
    def subject_hours(self) -> float:
        """Recorded length times counting subjects."""
        return self.hours * len(self.counting)

    def step(self, step_id: str) -> Step:
        return next(step for step in self.steps if step.id == step_id)

    def logs(self) -> list[Path]:
        """The recorded streams, in order."""
        return sorted(path for path in self.folder.iterdir() if ".log" in path.name)


class _Label(msgspec.Struct):
    file: str
    offset: int
    step: str


def load_session(folder: Path) -> Session:
    """Read session.yml, steps.yml and labels.ndjson.xz of a recording. Raises InputError with place and remedy."""
    about = _yaml(folder / "session.yml")
    steps = _yaml(folder / "steps.yml") if (folder / "steps.yml").exists() else []
    return Session(
        folder=folder,
        name=str(about["name"]),
        start=_time(about["start"]),
        end=_time(about["end"]),
        counting=frozenset(Subject(s["kind"], s["name"]) for s in about["subjects"] if s["counts"]),
        steps=tuple(_step(entry) for entry in steps or []),
        markers=tuple(about.get("markers") or ()),
        labels=_labels(folder / "labels.ndjson.xz"),
    )


def stream_file(place: str) -> str:
    """The name by which labels know a stream: its file name without a compression suffix."""
    name = Path(place).name
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return name


def _step(entry: Mapping[str, Any]) -> Step:
    return Step(
        id=str(entry["id"]),
        kind=entry["kind"],
        variant=str(entry["variant"]),
        technique=entry["technique"],
        subject=Subject(entry["subject"]["kind"], entry["subject"]["name"]),
        start=_time(entry["start"]),
        end=_time(entry["end"]),
        in_reach=bool(entry["in_reach"]),
        what=entry["what"],
    )


def _labels(path: Path) -> dict[tuple[str, int], str]:
    if not path.exists():
        return {}
    with lzma.open(path, "rb") as lines:
        labels = msgspec.json.Decoder(_Label).decode_lines(lines.read())
    return {(stream_file(label.file), label.offset): label.step for label in labels}


def _yaml(path: Path) -> Any:
    try:
        return plain_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("no such file", place=str(path), remedy="name a folder that lab/record made") from error


def _time(value: Any) -> int:
    if isinstance(value, dt.datetime):
        value = value.isoformat()
    return from_text(str(value))
