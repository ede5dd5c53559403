"""OCSF's own JSON Schema, version 1.8.0, compiled once a class: the judge of every document."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema


@cache
def schema() -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0"))


@cache
def validator(class_uid: int, profiles: tuple[str, ...] = ()) -> Draft202012Validator:
    keys = {found["uid"]: key for key, found in schema().schema.schema["classes"].items()}
    return Draft202012Validator(schema().get_class_schema(keys[class_uid], list(profiles)))


def faults_of(document: Mapping[str, Any]) -> list[str]:
    """What the schema finds wrong with a document, under the profiles that it names; nothing if it is valid."""
    profiles = tuple(document["metadata"].get("profiles", ()))
    errors = validator(document["class_uid"], profiles).iter_errors(document)
    found = [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]
    if document["type_uid"] != document["class_uid"] * 100 + document["activity_id"]:
        found.append("type_uid is not class_uid * 100 + activity_id")
    return found
