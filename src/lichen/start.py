"""The program's door: Ctrl-C while it is still being loaded ends it without a word."""

from __future__ import annotations

import signal


def main() -> int:
    """Loads the command line and runs it; the exit code."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from lichen.cli import main as run

    signal.signal(signal.SIGINT, before)
    return run()
