"""Verdict: a person's answer to an alert, with the scope that the person chose and nothing widens."""

from __future__ import annotations

import msgspec

VERDICTS = ("malicious", "benign-expected", "detector-wrong", "unsure")
SCOPES = ("alert", "subject", "pattern")

# what Sentinel and Elastic call them
OTHER_NAMES = {
    "truepositive": "malicious",
    "benignpositive": "benign-expected",
    "falsepositive": "detector-wrong",
    "undetermined": "unsure",
}


class Verdict(msgspec.Struct, frozen=True):
    """One answer. `scope`: alert (this cause's exact values, this subject), subject (this detector here), pattern
    (`pattern`: named field values, at the group's node)."""

    id: int
    alert: str
    answer: str
    scope: str
    by: str
    time: int
    pattern: dict[str, str] = {}
    note: str = ""


def answer_named(name: str) -> str:
    """Our name of a verdict, from ours or from Sentinel's and Elastic's. Raises ValueError."""
    folded = name.strip().lower().replace("_", "-").replace(" ", "-")
    answer = OTHER_NAMES.get(folded.replace("-", ""), folded)
    if answer not in VERDICTS:
        raise ValueError(f"{name!r} is no verdict; they are {', '.join(VERDICTS)}")
    return answer
