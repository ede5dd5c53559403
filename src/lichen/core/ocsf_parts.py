"""OCSF objects made whole: what the schema requires of a file, a process, an endpoint beside what a sensor said."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from lichen.core import ocsf
from lichen.core.ocsf_classes import OTHER, OcsfClass

Nested = dict[str, Any]
UNKNOWN = "unknown"
ALGORITHMS = {32: 1, 40: 2, 64: 3, 128: 4}  # by hexadecimal digits: MD5, SHA-1, SHA-256, SHA-512
RCODES = {
    name: number for number, name in enumerate(["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"])
}
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,39}")
_HEX = re.compile(r"[0-9A-Fa-f]+")


def is_address(text: str) -> bool:
    """Whether a text is an IP address as the schema's pattern has it (no zone, no network)."""
    if _ADDRESS.fullmatch(text) is None:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def completed(nested: Nested, known: Mapping[str, Any], of_class: OcsfClass, unmapped: dict[str, Any]) -> None:
    """Give each object what it must have, and the class the objects that it must have. What cannot stand goes to
    `unmapped`."""
    for top in of_class.required | ({of_class.one_of[0]} if lacks_one(nested, of_class) else set()):
        nested.setdefault(top, {})
    if of_class.one_of == ("privileges", "group") and {"privileges", "group"} <= nested.keys():  # just one of them
        unmapped["group.name"] = nested.pop("group")["name"]
    for top in list(nested):
        finish = FINISH.get(top)
        if finish is not None:
            nested[top] = finish(nested[top], known, unmapped)
            if nested[top] is None:
                del nested[top]
    if "rcode" in nested:
        nested["rcode_id"] = RCODES.get(str(nested["rcode"]).upper(), OTHER)


def lacks_one(nested: Nested, of_class: OcsfClass) -> bool:
    """Whether none of the attributes is there of which the class must have one."""
    return bool(of_class.one_of) and not any(name in nested for name in of_class.one_of)


def file_of(file: Nested, unmapped: dict[str, Any]) -> Nested:
    """A file: its name, from its path; its hashes by what they are."""
    path = str(file.get("path", UNKNOWN))
    whole: Nested = {**file, "name": re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path, "type_id": 0}
    if "mode" in whole:
        unmapped["file.mode"] = whole.pop("mode")
    if "hashes" in whole:
        value = whole["hashes"]["value"]
        number = ALGORITHMS.get(len(value), OTHER) if _HEX.fullmatch(value) else OTHER
        whole["hashes"] = [{"value": value, "algorithm_id": number}]
    return whole


def process_of(process: Nested, unmapped: dict[str, Any]) -> Nested:
    """A process: its file, its parent, and an id (uid "unknown" where no pid is known)."""
    whole = dict(process)
    if "file" in whole:
        whole["file"] = file_of(whole["file"], unmapped)
        whole["name"] = whole["file"]["name"]
    if "parent_process" in whole:
        whole["parent_process"] = process_of(whole["parent_process"], unmapped)
    if "pid" not in whole:
        whole["uid"] = UNKNOWN
    return whole


