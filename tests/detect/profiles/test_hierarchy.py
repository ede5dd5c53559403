"""Nested Pitman-Yor: sums to one, equals a plain one, and ranks the innocent-new below the never-seen."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.detect.profiles import hierarchy
from lichen.detect.profiles.counts import Leaf, added, faded, merged
from lichen.detect.profiles.hierarchy import Tree
from lichen.detect.profiles.use import WORKLOAD_LADDER
from lichen.detect.profiles.uses.pair import LADDER as PAIRS

ITEMS = [f"/bin/{letter}" for letter in "abcdef"]
leaves = st.tuples(st.sampled_from("gh"), st.sampled_from("ij"), st.sampled_from("rst"))
pair_leaves = st.tuples(*(st.sampled_from(letters) for letters in ("gh", "ij", "rs", "uv", "xy")))
amounts = st.one_of(st.integers(1, 30).map(float), st.floats(0.01, 20))


def counts_of(leaf: st.SearchStrategy[Leaf]) -> st.SearchStrategy[dict[Leaf, dict[str, float]]]:
    tables = st.dictionaries(st.sampled_from(ITEMS), amounts, min_size=1, max_size=5)
    return st.dictionaries(leaf, tables, max_size=8)


class PlainTree:
    """The formula, recomputed from the leaf counts at every question; d and θ as given."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.rungs = tree, tree.ladder.rungs

    def table(self, level: int, key: Leaf) -> dict[str, float]:
        """Counts at the leaf; above it, which children ever used an item: a union of sets."""
        if level == 0:
            return dict(self.tree.counts.get(key, {}))
        users: dict[str, set[Leaf]] = {}
        for leaf, table in self.tree.counts.items():
            if tuple(leaf[field] for field in self.rungs[level]) == key:
                child = tuple(leaf[field] for field in self.rungs[level - 1])
                for item in table:
                    users.setdefault(item, set()).add(child)
        return {item: float(len(children)) for item, children in users.items()}

    def p(self, leaf: Leaf, item: str, base: float, level: int = 0) -> float:
        if level == len(self.rungs):
            return base
        above = self.p(leaf, item, base, level + 1)
        d, theta = self.tree.rungs[level].discount, self.tree.rungs[level].strength
        table = self.table(level, tuple(leaf[field] for field in self.rungs[level]))
        room = theta + math.fsum(min(d, count) for count in table.values())
        return (max(table.get(item, 0.0) - d, 0.0) + room * above) / (theta + math.fsum(table.values()))


