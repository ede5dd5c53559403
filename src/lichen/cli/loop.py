"""`lichen loop`: the whole loop, replayed on the lab's recordings; what `make run` shows."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import lichen.cli.output as output


def loop(
    once: Annotated[bool, typer.Option("--once", help="End after the telling instead of opening the console.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = 8420,
) -> int:
    """Replay the lab: what was found, a verdict and its undoing, a signature born. Then the console on its alerts."""
    import tempfile
    from pathlib import Path

    import lichen.run.loop as told

    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        told.tell(say=lambda words: print(words, flush=True), progress=output.note, keep=Path(folder))
        if once or not sys.stdin.isatty():
            return 0
        from lichen.assemble import open_platform
        from lichen.config import Settings
        from lichen.run.desk import StoreDesk
        from lichen.run.recorded import MINUTES
        from lichen.web.serve import serve_console

        platform = open_platform(Settings(store=Path(folder), window_minutes=MINUTES))
        with platform.store:
            serve_console(StoreDesk(platform), port=port, window_minutes=MINUTES, opened=print)
    return 0
