"""Promises of sources (docs/sources.md): each raises AssertionError with what broke it.

    from lichen.check.sources import reading_on_equals_reading_through, reading_twice_doubles_nothing

`fresh` makes the source anew, over the same bytes, as after a start of the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lichen.core.batch import Delivery, Position
from lichen.core.doors import Source

Fresh = Callable[[], Source]


def ids_of(deliveries: Iterable[Delivery]) -> list[str]:
    """Every event id of some deliveries, in their order."""
    return [name for each in deliveries for batch in each.batches for name in batch.event_ids(range(len(batch)))]


def reading_twice_doubles_nothing(fresh: Fresh) -> None:
    """The same bytes give the same events, in the same order, each under an id of its own."""
    first, second = (ids_of(fresh().read({})) for _ in range(2))
    assert first, "the source gave no event at all, so nothing was promised"
    assert first == second, "one stream was read in two ways"
    assert len(set(first)) == len(first), "two events have one id"


def reading_on_equals_reading_through(fresh: Fresh) -> None:
    """Stopped after a delivery (one of eight) and started anew there, the rest comes: nothing is lost or doubled."""
    through = list(fresh().read({}))
    reached: dict[str, Position] = {}
    stops = {1 + number * len(through) // 8 for number in range(8)}
    for number, delivery in enumerate(through, 1):
        reached[delivery.position.stream] = delivery.position
        if number not in stops:
            continue
        told = ids_of(through[:number]) + ids_of(fresh().read(dict(reached)))
        whole = sorted(ids_of(through))
        assert sorted(told) == whole, f"started anew after delivery {number}, events were lost or doubled"


def what_is_not_read_says_why(fresh: Fresh) -> None:
    """Every dead letter has a place, a reason and a remedy."""
    letters = [letter for delivery in fresh().read({}) for letter in delivery.dead_letters]
    for letter in letters:
        told = letter.place and letter.reason and letter.remedy
        assert told, f"a dead letter without place, reason or remedy: {letter}"
