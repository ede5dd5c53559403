"""The admin people: ssh logins with habits of their own, sudo, a hop to the second host, a mistyped password."""

import contextlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import accounts
import ssh_client

COMMANDS = {
    "anke": [
        "uptime",
        "df -h /",
        "sudo tail -n 20 /var/log/auth.log",
        "ps aux | head -n 15",
        "ss -ltn | head",
        "ssh -o StrictHostKeyChecking=no ops-1 uptime",
        "ls -la /var/log",
    ],
    "boris": [
        "sudo ls -l /var/log",
        "grep -c Accepted /var/log/auth.log",
        "free -m",
        "cat /etc/hosts",
        "vmstat 1 2",
        "sudo logrotate -d /etc/logrotate.conf 2>&1 | tail -n 3",
        "getent hosts db-1 gateway-3",
    ],
    "chandra": [
        "curl -fsS -m 4 http://gateway-2:8080/healthz",
        "for g in 1 2 3; do nc -z -w 2 gateway-$g 8080 && echo up; done",
        "dig +short orders-1",
        "sudo journalctl -n 5 2>/dev/null || sudo tail -n 5 /var/log/syslog",
        "date; uptime",
        "python3 -c 'import os; print(os.getloadavg())'",
    ],
    "diego": [
        "find /var/log -name '*.log' -mmin -10 | head",
        "du -sh /var/log 2>/dev/null",
        "who",
        "last -n 5 2>/dev/null",
        "sudo cat /etc/cron.d/e2scrub_all 2>/dev/null; ls /etc/cron.d",
        "crontab -l 2>/dev/null | head",
        "id; groups",
    ],
}


def log_in(order: dict[str, Any], password: str | None, script: str) -> None:
    """One login that may fail without harm."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(OSError, subprocess.TimeoutExpired):
        ssh_client.once(order, folder, password, script)


def live(admin: dict[str, Any], hosts: dict[str, str], until: float, chance: random.Random) -> None:
    """Logins half a minute to two minutes apart, one or two commands each."""
    name = admin["name"]
    time.sleep(chance.uniform(2, 30))
    while time.monotonic() < until:
        order = {
            "from": admin["address"],
            "host": hosts[chance.choice(["admin-1", "ops-1"])],
            "user": name,
            "key_file": admin.get("key", ""),
            "for": 25,
            "pty": chance.random() < 0.3,
        }
        by_key = bool(admin.get("key")) and chance.random() < 0.6
        if not by_key and chance.random() < 0.15:
            log_in(order, accounts.password_of(name)[:-1], "true")
            time.sleep(chance.uniform(2, 5))
        script = "\n".join(chance.sample(COMMANDS[name], chance.choice([1, 1, 2])))
        log_in(order, None if by_key else accounts.password_of(name), script)
        time.sleep(chance.uniform(50, 130))


def main() -> None:
    """Every admin of the file, until the session is over."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        lab = json.load(stream)
    until, chance = time.monotonic() + float(lab["seconds"]), random.Random(lab["seed"])
    jobs = [
        threading.Thread(target=live, args=(admin, lab["hosts"], until, random.Random(chance.random())), daemon=True)
        for admin in lab["admins"]
    ]
    for job in jobs:
        job.start()
    time.sleep(max(0.0, until - time.monotonic()))


if __name__ == "__main__":
    main()
