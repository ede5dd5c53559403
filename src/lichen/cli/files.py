"""`lichen files`: scan files by YARA rules and hash lists; keep how system binaries are, and see what changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.detect.rules.files import Scanned

app = typer.Typer(help="Files: YARA rules, hash lists, and a baseline of system binaries.", no_args_is_help=True)
OK, FOUND = 0, 1
SHOWN = 20
SYSTEM = [Path(place) for place in ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")]

FileBytes = Annotated[
    int, typer.Option("--file-megabytes", min=1, max=2048, help="A larger file is passed over, and told.")
]


@app.command("scan")
def scan(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders.", show_default=False)] = None,
    yara: Annotated[
        list[Path] | None, typer.Option("--yara", metavar="RULES", help="YARA files and folders; may be repeated.")
    ] = None,
    named: Annotated[bool, typer.Option("--named-in-events", help="Files that the store's events name, too.")] = False,
    file_megabytes: FileBytes = 64,
    file_seconds: Annotated[int, typer.Option("--file-seconds", min=1, help="For the rules, a file.")] = 10,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="In all.")] = 3600.0,
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Scan files by YARA rules and by the hashes of every indicator list in force. Ends with 1 where one is found."""
    from lichen.assemble import indicators_of
    from lichen.core.errors import ConfigError
    from lichen.detect.rules.files import Limits, load_yara, scan_files
    from lichen.run.named_files import files_of

    settings = options.settings_of(config, store=store)
    limits = Limits(file_megabytes << 20, file_seconds, seconds)
    rules, refused = load_yara(yara or [], file_seconds)
    for fault in refused:
        output.note(str(fault))
    if not paths and not named:
        raise ConfigError("nothing to scan", remedy="name files or folders, or --named-in-events")
    read, passed, found = 0, 0, 0
    for each in scan_files(
        files_of(settings, paths or [], named, limits.files), rules, indicators_of(settings), limits
    ):
        read, passed, found = read + (not each.passed), passed + bool(each.passed), found + each.is_hit
        if each.passed and passed <= SHOWN:
            output.note(f"passed over {each.path}: {each.passed}")
        if each.is_hit:
            _show(each, output.wanted(output_as) is options.Format.ndjson)
    output.note(f"{read:,} files read, {passed:,} passed over, {found:,} found; {len(refused)} rule files refused")
    if refused:
        return refused[0].exit_code
    return FOUND if found else OK


def _show(each: Scanned, as_json: bool) -> None:
    told: dict[str, Any] = {
        "path": str(each.path),
        "sha256": each.sha256,
        "size": each.size,
        "yara": [{"rule": hit.rule, "file": hit.file, "description": hit.description} for hit in each.yara],
        "lists": list(each.lists),
    }
    if as_json:
        output.ndjson([told])
        return
    why = [f"{hit.file}: {hit.rule}" for hit in each.yara] + [f"list {name}" for name in each.lists]
    output.table(("file", "found by"), [(told["path"], ", ".join(why))])


@app.command("baseline")
def baseline(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Left out, the system's folders of programs.", show_default=False)
    ] = None,
    file_megabytes: FileBytes = 256,
    store: options.Store = None,
    config: options.Config = None,
) -> int:
    """Keep how files are: size, mode, owner, hashes. Events that name one with another hash are evidence from then on.
    Ends with 1 where a file is not as its Debian package says."""
    import socket

    from lichen.assemble import baseline_file
    from lichen.detect.rules.files import Baseline, Limits, files_below

    settings = options.settings_of(config, store=store)
    limits = Limits(file_megabytes << 20)
    paths = files_below((folder.resolve() for folder in folders or SYSTEM), limits.files)
    made, passed = Baseline.made(paths, limits, settings.host or socket.gethostname())
    place = baseline_file(settings)
    place.parent.mkdir(parents=True, exist_ok=True)
    made.save(place)
    _note_passed(passed)
    strange = [each for each in made.files.values() if each.differs]
    output.ndjson({"path": each.path, "package": each.package, "how": "not as its package says"} for each in strange)
    known = sum(bool(each.package) for each in made.files.values())
    output.note(f"{len(made.files):,} files kept in {place}; {known:,} of packages, {len(strange):,} not as those say")
    return FOUND if strange else OK


@app.command("check")
def check(store: options.Store = None, file_megabytes: FileBytes = 256, config: options.Config = None) -> int:
    """Read the files of the baseline again, and tell those that are not as they were. Ends with 1 where one is not."""
    from lichen.assemble import baseline_of
    from lichen.core.errors import ConfigError
    from lichen.detect.rules.files import Limits

    settings = options.settings_of(config, store=store)
    kept = baseline_of(settings)
    if kept is None:
        raise ConfigError("no baseline", place=str(settings.store), remedy="lichen files baseline FOLDER…")
    changed = [{"path": was.path, "how": how} for was, how in kept.compare(Limits(file_megabytes << 20))]
    output.ndjson(changed)
    output.note(f"{len(kept.files):,} files, {len(changed):,} not as they were")
    return FOUND if changed else OK


def _note_passed(passed: Iterable[tuple[Path, str]]) -> None:
    listed = list(passed)
    for path, why in listed[:SHOWN]:
        output.note(f"passed over {path}: {why}")
    if len(listed) > SHOWN:
        output.note(f"passed over {len(listed) - SHOWN:,} more")
