"""Reload: rules, filters, pipelines, indicator lists and signatures as they are on disk now, while events are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lichen import assemble, catalogue
from lichen.assemble import Platform

Mark = tuple[object, ...]


class Watched:
    """Tells whether what a platform judges by has changed on disk since it was last asked."""

    def __init__(self, platform: Platform) -> None:
        self._seen = _marks(platform)

    def changed(self, platform: Platform) -> bool:
        """True once for each change, also where the changed rules are then refused."""
        now = _marks(platform)
        before, self._seen = self._seen, now
        return now != before


def reloaded(platform: Platform) -> Platform:
    """The platform with the rules as they are now. Raises RuleError or ConfigError where the old are to be kept: a rule
    is refused that was not refused before, or a pipeline, list or baseline is at fault."""
    settings = platform.settings
    places = assemble.rule_places(settings, platform.store)
    rules = platform.rules.reloaded(places, assemble.indicators_of(settings), assemble.baseline_of(settings))
    return replace(platform, rules=rules)


def _marks(platform: Platform) -> tuple[Mark, ...]:
    """What is cheap to ask and changes with every edit: time and size of each file, stage of each signature."""
    signatures = ((each.id, each.stage) for each in platform.store.answers.signatures())
    return (*sorted(_files(platform)), *signatures)


def _files(platform: Platform) -> Iterator[Mark]:
    settings = platform.settings
    own = (*settings.rules, *settings.filters, *settings.pipelines, *settings.indicators, *settings.warning_lists)
    kept = (*assemble.shelf_of(settings), assemble.indicators_folder(settings), assemble.baseline_file(settings))
    for place in (*own, *kept, catalogue.content("rules"), catalogue.content("indicators")):
        for path in (place, *place.rglob("*")) if place.is_dir() else (place,):
            yield _mark(path)


def _mark(path: Path) -> Mark:
    try:
        told = path.stat()
    except OSError:  # gone since it was listed
        return (str(path), 0, 0)
    return (str(path), told.st_mtime_ns, told.st_size)
