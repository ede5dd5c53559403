"""Events near a rule: made of the rule's own values, then bent a little, so that hits and close misses are common."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

import pyarrow as pa

from lichen.core.batch import Batch, LogSource, Shape, Stream
from lichen.core.ocsf import view_of

FILLING = ("", "x", "/tmp/x", " ", "-a", "é", "Ǆ", "a b", "0")


def batch_of(
    source: LogSource, events: list[dict[str, Any]], texts: list[str], event: list[int] | None = None
) -> Batch:
    """A batch of one shape: a line for each dict of fields, each its own event unless `event` says otherwise."""
    import numpy as np

    names = sorted({name for each in events for name in each})
    columns = {}
    for name in names:
        values = [each.get(name) for each in events]
        if any(isinstance(value, list | dict) for value in values):
            columns[name] = pa.array(values)
            continue
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1:
            values = [None if value is None else _as_text(value) for value in values]
        columns[name] = pa.array(values, pa.large_string() if kinds == {str} or len(kinds) > 1 else None)
    fields = pa.RecordBatch.from_pydict({name: columns[name] for name in names}) if names else _no_fields(len(events))
    rows = len(texts)
    view = view_of(
        {
            "time": pa.array(range(rows), pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "class_uid": pa.array([0] * rows, pa.int32()),
            "subject.workload": pa.array(["orders-1"] * rows, pa.large_string()),
        },
        rows,
    )
    lines = None if event is None else np.array(event, dtype=np.int64)
    shape = Shape(source, fields, lines)
    text = pa.array(texts, pa.large_string())
    return Batch(Stream("0" * 32, "near", "test"), "other", text, np.arange(rows) * 100, view, (shape,))


def _as_text(value: Any) -> str:
    """As the sensor would have written it, had it no types."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _no_fields(rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"nothing": pa.nulls(rows, pa.large_string())})


def events_near(rule: Mapping[str, Any], count: int, seed: int) -> Iterator[tuple[dict[str, Any], str]]:
    """`count` (fields, text) pairs near a rule."""
    dice = random.Random(seed)
    for _ in range(count):
        event: dict[str, Any] = {}
        words: list[str] = []
        names = [name for name in rule["detection"] if name != "condition"]
        filters = [name for name in names if "filter" in name and dice.random() < 0.75]
        for name in names:
            if name not in filters and dice.random() < 0.92:
                _meet(rule["detection"][name], event, words, dice)
        for field in list(event):
            if dice.random() < 0.12:
                event[field] = _bent(event[field], dice)
        yield event, " ".join([*words, *(str(value) for value in event.values() if value is not None)])


def _meet(definition: Any, event: dict[str, Any], words: list[str], dice: random.Random) -> None:
    """Adds what the detection asks for."""
    if isinstance(definition, dict):
        for key, values in definition.items():
            field, *modifiers = str(key).split("|")
            several = values if isinstance(values, list) else [values]
            chosen = several if "all" in modifiers else [dice.choice(several)]
            made = [_made(value, modifiers, dice) for value in chosen]
            if not field:
                words.extend(str(each) for each in made)
            elif len(made) == 1:
                event[field] = (
                    made[0] if field not in event or made[0] is None else _both(event[field], made[0], modifiers)
                )
            else:
                event[field] = " ".join(str(each) for each in [event.get(field) or "", *made])
    elif isinstance(definition, list) and definition and isinstance(definition[0], dict | list):
        _meet(dice.choice(definition), event, words, dice)
    else:
        several = definition if isinstance(definition, list) else [definition]
        words.append(str(_made(dice.choice(several), ["contains"], dice)))


def _both(before: Any, value: Any, modifiers: list[str]) -> Any:
    if before is None or not isinstance(value, str) or not isinstance(before, str):
        return value
    return value + before if "startswith" in modifiers else before + value


def _made(value: Any, modifiers: list[str], dice: random.Random) -> Any:
    if "exists" in modifiers:
        return "there" if value else None
    if "cidr" in modifiers:
        network = ip_network(value)
        return str(network[min(network.num_addresses - 1, dice.randrange(1 << 16))])
    if {"gt", "gte", "lt", "lte"} & set(modifiers):
        return str(value + dice.choice((-1, 0, 1, 0.5)))
    if value is None or not isinstance(value, str):
        return value
    if "re" in modifiers:
        return _of_pattern(value, dice)
    text = _unescaped(value, dice)
    if {"wide", "utf16le", "utf16"} & set(modifiers):
        raw = text.encode("utf-16-le")
    else:
        raw = text.encode("utf-16-be" if "utf16be" in modifiers else "utf-8")
    if {"base64", "base64offset"} & set(modifiers):
        text = b64encode(b" " * dice.randrange(3 if "base64offset" in modifiers else 1) + raw).decode()
    elif raw != text.encode():
        text = raw.decode("latin-1")
    before = dice.choice(FILLING) if {"contains", "endswith"} & set(modifiers) else ""
    after = dice.choice(FILLING) if {"contains", "startswith"} & set(modifiers) else ""
    return before + text + after


def _unescaped(value: str, dice: random.Random) -> str:
    """A text that the wildcards fit, most of the time."""
    out, i = "", 0
    while i < len(value):
        following = value[i + 1 : i + 2]
        if value[i] == "\\" and following and following in "*?\\":
            out, i = out + following, i + 1
        elif value[i] == "*":
            out += dice.choice(FILLING)
        else:
            out += "é" if value[i] == "?" and dice.random() < 0.5 else value[i]
        i += 1
    return out


def _of_pattern(pattern: str, dice: random.Random) -> str:
    """Something with the letters of a pattern; patterns are met by luck and by their plain parts."""
    plain = "".join(c for c in pattern.replace("\\s", " ").replace("\\d", "7") if c not in "()[]{}?+*^$|\\")
    return dice.choice(("", "ls ", "x")) + plain + dice.choice(("", " -O /tmp", "A" * 250, " -F -d -D "))


def _bent(value: Any, dice: random.Random) -> Any:
    """A value changed a little: case, an end cut or grown, gone, or of another type."""
    if not isinstance(value, str):
        return dice.choice((None, str(value), value))
    i = dice.randrange(len(value) + 1)
    bends = (value.upper(), value.swapcase(), value[1:], value[:-1], f"{value}x", f"x{value}", None, "")
    return dice.choice((*bends, value[:i] + "\\" + value[i:], value[:i] + dice.choice("é*?\n\0ſK") + value[i:]))
