"""The monitor: asks every service in turn whether it lives, and walks the shop's front once a minute."""

import contextlib
import json
import random
import socket
import sys
import threading
import time
from typing import Any

from caller import Caller

AGENT = "lab-monitor/1.4"
EVERY_S = 60.0
PORTS = {"gateway": 8080, "orders": 8080, "payments": 8080, "web": 80}
OPEN_PORTS = {"admin-1": 22, "ops-1": 22, "db-1": 5432}


def check_service(source: str, name: str, address: str, until: float, chance: random.Random) -> None:
    """One service's health, over a fresh connection each time."""
    port = PORTS[name.rsplit("-", 1)[0]]
    time.sleep(chance.uniform(0, EVERY_S))
    while time.monotonic() < until:
        caller = Caller(source, f"http://{address}:{port}", AGENT)
        caller.call("GET", "/healthz" if port == 8080 else "/")
        if name.startswith("gateway") and chance.random() < 0.25:
            caller.call("GET", "/cgi-bin/status.sh")
        caller.close()
        time.sleep(EVERY_S * chance.uniform(0.95, 1.05))


def check_port(source: str, address: str, port: int, until: float) -> None:
    """Whether a port opens."""
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection((address, port), 3, (source, 0)).close()
        time.sleep(EVERY_S)


def check_front(source: str, web: list[str], until: float, chance: random.Random) -> None:
    """The service account logs in, browses and asks for a price."""
    while time.monotonic() < until:
        caller = Caller(source, "http://" + chance.choice(web), AGENT)
        if caller.login("monitor"):
            caller.call("GET", "/api/products", {"category": "tools"})
            caller.call("POST", "/api/quote", body={"sku": "KT-105"})
        caller.close()
        time.sleep(45 * chance.uniform(0.9, 1.1))


def main() -> None:
    """Poll everything until the session is over."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        lab: dict[str, Any] = json.load(stream)
    until, source = time.monotonic() + float(lab["seconds"]), lab["monitor"]
    chance = random.Random(lab["seed"])
    jobs: list[threading.Thread] = []
    for name, address in lab["hosts"].items():
        if name.rsplit("-", 1)[0] in PORTS:
            own = random.Random(chance.random())
            jobs.append(threading.Thread(target=check_service, args=(source, name, address, until, own), daemon=True))
        if name in OPEN_PORTS:
            jobs.append(
                threading.Thread(target=check_port, args=(source, address, OPEN_PORTS[name], until), daemon=True)
            )
    jobs.append(threading.Thread(target=check_front, args=(source, lab["web"], until, chance), daemon=True))
    for job in jobs:
        job.start()
    time.sleep(max(0.0, until - time.monotonic()))


if __name__ == "__main__":
    main()
