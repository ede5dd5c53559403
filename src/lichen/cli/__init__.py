"""The command line: a file a noun, light until a command runs, and never a traceback."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from lichen import __version__
from lichen.cli import alert, doctor, files, intel, learn, loop, model, rule, run, scan, signature, source
from lichen.core.errors import LichenError

USAGE_FAULT, OUR_FAULT = 3, 70  # a flag is a setting, so a wrong one is bad configuration; 70 is EX_SOFTWARE

app = typer.Typer(
    name="lichen",
    help="Threat detection in which signatures and machine learning live as one organism.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command("scan")(scan.scan)
app.command("run")(run.run)
app.command("learn")(learn.learn)
app.add_typer(alert.app, name="alert")
app.add_typer(rule.app, name="rule")
app.add_typer(model.app, name="model")
app.add_typer(signature.app, name="signature")
app.add_typer(files.app, name="files")
app.add_typer(intel.app, name="intel")
app.add_typer(source.app, name="source")
app.command("doctor")(doctor.doctor)
app.command("loop")(loop.loop)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lichen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the exit code is what docs/cli.md says. Faults come as place, fault and remedy on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_is_closed()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _ended)  # so that what is only passing is cleared away, as at any other end
    try:
        code = app(args=given, prog_name="lichen", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except LichenError as fault:
        _say(fault.place, fault.fault, fault.limit, fault.remedy)
        return fault.exit_code
    except TyperException as fault:
        if type(fault).__name__ == "NoArgsIsHelpError":
            typer.echo(fault.format_message())
            return 0
        _say("lichen " + " ".join(given[:2]), fault.format_message(), "", "add --help to see what there is")
        return USAGE_FAULT
    except Exception as fault:
        if os.environ.get("LICHEN_DEBUG"):
            raise
        _say(
            _where(fault), f"a fault of ours: {type(fault).__name__}: {fault}", "", "report it, with LICHEN_DEBUG=1 set"
        )
        return OUR_FAULT


def _ended(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _open_what_is_closed() -> None:
    """Streams that whoever started us closed (`>&-`) are empty, or go nowhere."""
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _say(place: str, fault: str, limit: str, remedy: str) -> None:
    from lichen.web.visible import plain

    lines = [f"{plain(place, 300)}: {plain(fault, 600)}" if place else plain(fault, 600)]
    lines += [f"  limit: {plain(limit, 300)}"] if limit else []
    lines += [f"  remedy: {plain(remedy, 600)}"] if remedy else []
    print("\n".join(lines), file=sys.stderr)


def _where(fault: BaseException) -> str:
    """The innermost line of ours that a fault passed through."""
    package = Path(__file__).resolve().parent.parent
    place, trace = "", fault.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(package):
            place = f"{file.relative_to(package)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
