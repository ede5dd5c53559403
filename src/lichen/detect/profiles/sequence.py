"""The n-gram hierarchy of calls: what came before each call, and the rungs from three calls down to one.

With θ = 0 a Pitman-Yor ladder whose rungs drop the oldest context is interpolated Kneser-Ney (Teh 2006); here θ is
fitted, and one more rung below makes it each user's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lichen.core.batch import Rows
from lichen.detect.profiles.acts import Coded
from lichen.detect.profiles.hierarchy import Ladder

# fields: user, service, the call before the last, the last call
LADDER = Ladder(
    rungs=((0, 1, 2, 3), (1, 2, 3), (1, 3), (1,)),
    names=("user", "users", "users", "users"),
    fleet=3,
    own=3,
)
DEPTH = 2
PAUSE_S = 30 * 60  # after so long a silence a walk begins anew
BEGIN, UNSEEN = "the start", "an unseen call"
REMEMBERED = 4096  # (user, service) pairs whose last calls are kept in hand


def calls_before(
    who: Coded, call: Coded, times: npt.NDArray[np.int64], before: Mapping[str, Any]
) -> tuple[tuple[Coded, Coded], dict[str, Any]]:
    """The two calls before each call, oldest first, and what to remember: {"calls": {who: [time, older, last]},
    "calls_evicted": n}. Before the first call that we saw stands UNSEEN, after a pause BEGIN."""
    names = [BEGIN, UNSEEN]
    code_of: dict[str, int] = {BEGIN: 0, UNSEEN: 1}

    def code(name: str) -> int:
        if name not in code_of:
            code_of[name] = len(names)
            names.append(name)
        return code_of[name]

    own = np.fromiter((code(value) for value in call.values), dtype=np.int64, count=len(call.values))
    calls = own[call.codes] if len(call.codes) else call.codes
    older, last = np.ones(len(calls), dtype=np.int64), np.ones(len(calls), dtype=np.int64)
    kept: dict[str, list[Any]] = dict(before.get("calls", {}))
    order = np.lexsort((np.arange(len(times)), times, who.codes))
    for run in _runs(order, who.codes):
        key = who.values[who.codes[run[0]]]
        time, two, one = kept.get(key, [None, UNSEEN, UNSEEN])
        older[run], last[run] = _walk(calls[run], times[run], time, code(two), code(one))
        ends = (last[run[-1]], calls[run[-1]])
        kept[key] = [int(times[run].max()), names[ends[0]], names[ends[1]]]
    evicted = int(before.get("calls_evicted", 0))
    if len(kept) > REMEMBERED:
        newest = sorted(kept, key=lambda key: (-kept[key][0], key))[:REMEMBERED]
        evicted += len(kept) - len(newest)
        kept = {key: kept[key] for key in newest}
    return (Coded(older, names), Coded(last, names)), {"calls": kept, "calls_evicted": evicted}


def _runs(order: Rows, codes: Rows) -> list[Rows]:
    """The rows of each (user, service), in order of time."""
    if not len(order):
        return []
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _walk(calls: Rows, times: npt.NDArray[np.int64], time: int | None, two: int, one: int) -> tuple[Rows, Rows]:
    """Codes of the call before the last, and of the last, along one user's run (0 = BEGIN, 1 = UNSEEN)."""
    last = np.concatenate([[one], calls[:-1]])
    older = np.concatenate([[two, one], calls[:-2]])[: len(calls)]
    since = np.diff(times, prepend=times[0] if time is None else time)
    paused = since > PAUSE_S * 1_000_000
    last[paused], older[paused] = 0, 0
    after = np.flatnonzero(paused[:-1]) + 1
    older[after] = 0
    return older, last
