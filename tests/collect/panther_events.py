"""Sample events inside panther-analysis' rule tests (Apache-2.0), read where they lie; absent, tests skip.

Many are cut short for their rule: fields that are no part of the rule are left out, the time among them, or it says
"redacted". Those get one here, since an event without a time is a dead letter; nothing else is changed.
"""

from __future__ import annotations

import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lichen.collect.readers.times import any_time

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "07_panther.tar.xz"
TIMES = {
    "cloudtrail": "eventTime",
    "kubernetes-audit": "requestReceivedTimestamp",
    "okta": "published",
    "github-audit": "created_at",
    "google-workspace": "id",
    "azure-signin": "time",
    "azure-audit": "time",
    "azure-activity": "time",
    "gcp-audit": "timestamp",
}
# What panther calls a service's log -> its sensor here, and where each of its events says what was done.
OF_TYPE = {
    "AWS.CloudTrail": ("cloudtrail", "eventname"),
    "Amazon.EKS.Audit": ("kubernetes-audit", "verb"),
    "Okta.SystemLog": ("okta", "eventtype"),
    "GitHub.Audit": ("github-audit", "action"),
}
MADE_UP_TIME = "2026-11-24T10:00:00Z"


def _sensor_of(log: dict[str, Any], types: tuple[str, ...]) -> str | None:
    """Whose event this is, by what panther says of it and by the names that only one sensor has."""
    said = said_of(log, types)
    names = {name.lower() for name in log}
    if said in OF_TYPE and OF_TYPE[said][1] in names:
        return OF_TYPE[said][0]
    if said in (None, "AWS.CloudTrail") and {"eventname", "awsregion"} <= names:
        return "cloudtrail"
    if {"objectRef", "verb"} <= log.keys() or (said == "Amazon.EKS.Audit" and log.get("kind") == "Event"):
        return "kubernetes-audit"
    if said in (None, "Okta.SystemLog") and {"eventtype", "actor", "outcome"} <= names:
        return "okta"
    if said in (None, "GSuite.ActivityEvent") and isinstance(log.get("id"), dict) and "applicationName" in log["id"]:
        return "google-workspace"
    if said == "Azure.Audit":
        category = str(log.get("category"))
        return "azure-signin" if "SignInLogs" in category else "azure-audit" if category == "AuditLogs" else None
    if said == "Azure.MonitorActivity" and str(log.get("category")).startswith("kube-"):  # Kubernetes audit, by Azure
        return "azure-activity"
    if said == "Azure.MonitorActivity" and "/" in str(log.get("operationName")) and log.get("resourceId"):
        return "azure-activity"
    return "gcp-audit" if "protoPayload" in log and "resource" in log else None


def said_of(log: dict[str, Any], types: tuple[str, ...]) -> str | None:
    """What panther calls the log that an event is of."""
    return log.get("p_log_type") or (types[0] if len(types) == 1 else None)


@cache
def samples() -> dict[str, list[dict[str, Any]]]:
    """sensor -> its sample events, each with a time."""
    found: dict[str, list[dict[str, Any]]] = {sensor: [] for sensor in TIMES}
    for log, types in logs():
        if (sensor := _sensor_of(log, types)) is not None:
            found[sensor].append(_with_time(log, sensor))
    return found


@cache
def left_out() -> list[tuple[dict[str, Any], str]]:
    """Events that are among no sensor's samples though panther says that they are of one of OF_TYPE's logs: which."""
    said = [(log, str(said_of(log, types))) for log, types in logs() if _sensor_of(log, types) is None]
    return [(log, name) for log, name in said if name in OF_TYPE]


@cache
def logs() -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """Every sample event, and the logs that its rule is for."""
    if not ARCHIVE.exists():
        pytest.skip("panther's sample events are not beside this clone (../shared/data/07_panther.tar.xz)")
    found = []
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            if not member.name.endswith(".yml") or (file := archive.extractfile(member)) is None:
                continue
            rule = yaml.load(file.read(), Loader=yaml.CSafeLoader)
            types = tuple(rule.get("LogTypes") or ()) if isinstance(rule, dict) else ()
            for test in rule.get("Tests") or () if isinstance(rule, dict) else ():
                log = json.loads(json.dumps(test.get("Log"), default=str))
                if isinstance(log, dict):
                    found.append((log, types))
    return found


def _with_time(log: dict[str, Any], sensor: str) -> dict[str, Any]:
    name = TIMES[sensor]
    if sensor == "google-workspace":
        return {**log, "id": {"time": MADE_UP_TIME, **log["id"]}}
    said = next((log[each] for each in (name, name.lower()) if each in log), None)
    return log if any_time(said) is not None else {**log, name: MADE_UP_TIME}
