"""Settings: one typed object; flag > environment (LICHEN_…) > lichen.yml > default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lichen.core.errors import ConfigError
from lichen.core.plain_yaml import plain_yaml

NO_SETTINGS = frozenset(  # of the environment: how the program runs, and where tests and benchmarks find things
    f"LICHEN_{name}" for name in ("DEBUG", "FAST", "PUBLIC_DATA", "LAB_CACHE", "CACHE", "CHROMIUM")
)


class Settings(BaseModel):
    """Everything that can be set. Unknown keys are errors. Times are in the unit that the name says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: Path = Path(".lichen")
    rules: tuple[Path, ...] = ()
    pipelines: tuple[Path, ...] = ()
    filters: tuple[Path, ...] = ()
    indicators: tuple[Path, ...] = ()
    warning_lists: tuple[Path, ...] = ()
    inventory: Path | None = None
    host: str | None = None
    timezone: str = "UTC"
    window_minutes: int = Field(default=60, ge=1, le=1440)
    quarantine_hours: float = Field(default=24.0, ge=0)
    context_minutes: int = Field(default=10, ge=0)
    prior_odds: float = Field(default=1e-3, gt=0, lt=1)
    malicious_a_day: float = Field(default=3.0, gt=0)  # the budget of each lane, false crossings per 24 subject-hours
    unusual_a_day: float = Field(default=3.0, gt=0)
    line_limit_bytes: int = Field(default=1 << 20, ge=1024)
    batch_bytes: int = Field(default=1 << 20, ge=4096)
    mappings: tuple[Path, ...] = ()
    sensor: str | None = None
    format: str | None = None
    archive_entries: int = Field(default=10_000, ge=1)
    archive_nesting: int = Field(default=3, ge=1, le=16)
    archive_limit_bytes: int = Field(default=64 << 30, ge=1 << 20)
    archive_ratio: int = Field(default=500, ge=1)


def load_settings(
    flags: Mapping[str, Any] | None = None, file: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from flags (None values are unset), environment, file and defaults, in that order of strength.

    Raises ConfigError with the place and the remedy.
    """
    place = file or Path("lichen.yml")
    values: dict[str, Any] = {}
    if place.exists():
        try:
            loaded = plain_yaml(place.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"not YAML: {error}", place=str(place), remedy="mend the file") from error
        except OSError as error:
            fault = f"cannot be read: {error.strerror}"
            raise ConfigError(fault, place=str(place), remedy="check path and rights") from error
        if not isinstance(loaded, dict):
            raise ConfigError("the file is not a mapping of settings", place=str(place), remedy="see docs/settings.md")
        values.update(loaded)
    elif file is not None:
        raise ConfigError("no such file", place=str(file), remedy="name a file that exists, or leave --config out")
    for name, value in (os.environ if environment is None else environment).items():
        if not name.startswith("LICHEN_") or name in NO_SETTINGS:
            continue
        key = name.removeprefix("LICHEN_").lower()
        if key not in Settings.model_fields:
            raise ConfigError("no such setting", place=f"{name} (environment)", remedy="see docs/settings.md")
        many = Settings.model_fields[key].annotation == tuple[Path, ...]
        values[key] = value.split(os.pathsep) if many else value
    values.update({key: value for key, value in (flags or {}).items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {first['msg']}", place=str(place), remedy="see docs/settings.md") from error
