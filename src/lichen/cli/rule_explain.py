"""`lichen rule explain`: why a rule fires on an event, or does not, clause by clause."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.detect.rules.explain import Explanation, FieldTest

EventSaid = Annotated[
    str,
    typer.Argument(help="An event id of the store, a file with one event, JSON of fields, or -.", show_default=False),
]
RuleSaid = Annotated[str, typer.Argument(help="A rule's id, title or file.", show_default=False)]


def explain(
    rule: RuleSaid,
    event: EventSaid,
    rules: options.Rules = None,
    pipelines: options.Pipelines = None,
    filters: options.Filters = None,
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Why a rule fires on an event or does not: each named detection with its tests, the filters, the condition."""
    from pathlib import Path

    import lichen.detect.rules.explain as why
    from lichen.assemble import pipelines_of, rules_of
    from lichen.detect.rules.asked import rule_asked
    from lichen.run.one_event import EVENT_LIMIT_BYTES, event_of

    chosen = {"rules": tuple(rules or ()), "pipelines": tuple(pipelines or ()), "filters": tuple(filters or ())}
    if Path(rule).exists():
        chosen["rules"] = (*chosen["rules"], Path(rule))
    settings = options.settings_of(config, store=store, **chosen)
    detector = rules_of(settings)
    found = rule_asked(detector.rules, rule)
    said = sys.stdin.read(EVENT_LIMIT_BYTES) if event == "-" else event
    batch, read = event_of(settings, found, said)
    told = why.explain(
        found,
        batch,
        filters=detector.rules.filters,
        lists={each.name: each for each in detector.indicators},
        pipelines=pipelines_of(settings),
    )
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([{"type": "explanation", "read": read, **_built(told)}])
    else:
        _drawn(told, read)
    return 0


def _built(told: Explanation) -> dict[str, object]:
    import msgspec

    built: dict[str, object] = msgspec.to_builtins(told)
    return built


def _drawn(told: Explanation, read: str) -> None:
    output.say(f"{told.title} ({told.place})", "bold")
    output.say(
        f"The event was read {read}." + (f" The nearest of {told.lines} lines is shown." if told.lines > 1 else "")
    )
    if not told.meets:
        offers = "; ".join(told.offers) or "nothing that rules read"
        output.say(f"The log sources do not meet: the rule reads {told.reads}, the event offers {offers}.", "yellow")
        output.say("What the clauses would say if they did:", "dim")
    rows: list[tuple[object, ...]] = []
    for clause in told.clauses:
        rows.append((f"{clause.part} {clause.name}", "", _mark(clause.holds)))
        rows += [("  " * (test.depth + 1) + test.says, _seen(test), _mark(test.holds)) for test in clause.tests]
    output.table(("clause", "seen", "holds"), rows)
    output.say("It fires." if told.fires else "It does not fire.", "bold")


def _seen(test: FieldTest) -> str:
    if test.seen is None:
        return (
            "" if test.says in ("all of", "any of", "not") or test.says.startswith(("and ", "the whole")) else "absent"
        )
    return ", ".join(f"'{each}'" for each in test.seen)


def _mark(holds: bool) -> str:
    return "yes" if holds else "no"
