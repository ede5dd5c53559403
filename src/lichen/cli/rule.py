"""`lichen rule`: lint rules, run the cases beside them, list what there is."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output
import lichen.cli.rule_explain as rule_explain
import lichen.cli.rule_shelf as rule_shelf
import lichen.cli.rule_store as rule_store

if TYPE_CHECKING:
    from lichen.core.errors import RuleError
    from lichen.detect.rules import IndicatorList
    from lichen.detect.rules.companions import Outcome

app = typer.Typer(
    help="Rules: what is wrong with them, whether they do what they say, what there is.", no_args_is_help=True
)
OK, BAD_RULE = 0, 2
app.command("explain")(rule_explain.explain)
app.command("add")(rule_shelf.add)
app.command("backtest")(rule_store.backtest)
app.command("coverage")(rule_store.coverage)
app.command("tune")(rule_store.tune)

RulePaths = Annotated[
    list[Path] | None,
    typer.Argument(help="Rule files and folders; left out, those that ship and those set.", show_default=False),
]


@app.command("lint")
def lint(
    paths: RulePaths = None,
    companions: Annotated[
        bool, typer.Option("--companions", help="Ask for a hit, a miss and a near-miss beside each.")
    ] = False,
    pipelines: options.Pipelines = None,
    filters: options.Filters = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Every fault of the rules, with its place and remedy. Ends with 2 where one keeps a rule from running."""
    from lichen.assemble import pipelines_of
    from lichen.detect.rules.lint import lint_rules

    settings = options.settings_of(config, pipelines=tuple(pipelines or ()), filters=tuple(filters or ()))
    found = lint_rules(_folders(paths, config), companions, pipelines_of(settings), settings.filters)
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson(found)
    elif found:
        rows = [(each.severity, each.place, each.fault, each.remedy) for each in found]
        output.table(("", "place", "fault", "remedy"), rows)
    errors = sum(each.severity == "error" for each in found)
    output.note(f"{errors} errors, {len(found) - errors} warnings")
    return BAD_RULE if errors else OK


@app.command("test")
def run_cases(
    paths: RulePaths = None,
    pipelines: options.Pipelines = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the cases as JUnit XML too.")
    ] = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Run the hit, the miss and the near-miss that stand beside each rule. Ends with 2 where one is not as it says."""
    from lichen.assemble import pipelines_of
    from lichen.detect.rules.companions import prove_rules

    steps = pipelines_of(options.settings_of(config, pipelines=tuple(pipelines or ())))
    outcomes, faults = prove_rules(_folders(paths, config), {one.name: one for one in _lists(config)}, steps)
    if junit is not None:
        _write_junit(junit, outcomes, faults)
    failed = [each for each in outcomes if not each.passed]
    rows = [{"state": "failed", "place": each.case.place, "fault": _said(each)} for each in failed]
    rows += [{"state": "error", "place": each.place, "fault": each.fault, "remedy": each.remedy} for each in faults]
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson(rows)
    elif rows:
        output.table(("", "place", "fault"), [(row["state"], row["place"], row["fault"]) for row in rows])
    output.note(f"{len(outcomes) - len(failed)} of {len(outcomes)} cases as they say, {len(faults)} faults")
    return BAD_RULE if rows else OK


@app.command("list")
def list_rules(
    rules: options.Rules = None,
    pipelines: options.Pipelines = None,
    filters: options.Filters = None,
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """The rules in force and where each comes from: those that ship, those of --rules, packs that were added."""
    from lichen.assemble import rules_of
    from lichen.detect.rules.lint import list_rules as rows_of

    chosen = {"rules": tuple(rules or ()), "pipelines": tuple(pipelines or ()), "filters": tuple(filters or ())}
    settings = options.settings_of(config, store=store, **chosen)
    found = rules_of(settings).rules
    rows = [{**row, "from": rule_shelf.origin_of(row["path"], settings.store)} for row in rows_of(found)]
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson(rows)
    else:
        columns = ("level", "title", "source", "techniques", "stage", "from")
        output.table(columns, [[row[name] for name in columns] for row in rows])
    if found.refused:
        output.note(f"{len(found.refused)} refused; lichen rule lint says why")
    rule_shelf.note_packs(settings.store)
    for each in found.expired:
        output.note(f"the filter {each.title!r} expired on {each.expires} and is not applied ({each.path}:{each.line})")
    return OK


@app.command("handbook")
def write_handbook() -> int:
    """The rules that ship, as the page docs/rules.md."""
    from lichen import catalogue
    from lichen.detect.rules import RuleSet
    from lichen.detect.rules.handbook import handbook

    folder = catalogue.content("rules")
    sys.stdout.write(handbook(RuleSet.load([folder]).rules, folder))
    return OK


def _write_junit(file: Path, outcomes: Iterable[Outcome], faults: Iterable[RuleError]) -> None:
    from lichen.core.errors import ConfigError
    from lichen.detect.rules.junit import junit

    try:
        file.write_bytes(junit(outcomes, faults))
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}", place=str(file), remedy="name a file in a folder that exists"
        ) from error


def _said(outcome: Outcome) -> str:
    kind = outcome.case.kind.replace("_", "-")
    return f"{outcome.rule.title}: the {kind} {'fires' if outcome.fired else 'does not fire'}"


def _folders(paths: list[Path] | None, config: Path | None) -> list[Path]:
    from lichen import catalogue

    return paths or [catalogue.content("rules"), *options.settings_of(config).rules]


def _lists(config: Path | None) -> tuple[IndicatorList, ...]:
    from lichen.assemble import indicators_of

    return indicators_of(options.settings_of(config))