def _file(file: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return file_of(file, unmapped)


def _process(process: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return process_of(process, unmapped)


def _actor(actor: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    whole = dict(actor)
    if "process" in whole:
        whole["process"] = process_of(whole["process"], unmapped)
    if "user" in whole:
        whole["user"] = _user(whole["user"], known, unmapped)
    return whole or {"app_name": UNKNOWN}


def _user(user: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    whole = dict(user)
    if "type" in whole:
        whole["type_id"] = OTHER
    if not whole.keys() & {"name", "uid"}:
        whole["name"] = UNKNOWN
    return whole


def _device(device: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {"hostname": known.get("subject.host", UNKNOWN), **device, "type_id": 0}


def _endpoint(endpoint: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    """An endpoint: what is no address but stands in its place (a service's domain name) is a host name."""
    whole = dict(endpoint)
    address = whole.get("ip")
    if address is not None and not is_address(address):
        del whole["ip"]
        whole["name" if "hostname" in whole else "hostname"] = address
    if not whole.keys() & {"ip", "hostname", "name"}:
        whole["name"] = UNKNOWN
    return whole


def _connection(connection: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {**connection, "direction_id": 0}


def _request(request: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    whole = dict(request)
    if "url" in whole and "path" not in whole["url"]:
        url = whole["url"]
        query = f"?{url['query_string']}" if "query_string" in url else ""
        whole["url"] = {**url, "url_string": url.get("hostname", "") + query}
    return whole


def _response(response: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested | None:
    if "code" in response:
        return response
    unmapped.update({f"http_response.{name}": value for name, value in response.items()})
    return None


def _query(query: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {"hostname": UNKNOWN, **query}


def _listed(text: Any, known: Mapping[str, Any], unmapped: dict[str, Any]) -> list[str]:
    return str(text).split(", ") if text else [UNKNOWN]


def _resources(resource: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> list[Nested]:
    return [{"name": UNKNOWN, **resource}]


def _named(thing: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {"name": UNKNOWN, **thing}


def _store(store: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {"name": UNKNOWN, **store, "type_id": 0}


def _api(api: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {"operation": UNKNOWN, **api}


def _cloud(cloud: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested | None:
    if "provider" in cloud:
        return cloud
    unmapped.update({name: known[name] for name in ("cloud.account.uid", "cloud.region") if name in known})
    return None


def _module(module: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    file = {"file": file_of(module["file"], unmapped)} if "file" in module else {}
    return {**file, "load_type_id": 0}


def _driver(driver: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {"file": file_of(driver.get("file", {}), unmapped)}


def _key(key: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {"path": UNKNOWN, **key}


def _value(value: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    """A registry value stands under its key, which the class has no place for of its own."""
    return {"name": UNKNOWN, **value, "path": unmapped.pop("reg_key.path", UNKNOWN)}


def _service(service: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    whole = {"name": UNKNOWN, **service}
    return whole if "cmd_line" in whole else {**whole, "service_type_id": 0}


def _script(script: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {"type_id": 0, "script_content": {"value": script.get("script_content", UNKNOWN)}}


def _finding(finding: Nested, known: Mapping[str, Any], unmapped: dict[str, Any]) -> Nested:
    return {**finding, "uid": known.get("metadata.uid", UNKNOWN)}


def _text(text: Any, known: Mapping[str, Any], unmapped: dict[str, Any]) -> str:
    return text or UNKNOWN


FINISH: Mapping[str, Callable[[Any, Mapping[str, Any], dict[str, Any]], Any]] = {
    "actor": _actor,
    "api": _api,
    "app": _named,
    "cloud": _cloud,
    "connection_info": _connection,
    "database": _store,
    "databucket": _store,
    "device": _device,
    "driver": _driver,
    "dst_endpoint": _endpoint,
    "entity": _named,
    "file": _file,
    "finding_info": _finding,
    "group": _named,
    "http_request": _request,
    "http_response": _response,
    "job": _named,
    "log_name": _text,
    "module": _module,
    "privileges": _listed,
    "process": _process,
    "query": _query,
    "reg_key": _key,
    "reg_value": _value,
    "resources": _resources,
    "script": _script,
    "service": _named,
    "src_endpoint": _endpoint,
    "table": _named,
    "user": _user,
    "win_service": _service,
}

RENAMED: Mapping[int, Mapping[str, str]] = {  # where a class has a column's meaning under another name
    ocsf.KERNEL_EXTENSION_ACTIVITY: {"module.file.path": "driver.file.path"},
    ocsf.ENTITY_MANAGEMENT: {"resources.name": "entity.name", "resources.type": "entity.type"},
    ocsf.APPLICATION_LIFECYCLE: {"service.name": "app.name"},
    ocsf.EVENT_LOG_ACTIVITY: {"resources.name": "log_name"},
    ocsf.DATASTORE_ACTIVITY: {"resources.name": "database.name", "resources.type": "database.type"},
    ocsf.WINDOWS_SERVICE_ACTIVITY: {"process.cmd_line": "win_service.cmd_line"},
}
