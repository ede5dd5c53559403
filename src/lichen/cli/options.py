"""Options that several commands share, and the settings that they make."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lichen.config import Settings
    from lichen.core.desk import Desk


class Format(StrEnum):
    """How results are written."""

    table = "table"
    ndjson = "ndjson"


Paths = Annotated[list[str], typer.Argument(help="Files and folders; - is standard input.", show_default=False)]
Store = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="Where events, models and answers are kept.")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings; lichen.yml where there is one.")
]
Output = Annotated[
    Format | None, typer.Option("--output", help="A table on a terminal, NDJSON in a pipe.", show_default=False)
]
Rules = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="DIR", help="Sigma rules besides those that ship; may be repeated."),
]
Pipelines = Annotated[
    list[Path] | None,
    typer.Option("--pipeline", metavar="FILE", help="pySigma pipelines for rules, in order; may be repeated."),
]
Filters = Annotated[
    list[Path] | None,
    typer.Option("--filters", metavar="DIR", help="Sigma filters: exceptions of your own; may be repeated."),
]
Inventory = Annotated[
    Path | None, typer.Option("--inventory", metavar="FILE", help="Which subject an event is about (docs/subjects.md).")
]
Sensor = Annotated[
    str | None,
    typer.Option("--sensor", metavar="NAME", help="What the files are of, instead of what they look like."),
]
Layout = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="The files' format, instead of what they look like.")
]
Mappings = Annotated[
    list[Path] | None,
    typer.Option("--mapping", metavar="FILE", help="Mappings of your own (docs/sources.md); may be repeated."),
]
Host = Annotated[
    str | None, typer.Option("--host", metavar="NAME", help="The host that logs are from, where they do not say.")
]


def settings_of(config: Path | None = None, **flags: Any) -> Settings:
    """Settings with the flags that were given. Raises ConfigError."""
    from lichen.config import load_settings

    return load_settings(
        flags={name: value for name, value in flags.items() if value not in (None, [], ())}, file=config
    )


def desk_of(config: Path | None, store: Path | None) -> Desk:
    """The desk of a store. Raises ConfigError where there is none: a misspelt one is no empty one."""
    from lichen.assemble import open_platform
    from lichen.core.errors import ConfigError
    from lichen.run.desk import StoreDesk

    settings = settings_of(config, store=store)
    if not settings.store.is_dir():
        raise ConfigError("no store there", place=str(settings.store), remedy="lichen scan PATH --store DIR makes one")
    return StoreDesk(open_platform(settings))
