"""What each OCSF class that Lichen writes asks for and admits: a table of version 1.8.0, checked against its schema.

Only attributes that the view can fill are listed; `tests/core/test_ocsf_documents.py` holds the table to the schema.
"""

from __future__ import annotations

from dataclasses import dataclass

from lichen.core import ocsf

VERSION = "1.8.0"
OTHER = 99  # of activity_id and the like: an activity that the class has no number for
_EVERY = frozenset({"status_detail", "cloud"})  # cloud: by the profile of that name
_HTTP = frozenset({"http_request", "http_response"})
_ENDS = frozenset({"src_endpoint", "dst_endpoint"})


@dataclass(frozen=True, slots=True)
class OcsfClass:
    """One class: its category, the attributes it must have and those it may have, the activities it numbers (besides
    0 unknown and 99 other), and the attributes of which it must have one (`one_of`)."""

    category: int
    required: frozenset[str]
    admitted: frozenset[str]
    activities: frozenset[int]
    one_of: tuple[str, ...] = ()
    host: frozenset[str] = frozenset()  # admitted by the profile `host` only


def _class(
    category: int,
    required: str,
    admitted: frozenset[str],
    activities: int | frozenset[int],
    one_of: tuple[str, ...] = (),
    host: str = "",
) -> OcsfClass:
    names, by_profile = frozenset(required.split()), frozenset(host.split())
    every = names | admitted | by_profile | _EVERY | frozenset(one_of)
    numbers = frozenset(range(1, activities + 1)) if isinstance(activities, int) else activities
    return OcsfClass(category, names, every, numbers, one_of, by_profile)


_SYSTEM = frozenset({"actor", "device"})
_IDENTITY = _HTTP | {"actor", "src_endpoint"}

CLASSES: dict[int, OcsfClass] = {
    ocsf.BASE_EVENT: _class(0, "", frozenset(), 0, host="actor device"),
    ocsf.FILE_ACTIVITY: _class(1, "actor device file", _SYSTEM, 14),
    ocsf.KERNEL_EXTENSION_ACTIVITY: _class(1, "actor device driver", _SYSTEM, 2),
    ocsf.MODULE_ACTIVITY: _class(1, "actor device module", _SYSTEM, 3),
    ocsf.SCHEDULED_JOB_ACTIVITY: _class(1, "device job", _SYSTEM, 6),
    ocsf.PROCESS_ACTIVITY: _class(1, "actor device process", _SYSTEM | {"module"}, 5),
    ocsf.EVENT_LOG_ACTIVITY: _class(1, "", _SYSTEM | _ENDS | {"file"}, 10, ("log_name", "log_provider")),
    ocsf.SCRIPT_ACTIVITY: _class(1, "actor device script", _SYSTEM, 1),
    ocsf.DETECTION_FINDING: _class(2, "finding_info", frozenset({"device", "resources"}), 3, host="actor"),
    ocsf.ACCOUNT_CHANGE: _class(3, "user", _IDENTITY, 12, host="device"),
    ocsf.AUTHENTICATION: _class(3, "user", _IDENTITY | _ENDS, 7, ("service", "dst_endpoint"), host="device"),
    ocsf.AUTHORIZE_SESSION: _class(3, "user", _IDENTITY | _ENDS, 2, ("privileges", "group"), host="device"),
    ocsf.ENTITY_MANAGEMENT: _class(3, "entity", _IDENTITY, 13, host="device"),
    ocsf.USER_ACCESS: _class(3, "user privileges", _IDENTITY | {"resources"}, 2, host="device"),
    ocsf.GROUP_MANAGEMENT: _class(3, "group", _IDENTITY | {"user", "privileges"}, 8, host="device"),
    ocsf.NETWORK_ACTIVITY: _class(
        4, "", frozenset({"connection_info"}), 7, ("dst_endpoint", "src_endpoint"), host="actor device"
    ),
    ocsf.HTTP_ACTIVITY: _class(
        4, "", _ENDS | {"connection_info", "file"}, 9, ("http_request", "http_response"), host="actor device"
    ),
    ocsf.DNS_ACTIVITY: _class(
        4,
        "",
        frozenset({"connection_info", "query", "rcode", "rcode_id"}),
        frozenset({1, 2, 6}),
        ("src_endpoint", "dst_endpoint"),
        host="actor device",
    ),
    ocsf.APPLICATION_LIFECYCLE: _class(6, "app", frozenset(), 8, host="actor device"),
    ocsf.API_ACTIVITY: _class(6, "actor api src_endpoint", _HTTP | _ENDS | {"resources"}, 4, host="device"),
    ocsf.DATASTORE_ACTIVITY: _class(
        6, "actor src_endpoint", _HTTP | _ENDS, 10, ("database", "databucket", "table"), host="device"
    ),
    ocsf.REGISTRY_KEY_ACTIVITY: _class(1, "actor device reg_key", _SYSTEM, 9),
    ocsf.REGISTRY_VALUE_ACTIVITY: _class(1, "actor device reg_value", _SYSTEM, 4),
    ocsf.WINDOWS_SERVICE_ACTIVITY: _class(1, "actor device win_service", _SYSTEM, 7),
}
