"""A mapping's skeleton from a sample of documents: what is likely the time, who acts, and which field is which column.

Guesses by names and values; a person reads them over. What is written loads as it stands.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from lichen.collect.mapping import parse_mapping
from lichen.collect.readers.times import any_time, in_range
from lichen.collect.values import Document, as_text

FIELDS = 400
DEEPEST = 6
EARLIEST = 631_152_000_000_000  # 1990: smaller numbers are counts, not times
_TIMES = (
    *("time", "timestamp", "ts", "@timestamp", "eventtime", "datetime", "date"),
    *("created", "published", "occurred", "start"),
)
_GUESSES: dict[str, str] = {
    "metadata.event_code": "event eventtype eventname event_type type action operation activity",
    "metadata.uid": "id uid uuid eventid event_id requestid request_id traceid messageid",
    "status_detail": "message msg reason description summary error",
    "actor.user.name": "user username user_name login account actor subject principal email",
    "src_endpoint.ip": "srcip src_ip src sourceip source_ip clientip client_ip remoteaddr remote_addr ip client",
    "src_endpoint.port": "srcport src_port sourceport source_port clientport spt",
    "dst_endpoint.ip": "dstip dst_ip dst destip dest_ip destinationip destination_ip serverip server_ip",
    "dst_endpoint.port": "dstport dst_port destport dest_port destinationport serverport port dpt",
    "dst_endpoint.hostname": "dsthost dest_host destinationhost upstream server",
    "http_request.http_method": "method httpmethod http_method verb request_method",
    "http_request.url.path": "path uri url urlpath request_uri",
    "http_request.user_agent": "useragent user_agent ua",
    "http_response.code": "status statuscode status_code httpstatus response_code",
    "process.cmd_line": "cmdline cmd_line commandline command_line command",
    "process.file.path": "exe image executable binary process_path processpath",
    "process.pid": "pid processid process_id",
    "file.path": "file filename file_name filepath file_path targetfilename",
    "file.hashes.value": "sha256 sha1 md5 hash",
    "query.hostname": "query qname queryname query_name domain",
    "query.type": "qtype querytype query_type record_type qtype_name",
    "rcode": "rcode rcode_name response_code_name",
}
_HOSTS = ["hostname", "host", "computer", "node", "nodename", "node_name", "machine", "instance", "device"]
_CONTAINERS = ["pod", "podname", "pod_name", "container", "containername", "container_name"]
_ADDRESSES = frozenset({"src_endpoint.ip", "dst_endpoint.ip"})


@dataclass(slots=True)
class Field:
    """What is known of one path: in how many documents it is, and some of its values."""

    path: str
    seen: int = 0
    values: list[Any] = field(default_factory=list)

    @property
    def word(self) -> str:
        """The last part of its name, in lower case."""
        return re.split(r"[.\[\]]", self.path.rstrip("]"))[-1].lower()


def skeleton(documents: Sequence[Document], name: str) -> str:
    """The text of a mapping of that name. Raises ValueError if no field can be the time, or there is no document."""
    fields = fields_of(documents)
    time = _time_field(fields, len(documents))
    if time is None:
        raise ValueError("no field that can be the time of an event")
    columns = _columns(fields, time)
    kind = _kind(columns)
    said: dict[str, Any] = {
        "name": name,
        "title": name.replace("-", " "),
        "provenance": "documentation shape, our own values",
        "detect": {"has": _telling(fields, len(documents), time)},
        "time": time.path,
        "names": _names(fields, columns),
        "kind": kind,
        "ocsf": columns,
        "sigma": [{"source": {"product": name}, "fields": "own"}],
    }
    body = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100)
    mapped = {time.path, *columns.values(), *said["names"].values()}
    left = [each for each in fields if each.path not in mapped][:FIELDS]
    notes = "".join(f"#   {_plain(each.path)}: {_plain(as_text(each.values[0]) or '')}\n" for each in left)
    text = f"# A first mapping, guessed from a sample of {len(documents)}: read it over.\n{body}"
    text += f"# Fields that nothing here reads (rules see them under their own names):\n{notes}" if notes else ""
    parse_mapping(text, name)
    return text


def fields_of(documents: Sequence[Document]) -> list[Field]:
    """Every path of single values, in the order in which they come."""
    found: dict[str, Field] = {}

    def walk(inner: Document, before: str, depth: int) -> None:
        for key, got in inner.items():
            path = _path(before, key)
            if path is None:
                continue
            if isinstance(got, dict) and depth < DEEPEST:
                walk(got, path, depth + 1)
            elif not isinstance(got, dict | list) and got not in (None, "") and (path in found or len(found) < FIELDS):
                known = found.setdefault(path, Field(path))
                known.seen += 1
                if len(known.values) < 50:
                    known.values.append(got)

    for document in documents:
        walk(document, "", 1)
    return list(found.values())


def _path(before: str, key: str) -> str | None:
    """A key's path; None of a name that a path cannot say."""
    if not key or any(sign in key for sign in "[]") or len(key) > 128:
        return None
    if not before:
        return key if "." not in key or re.fullmatch(r"[^.]+(\.[^.]+)+", key) else None
    return f"{before}[{key}]" if "." in key else f"{before}.{key}"


