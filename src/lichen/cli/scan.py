"""`lichen scan`: read logs, say what stands out and why; one command, no service."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.alert_formats as formats
import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.config import Settings
    from lichen.core.alert import Alert
    from lichen.core.desk import Desk
    from lichen.run.scan import ScanReport

OK, FOUND, BAD_RULE = 0, 1, 2
TOLD = 20  # rules that a table names


class FailOn(StrEnum):
    """What makes a scan end with 1."""

    malicious = "malicious"
    unusual = "unusual"
    rule = "rule"
    any = "any"


def scan(
    paths: options.Paths,
    rules: options.Rules = None,
    pipelines: options.Pipelines = None,
    filters: options.Filters = None,
    store: options.Store = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Keep nothing once the scan has ended.")] = False,
    output_as: formats.AlertOutput = None,
    inventory: options.Inventory = None,
    host: options.Host = None,
    sensor: options.Sensor = None,
    layout: options.Layout = None,
    mapping: options.Mappings = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 where a record could not be read.")] = False,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="End with 1 where this was found.")] = None,
    hits: Annotated[bool, typer.Option("--hits", help="Every rule hit as NDJSON and nothing else.")] = False,
    config: options.Config = None,
) -> int:
    """Read logs and say what stands out in them, and why.

    Without a baseline the rules run, and subjects are compared with each other within what was given.
    """
    from lichen.core.errors import ConfigError

    if store is not None and no_store:
        raise ConfigError("both given", place="--store, --no-store", remedy="leave one out")
    flags = {
        "rules": tuple(rules or ()),
        "pipelines": tuple(pipelines or ()),
        "filters": tuple(filters or ()),
        "mappings": tuple(mapping or ()),
        "sensor": sensor,
        "format": layout,
        "inventory": inventory,
        "host": host,
    }
    if hits:
        return _hits(options.settings_of(config, store=store, **flags), paths, output_as, strict, fail_on)
    if no_store:
        with tempfile.TemporaryDirectory(prefix="lichen-") as passing:
            return _scan(options.settings_of(config, store=Path(passing), **flags), paths, output_as, strict, fail_on)
    return _scan(options.settings_of(config, store=store, **flags), paths, output_as, strict, fail_on)


def _hits(
    settings: Settings, paths: list[str], output_as: formats.AlertFormat | None, strict: bool, fail_on: FailOn | None
) -> int:
    from lichen.cli.hits import print_hits
    from lichen.core.errors import ConfigError

    if output_as not in (None, formats.AlertFormat.ndjson):
        raise ConfigError("hits are told as NDJSON only", place="--output", remedy="leave it out")
    if fail_on not in (None, FailOn.rule, FailOn.any):
        raise ConfigError("hits know no lanes", place="--fail-on", remedy="use --fail-on rule, or leave --hits out")
    tally = print_hits(settings, paths)
    if tally.refused:
        return BAD_RULE
    return FOUND if (fail_on and tally.hits) or (strict and tally.dead_letters) else OK


def _scan(
    settings: Settings, paths: list[str], output_as: formats.AlertFormat | None, strict: bool, fail_on: FailOn | None
) -> int:
    import lichen.run.scan as work

    with output.progress("reading") as progress:
        report = work.scan(settings, [Path(path) for path in paths], progress=progress)
    if formats.written(report.alerts, output_as, lambda: _desk(settings)):
        noted(report)
    else:
        told(report, formats.plain(output_as), settings.window_minutes)
    return ended(report, strict, fail_on)


def told(report: ScanReport, output_as: options.Format | None, window_minutes: int) -> None:
    """Writes a scan's result to stdout, and what is said of the work to stderr."""
    import msgspec

    noted(report)
    if output.wanted(output_as) is options.Format.ndjson:
        rules = ({"type": "rule", **msgspec.to_builtins(each)} for each in report.fired)
        alerts = ({"type": "alert", **_record(alert)} for alert in report.alerts)
        output.ndjson([*rules, *alerts, _summary(report)])
    else:
        _table(report, window_minutes)


def _desk(settings: Settings) -> Desk:
    from lichen.assemble import open_platform
    from lichen.run.desk import StoreDesk

    return StoreDesk(open_platform(settings))


def noted(report: ScanReport) -> None:
    """Says on stderr what each file was taken for, which rules were refused, and how much could not be read."""
    from lichen.web.words import counted

    for line in report.notes:
        output.note(line)
    output.refused(report.refused)
    if report.dead_letters:
        unreadable = counted(report.dead_letters, "unreadable record")
        output.note(f"{unreadable} set aside; lichen doctor PATH says where and why")


def ended(report: ScanReport, strict: bool, fail_on: FailOn | None) -> int:
    """The exit code: 2 where a rule was refused, 1 where something was found that the scan was to fail on, or under
    --strict not all was read."""
    if report.refused:
        return BAD_RULE
    lanes = {alert.lane for alert in report.alerts}
    match fail_on:
        case None:
            found = False
        case FailOn.any:
            found = bool(lanes or report.rule_hits)
        case FailOn.rule:
            found = bool(report.rule_hits)
        case _:
            found = fail_on.value in lanes
    return FOUND if found or (strict and report.dead_letters) else OK


def _record(alert: Alert) -> dict[str, object]:
    import msgspec

    from lichen.web import words

    built = msgspec.to_builtins(alert)
    return {**built, "odds": words.odds(alert.beliefs[0].shown_log_odds) if alert.beliefs else None}


def _summary(report: ScanReport) -> dict[str, object]:
    """The last line: counts, and whether there was a baseline to compare with."""
    return {
        "type": "summary",
        "events": report.events,
        "windows": report.windows,
        "rule_hits": report.rule_hits,
        "rules_refused": len(report.refused),
        "standing_out": report.standing_out,
        "alerts": len(report.alerts),
        "dead_letters": report.dead_letters,
        "baseline": report.baseline,
        "silent_sources": list(report.health.silent),
        "notes": report.notes,
    }


def _table(report: ScanReport, window_minutes: int) -> None:
    import lichen.cli.drawn as drawn
    from lichen.web.words import counted

    drawn.lanes(report.alerts, window_minutes)
    _rules(report)
    what = f"{counted(report.rule_hits, 'rule hit')}; {counted(report.standing_out, 'thing')} that stand out here"
    what = what.replace("1 thing that stand out", "1 thing that stands out")
    read = f"{counted(report.events, 'event')} in {counted(report.windows, 'window')} were read"
    output.say(f"{what}. {read}.")
    if not report.baseline:
        output.say(
            "No baseline yet: subjects were compared within what was given, which claims no malice. "
            "`lichen learn PATH --side benign` teaches what is normal here.",
            "dim",
        )
    if report.alerts:
        output.say("`lichen alert show` says why.", "dim")


def _rules(report: ScanReport) -> None:
    """What rules said, and of whom: the gravest first."""
    rows = []
    for each in report.fired[:TOLD]:
        more = f" and {each.n_subjects - 2} more" if each.n_subjects > 2 else ""
        who = ", ".join(each.subjects[:2]) + more
        title = output.text(each.title, limit=200)
        rows.append(
            (each.level or "list", title, " ".join(each.techniques[:2]), output.text(who, limit=200), each.hits)
        )
    if not rows:
        return
    left = len(report.fired) - len(rows)
    unshown = f", {left} of them not shown; --output ndjson has all" if left else ""
    heading = f"Rules that fired ({len(report.fired)}{unshown})"
    output.table(("level", "rule", "technique", "who", "hits"), rows, right=("hits",), title=heading)
    output.say("`lichen scan PATH --hits` has every event that fired one.", "dim")
