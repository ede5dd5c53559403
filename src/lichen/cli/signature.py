"""`lichen signature`: a rule born from a confirmed find, in shadow until a person promotes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

import lichen.cli.options as options
import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.core.signature import Signature

app = typer.Typer(help="Signatures from confirmed finds.", no_args_is_help=True)


@app.command("propose")
def propose(
    uid: Annotated[
        str, typer.Argument(metavar="ALERT", help="A confirmed alert's id, or how it begins.", show_default=False)
    ],
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """The shortest set of conditions that tells a confirmed find from everything benign, as a Sigma rule."""
    from lichen.cli.alert import named

    desk = options.desk_of(config, store)
    made = desk.propose(named(desk, uid).uid)
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([made])
        return 0
    output.say(made.title, "bold")
    output.say(_measured(made))
    output.say()
    output.say(made.sigma)
    for name, example in (("hit", made.hit), ("miss", made.miss), ("near-miss", made.near_miss)):
        output.say(f"{name}: {', '.join(f'{field}={value}' for field, value in example.items()) or 'none'}", "dim")
    output.say(f"It runs in {made.stage}. lichen signature promote {made.id} makes it alert.")
    return 0


@app.command("list")
def list_signatures(
    store: options.Store = None, output_as: options.Output = None, config: options.Config = None
) -> int:
    """Every signature that was born here, with how it measured."""
    found = options.desk_of(config, store).signatures()
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson({**_built(one), "false_rate_bound": one.false_rate_bound} for one in found)
    elif found:
        rows = [(one.id, one.stage, one.title, _measured(one), one.alert[:8]) for one in found]
        output.table(("id", "stage", "title", "measured", "alert"), rows)
    else:
        output.say("No signature yet. lichen signature propose ALERT makes one from a confirmed alert.")
    return 0


@app.command("promote")
def promote(
    signature: Annotated[str, typer.Argument(help="The signature's id.", show_default=False)],
    store: options.Store = None,
    output_as: options.Output = None,
    config: options.Config = None,
) -> int:
    """Let a signature alert."""
    from lichen.core.errors import ConfigError

    try:
        made = options.desk_of(config, store).promote(signature)
    except KeyError:
        raise ConfigError(
            "no such signature", place=signature, remedy="lichen signature list shows their ids"
        ) from None
    if output.wanted(output_as) is options.Format.ndjson:
        output.ndjson([made])
    else:
        output.say(f"{made.title}: {made.stage}.")
    return 0


def _measured(one: Signature) -> str:
    from lichen.web.words import counted, number

    bound = f"at most 1 in {number(1 / one.false_rate_bound)} (95 %)"
    beside = (
        f"; {counted(one.unjudged_hits, 'more hit')} in windows of alerts, which nobody judged"
        if one.unjudged_hits
        else ""
    )
    return (
        f"hits {counted(one.support, 'confirmed event')}, {one.benign_hits:,} of "
        f"{counted(one.benign_events, 'benign event')}: {bound}{beside}"
    )


def _built(one: Signature) -> dict[str, object]:
    import msgspec

    built: dict[str, object] = msgspec.to_builtins(one)
    return built
