"""YAML becomes plain data or an error, never an object."""

import pytest
import yaml

from lichen.core.plain_yaml import plain_yaml


def test_plain_data_is_what_the_safe_loader_gives() -> None:
    text = "subjects:\n  - match: {ip: 10.0.0.0/8}\n    since: 2026-11-24\nusers: [anna, 7, null, true]\n"
    assert plain_yaml(text) == plain_yaml(text.encode()) == yaml.safe_load(text)


@pytest.mark.parametrize("tag", ["object/apply:os.system", "name:os.system", "object/new:dict", "module:os"])
def test_nothing_that_names_a_program_is_made(tag: str) -> None:
    with pytest.raises(yaml.YAMLError):
        plain_yaml(f"a: !!python/{tag} ['true']")


def test_a_second_document_is_an_error() -> None:
    with pytest.raises(yaml.YAMLError):
        plain_yaml("a: 1\n---\nb: 2\n")
