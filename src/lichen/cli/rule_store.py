"""`lichen rule backtest`, `coverage` and `tune`: rules against what the store holds and what people answered."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.config import Settings
    from lichen.core.batch import Batch
    from lichen.run.tune import Proposal
    from lichen.store.store import Store

OK, NONE_PROPOSED = 0, 1
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="As 2026-11-24 or 2026-11-24T10:00:00Z.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before this time.")]


class CoverageFormat(StrEnum):
    """How coverage is written."""

    navigator = "navigator"
    table = "table"
    ndjson = "ndjson"


def backtest(
    asked: Annotated[
        list[str] | None, typer.Argument(metavar="[RULES]…", help="Ids, titles or files; left out, every rule.")
    ] = None,
    since: Since = None,
    until: Until = None,
    rules: options.Rules = None,
    pipelines: options.Pipelines = None,
    filters: options.Filters = None,
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """What rules would have done on everything kept: hits, subjects, days, and on alerts of which answer."""
    from lichen.assemble import rules_of
    from lichen.detect.rules.asked import every_asked
    from lichen.run.backtest import Answered
    from lichen.run.backtest import backtest as tried
    from lichen.run.hits import HitReader

    files = [Path(each) for each in asked or () if Path(each).exists()]
    chosen = {"rules": (*(rules or ()), *files), "pipelines": tuple(pipelines or ()), "filters": tuple(filters or ())}
    settings = options.settings_of(config, store=store, **chosen)
    with _opened(settings) as kept:
        detector = rules_of(settings, kept)
        only = frozenset(each.id for said in asked or () for each in every_asked(detector.rules, said))
        batches = kept.lake.batches(since=_time(since, "--since"), until=_time(until, "--until"))
        answered = Answered(kept.records.alerts(), settings.window_minutes)
        scores = tried(HitReader.of(detector), batches, answered, only or None)
    rows = [score.row() for score in scores]
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson({"type": "backtest", **row} for row in rows)
        return OK
    shown = [row for row in rows if row["hits"] or asked]
    columns = ("rule", "level", "hits", "subjects", "days", "first", "last", "on alerts")
    output.table(columns, [_backtest_row(row) for row in shown], right=("hits", "subjects", "days"))
    if len(shown) < len(rows):
        output.note(f"{len(rows) - len(shown)} rules hit nothing")
    return OK


def _backtest_row(row: dict[str, object]) -> tuple[object, ...]:
    hits_on = row["hits_on"]
    on = ", ".join(f"{answer} {count}" for answer, count in hits_on.items()) if isinstance(hits_on, dict) else ""
    times = [str(row[name] or "")[:16].replace("T", " ") for name in ("first", "last")]
    return (row["title"], row["level"], row["hits"], row["subjects"], row["days"], *times, on)


def coverage(
    rules: options.Rules = None,
    pipelines: options.Pipelines = None,
    filters: options.Filters = None,
    store: options.Store = None,
    output_as: Annotated[
        CoverageFormat | None,
        typer.Option("--output", help="navigator: an ATT&CK Navigator layer.", show_default=False),
    ] = None,
    config: options.Config = None,
) -> int:
    """Which ATT&CK techniques rules could see, and the rules that cannot fire here: no such source, field never seen.

    With --store: by the log sources and fields that it has seen; else every rule counts.
    """
    import json

    from lichen.assemble import rules_of
    from lichen.detect.rules.coverage import navigator, reach_of, scores

    chosen = {"rules": tuple(rules or ()), "pipelines": tuple(pipelines or ()), "filters": tuple(filters or ())}
    settings = options.settings_of(config, store=store, **chosen)
    seen = None
    if store is not None:
        with _opened(settings) as kept:
            detector = rules_of(settings, kept)
            seen = kept.records.memory(detector.name, detector.memory_type).get("seen") or _seen(kept)
    else:
        detector = rules_of(settings)
    reach = reach_of(detector.rules, seen)
    wanted = output_as or CoverageFormat(output.wanted(None).value)
    if wanted is CoverageFormat.navigator:
        layer = navigator(reach, "What Lichen's rules can see" + (" here" if store else ""), store is not None)
        typer.echo(json.dumps(layer, indent=2))
        return OK
    counted = [(technique, able, every) for technique, (able, every) in scores(reach).items()]
    if wanted is CoverageFormat.ndjson:
        names = ("technique", "can_fire", "rules")
        output.ndjson({"type": "technique", **dict(zip(names, each, strict=True))} for each in counted)
        told = ({"id": r.id, "title": r.title, "can_fire": r.can_fire, "reason": r.reason} for r in reach)
        output.ndjson({"type": "rule", **each} for each in told)
    else:
        output.table(("technique", "can fire", "rules"), counted, right=("can fire", "rules"))
        output.table(("cannot fire here", "reason"), [(each.title, each.reason) for each in reach if not each.can_fire])
    output.note(
        f"{sum(each.can_fire for each in reach)} of {len(reach)} rules can fire" + (" here" if seen is not None else "")
    )
    return OK


def _seen(kept: Store) -> dict[str, list[str]]:
    """Log sources and fields of everything kept, where the rules have not noted them yet."""
    from lichen.detect.rules.reach import Seen, with_seen

    seen: Seen = {}
    for batch in kept.lake.batches():
        seen = with_seen(seen, batch)
    return {source: list(fields) for source, fields in seen.items()}


def tune(
    rule: Annotated[str, typer.Argument(help="A rule's id, title or file.", show_default=False)],
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Write the filter into this folder of filters.")
    ] = None,
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.", show_default="the user")] = "",
    rules: options.Rules = None,
    pipelines: options.Pipelines = None,
    filters: options.Filters = None,
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Propose a filter from alerts that were answered as benign-expected, if it loses no known attack.

    Ends with 1 where none is proposed, and says which attack would be lost.
    """
    import datetime as dt

    from lichen.assemble import rules_of
    from lichen.detect.rules.asked import rule_asked
    from lichen.run.backtest import Answered
    from lichen.run.tune import filter_file
    from lichen.run.tune import tune as proposed

    chosen = {"rules": tuple(rules or ()), "pipelines": tuple(pipelines or ()), "filters": tuple(filters or ())}
    settings = options.settings_of(config, store=store, **chosen)
    with _opened(settings) as kept:
        detector = rules_of(settings, kept)
        found = rule_asked(detector.rules, rule)
        answered = Answered(kept.records.alerts(), settings.window_minutes)
        lists = {each.name: each for each in detector.indicators}
        read: Callable[[], Iterator[Batch]] = kept.lake.batches
        proposal = proposed(found, read, answered, lists, owner or _person(), dt.datetime.now(dt.UTC).date())
    written = filter_file(proposal, write) if write is not None and proposal.sigma else None
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([{"type": "proposal", **_built(proposal), "written": str(written) if written else None}])
    else:
        _drawn(proposal, written)
    return OK if proposal.sigma else NONE_PROPOSED


