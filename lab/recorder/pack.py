"""Packing: streams of at most 3 MiB compressed, labels by offset, inventory, steps and the session's manifest."""

import json
import lzma
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import yaml

from recorder.audit_text import AuditEvent
from recorder.labels import Line, stamp, subjects_of
from recorder.plan import Estate, Replica

LARGEST_BYTES = 2_900_000
Chunk = tuple[bytes, frozenset[str]]  # an event's lines with their newlines, and its steps


def compress(data: bytes) -> bytes:
    """xz at its best setting."""
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def write_stream(folder: Path, name: str, chunks: list[Chunk], labels: list[dict[str, Any]]) -> list[str]:
    """Write a stream in as many files as its size needs ({} in `name` is the file's number); no event is split."""
    data = b"".join(chunk for chunk, _ in chunks)
    packed = compress(data)
    parts = -(-len(packed) // LARGEST_BYTES)
    if parts > 1 or "{}" in name:
        name = name if "{}" in name else name.replace(".log", "-{}.log")
    written, begin = [], 0
    for part in range(parts):
        until = len(chunks) if part == parts - 1 else _cut(chunks, len(data) * (part + 1) // parts)
        own, file = chunks[begin:until], name.format(f"{part:02d}")
        offset = 0
        for chunk, steps in own:
            labels.extend({"file": file, "offset": offset, "step": step} for step in sorted(steps))
            offset += len(chunk)
        (folder / f"{file}.xz").write_bytes(packed if parts == 1 else compress(b"".join(chunk for chunk, _ in own)))
        written.append(file)
        begin = until
    return written


def _cut(chunks: list[Chunk], at_bytes: int) -> int:
    total = 0
    for place, (chunk, _) in enumerate(chunks):
        total += len(chunk)
        if total >= at_bytes:
            return place + 1
    return len(chunks)


def write_labels(folder: Path, labels: list[dict[str, Any]]) -> None:
    """labels.ndjson.xz: file, offset in the uncompressed stream, step."""
    data = "".join(json.dumps(label) + "\n" for label in labels).encode()
    (folder / "labels.ndjson.xz").write_bytes(compress(data))


def counted(estate: Estate, events: list[AuditEvent], lines: list[Line]) -> dict[tuple[str, str], int]:
    """Own events of each subject: joined audit events and log lines."""
    total: Counter[tuple[str, str]] = Counter()
    names = {replica.auid: replica.name for replica in estate.replicas.values()}
    total.update(("workload", names[event.auid]) for event in events)
    for line in lines:
        total.update(subjects_of(line))
    return total


def subjects(estate: Estate, totals: dict[tuple[str, str], int], minutes: float) -> list[dict[str, Any]]:
    """Every workload and user with its events and whether it counts (an own event a minute on average)."""
    named = [("workload", name) for name in estate.replicas]
    named += [("user", name) for name in [*estate.settings["users"], *estate.settings["service_users"]]]
    return [
        {
            "name": name,
            "kind": kind,
            "counts": totals.get((kind, name), 0) >= minutes,
            "events": totals.get((kind, name), 0),
        }
        for kind, name in named
    ]


def inventory(estate: Estate, starts: list[dict[str, Any]], digests: dict[str, str]) -> dict[str, Any]:
    """What tells a reader whose an event is: by login uid, address, host name and file."""
    entries = []
    for replica in estate.replicas.values():
        for start in (one for one in starts if one["replica"] == replica.name):
            what = {
                "workload": replica.name,
                "image": f"{start['image']}@sha256:{digests[start['image']]}",
                "group": replica.role,
                "since": start["at"],
            }
            entries += [
                {"match": match, **what}
                for match in ({"auid": str(replica.auid)}, {"ip": replica.address}, {"hostname": replica.name})
            ]
            entries += [{"match": {"file": f"{file.removesuffix('.log')}.log*"}, **what} for file in own_files(replica)]
    users = [*estate.settings["users"], *estate.settings["service_users"]]
    return {"subjects": entries, "users": users, "people": list(estate.settings["people"])}


def own_files(replica: Replica) -> list[str]:
    """The log files that hold one replica's lines only and do not name it."""
    return [
        output.format(name=replica.name)
        for output in replica.settings.get("logs", {}).values()
        if "{name}" in output or replica.settings["count"] == 1
    ]


def per_minute(start: float, minutes: int, times: list[float]) -> list[int]:
    """Events in each minute of the session."""
    total = Counter(int((moment - start) // 60) for moment in times)
    return [total.get(minute, 0) for minute in range(minutes)]


def latency(lines: list[Line]) -> dict[str, float]:
    """Median and 99th percentile of the gateways' answers, health checks left out."""
    spent = sorted(json.loads(line.raw)["duration_ms"] for line in lines if line.user and b"/healthz" not in line.raw)
    if not spent:
        return {}
    return {"requests": len(spent), "p50_ms": spent[len(spent) // 2], "p99_ms": spent[int(len(spent) * 0.99)]}


def write_yaml(path: Path, value: Any) -> None:
    """A YAML file in reading order."""
    path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=160), encoding="utf-8")


def in_time_order(lines: list[Line]) -> list[Line]:
    """Several replicas' lines merged by their own times; a line that could not be read stays where it arrived."""
    last: dict[str, float] = defaultdict(float)
    keyed = []
    for place, line in enumerate(lines):
        last[line.replica] = line.time or last[line.replica]
        keyed.append((last[line.replica], place, line))
    return [line for _, _, line in sorted(keyed, key=lambda item: item[:2])]


def markers(played: list[Any]) -> list[dict[str, Any]]:
    """The benign entries as they happened."""
    return [
        {
            "at": stamp(one.start),
            "until": stamp(one.end + float(one.entry.get("for", 0))),
            "subject": one.entry["subject"]["name"] if isinstance(one.entry["subject"], dict) else one.entry["subject"],
            "what": one.entry["what"],
        }
        for one in played
        if one.start
    ]


def notes(played: list[Any]) -> str:
    """What every entry's actions printed, for whoever wrote the scenario."""
    return "".join(f"{one.entry.get('id', one.entry.get('what'))}: {line}\n" for one in played for line in one.output)
