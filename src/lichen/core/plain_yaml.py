"""YAML read as plain data: texts, numbers, lists and mappings, never an object of a program.

The C form of PyYAML's safe loader: the same as its `safe_load`, and an inventory of a thousand entries is read at once.
"""

from __future__ import annotations

from typing import Any

import yaml


def plain_yaml(text: str | bytes) -> Any:
    """The one document of a YAML text. Raises yaml.YAMLError, also where there are more than one."""
    loader = yaml.CSafeLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
