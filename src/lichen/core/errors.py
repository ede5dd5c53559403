"""Errors that a person can act on: place, fault, limit and remedy."""

from __future__ import annotations


class LichenError(Exception):
    """A fault with its place and its remedy.

    `place` says where (file:line, URL, setting), `fault` what is wrong, `remedy` what to do about it, and `limit`
    the bound that was passed, if one was. `exit_code` is what the command line ends with (docs/cli.md).
    """

    exit_code = 3

    def __init__(self, fault: str, *, place: str = "", remedy: str = "", limit: str = "") -> None:
        self.fault, self.place, self.remedy, self.limit = fault, place, remedy, limit
        parts = [f"{place}: {fault}" if place else fault]
        if limit:
            parts.append(f"limit: {limit}")
        if remedy:
            parts.append(f"remedy: {remedy}")
        super().__init__("; ".join(parts))


class InputError(LichenError):
    """Input that cannot be read at all (a single bad record is a dead letter, not an error)."""


class ConfigError(LichenError):
    """A setting, mapping or inventory that does not say what it must."""


class RuleError(LichenError):
    """A rule that cannot be compiled exactly, and is therefore refused."""

    exit_code = 2


class ModelError(LichenError):
    """A model file that is absent, damaged or of another version."""
