"""What is remembered of names stays small, whatever lengths an attacker sends, and says the same as working it out."""

import pytest

from lichen.core import entity
from lichen.detect.profiles.uses.destination import name_shape
from lichen.detect.profiles.uses.process import manner

LONG = "/srv/" + "a1b2" * 5000
FUNCTIONS = (entity.path_template, entity.route_template, entity.parameter_class, entity.registered_domain)


@pytest.mark.parametrize("function", [*FUNCTIONS, lambda text: manner("sh", text), lambda text: name_shape(text, "")])
def test_long_and_short_texts_are_told_alike(function) -> None:
    assert function(LONG + "x") == function(LONG + "x")
    assert isinstance(function("/srv/orders/17"), str)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_long_text_is_never_kept(function) -> None:
    before = function.cache_info().currsize
    for number in range(20):
        function(f"{LONG}{number}")
    assert function.cache_info().currsize == before
    function(f"/short/{before}")
    assert function.cache_info().currsize >= before


def test_a_long_path_is_cut_before_it_is_told() -> None:
    assert entity.path_template("/var/log/" + "b" * 10_000) == entity.path_template("/var/log/" + "b" * 4087)
