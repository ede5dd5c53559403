"""Models: a folder per detector and version, content-hashed; which is current moves for all of them at once.

    models/profile.process/3f2a…/     what Learner.save wrote
    models/profile.process/3f2a….json the card: hash, when, what it learned from
    models/current.json               {"versions": {detector: version}, "read": {stream: delivery}, …}

The current versions and how far the second reader has read are one file, replaced by one rename: a learner killed
between two versions learns the same again, and never twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import msgspec

from lichen.core.change import without_mark
from lichen.core.errors import LichenError, ModelError
from lichen.store.parts import flush

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


class Card(msgspec.Struct, frozen=True):
    """What is known of one version: `content` is the hash of its files, `learned` what it learned from (events,
    windows, subjects, from, to), in the learner's words."""

    detector: str
    version: str
    content: str
    time: int  # made, µs UTC
    learned: dict[str, Any] = {}
    known_as: str = ""  # by which evidence and alerts name it (`Detector.version` without answers)


class Current(msgspec.Struct, frozen=True):
    """Which versions judge now, and the learner's place: per reader (a name), the delivery that each stream was read
    up to."""

    versions: dict[str, str] = {}
    read: dict[str, dict[str, int]] = {}


class Models:
    """The model versions in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(
        self,
        detector: str,
        save: Callable[[Path], None],
        *,
        time: int,
        version: str = "",
        learned: Mapping[str, Any],
        known_as: str = "",
    ) -> str:
        """Save a new version (`save` writes into an empty folder) and give its name: `version`, or the content's hash.
        The same content under the same name is kept as it is; other content under it raises ModelError."""
        home = self.folder / _checked(detector)
        home.mkdir(parents=True, exist_ok=True)
        beside = home / f".new.{os.getpid()}"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        save(beside)
        content = content_hash(beside)
        name = _checked(version or content[:16])
        target, note = home / name, home / f"{name}.json"
        if target.exists() and content_hash(target) != content:
            shutil.rmtree(beside)
            raise ModelError(
                "this version exists with other content", place=str(target), remedy="give the new one a name of its own"
            )
        card = Card(detector, name, content, time, dict(learned), known_as)
        if target.exists():
            shutil.rmtree(beside)
        else:
            for path in sorted(beside.rglob("*")):
                flush(path)
            os.replace(beside, target)
        if not note.exists():
            _write(note, msgspec.json.encode(card))
        return name

    def path(self, detector: str, version: str) -> Path:
        """The folder of a version, checked against its hash. Raises ModelError where it is absent or damaged."""
        target = self.folder / _checked(detector) / _checked(version)
        card = self.card(detector, version)
        if not target.is_dir() or content_hash(target) != card.content:
            raise ModelError(
                "the model's files are not those that were saved",
                place=str(target),
                remedy="bring it back from a backup; alerts that it judged cannot be judged again without it",
            )
        return target

    def find(self, detector: str, known_as: str) -> str | None:
        """The newest version by what evidence and alerts call it; None where none of that name is kept."""
        cards = [card for card in self.versions(detector) if known_as and card.known_as == known_as]
        return cards[-1].version if cards else None

    def card(self, detector: str, version: str) -> Card:
        """The card of a version. Raises ModelError."""
        note = self.folder / _checked(detector) / f"{_checked(version)}.json"
        try:
            return msgspec.json.decode(note.read_bytes(), type=Card)
        except (OSError, msgspec.DecodeError) as error:
            raise ModelError("no such model version", place=str(note), remedy="see: lichen model list") from error

    def versions(self, detector: str | None = None) -> list[Card]:
        """The cards of all versions, oldest first."""
        notes = (self.folder / _checked(detector)).glob("*.json") if detector else self.folder.glob("*/*.json")
        cards = [msgspec.json.decode(note.read_bytes(), type=Card) for note in notes]
        return sorted(cards, key=lambda card: (card.time, card.detector, card.version))

    def current(self) -> Current:
        """Which versions judge now; empty before anything was learned. Raises ModelError."""
        place = self.folder / "current.json"
        if not place.exists():
            return Current()
        try:
            return msgspec.json.decode(place.read_bytes(), type=Current)
        except msgspec.DecodeError as error:
            raise ModelError(f"not a list of versions: {error}", place=str(place), remedy="bring it back") from error

    @contextlib.contextmanager
    def advancing(self) -> Iterator[Callable[[Current], None]]:
        """Hold the learner's lock; the given function moves all versions and the reader's place in one step. Raises
        LichenError if another process is learning."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "learner.lock").open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                fault, remedy = "another process is learning", "wait for it"
                raise LichenError(fault, place=str(self.folder), remedy=remedy) from error
            yield self._advance

    def _advance(self, current: Current) -> None:
        for detector, version in current.versions.items():
            self.path(detector, version)
        _write(self.folder / "current.json", msgspec.json.encode(current))

    def sweep(self, pinned: Mapping[str, Set[str]], newest: int = 2) -> list[Card]:
        """Remove versions that are neither current, nor pinned by an alert (by whatever name: an alert knows nothing of
        folders), nor among a detector's `newest`; gives the cards of those that went."""
        current = self.current().versions
        by_detector: dict[str, list[Card]] = {}
        for card in self.versions():
            by_detector.setdefault(card.detector, []).append(card)
        gone = []
        for detector, cards in by_detector.items():
            named = {without_mark(version) for version in pinned.get(detector, ())}
            kept = {*named, current.get(detector), *(card.version for card in cards[-newest:])}
            gone += [card for card in cards if card.version not in kept and card.known_as not in named]
        for card in gone:
            home = self.folder / _checked(card.detector)
            (home / f"{card.version}.json").unlink()
            shutil.rmtree(home / card.version)
        return gone


def content_hash(folder: Path) -> str:
    """Hash of all files below a folder, by name and content: 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, data = path.relative_to(folder).as_posix().encode(), path.read_bytes()
        digest.update(len(name).to_bytes(4, "little") + name + len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name[:80]!r} cannot name a model", remedy="letters, digits and . _ : - only")
    return name


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    flush(beside)
    os.replace(beside, path)
