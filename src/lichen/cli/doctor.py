"""`lichen doctor`: what could be seen, what was, and what is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

OK, FAILED = 0, 1
STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    paths: Annotated[list[Path] | None, typer.Argument(help="Logs to look at as well.", show_default=False)] = None,
    store: options.Store = None,
    output_as: options.Output = None,
    inventory: options.Inventory = None,
    host: options.Host = None,
    config: options.Config = None,
) -> int:
    """Look whether detection can see: sources, subjects, rules that cannot fire, models, drops; 1 on a failure.
    `doctor baseline FOLDER…` is `files baseline FOLDER…`."""
    if paths and str(paths[0]) == "baseline" and len(paths) > 1:
        from lichen.cli.files import baseline

        return baseline(paths[1:], store=store, config=config)
    import lichen.run.doctor as work

    settings = options.settings_of(config, store=store, inventory=inventory, host=host)
    found = work.doctor(settings, paths or [])
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson({"check": check, "state": state, "words": words} for check, state, words in found)
    else:
        rows = [
            (output.text(state, STYLES.get(state, "")), check, output.text(said, limit=1000))
            for check, state, said in found
        ]
        output.table(("", "check", ""), rows)
    return FAILED if any(state == "fail" for _, state, _ in found) else OK
