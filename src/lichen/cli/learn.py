"""`lichen learn`: teach the models from logs whose side is known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

SIDE = re.compile(r"benign|malicious(:T\d{4}(\.\d{3})?)?")


def learn(
    paths: options.Paths,
    side: Annotated[str, typer.Option("--side", help="benign, malicious, or malicious:T1059.004.", show_default=False)],
    store: options.Store = None,
    output_as: options.Output = None,
    inventory: options.Inventory = None,
    host: options.Host = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 where a record could not be read.")] = False,
    config: options.Config = None,
) -> int:
    """Teach the models from logs whose side is known: what is normal here, or what an attack did."""
    from lichen.core.errors import ConfigError
    from lichen.web.words import counted

    if not SIDE.fullmatch(side):
        raise ConfigError(f"{side!r} is no side", place="--side", remedy="say benign, malicious or malicious:T1059.004")
    settings = options.settings_of(config, store=store, inventory=inventory, host=host)
    import lichen.run.scan as work

    notes: list[str] = []
    with output.progress("learning") as progress:
        learned = work.learn(settings, [Path(path) for path in paths], side, progress, notes)
    for line in notes:
        output.note(line)
    unread = int(learned["unreadable records"])
    if unread:
        output.note(f"{counted(unread, 'unreadable record')} taught nothing; lichen doctor PATH says where and why")
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([learned])
    else:
        output.table(("what", "learned"), learned.items())
    return 1 if strict and unread else 0
