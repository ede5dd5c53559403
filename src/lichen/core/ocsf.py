"""The OCSF view: the dotted columns that models, the lake, alerts and people read of every event.

Names and numbers follow the Open Cybersecurity Schema Framework 1.8 (schema.ocsf.io), except `subject.*`, which is
who the event is about (docs/subjects.md).
"""

from __future__ import annotations

import pyarrow as pa

FILE_ACTIVITY, KERNEL_EXTENSION_ACTIVITY, MODULE_ACTIVITY, SCHEDULED_JOB_ACTIVITY = 1001, 1002, 1005, 1006
PROCESS_ACTIVITY, EVENT_LOG_ACTIVITY, SCRIPT_ACTIVITY = 1007, 1008, 1009
BASE_EVENT, DETECTION_FINDING = 0, 2004
ACCOUNT_CHANGE, AUTHENTICATION, AUTHORIZE_SESSION, ENTITY_MANAGEMENT = 3001, 3002, 3003, 3004
USER_ACCESS, GROUP_MANAGEMENT = 3005, 3006
NETWORK_ACTIVITY, HTTP_ACTIVITY, DNS_ACTIVITY = 4001, 4002, 4003
APPLICATION_LIFECYCLE, API_ACTIVITY, DATASTORE_ACTIVITY = 6002, 6003, 6005
REGISTRY_KEY_ACTIVITY, REGISTRY_VALUE_ACTIVITY, WINDOWS_SERVICE_ACTIVITY = 201001, 201002, 201004  # extension win

# activity_id, as OCSF numbers them within a class
LAUNCH = 1  # of PROCESS_ACTIVITY
CREATE, READ, UPDATE, DELETE, RENAME, SET_ATTRIBUTES, SET_SECURITY, LINK = 1, 2, 3, 4, 5, 6, 7, 12  # of FILE_ACTIVITY
OPEN = 1  # of NETWORK_ACTIVITY: a connection was begun; REFUSE etc. show in status_id
ACCEPT = 7  # of NETWORK_ACTIVITY: "listen"/accepted side
LOGON, LOGOFF = 1, 2  # of AUTHENTICATION
QUERY = 1  # of DNS_ACTIVITY
SUCCESS, FAILURE = 1, 2  # status_id; null = the sensor does not say

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.large_string()

VIEW: dict[str, pa.DataType] = {
    "time": TIME,
    "class_uid": pa.int32(),
    "activity_id": pa.int32(),
    "status_id": pa.int32(),
    "status_detail": TEXT,
    "metadata.product.name": TEXT,  # the sensor: auditd, access, dns, sshd, …
    "metadata.event_code": TEXT,  # the sensor's own name of the record type
    "metadata.uid": TEXT,  # the sensor's own id of the event (serial, request id)
    "subject.workload": TEXT,
    "subject.host": TEXT,
    "subject.user": TEXT,
    "subject.image": TEXT,
    "subject.group": TEXT,  # the workload's or user's peers: role, deployment, team
    "device.hostname": TEXT,
    # PROCESS_ACTIVITY: `process` is the one started, `actor.process` its parent. Elsewhere `actor.process` acts.
    "actor.process.file.path": TEXT,
    "actor.process.cmd_line": TEXT,
    "actor.process.pid": pa.int64(),
    "actor.process.parent_process.file.path": TEXT,
    "actor.user.name": TEXT,
    "actor.user.uid": TEXT,
    "actor.session.uid": TEXT,
    "process.file.path": TEXT,
    "process.cmd_line": TEXT,
    "process.pid": pa.int64(),
    "process.working_directory": TEXT,
    "file.path": TEXT,
    "file.mode": TEXT,
    "file.hashes.value": TEXT,
    "user.name": TEXT,  # AUTHENTICATION: who logs on
    "service.name": TEXT,
    "src_endpoint.ip": TEXT,
    "src_endpoint.port": pa.int32(),
    "dst_endpoint.ip": TEXT,
    "dst_endpoint.port": pa.int32(),
    "dst_endpoint.hostname": TEXT,
    "connection_info.protocol_name": TEXT,
    "http_request.http_method": TEXT,
    "http_request.url.hostname": TEXT,
    "http_request.url.path": TEXT,
    "http_request.url.query_string": TEXT,
    "http_request.user_agent": TEXT,
    "http_request.referrer": TEXT,
    "http_request.length": pa.int64(),
    "http_response.code": pa.int32(),
    "http_response.length": pa.int64(),
    "query.hostname": TEXT,
    "query.type": TEXT,
    "rcode": TEXT,
    "duration": pa.float64(),  # milliseconds
    "severity_id": pa.int32(),  # null = the sensor does not say
    "user.uid": TEXT,
    "actor.user.type": TEXT,  # in the sensor's words: IAMUser, ServiceAccount, …
    "group.name": TEXT,
    "privileges": TEXT,  # several with ", " between
    "api.operation": TEXT,
    "api.service.name": TEXT,
    "api.request.uid": TEXT,
    "api.response.error": TEXT,
    "cloud.provider": TEXT,
    "cloud.account.uid": TEXT,
    "cloud.region": TEXT,
    "resources.name": TEXT,  # the first, or the one acted on
    "resources.type": TEXT,
    "module.file.path": TEXT,  # MODULE_ACTIVITY: a library; KERNEL_EXTENSION_ACTIVITY: a driver
    "reg_key.path": TEXT,
    "reg_value.name": TEXT,
    "reg_value.data": TEXT,
    "job.name": TEXT,  # a scheduled task
    "job.cmd_line": TEXT,
    "win_service.name": TEXT,
    "script.script_content": TEXT,
    "finding_info.title": TEXT,  # of an alert that the sensor itself gives
    "clock_ran_backwards": pa.bool_(),
}

SCHEMA = pa.schema(list(VIEW.items()))
SUBJECT_KINDS = ("workload", "host", "user")


def empty_columns(length: int) -> dict[str, pa.Array]:
    """Every column of the view as `length` nulls: a reader fills in what its sensor knows."""
    return {name: pa.nulls(length, kind) for name, kind in VIEW.items()}


def view_of(columns: dict[str, pa.Array], length: int) -> pa.RecordBatch:
    """A view with the given columns cast to their types and all others null. Raises KeyError on an unknown name."""
    unknown = columns.keys() - VIEW.keys()
    if unknown:
        raise KeyError(f"not columns of the OCSF view: {sorted(unknown)}")
    arrays = [columns[name].cast(kind) if name in columns else pa.nulls(length, kind) for name, kind in VIEW.items()]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
