"""`lichen alert`: list what waits, show why, answer; an answer's consequence comes before the answer."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.alert_formats as formats
import lichen.cli.drawn as drawn
import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.core.alert import Alert
    from lichen.core.desk import Consequence, Desk

app = typer.Typer(help="What waits for an answer, why, and the answer.", no_args_is_help=True)


class Lane(StrEnum):
    malicious = "malicious"
    unusual = "unusual"


class Scope(StrEnum):
    alert = "alert"
    subject = "subject"
    pattern = "pattern"


Uid = Annotated[str, typer.Argument(help="The alert's id, or how it begins.", show_default=False)]


@app.command("list")
def list_alerts(
    lane: Annotated[Lane | None, typer.Option("--lane", show_default=False)] = None,
    status: Annotated[str, typer.Option("--status", help="open, an answer, or all.")] = "open",
    store: options.Store = None,
    output_as: formats.AlertOutput = None,
    config: options.Config = None,
) -> int:
    """Alerts in their two lanes, strongest first."""
    from lichen.web.reading import in_order

    settings = options.settings_of(config, store=store)
    desk = options.desk_of(config, store)
    found = desk.alerts(lane=lane.value if lane else None, status=_status(status))
    if formats.written(in_order(found), output_as, lambda: desk):
        return 0
    if output.wanted(formats.plain(output_as)) is options.Format.ndjson:
        output.ndjson(in_order(found))
    else:
        drawn.lanes(found, settings.window_minutes)
        if not found:
            output.say("No alerts." if status == "open" else "No such alerts.")
    return 0


@app.command("show")
def show(
    uid: Annotated[
        str, typer.Argument(help="The alert's id, or how it begins; left out, the strongest open one.")
    ] = "",
    store: options.Store = None,
    output_as: formats.AlertOutput = None,
    config: options.Config = None,
) -> int:
    """One alert: the sentence, its ledger on an odds axis, and the events behind it."""
    from lichen.web.reading import in_order

    desk = options.desk_of(config, store)
    waiting = in_order(desk.alerts(status="open"))
    if not uid and not waiting:
        if not formats.written([], output_as, lambda: desk) and _as_table(output_as):
            output.say("No alerts.")
        return 0
    found = named(desk, uid) if uid else waiting[0]
    if formats.written([found], output_as, lambda: desk):
        return 0
    if not _as_table(output_as):
        output.ndjson([found])
    else:
        drawn.alert(desk, found, options.settings_of(config, store=store).window_minutes)
    return 0


@app.command("verdict")
def verdict(
    uid: Uid,
    answer: Annotated[
        str, typer.Argument(help="malicious, benign-expected, detector-wrong, unsure.", show_default=False)
    ],
    scope: Annotated[Scope, typer.Option("--scope", help="How far the answer reaches.")] = Scope.alert,
    pattern: Annotated[
        list[str] | None, typer.Option("--pattern", metavar="FIELD=VALUE", help="Of --scope pattern; may be repeated.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="For whoever reads this later.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who answers.", show_default="the user")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Give it without asking again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")] = False,
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Answer an alert. What the answer would change is computed and said first.

    Sentinel's and Elastic's names are understood too: TruePositive, BenignPositive, FalsePositive, Undetermined.
    """
    from lichen.core.errors import ConfigError

    chosen, fields = _answer(answer), _fields(scope, pattern or [])
    desk = options.desk_of(config, store)
    found = named(desk, uid)
    weighed = desk.consequence(found.uid, chosen, scope.value, fields)
    as_table = output.wanted(output_as) is options.Format.table
    if as_table:
        drawn.consequence(weighed)
    if dry_run:
        if not as_table:
            output.ndjson([{"type": "consequence", "alert": found.uid, **_built(weighed)}])
        return 0
    if not yes:
        if not (sys.stdin.isatty() and as_table):
            raise ConfigError(
                "not given", place="lichen alert verdict", remedy="add --yes to give it without being asked"
            )
        if not typer.confirm("Give this answer?"):
            return 0
    given, change = desk.answer(found.uid, chosen, scope.value, by or _person(), fields, note)
    if as_table:
        output.say(f"Answered. lichen model undo {change.id} takes it back exactly." if change else "Answered.")
    else:
        output.ndjson([{"type": "verdict", "verdict": given, "change": change, "consequence": weighed}])
    return 0


def named(desk: Desk, uid: str) -> Alert:
    """The alert of an id, or of the beginning of one."""
    from lichen.core.errors import ConfigError

    found = [alert for alert in desk.alerts() if uid and alert.uid.startswith(uid.lower()) and alert.beliefs]
    exact = [alert for alert in found if alert.uid == uid.lower()]
    if len(exact or found) != 1:
        fault = "no alert has this id" if not found else f"{len(found)} alerts begin so"
        raise ConfigError(fault, place=uid or "UID", remedy="lichen alert list --status all shows ids")
    return (exact or found)[0]


def _as_table(output_as: formats.AlertFormat | None) -> bool:
    return output.wanted(formats.plain(output_as)) is options.Format.table


def _status(status: str) -> str | None:
    if status == "all":
        return None
    return "open" if status == "open" else _answer(status)


def _answer(name: str) -> str:
    from lichen.core.errors import ConfigError
    from lichen.core.verdict import answer_named

    try:
        return answer_named(name)
    except ValueError as fault:
        raise ConfigError(str(fault), place="ANSWER", remedy="use one of these") from fault


def _fields(scope: Scope, given: Sequence[str]) -> dict[str, str]:
    from lichen.core.errors import ConfigError

    fields = dict(each.partition("=")[::2] for each in given if "=" in each)
    if len(fields) != len(given):
        raise ConfigError(
            "a field and its value are wanted", place="--pattern", remedy="as process.file.path=/usr/bin/curl"
        )
    if (scope is Scope.pattern) != bool(fields):
        raise ConfigError("--scope pattern and --pattern FIELD=VALUE go together", place="--scope", remedy="give both")
    return fields


def _built(weighed: Consequence) -> dict[str, object]:
    import msgspec

    built: dict[str, object] = msgspec.to_builtins(weighed)
    return built


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command line"
