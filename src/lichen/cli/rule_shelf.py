"""`lichen rule add`: rules of others into the store, pinned, dated, with their licences and authors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.run.packs import File
    from lichen.run.shelf import Pack

REFUSED_SHOWN = 20


def add(
    source: Annotated[str, typer.Argument(help="A folder, a zip, or the URL of a zip.", show_default=False)],
    name: Annotated[str, typer.Option("--name", help="What the pack is called.", show_default="from the source")] = "",
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="What it must be; else nothing is changed.", show_default=False)
    ] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch from private addresses, and without TLS.")
    ] = False,
    pipelines: options.Pipelines = None,
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Copy somebody's rules into the store; a pack of the same name is replaced whole. Filters of your own stay."""
    import lichen.run.shelf as shelf
    from lichen.assemble import pipelines_of

    settings = options.settings_of(config, store=store, pipelines=tuple(pipelines or ()))
    before = {pack.name: pack for pack in shelf.packs(settings.store)}
    chosen = name or _name_of(source)
    files = _files(source, allow_private)
    pack = shelf.add(settings.store, chosen, source, files, pipelines=pipelines_of(settings), expected=sha256)
    old = before.get(chosen)
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([{"type": "pack", "replaced": old.sha256 if old else None, **_built(pack)}])
    else:
        _drawn(pack, old)
    return 0


def origin_of(place: str, store: Path) -> str:
    """Where a rule comes from, by its path: lichen (it ships), a pack's name, or its folder."""
    from lichen import catalogue

    path = Path(place.rpartition(":")[0]).resolve()
    if path.is_relative_to(catalogue.content("rules").resolve()):
        return "lichen"
    shelf = (store / "rules").resolve()
    return path.relative_to(shelf).parts[0] if path.is_relative_to(shelf) else str(path.parent)


def note_packs(store: Path) -> None:
    """A line of each pack on stderr: what it is pinned to, and whether it still is that."""
    import lichen.run.shelf as shelf

    for pack in shelf.packs(store):
        changed = "" if shelf.is_intact(store, pack) else "; CHANGED since it was added"
        told = f"pack {pack.name}: {pack.rules} rules from {pack.source}, sha256 {pack.sha256}, added {pack.added}"
        licences = ", ".join((*pack.licences, *(name for name, _ in pack.rule_licences))) or "none told"
        output.note(f"{told}; licence: {licences}{changed}")


def _files(source: str, allow_private: bool) -> Iterable[File]:
    from lichen.core.errors import ConfigError
    from lichen.run.packs import ZIP_LIMIT, folder_files, zip_files

    if "://" in source:
        from lichen.run.fetch import fetch

        return zip_files(fetch(source, ZIP_LIMIT, allow_private), source)
    path = Path(source)
    if path.is_dir():
        return folder_files(path)
    try:
        with path.open("rb") as file:
            return zip_files(file.read(ZIP_LIMIT + 1), source)
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", place=source, remedy="name a folder, a zip or a URL"
        ) from error


def _name_of(source: str) -> str:
    """The last part of the source that says something, as a name."""
    path = source.partition("?")[0].rstrip("/") if "://" in source else Path(source).resolve().as_posix()
    last = path.rpartition("/")[2].removesuffix(".zip")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-_")[:64] or "rules"


def _built(pack: Pack) -> dict[str, object]:
    import msgspec

    built: dict[str, object] = msgspec.to_builtins(pack)
    return built


def _drawn(pack: Pack, old: Pack | None) -> None:
    from lichen.web.words import counted

    output.say(f"{pack.name}: {counted(pack.rules, 'rule')} from {pack.source}", "bold")
    output.say(f"sha256 {pack.sha256}, added {pack.added}")
    if old is not None:
        same = old.sha256 == pack.sha256
        output.say("The same as before." if same else f"In place of {old.rules} rules, sha256 {old.sha256[:16]}….")
    output.say(f"Licence files: {', '.join(pack.licences) or 'none'}")
    if pack.rule_licences:
        output.say("Licences of rules: " + ", ".join(f"{name} ({count})" for name, count in pack.rule_licences))
    authors = ", ".join(f"{name} ({count})" for name, count in pack.authors[:10])
    output.say(f"Authors: {authors or 'none named'}{', …' if len(pack.authors) > 10 else ''}")
    output.say(f"{pack.skipped} YAML files are no rules; {len(pack.refused)} refused.")
    if pack.refused:
        output.table(("place", "fault", "remedy"), pack.refused[:REFUSED_SHOWN])
        if len(pack.refused) > REFUSED_SHOWN:
            output.note(f"{len(pack.refused) - REFUSED_SHOWN} more refused; --output ndjson lists all")
