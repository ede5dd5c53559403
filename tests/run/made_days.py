"""Days of requests to a few services, made to order: what `lichen learn` and `run` read, small and always the same."""

import json
import random
from pathlib import Path

from lichen.core.time import to_text

HOUR = 3_600_000_000
BEGIN = 1_795_000_000_000_000 - 1_795_000_000_000_000 % HOUR  # µs UTC, the start of an hour
HOSTS = tuple(f"shop-{n}" for n in range(8))
USERS = ("ada", "bob", "eve", "joe")
ROUTES = ("/api/orders", "/api/orders/7", "/api/basket", "/login", "/static/a.css", "/health")
ODD = "/api/export/everything"


def request(time: int, host: str, user: str, path: str, query: str = "") -> str:
    """One line as the lab's services write it."""
    told = {"time": to_text(time), "host": host, "client": "10.0.0.9", "user": user, "method": "GET", "path": path}
    more = {"query": query, "status": 200, "bytes_in": 0, "bytes_out": 812, "duration_ms": 1.5, "route": f"GET {path}"}
    return json.dumps({**told, **more, "upstream": "-", "request_id": f"{time:032x}", "user_agent": "shop/1"})


def write_inventory(path: Path) -> Path:
    """Every host as a workload of one image."""
    named = [{"match": {"hostname": h}, "workload": h, "image": "shop@1", "group": "shop"} for h in HOSTS]
    path.write_text(json.dumps({"subjects": named}), encoding="utf-8")  # JSON is YAML
    return path


def write_days(path: Path, hours: int, begin: int = BEGIN, seed: int = 1, odd: dict[int, str] | None = None) -> int:
    """`hours` of requests, some of every host in every hour; `odd`: hour -> host that calls ODD in it. Gives how many
    lines were written."""
    chance = random.Random(seed)
    lines = []
    for hour in range(hours):
        moments = sorted(chance.randrange(HOUR) for _ in range(5 * len(HOSTS)))
        for place, moment in enumerate(moments):
            host = HOSTS[place % len(HOSTS)]
            lines.append(request(begin + hour * HOUR + moment, host, chance.choice(USERS), chance.choice(ROUTES)))
        if odd and hour in odd:
            lines.append(request(begin + (hour + 1) * HOUR - 1000, odd[hour], "ada", ODD))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)