def _drawn(proposal: Proposal, written: Path | None) -> None:
    if not proposal.sigma:
        output.say(f"No filter for {proposal.title}: {proposal.reason}.", "bold")
        output.table(("would be lost", "why"), [(each.what, each.why) for each in proposal.lost])
        return
    output.say(proposal.sigma.rstrip())
    output.say("")
    output.say(
        f"It covers {proposal.covers} events answered as benign-expected. All {proposal.kept} known attacks (events of "
        f"confirmed alerts, the rule's own hits) still fire. It would hide {proposal.hides_unanswered} other hits."
    )
    if not proposal.kept:
        output.say("No attack is known here that it could lose: that proves nothing. Look at it.", "yellow")
    output.say(f"Written to {written}." if written else "--write DIR writes it into a folder of filters.", "dim")


def _built(proposal: Proposal) -> dict[str, object]:
    import msgspec

    built: dict[str, object] = msgspec.to_builtins(proposal)
    return built


def _opened(settings: Settings) -> Store:
    from lichen.core.errors import ConfigError
    from lichen.store.store import Store

    if not settings.store.exists():
        raise ConfigError("no store", place=str(settings.store), remedy="name one with --store; lichen scan makes one")
    return Store(settings.store)


def _time(said: str | None, place: str) -> int | None:
    from lichen.core.errors import ConfigError
    from lichen.core.time import from_text

    if said is None:
        return None
    try:
        return from_text(said)
    except ValueError as error:
        raise ConfigError(f"no time: {said!r}", place=place, remedy="as 2026-11-24 or 2026-11-24T10:00:00Z") from error


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command line"
