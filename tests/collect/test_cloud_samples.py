"""Every sample event of clouds and services in panther's rule tests reads into the class of its own operation."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import MAPPINGS, Scan
from panther_events import OF_TYPE, TIMES, left_out, samples

from lichen.collect.mapping import load_mapping
from lichen.core import ocsf

AUTH, ACCOUNT, GROUP, ACCESS, API = (
    ocsf.AUTHENTICATION,
    ocsf.ACCOUNT_CHANGE,
    ocsf.GROUP_MANAGEMENT,
    ocsf.USER_ACCESS,
    ocsf.API_ACTIVITY,
)
# What an operation is, by its own name: the first pattern that agrees with the whole of it. Written down here by what
# the services' documentation says of each, apart from the mappings.
RIGHT: dict[str, list[tuple[str, int]]] = {
    "cloudtrail": [("ConsoleLogin", AUTH), (".*", API)],
    "kubernetes-audit": [(".*", API)],
    "okta": [
        (r"user\.(session|authentication)\..*", AUTH),
        (r"user\.(lifecycle|mfa\.factor|credential)\..*", ACCOUNT),
        (r"user\.account\.(reset_password|update_password|lock|unlock|update_profile|expire_password)", ACCOUNT),
        (r"user\.account\.privilege\..*", ACCESS),
        (r"application\.user_membership\.(add|remove)", ACCESS),
        (r"group\.(user_membership|privilege|lifecycle)\..*", GROUP),
        (r"security\.threat\..*", ocsf.DETECTION_FINDING),
        (".*", API),
    ],
    "github-audit": [
        (r"user\.(login|failed_login|logout|two_factor_requested)|(org|business)\.sso_response", AUTH),
        (r"(user|two_factor_authentication|personal_access_token|public_key|gpg_key)\..*", ACCOUNT),
        (r"team\..*", GROUP),
        (r"org\.((add|remove|invite|update)_member|(add|remove)_(outside_collaborator|billing_manager))", ACCESS),
        (r"repo\.(add|remove|update)_member|business\.(add|remove)_admin", ACCESS),
        (".*", API),
    ],
    "google-workspace": [
        (r"login (login_.*|logout)", AUTH),
        (r"(login|user_accounts) .*", ACCOUNT),
        (r"admin .*_USER|admin .*PASSWORD", ACCOUNT),
        (r"admin .*_GROUP(_MEMBER)?|groups(_enterprise)? .*", GROUP),
        (r"admin (UN)?ASSIGN_ROLE|admin (GRANT|REVOKE)_ADMIN_PRIVILEGE", ACCESS),
        (".*", API),
    ],
    "azure-signin": [(".*", AUTH)],
    "azure-audit": [
        (r"(Add|Delete|Hard Delete|Restore|Update|Invite External|Invite Internal) user", ACCOUNT),
        (r"(Disable|Enable) (account|Strong Authentication)|.*password.*|.*security info", ACCOUNT),
        (r"(Add|Remove) (eligible )?member (to|from) role.*|(Add|Remove) app role assignment.*", ACCESS),
        (r".* (group|(to|from) group)", GROUP),
        (".*", API),
    ],
    "azure-activity": [(".*", API)],
    "gcp-audit": [(".*", API)],
}
ALL_OF_THEM = {"cloudtrail": 472, "kubernetes-audit": 188, "okta": 86, "github-audit": 107, "google-workspace": 163}


def operation_of(sensor: str, log: dict[str, Any]) -> str:
    if sensor == "google-workspace":
        return f"{log['id']['applicationName']} {log.get('name')}"
    names = ("eventName", "eventname", "eventType", "eventtype", "action", "operationName", "verb")
    return str(next((log[name] for name in names if name in log), ""))


def right_class(sensor: str, operation: str) -> int:
    return next(kind for pattern, kind in RIGHT[sensor] if re.fullmatch(pattern, operation, re.I))


@pytest.mark.parametrize("sensor", TIMES)
def test_every_sample_event_reads_into_the_class_of_its_operation(sensor: str, scan: Scan, tmp_path: Path) -> None:
    logs = samples()[sensor]
    assert len(logs) >= ALL_OF_THEM.get(sensor, 15)
    file = tmp_path / f"{sensor}.ndjson"
    file.write_text("".join(json.dumps(log) + "\n" for log in logs), encoding="utf-8")
    scanned = scan(file)
    assert scanned.letters == []
    assert {batch.stream.sensor for batch in scanned.batches} == {sensor}
    events = scanned.events()
    assert len(events) == len(logs)
    wrong = [
        (operation, event["class_uid"])
        for log, event in zip(logs, events, strict=True)
        if right_class(sensor, operation := operation_of(sensor, log)) != event["class_uid"]
    ]
    counted = Counter(event["class_uid"] for event in events)
    print(f"{sensor}: {len(logs)} events, {dict(sorted(counted.items()))}")
    assert wrong == []


@pytest.mark.parametrize("sensor", TIMES)
def test_an_event_that_is_whole_is_told_by_itself(sensor: str, scan: Scan, tmp_path: Path) -> None:
    mapping = load_mapping(MAPPINGS / f"{sensor}.yml")
    whole = [log for log in samples()[sensor] if mapping.detect(mapping.named(log))]
    distinct = list({json.dumps(log): log for log in whole}.values())[:40]  # copies of one stream are one stream
    assert len(distinct) > 10
    for number, log in enumerate(distinct):
        (tmp_path / f"{number}.json").write_text(json.dumps(log, indent=2), encoding="utf-8")
    scanned = scan(tmp_path)
    assert scanned.letters == []
    assert {batch.stream.sensor for batch in scanned.batches} == {sensor}
    assert len(scanned.events()) == len(distinct)


def test_no_sample_event_that_says_what_was_done_is_left_out() -> None:
    """Of the four services' logs: what is left out has nothing of the service's own, only what panther adds."""
    told = [log for log, said in left_out() if OF_TYPE[said][1] in {name.lower() for name in log}]
    print(f"left out: {len(left_out())} events without an operation")
    assert told == []
    assert len(left_out()) <= 5
