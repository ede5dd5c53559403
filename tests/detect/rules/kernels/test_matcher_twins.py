"""The matcher's twins give the pairs that the naive comparison gives, on random needles and values of every kind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.detect.rules.algebra import How
from lichen.detect.rules.casing import fold
from lichen.detect.rules.judging import compared
from lichen.detect.rules.kernels import Matcher, Needle
from lichen.detect.rules.kernels.needles import readable

ALPHABET = "abAB\0 \\-.kKſéÉßẞİı€\ud800𝔸"
TWINS = [pytest.param(False, id="pure"), pytest.param(True, id="fast")]

texts = st.text(ALPHABET, max_size=6)
needles = st.lists(st.tuples(st.sampled_from(How), texts, st.booleans()), max_size=30)
damaged = st.binary(max_size=12)
values = st.lists(st.one_of(texts.map(lambda text: text.encode("utf-8", "surrogatepass")), damaged), max_size=20)


@pytest.fixture(autouse=True)
def _numba_is_there(request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params.get("fast") if hasattr(request.node, "callspec") else False:
        pytest.importorskip("numba", reason="the extra `fast` is not installed")


def numbered(told: Sequence[tuple[How, str, bool]]) -> list[Needle]:
    """Needles as rules make them: folded unless cased, numbered with gaps."""
    return [(7 * at + 3, how, text if cased else fold(text), cased) for at, (how, text, cased) in enumerate(told)]


def laid_out(raw: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values with gaps between them, which must not be read."""
    data = b"~ab~" + b"~ab~".join(raw) + b"~ab~"
    lengths = np.array([len(value) for value in raw], dtype=np.int64)
    starts = 4 + np.cumsum(lengths + 4) - (lengths + 4)
    return np.frombuffer(data, dtype=np.uint8), starts, starts + lengths


def naive(wanted: Sequence[Needle], raw: Sequence[bytes]) -> list[tuple[int, int]]:
    pairs = []
    for at, value in enumerate(raw):
        text = readable(value)
        folded = fold(text)
        for number, how, needle, cased in wanted:
            if compared(how, text if cased else folded, needle):
                pairs.append((at, number))
    return pairs


def pairs_of(matcher: Matcher, raw: Sequence[bytes]) -> list[tuple[int, int]]:
    found, numbers = matcher.match(*laid_out(raw))
    assert (np.diff(found) >= 0).all()
    return sorted(zip(found.tolist(), numbers.tolist(), strict=True))


@pytest.mark.parametrize("fast", TWINS)
@settings(max_examples=400, deadline=None)
@given(told=needles, raw=values)
def test_every_pair_and_no_other_is_found_once(fast: bool, told: list[tuple[How, str, bool]], raw: list[bytes]) -> None:
    wanted = numbered(told)
    assert pairs_of(Matcher(wanted, fast=fast), raw) == naive(wanted, raw)


@pytest.mark.parametrize("fast", TWINS)
def test_all_symbols_at_once_and_values_that_fill_the_room_several_times(fast: bool) -> None:
    every = [(How.CONTAINS, chr(code), cased) for code in range(256) for cased in (False, True)]
    wanted = numbered([*every, (How.STARTS, "", False), (How.IS, "", True), (How.CONTAINS, "", True)])
    raw = [bytes([code]) * 3 for code in range(128)] + ["".join(map(chr, range(256))).encode()] * 90 + [b""]
    assert pairs_of(Matcher(wanted, fast=fast), raw) == naive(wanted, raw)


@pytest.mark.parametrize("fast", TWINS)
def test_no_needles_and_no_values_are_no_pairs(fast: bool) -> None:
    assert pairs_of(Matcher([], fast=fast), [b"a"]) == []
    assert pairs_of(Matcher(numbered([(How.CONTAINS, "", False)]), fast=fast), []) == []


@pytest.mark.parametrize("fast", TWINS)
def test_a_span_outside_the_data_is_refused(fast: bool) -> None:
    matcher = Matcher(numbered([(How.CONTAINS, "a", False)]), fast=fast)
    data = np.zeros(4, dtype=np.uint8)
    for start, end in ((-1, 2), (0, 5), (3, 2)):
        with pytest.raises(ValueError, match="span"):
            matcher.match(data, np.array([start]), np.array([end]))


def test_folding_twice_changes_nothing_more() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    assert all(fold(fold(character)) == fold(character) for character in every)


def test_an_automaton_too_large_for_its_bound_leaves_the_work_to_the_pure_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    from lichen.detect.rules.kernels import matcher_fast

    monkeypatch.setattr(matcher_fast, "TABLE_LIMIT_BYTES", 1 << 14)
    wanted = numbered([(How.CONTAINS, f"needle{number}", False) for number in range(2000)])
    matcher = Matcher(wanted, fast=True)
    assert not matcher.is_fast
    assert pairs_of(matcher, [b"a needle17."]) == naive(wanted, [b"a needle17."])


def in_another_process(script: str, **environment: str) -> str:
    whole = {**os.environ, **environment}
    ended = subprocess.run([sys.executable, "-c", script], env=whole, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


ASKS = "from lichen.detect.rules.kernels import Matcher; print(Matcher([]).is_fast)"


def test_the_fast_twin_can_be_switched_off() -> None:
    assert in_another_process(ASKS, LICHEN_FAST="0") == "False"


def test_without_a_folder_for_its_cache_the_fast_twin_compiles_anew(tmp_path: os.PathLike[str]) -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    script = "from lichen.detect.rules.kernels.jit import cache_folder; print(cache_folder()); " + ASKS
    blocked = os.path.join(tmp_path, "a file")
    with open(blocked, "w", encoding="utf-8"):
        pass
    assert in_another_process(script, XDG_CACHE_HOME=blocked, NUMBA_CACHE_DIR="") == "None\nTrue"


def test_a_cache_that_others_may_write_to_is_not_used(tmp_path: os.PathLike[str]) -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    folder = os.path.join(tmp_path, "lichen", "numba")
    os.makedirs(folder)
    os.chmod(folder, 0o777)
    script = "from lichen.detect.rules.kernels.jit import cache_folder; print(cache_folder())"
    assert in_another_process(script, XDG_CACHE_HOME=str(tmp_path), NUMBA_CACHE_DIR="") == "None"