@settings(max_examples=60, deadline=None)
@given(counts_of(leaves), leaves, st.sampled_from([*ITEMS, "/never/seen"]), st.integers(0, 3))
def test_it_equals_a_plain_nested_pitman_yor(counts: dict, leaf: Leaf, item: str, level: int) -> None:
    tree = Tree(counts, WORKLOAD_LADDER)
    seen, escape = tree.predictive(leaf, item, level)
    assert seen + escape * 0.013 == pytest.approx(PlainTree(tree).p(leaf, item, 0.013, level), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(counts_of(pair_leaves), pair_leaves, st.sampled_from([*ITEMS, "/never/seen"]))
def test_it_equals_a_plain_one_where_contexts_back_off(counts: dict, leaf: Leaf, item: str) -> None:
    tree = Tree(counts, PAIRS)
    seen, escape = tree.predictive(leaf, item)
    assert seen + escape * 0.013 == pytest.approx(PlainTree(tree).p(leaf, item, 0.013), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(counts_of(leaves), leaves)
def test_vocabulary_and_unseen_sum_to_one(counts: dict, leaf: Leaf) -> None:
    tree = Tree(counts, WORKLOAD_LADDER)
    known = {item for table in counts.values() for item in table}
    for level in range(4):
        every = [tree.predictive(leaf, item, level) for item in known]
        escape = tree.predictive(leaf, "/never/seen", level).escape
        assert all(p.escape == pytest.approx(escape, abs=1e-12) for p in every)
        assert math.fsum(p.seen for p in every) + escape == pytest.approx(1.0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(counts_of(leaves), counts_of(leaves), leaves, st.sampled_from([*ITEMS, "/never/seen"]))
def test_merging_counts_is_learning_both_in_any_order(one: dict, other: dict, leaf: Leaf, item: str) -> None:
    flat = [(at, name, count) for table in (other, one) for at, own in table.items() for name, count in own.items()]
    ways = [merged(one, other), merged(other, one), added({}, flat)]
    answers = [Tree(counts, WORKLOAD_LADDER).predictive(leaf, item) for counts in ways]
    for answer in answers[1:]:
        assert answer == pytest.approx(answers[0], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(counts_of(leaves).filter(bool), st.floats(0.05, 0.999))
def test_a_leaf_that_fades_leans_on_its_parent_ever_more(counts: dict, factor: float) -> None:
    leaf = sorted(counts)[0]
    tree = Tree(counts, WORKLOAD_LADDER)
    leaning = []
    for power in range(60):
        weaker = {**counts, leaf: {name: count * factor**power for name, count in counts[leaf].items()}}
        fading = Tree(weaker, WORKLOAD_LADDER)
        fading.__dict__["rungs"] = (hierarchy._rung(weaker, *parameters(tree)), *tree.rungs[1:])
        own, parent = (fading.predictive(leaf, "/never/seen", level).escape for level in (0, 1))
        leaning.append(own / parent)
    assert leaning == sorted(leaning)
    if factor < 0.7:
        assert leaning[-1] == pytest.approx(1.0, abs=1e-3)
        for item in ITEMS:
            assert value(fading, leaf, item, 0) == pytest.approx(value(fading, leaf, item, 1), abs=1e-3)


def value(tree: Tree, leaf: Leaf, item: str, level: int) -> float:
    p = tree.predictive(leaf, item, level)
    return p.seen + p.escape * 0.013


def parameters(tree: Tree) -> tuple[float, float]:
    return tree.rungs[0].discount, tree.rungs[0].strength


def whole(counts: dict) -> dict:
    return {leaf: {item: float(math.ceil(n)) for item, n in table.items()} for leaf, table in counts.items()}


@settings(max_examples=30, deadline=None)
@given(counts_of(leaves).map(whole))
def test_leaving_one_out_is_taking_it_out_and_asking_again(counts: dict) -> None:
    tree = Tree(counts, WORKLOAD_LADDER)
    tables = [rung.nodes for rung in tree.rungs]
    entries = list(hierarchy._entries([{k: n.table for k, n in t.items()} for t in tables], tree._keep))
    p = p_without = np.full(1, hierarchy.BASE_GUESS)
    for level in range(3, -1, -1):
        rung, entry = tree.rungs[level], entries[level]
        here = hierarchy._p_without(entry, rung.discount, rung.strength, p[entry.above], p_without[entry.above])
        p = hierarchy._p(entry, rung.discount, rung.strength, p[entry.above])
        p_without = here
    place = 0
    for leaf in sorted(counts):
        for item in sorted(counts[leaf]):
            less = {k: dict(t) for k, t in counts.items()}
            less[leaf][item] -= 1.0
            if less[leaf][item] == 0:
                del less[leaf][item]
            without = Tree({k: t for k, t in less.items() if t}, WORKLOAD_LADDER)
            without.__dict__["rungs"] = tuple(
                hierarchy._rung({k: n.table for k, n in fresh.nodes.items()}, old.discount, old.strength)
                for fresh, old in zip(without.rungs, tree.rungs, strict=True)
            )
            answer = without.predictive(leaf, item)
            assert p_without[place] == pytest.approx(answer.seen + answer.escape * hierarchy.BASE_GUESS, rel=1e-9)
            place += 1


def test_faded_counts_are_dropped_only_when_next_to_nothing() -> None:
    counts = {("g", "i", "r"): {"/bin/a": 8.0, "/bin/b": 0.0015}}
    assert faded(counts, 0.5) == {("g", "i", "r"): {"/bin/a": 4.0}}
    assert faded(counts, 1.0) is counts


def test_what_is_usual_ranks_above_known_elsewhere_above_never_seen() -> None:
    fleet = {("orders", "o1", f"orders-{n}"): {"/bin/sh": 40.0, "/bin/date": 5.0} for n in range(8)}
    fleet[("orders", "o1", "orders-1")]["/bin/ps"] = 1.0
    fleet |= {("web", "w1", f"web-{n}"): {"/bin/nginx": 40.0, "/bin/sh": 3.0} for n in range(3)}
    tree, leaf = Tree(fleet, WORKLOAD_LADDER), ("orders", "o1", "orders-2")
    p = [value(tree, leaf, item, 0) for item in ("/bin/sh", "/bin/date", "/bin/ps", "/bin/nginx")]
    assert p == sorted(p, reverse=True)
    assert tree.predictive(leaf, "/bin/nc").seen == 0.0
    rungs = [tree.rung_seen(leaf, item) for item in ("/bin/sh", "/bin/ps", "/bin/nginx", "/bin/nc")]
    assert rungs == [0, 1, 3, 4]
