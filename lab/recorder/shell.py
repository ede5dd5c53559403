"""Running programs of the machine: one way to call, one kind of failure."""

import subprocess
from typing import Any


class CommandFailed(RuntimeError):
    """A program of the machine ended badly; says which, how, and what it printed."""


def call(*words: str, check: bool = True, stdin: str | None = None, timeout_s: float = 120.0) -> str:
    """Run a program and return what it printed; CommandFailed if it ends with an error and `check` is set."""
    done = subprocess.run(
        words,
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    if check and done.returncode:
        raise CommandFailed(f"{' '.join(words)[:300]}: exit {done.returncode}: {done.stdout.strip()[-600:]}")
    return done.stdout


def quietly(*words: str, **options: Any) -> str:
    """The same, whatever the exit status: for taking down what may be gone already."""
    return call(*words, check=False, **options)
