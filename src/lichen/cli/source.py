"""`lichen source`: which sensors are read, what a file is taken for and why, a first mapping for a new one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.collect.explained import Explained

app = typer.Typer(
    help="Sources: what is read, what a file is taken for, a mapping for a new one.", no_args_is_help=True
)
FIELDS_SHOWN = 20
File = Annotated[str, typer.Argument(help="A file or a folder.", show_default=False)]


@app.command("list")
def list_sensors(
    output_as: options.Output = None, mapping: options.Mappings = None, config: options.Config = None
) -> int:
    """Every sensor: its name, title, formats, where its sample comes from, and the kinds of its events."""
    from lichen.run import sources

    found = sources.sensors(options.settings_of(config, mappings=tuple(mapping or ())))
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson(found)
    else:
        rows = [
            (each.name, each.title, ", ".join(each.formats), each.provenance, ", ".join(each.kinds)) for each in found
        ]
        output.table(("sensor", "title", "formats", "provenance", "kinds"), rows, whole=("sensor",))
    return 0


@app.command("explain")
def explain(
    file: File,
    output_as: options.Output = None,
    sensor: options.Sensor = None,
    layout: options.Layout = None,
    mapping: options.Mappings = None,
    host: options.Host = None,
    config: options.Config = None,
) -> int:
    """What a file is taken for and why, its first rows, fields that nothing reads, log sources, dead letters."""
    from lichen.run import sources

    settings = options.settings_of(config, sensor=sensor, format=layout, mappings=tuple(mapping or ()), host=host)
    for each in sources.explain(settings, file):
        if output.wanted(output_as) is options.Format.ndjson:
            output.ndjson([_record(each)])
        else:
            _told(each)
    return 0


@app.command("new")
def new(
    file: File,
    name: Annotated[str | None, typer.Option("--name", help="The sensor's name; the file's, if left out.")] = None,
    config: options.Config = None,
) -> int:
    """Write a first mapping for a file's documents to stdout: redirect it into NAME.yml and read it over."""
    from lichen.run import sources

    own = name or re.sub(r"[^a-z0-9]+", "-", Path(file).name.partition(".")[0].lower()).strip("-") or "sensor"
    print(sources.new(options.settings_of(config), file, own), end="")
    return 0


def _sources(each: Explained) -> list[dict[str, Any]]:
    return [
        {"product": source.product, "category": source.category, "service": source.service, "lines": lines}
        for source, lines in each.offered.lines.items()
    ]


def _record(each: Explained) -> dict[str, Any]:
    share = each.share
    return {
        "place": each.place,
        "taken_for": each.taken_for,
        "sensor": each.sensor,
        "converted_from": each.converted,
        "why": each.why,
        "kinds": dict(each.kinds),
        "rows": each.rows,
        "unmapped_share": None if share is None else round(share.unmapped, 4),
        "unmapped": [] if share is None else share.most(FIELDS_SHOWN),
        "log_sources": _sources(each),
        "dead_letters": dict(each.reasons),
        "dead_letter_places": [[letter.place, letter.reason, letter.excerpt[:200]] for letter in each.letters],
        "whole": each.whole,
    }


def _told(each: Explained) -> None:
    output.say(f"{each.place}: {each.taken_for or 'not read'}", "bold")
    if each.converted is not None:
        output.say(f"  turned into lines from {each.converted}")
    for line in each.why:
        output.say(f"  {line}", "dim")
    for row in each.rows:
        output.say("  " + "  ".join(f"{name}={got}" for name, got in row.items()))
    if each.kinds:
        output.say("  events: " + ", ".join(f"{count:,} {kind}" for kind, count in each.kinds.most_common()))
    if each.share is not None:
        output.say(
            f"  {1 - each.share.unmapped:.0%} of the fields are mapped; not: "
            + ", ".join(each.share.most(FIELDS_SHOWN))
        )
    for source in _sources(each):
        named = ", ".join(f"{key} {source[key]}" for key in ("product", "category", "service") if source[key])
        output.say(f"  Sigma reads {source['lines']:,} lines as {named}")
    for reason, count in each.reasons.most_common(10):
        output.say(f"  {count:,} dead: {reason}", "yellow")
    for letter in each.letters:
        output.say(f"    {letter.place}: {letter.excerpt[:120]}", "dim")
    if not each.whole:
        output.say("  only its beginning was looked at", "dim")
