"""Seen beside normal: what a subject did, next to what its image (a user: all users) does."""

from __future__ import annotations

from collections.abc import Iterable

from lichen.core.desk import Beside
from lichen.core.entity import base_name
from lichen.detect.profiles.acts import PLAIN
from lichen.detect.profiles.counts import Leaf
from lichen.detect.profiles.judge import Judge

SHOWN = 8  # usual items of one row


def besides(judge: Judge, entity: Leaf, seen: Iterable[tuple[str, ...]]) -> list[Beside]:
    """A row for each context among the values seen, in their order."""
    given, entity = judge.use.given, judge.placed(entity)
    by_context: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for parts in seen:
        own = by_context.setdefault(parts[:given], [])
        if parts[given:] not in own:
            own.append(parts[given:])
    return [_row(judge, entity, context, judged) for context, judged in by_context.items()]


def _row(judge: Judge, entity: Leaf, context: tuple[str, ...], seen: list[tuple[str, ...]]) -> Beside:
    usual = judge.totals.get((entity[:-1], context), {})
    total = sum(usual.values())
    greatest = sorted(usual.items(), key=lambda entry: (-entry[1], entry[0]))[:SHOWN]
    rungs = [judge.tree.rung_seen((*entity, *context, *judged[:-1]), judged[-1]) for judged in seen]
    return Beside(
        what=judge.use.beside(context),
        seen=tuple(_short(judged) for judged in seen),
        seen_is_new=tuple(rung >= judge.ladder.own for rung in rungs),
        normal=tuple((_short(judged), count / total) for judged, count in greatest),
        history=judge.history(entity, max(rungs)),
    )


def _short(judged: tuple[str, ...]) -> str:
    """A program alone by its base name, everything else whole."""
    text = " ".join(part for part in judged if part != PLAIN)
    return base_name(text) if text.startswith("/") and " " not in text else text
