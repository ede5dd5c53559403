"""The shelf: rules of others, copied into the store; each pack pinned, dated, with its licences and authors.

A pack is `store/rules/NAME` with a `pack.json` beside its files. It is replaced whole: local filters and exceptions lie
in folders of their own (the setting `filters`) and are never touched.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lichen.core.errors import ConfigError, InputError, RuleError
from lichen.detect.rules.correlation_file import Correlation
from lichen.detect.rules.pipelines import load_pipeline
from lichen.detect.rules.rule import Rule
from lichen.detect.rules.rule_file import Document, read_documents
from lichen.detect.rules.ruleset import COMPANION
from lichen.detect.rules.sigma_compile import compile_file
from lichen.run.packs import LICENCE, File

SHELF, CARD = "rules", "pack.json"
AUTHORS = 200  # that are listed
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RULE = re.compile(rb"^(detection|correlation|filter|action)\s*:", re.MULTILINE)


class Pack(msgspec.Struct, frozen=True):
    """One pack of rules: where it came from, and what is pinned. `sha256` is of everything kept, by path."""

    name: str
    source: str
    sha256: str
    added: str
    rules: int
    licences: tuple[str, ...]
    authors: tuple[tuple[str, int], ...]
    rule_licences: tuple[tuple[str, int], ...]
    refused: tuple[tuple[str, str, str], ...]  # place within the pack, fault, remedy
    skipped: int  # YAML files that are no rules


def packs(store: Path) -> list[Pack]:
    """The packs of a store, by name."""
    found = sorted((store / SHELF).glob(f"*/{CARD}")) if (store / SHELF).is_dir() else []
    return [msgspec.json.decode(path.read_bytes(), type=Pack) for path in found]


def is_intact(store: Path, pack: Pack) -> bool:
    """Whether a pack's files are still those that were added."""
    folder = store / SHELF / pack.name
    files = (path for path in folder.rglob("*") if path.is_file() and path != folder / CARD)
    return digest_of((path.relative_to(folder).as_posix(), path.read_bytes()) for path in files) == pack.sha256


def digest_of(files: Iterable[tuple[str, bytes]]) -> str:
    """sha256 over the files' paths and contents, independent of their order."""
    whole = hashlib.sha256()
    for name, data in sorted(files):
        whole.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def add(
    store: Path,
    name: str,
    source: str,
    files: Iterable[File],
    *,
    pipelines: Sequence[Path] = (),
    expected: str | None = None,
) -> Pack:
    """Put a pack on the shelf, in place of the one of that name. Raises ConfigError for a name that is none, InputError
    where there is no rule in it or it is not what was `expected` (sha256)."""
    if not _NAME.fullmatch(name):
        raise ConfigError("no name for a pack", place=name[:80], remedy="use letters, digits, dot, dash, underscore")
    (store / SHELF).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".adding-", dir=store) as passing:
        new = Path(passing) / "new"
        new.mkdir()
        kept, refused, skipped, counted = _sorted_out(files, new, pipelines)
        if not counted["rules"]:
            fault = f"no rule in it that can run ({len(refused)} refused, {skipped} files that are no rules)"
            told = f"; the first: {refused[0][0]}: {refused[0][1]}" if refused else ""
            raise InputError(fault + told, place=source, remedy="name a folder or zip of Sigma rules")
        pack = _card(name, source, kept, refused, skipped, counted)
        if expected is not None and expected.lower() != pack.sha256:
            raise InputError(f"its sha256 is {pack.sha256}", place=source, remedy="look at what changed, then pin that")
        try:
            for path, data in kept.items():
                (new / path).parent.mkdir(parents=True, exist_ok=True)
                (new / path).write_bytes(data)
        except OSError as error:  # names that are too long, or a file and a folder of one name
            raise InputError(
                f"cannot be kept: {error}", place=source, remedy="unpack it, and add the folder"
            ) from error
        (new / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(pack), indent=2))
        place = store / SHELF / name
        if place.exists():
            place.rename(Path(passing) / "old")
        new.rename(place)
    return pack


def remove(store: Path, name: str) -> None:
    """Take a pack from the shelf. Raises ConfigError where there is none."""
    if not _NAME.fullmatch(name) or not (store / SHELF / name / CARD).exists():
        raise ConfigError("no pack of this name", place=name[:80], remedy="lichen rule list shows them")
    shutil.rmtree(store / SHELF / name)


def _sorted_out(
    files: Iterable[File], new: Path, pipelines: Sequence[Path]
) -> tuple[dict[str, bytes], list[tuple[str, str, str]], int, Counter[str]]:
    """What is kept; what is refused; how many YAML files are no rules; counts of rules, authors and licences."""
    steps = [load_pipeline(path) for path in pipelines]
    kept: dict[str, bytes] = {}
    companions: dict[str, bytes] = {}
    refused: list[tuple[str, str, str]] = []
    counted: Counter[str] = Counter()
    skipped = 0
    for name, data in files:
        if data is None:
            refused.append((name, "the file is too large", "split it"))
        elif LICENCE.fullmatch(name.rpartition("/")[2]) and not name.endswith((".yml", ".yaml")):
            kept[name] = data
        elif name.endswith(COMPANION):
            companions[name] = data
        elif not _RULE.search(data):
            skipped += 1
        else:
            compiled = list(compile_file(new / name, data, steps))
            rules = [each for each in compiled if isinstance(each, Rule | Correlation)]
            faults = [each for each in compiled if isinstance(each, RuleError)]
            refused += [(each.place.removeprefix(f"{new}/"), each.fault, each.remedy) for each in faults]
            strange = len(compiled) - len(rules) - len(faults)
            if strange:
                refused.append(
                    (name, "a filter among rules", "put your filters into a folder of the setting `filters`")
                )
            if rules and not strange:
                kept[name] = data
                counted["rules"] += len(rules)
                counted.update(_credits(data))
    stems = {name.rpartition(".")[0] for name in kept}
    kept.update({name: data for name, data in companions.items() if name.removesuffix(COMPANION) in stems})
    return kept, refused, skipped, counted


def _credits(data: bytes) -> list[str]:
    """The authors and licences that the rules of a file name."""
    found = []
    for document in read_documents(Path("rule.yml"), data):  # which bounds what aliases can blow up
        if isinstance(document, Document):
            authors = document.data.get("author") or ()
            named = authors if isinstance(authors, list) else str(authors).split(",")
            found += [f"author:{' '.join(str(each).split())[:120]}" for each in named if str(each).strip()]
            if document.data.get("license"):
                found.append(f"license:{str(document.data['license'])[:120]}")
    return found


def _card(
    name: str,
    source: str,
    kept: dict[str, bytes],
    refused: list[tuple[str, str, str]],
    skipped: int,
    counted: Counter[str],
) -> Pack:
    def listed(what: str) -> tuple[tuple[str, int], ...]:
        found = [(key.removeprefix(what), count) for key, count in counted.most_common() if key.startswith(what)]
        return tuple(found[:AUTHORS])

    return Pack(
        name=name,
        source=source,
        sha256=digest_of(kept.items()),
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        rules=counted["rules"],
        licences=tuple(sorted(path for path in kept if LICENCE.fullmatch(path.rpartition("/")[2]))),
        authors=listed("author:"),
        rule_licences=listed("license:"),
        refused=tuple(refused),
        skipped=skipped,
    )
