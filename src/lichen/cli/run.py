"""`lichen run`: the console on one's own store, reading on as logs grow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.options as options

if TYPE_CHECKING:
    from lichen.core.desk import Desk

PORT = 8420


def run(
    store: options.Store = None,
    follow: Annotated[
        list[Path] | None,
        typer.Option("--follow", metavar="PATH", help="Files and folders to read on; may be repeated."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Read what is there, then end instead of serving.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = PORT,
    rules: options.Rules = None,
    pipelines: options.Pipelines = None,
    filters: options.Filters = None,
    inventory: options.Inventory = None,
    host: options.Host = None,
    config: options.Config = None,
) -> int:
    """Open the console on 127.0.0.1, and read on as logs grow.

    The address that is printed carries the token of this start: it lets its reader in, and nobody else.
    """
    import lichen.cli.output as output
    import lichen.run.follow as work

    settings = options.settings_of(
        config,
        store=store,
        rules=tuple(rules or ()),
        pipelines=tuple(pipelines or ()),
        filters=tuple(filters or ()),
        inventory=inventory,
        host=host,
    )

    def console(desk: Desk) -> None:
        from lichen.web.serve import serve_console

        serve_console(desk, port=port, window_minutes=settings.window_minutes, opened=_opened)

    work.serve(settings, follow or [], port, once, console=console, say=output.note)
    return 0


def _opened(address: str) -> None:
    # not through `note`: the address must stay one line that can be clicked and copied
    print(f"The console is open at {address}\nEnd it with Ctrl-C.", flush=True)
