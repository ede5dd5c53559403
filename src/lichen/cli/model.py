"""`lichen model`: what each model learned from, the changes that answers made, and their undo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.core.belief import Belief
    from lichen.run.advance import Step

STEPS = 20  # of learning that are told

app = typer.Typer(help="Models, the changes that answers made to them, and their undo.", no_args_is_help=True)


@app.command("list")
def list_models(store: options.Store = None, output_as: options.Output = None, config: options.Config = None) -> int:
    """Every model in force, and what it learned from."""
    from lichen.web.reading import learned

    found = options.desk_of(config, store).models()
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson(found)
    elif found:
        rows = [(model["name"], model["learned"], model["when"], model["overlays"]) for model in map(learned, found)]
        output.table(("model", "learned from", "when", "changes"), rows, right=("changes",))
        _say_steps(config, store, 1)
    else:
        output.say("No model yet. `lichen learn PATH --side benign` teaches what is normal here.")
    return 0


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="As profile.process.", show_default=False)],
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """One model: its version, what it learned from, and the changes laid over it."""
    from lichen.core.errors import ConfigError

    desk = options.desk_of(config, store)
    found = next((model for model in desk.models() if model.get("name") == name), None)
    if found is None:
        raise ConfigError("no such model", place=name, remedy="lichen model list shows their names")
    laid = [change for change in desk.changes() if any(overlay.detector == name for overlay in change.overlays)]
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([{**found, "changes": laid}])
        return 0
    output.table(("", ""), [(key, value) for key, value in found.items()])
    if laid:
        output.table(("change", "", "what"), [(change.id, _state(change.undone), change.summary) for change in laid])
    return 0


@app.command("changes")
def changes(store: options.Store = None, output_as: options.Output = None, config: options.Config = None) -> int:
    """What answers changed, newest first; and what the models learned since, or were kept from learning."""
    from lichen.web.words import moment

    found = sorted(options.desk_of(config, store).changes(), key=lambda change: -change.id)
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([*found, *_steps(config, store, STEPS)])
        return 0
    if found:
        rows = [(change.id, moment(change.time), _state(change.undone), change.summary) for change in found]
        output.table(("change", "when", "", "what"), rows)
    else:
        output.say("No answer has changed a model yet.")
    _say_steps(config, store, STEPS)
    return 0


@app.command("advance")
def advance(store: options.Store = None, output_as: options.Output = None, config: options.Config = None) -> int:
    """Learn on from what is old enough: calibrate, try it on what is known, and only then put it in force.

    Says what was learned, what was held back and why. `lichen run --follow` does the same every few minutes.
    """
    from lichen.assemble import open_platform
    from lichen.run.advance import advance as one_step

    platform = open_platform(options.settings_of(config, store=store))
    with platform.store:
        step = one_step(platform)
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([step])
    else:
        output.say(f"{step.outcome}: {step.words}")
    return 0


@app.command("undo")
def undo(
    change: Annotated[int, typer.Argument(help="The change's number.", show_default=False)],
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Take one change back exactly; nothing that was learned since is lost. Says what it let pass while it stood."""
    import msgspec

    from lichen.core.errors import ConfigError
    from lichen.core.time import to_text
    from lichen.web.words import counted

    try:
        undone, passed = options.desk_of(config, store).undo(change)
    except KeyError:
        raise ConfigError(
            "no such change", place=str(change), remedy="lichen model changes shows their numbers"
        ) from None
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([{**msgspec.to_builtins(undone), "let_pass": [_window(belief) for belief in passed]}])
    else:
        output.say(f"Undone: {undone.summary} The alert is in the queue again.")
        if passed:
            output.say(f"While it stood, {counted(len(passed), 'window')} passed that would have crossed the cut:")
            output.table(("who", "window"), [(str(belief.subject), to_text(belief.window)) for belief in passed])
    return 0


def _window(belief: Belief) -> dict[str, object]:
    return {"subject": belief.subject, "window": belief.window, "log_odds": belief.log_odds}


def _steps(config: Path | None, store: Path | None, most: int) -> list[Step]:
    """The newest steps of learning behind the quarantine."""
    from lichen.assemble import open_platform
    from lichen.run.advance import steps

    platform = open_platform(options.settings_of(config, store=store))
    with platform.store:
        return steps(platform, most)


def _say_steps(config: Path | None, store: Path | None, most: int) -> None:
    from lichen.web.words import moment

    rows = [(moment(step.time), step.outcome, step.words) for step in _steps(config, store, most)]
    if rows:
        output.table(("learned on", "", "what"), rows)


def _state(undone: bool) -> str:
    return "undone" if undone else "in force"