def _time_field(fields: Sequence[Field], documents: int) -> Field | None:
    """The field that is the time most likely: by its name, then by how many documents have it."""
    able = [each for each in fields if each.seen * 2 >= documents and all(_is_time(got) for got in each.values)]

    def likely(each: Field) -> tuple[int, int]:
        words = [place for place, word in enumerate(_TIMES) if word in each.word]
        return -min(words, default=len(_TIMES)), each.seen

    return max(able, key=likely, default=None)


def _is_time(got: Any) -> bool:
    time = any_time(got)
    return time is not None and in_range(time) and time > EARLIEST


def _columns(fields: Sequence[Field], time: Field) -> dict[str, str]:
    columns: dict[str, str] = {}
    taken = {time.path}
    for column, words in _GUESSES.items():
        for word in words.split():
            for each in fields:
                if each.word == word and each.path not in taken and column not in columns and _fits(column, each):
                    columns[column] = each.path
                    taken.add(each.path)
    return columns


def _fits(column: str, each: Field) -> bool:
    """Whether the values can be the column's: addresses must be addresses, ports and codes numbers."""
    if column in _ADDRESSES:
        return all(_is_address(got) for got in each.values[:10])
    if column.endswith((".port", ".code", ".pid")):
        return all(str(got).isdecimal() for got in each.values[:10])
    if column == "metadata.event_code":
        return len({str(got) for got in each.values}) <= max(3, len(each.values) // 2)
    return True


def _is_address(got: Any) -> bool:
    try:
        ipaddress.ip_address(got if isinstance(got, str) else "")
    except ValueError:
        return False
    return True


def _kind(columns: dict[str, str]) -> str:
    for kind, needed in (
        ("http", ("http_request.http_method", "http_request.url.path")),
        ("dns", ("query.hostname", "query.type")),
        ("exec", ("process.cmd_line",)),
        ("net", ("src_endpoint.ip", "dst_endpoint.ip")),
    ):
        if all(column in columns for column in needed):
            return kind
    return "other"


def _names(fields: Sequence[Field], columns: dict[str, str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for key, words in (("hostname", _HOSTS), ("container", _CONTAINERS)):
        for word in words:
            for each in fields:
                if each.word == word and key not in names:
                    names[key] = each.path
    if "actor.user.name" in columns:
        names["user"] = columns["actor.user.name"]
    return names


def _telling(fields: Sequence[Field], documents: int, time: Field) -> list[str]:
    """Up to four fields that every document has, those with the least common names first."""
    always = [each for each in fields if each.seen == documents]
    common = Counter(word for words in _GUESSES.values() for word in words.split())
    ranked = sorted(always, key=lambda each: (each.path == time.path, common[each.word], -len(each.path)))
    return [each.path for each in ranked[:4]] or [time.path]


def _plain(text: str) -> str:
    return text[:100].encode("unicode_escape").decode("ascii")
