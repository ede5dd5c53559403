"""One sentence that says what happened, as a colleague would: who did what, and why it stands out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lichen.core.belief import Belief, Line
from lichen.core.entity import Subject, base_name
from lichen.decide.groups import EXEC, NET, RATE, RULES

ACTS = 2  # that a title tells
LONG = 120  # characters of one act or reason; the whole stands in the ledger
HISTORY = re.compile(r", (never seen|new for this|usual for this|nothing is known|as in confirmed attacks)(.*)$", re.S)
ORDER = {EXEC: 0, NET: 1, RATE: 2}


class Act(NamedTuple):
    """What was done, as a sentence part ("ran sh under python3"), and why that stands out."""

    done: str
    why: str
    line: Line


def title_of(belief: Belief, times: Mapping[str, int] | None = None) -> str:
    """The title of an alert whose strongest belief this is. `times`: µs UTC of events by id; where both acts are timed,
    the title says which came first."""
    acts = _acts(belief)
    if not acts:
        return f"{plain(belief.subject.name)} stands out, without one cause to name."
    timed = [(times or {}).get(next(iter(act.line.sample_event_ids), "")) for act in acts]
    joint = " and "
    if len(acts) == ACTS and None not in timed and timed[0] != timed[1]:
        acts = [act for _, act in sorted(zip(timed, acts, strict=True), key=lambda each: each[0] or 0)]
        joint = " and then "
    told = f"{plain(belief.subject.name)} {joint.join(act.done for act in acts)}."
    return f"{told} {_reason(acts, belief.subject)}".rstrip()


def plain(words: str) -> str:
    """Words from events made safe to show: what does not print is made visible, and what is long is cut."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in words[: LONG + 1])
    return shown if len(words) <= LONG else f"{shown[:LONG]}…"


def _acts(belief: Belief) -> list[Act]:
    """The acts of the lines that count, strongest first, one a cause; then a program before its connections. Where no
    line counts, those that weigh most."""
    lines = [line for line in belief.ledger if line.detector and line.nats > 0]
    lines = lines or [line for line in belief.ledger if line.detector and line.weight_nats > 0]
    told: list[Act] = []
    for line in sorted(lines, key=lambda line: (-max(line.nats, 0.0), -line.weight_nats, line.detector)):
        act = _act(line)
        same = [i for i, other in enumerate(told) if line.cause == other.line.cause or act.done == other.done]
        if not same:
            told.append(act)
        elif line.family == "normal" and told[same[0]].line.family != "normal":
            told[same[0]] = act  # what is normal here says best why an act stands out, whoever weighs it most
    return sorted(told[:ACTS], key=lambda act: ORDER.get(act.line.group, _kind_order(act.line.cause)))


def _kind_order(cause: str) -> int:
    return 0 if cause.startswith(("exec ", "file ")) else 1


def _act(line: Line) -> Act:
    """The act of one line: in the detector's own words where they tell one, else in its cause's."""
    if line.group == RULES:
        named = f"It matches “{plain(line.because)}”" if line.because else ""
        return Act(plain(_done(line.cause)) or f"matched “{plain(line.because)}”", named, line)
    if line.detector.startswith("profile.rate"):
        return Act(f"reached {plain(line.because.partition(' (')[0])}", "", line)
    if line.detector.startswith("classifier."):
        done = plain(_done(line.cause)) or "did what is known from attacks"
        return Act(done, plain(sentence_part(line.because)), line)
    found = HISTORY.search(line.because)
    if found is None:
        return Act(plain(line.because), "", line)
    return Act(plain(line.because[: found.start()]), plain(found.group(1) + found.group(2)), line)


def sentence_part(words: str) -> str:
    """Words without the article that would begin their sentence: "a command reads like …" → "the command reads …"."""
    return f"the {words[2:]}" if words.startswith("a ") else words


def _done(cause: str) -> str:
    """A cause (core.evidence.cause_of) as something done."""
    kind, _, rest = cause.partition(" ")
    parts = rest.split(" ")
    if kind == "exec" and len(parts) >= 2:
        under = f" under {base_name(parts[0])}" if parts[0] else ""
        return f"ran {base_name(parts[1])}{under}"
    if kind == "net" and len(parts) >= 3:
        return f"connected to {parts[1]}:{parts[2]}"
    if kind == "file" and len(parts) >= 2:
        return f"touched {parts[1]}"
    if kind == "http" and len(parts) >= 2:
        return f"called {parts[0]} {parts[1]}"
    if kind == "auth" and len(parts) >= 2:
        return f"saw a login of {parts[0]} from {parts[1]}"
    if kind == "dns" and rest:
        return f"asked for names under {rest}"
    return ""


def _reason(acts: Sequence[Act], subject: Subject) -> str:
    """Why they stand out, said once: "No replica of this image has done either before."."""
    whys = [act.why for act in acts if act.why]
    if len(whys) == len(acts) and all(why.startswith("never seen") for why in whys):
        return _never(whys, subject)
    distinct = list(dict.fromkeys(whys))
    return " ".join(f"{why[:1].upper()}{why[1:]}." for why in distinct)


def _never(whys: Sequence[str], subject: Subject) -> str:
    what = "this" if len(whys) == 1 else "either"
    text = " ".join(whys)
    if subject.kind == "user":
        return f"Nobody has done {what} before."
    if "in the fleet" in text:
        return f"Nothing in the fleet has done {what} before."
    if "on this group" in text:
        return f"Nothing of its group has done {what} before."
    if "on this image" in text:
        return f"No replica of this image has done {what} before."
    return f"It has not done {what} before."
