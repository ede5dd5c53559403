"""`lichen model`: what each model learned from, the changes that answers made, and their undo."""

from __future__ import annotations

from typing import Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

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
    """What answers changed, newest first."""
    from lichen.web.words import moment

    found = sorted(options.desk_of(config, store).changes(), key=lambda change: -change.id)
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson(found)
    elif found:
        rows = [(change.id, moment(change.time), _state(change.undone), change.summary) for change in found]
        output.table(("change", "when", "", "what"), rows)
    else:
        output.say("No answer has changed a model yet.")
    return 0


@app.command("undo")
def undo(
    change: Annotated[int, typer.Argument(help="The change's number.", show_default=False)],
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Take one change back exactly; nothing that was learned since is lost."""
    from lichen.core.errors import ConfigError

    try:
        undone = options.desk_of(config, store).undo(change)
    except KeyError:
        raise ConfigError(
            "no such change", place=str(change), remedy="lichen model changes shows their numbers"
        ) from None
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([undone])
    else:
        output.say(f"Undone: {undone.summary}")
    return 0


def _state(undone: bool) -> str:
    return "undone" if undone else "in force"
