"""Alerts written for other programs: JSON, CSV, and OCSF Detection Findings (class 2004, version 1.8.0)."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.core.alert import Alert
    from lichen.core.desk import Desk

COLUMNS = (
    "uid",
    "lane",
    "status",
    "subject_kind",
    "subject",
    "day",
    "first_time",
    "last_time",
    "log_odds",
    "shown_log_odds",
    "unusual_p",
    "techniques",
    "title",
)


class AlertFormat(StrEnum):
    """How alerts are written."""

    table = "table"
    ndjson = "ndjson"
    json = "json"
    csv = "csv"
    ocsf = "ocsf"


AlertOutput = Annotated[
    AlertFormat | None,
    typer.Option(
        "--output",
        help="A table on a terminal, NDJSON in a pipe; json and csv of the same; ocsf: Detection Findings a line each.",
        show_default=False,
    ),
]


def plain(output_as: AlertFormat | None) -> options.Format | None:
    """The format where it is one that every command has, else None."""
    return options.Format(output_as.value) if output_as in (AlertFormat.table, AlertFormat.ndjson) else None


def written(alerts: Sequence[Alert], output_as: AlertFormat | None, desk: Callable[[], Desk]) -> bool:
    """Writes alerts as JSON, CSV or OCSF if one of these is wanted; whether it was."""
    match output_as:
        case AlertFormat.json:
            output.json_array(alerts)
        case AlertFormat.csv:
            sys.stdout.write(as_csv(alerts))
        case AlertFormat.ocsf:
            output.ndjson(findings(alerts, desk()))
        case _:
            return False
    return True


def findings(alerts: Sequence[Alert], desk: Desk) -> Iterable[dict[str, Any]]:
    """Each alert as a Detection Finding with the events behind it."""
    from lichen import __version__
    from lichen.core.finding import event_ids_of, finding_of

    for alert in alerts:
        yield finding_of(alert, desk.events(event_ids_of(alert)), __version__)


def as_csv(alerts: Sequence[Alert]) -> str:
    """RFC 4180 with a heading. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    from lichen.core.time import to_text

    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for alert in alerts:
        strongest = alert.beliefs[0] if alert.beliefs else None
        writer.writerow(
            _harmless(cell)
            for cell in (
                alert.uid,
                alert.lane,
                alert.status,
                alert.subject.kind,
                alert.subject.name,
                alert.day,
                to_text(alert.first_time),
                to_text(alert.last_time),
                "" if strongest is None else f"{strongest.log_odds:.4f}",
                "" if strongest is None else f"{strongest.shown_log_odds:.4f}",
                "" if strongest is None else f"{strongest.unusual_p:.6g}",
                " ".join(alert.techniques),
                alert.title,
            )
        )
    return out.getvalue()


def _harmless(cell: str) -> str:
    """No formula (OWASP, CSV injection); numbers stay numbers."""
    if cell[:1] in ("=", "+", "@", "\t", "\r") or (cell[:1] == "-" and not cell[1:2].isdigit()):
        return f"'{cell}"
    return cell
