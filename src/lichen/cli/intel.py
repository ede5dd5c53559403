"""`lichen intel`: indicator lists from files and URLs, into the store, kept up to date, and matched back over it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.config import Settings
    from lichen.run.feeds import Refreshed

app = typer.Typer(help="Indicators: addresses, domains, URLs, hashes known to be bad.", no_args_is_help=True)
FAULTS_SHOWN = 5

AllowPrivate = Annotated[bool, typer.Option("--allow-private", help="Fetch from private addresses, and without TLS.")]
LookBack = Annotated[bool, typer.Option("--look-back/--no-look-back", help="Match over what the store holds already.")]


@app.command("add")
def add(
    source: Annotated[str, typer.Argument(help="A file (text, CSV, MISP or STIX JSON) or a URL.", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="What the list is called.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="How alerts name it.")] = None,
    technique: Annotated[list[str] | None, typer.Option("--technique", help="ATT&CK; may be repeated.")] = None,
    confidence: Annotated[int | None, typer.Option("--confidence", min=0, max=100, help="Where none is told.")] = None,
    half_life_days: Annotated[
        float | None, typer.Option("--half-life-days", min=0.01, help="Confidence halves in this time.")
    ] = None,
    allow_private: AllowPrivate = False,
    look_back: LookBack = True,
    store: options.Store = None,
    config: options.Config = None,
) -> int:
    """Take a list into the store, and match it over what the store holds."""
    import lichen.run.feeds as feeds

    settings = options.settings_of(config, store=store)
    about = {
        "title": title,
        "techniques": list(technique or ()),
        "confidence": confidence,
        "half_life_days": half_life_days,
    }
    _tell(feeds.add(settings, source, name, about, allow_private))
    return _look_back(settings, [name or feeds.name_of(source)]) if look_back else 0


@app.command("list")
def list_lists(store: options.Store = None, output_as: options.Output = None, config: options.Config = None) -> int:
    """Every list in force: those that ship, the user's own, and the feeds of the store."""
    from lichen.assemble import indicators_of
    from lichen.core.time import to_text
    from lichen.detect.rules.indicators import Kind
    from lichen.run.feeds import feeds

    settings = options.settings_of(config, store=store)
    known = {feed.name: feed for feed in feeds(settings)}
    rows = []
    for each in indicators_of(settings):
        feed = known.get(each.name)
        counts = {kind.value: each.count(kind) for kind in Kind if each.count(kind)}
        checked = to_text(feed.checked)[:19] + "Z" if feed else ""
        origin = feed.source if feed else each.about.source
        rows.append({"name": each.name, "title": each.title, **counts, "from": origin, "checked": checked})
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson(rows)
    else:
        columns = ("name", *(kind.value for kind in Kind), "from", "checked")
        output.table(columns, [[row.get(column, "") for column in columns] for row in rows])
    return 0


@app.command("refresh")
def refresh(
    names: Annotated[list[str] | None, typer.Argument(help="Feeds; left out, all.", show_default=False)] = None,
    look_back: LookBack = True,
    store: options.Store = None,
    config: options.Config = None,
) -> int:
    """Ask feeds for news; a feed that cannot be had keeps its old list, and the command ends with 1."""
    import lichen.run.feeds as feeds
    from lichen.core.errors import LichenError

    settings = options.settings_of(config, store=store)
    changed, failed = [], 0
    for feed in feeds.named(settings, names or []):
        try:
            done = feeds.refresh(settings, feed)
        except LichenError as fault:
            failed += 1
            output.note(f"{feed.name}: {fault}")
            continue
        _tell(done)
        if done.loaded is not None:
            changed.append(feed.name)
    if changed and look_back:
        _look_back(settings, changed)
    return 1 if failed else 0


def _tell(done: Refreshed) -> None:
    feed = done.feed
    if done.loaded is None:
        output.note(f"{feed.name}: unchanged, {feed.indicators:,} indicators")
        return
    output.note(f"{feed.name}: {feed.indicators:,} indicators, {feed.refused:,} faults")
    for fault in done.faults[:FAULTS_SHOWN]:
        output.note(f"  {fault}")


def _look_back(settings: Settings, names: list[str]) -> int:
    """What the lists meet in the store, a line each."""
    from lichen.assemble import open_platform
    from lichen.core.time import to_text
    from lichen.run.retro import look_back

    if not Path(settings.store / "lake").is_dir():
        return 0
    platform = open_platform(settings)
    with platform.store:
        found = look_back(platform, [each for each in platform.rules.indicators if each.name in names])
    rows = [
        {
            "time": to_text(row.first_time),
            "subject": f"{row.subject.kind} {row.subject.name}",
            "list": row.detector.partition(":")[2],
            "events": row.n_events,
            "because": row.because,
            "event_ids": list(row.sample_event_ids),
        }
        for row in found.evidence
    ]
    output.ndjson(rows)
    output.note(f"looked back over {found.events:,} events: {len(rows)} windows with something new")
    return 0
