"""The files that tell a replica who the others are: hosts, names, upstreams, its init; and the programs outside."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from recorder.plan import LAB, Estate, Replica

sys.path.insert(0, str(LAB / "services"))

NGINX = """# The web tier: round robin over the gateways; a caller may pin one; the log names gateway and request.
user www-data;
worker_processes 1;
error_log /var/log/app/error.log warn;
pid /run/nginx.pid;
events { worker_connections 512; }
http {
    log_format traced '$remote_addr - $logged_user [$time_local] "$request" $status $body_bytes_sent '
                      '"$http_referer" "$http_user_agent" "$upstream_addr" "$request_name"';
    access_log /var/log/app/access.log traced;
    map $http_x_request_id $request_name { default $http_x_request_id; "" $request_id; }
    map $upstream_http_x_user $logged_user { default $upstream_http_x_user; "" "-"; }
    map $http_x_pin_gateway $pool { default all; %(pins)s }
    upstream all { %(servers)s keepalive 48; }
    %(upstreams)s
    server {
        listen 80;
        location / {
            proxy_pass http://$pool;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Request-Id $request_name;
            proxy_read_timeout 40s;
        }
    }
}
"""


def nginx(estate: Estate) -> str:
    """The web tier's configuration for the gateways of this estate."""
    gateways = estate.of_role("gateway")
    return NGINX % {
        "pins": " ".join(f"{one.name} {one.name};" for one in gateways),
        "servers": " ".join(f"server {one.address}:8080;" for one in gateways),
        "upstreams": "\n    ".join(f"upstream {one.name} {{ server {one.address}:8080; }}" for one in gateways),
    }


def dnsmasq(estate: Estate, names: dict[str, str]) -> str:
    """The DNS server: the estate's names, the partners, and the scenario's names with all their subdomains."""
    lines = [
        "no-resolv",
        "no-hosts",
        "addn-hosts=/etc/lab/hosts",
        "log-queries",
        "log-facility=/var/log/app/dns.log",
        "user=root",
        "local=/#/",
        "cache-size=0",
        "local-ttl=30",
    ]
    partners = {f"{name}.example": address for name, address in estate.settings["partners"].items()}
    lines += [f"address=/{name}/{address}" for name, address in {**partners, **names}.items()]
    return "\n".join(lines) + "\n"


def hosts(estate: Estate) -> str:
    """Every replica's address and name, for dns-1."""
    return "".join(
        f"{replica.address} {replica.name} {replica.name}.lab.example\n" for replica in estate.replicas.values()
    )


def environment(estate: Estate, replica: Replica, wanted: dict[str, str]) -> dict[str, str]:
    """A start entry's variables with {role} lists and {db} filled in."""
    words: dict[str, str] = {
        role: ",".join(f"{one.name}={one.address}:8080" for one in estate.of_role(role))
        for role in estate.settings["roles"]
    }
    words["db"] = next((one.address for one in estate.of_role("db")), "127.0.0.1")
    return {name: value.format(**words) for name, value in wanted.items()}


def init_script(estate: Estate, replica: Replica, seed: int) -> str:
    """The replica's first program: its services, each started again when it ends, and its health check."""
    lines = ["#!/bin/bash", "# Start this replica's services and keep them running."]
    for place, start in enumerate(replica.settings["start"]):
        variables = environment(
            estate, replica, {"SEED": str(seed), "PYTHONDONTWRITEBYTECODE": "1", **start.get("env", {})}
        )
        words = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        change = (
            "" if start["as"] == "root" else f"setpriv --reuid {start['as']} --regid {start['as']} --init-groups -- "
        )
        command = f"{change}{' '.join(shlex.quote(word) for word in start['argv'])}"
        lines.append(f"( while :; do {words} {command} </dev/null >>/run/out-{place}.log 2>&1; sleep 1; done ) &")
    if replica.settings["health"]:
        port = 80 if replica.role == "web" else 8080
        path = "/" if replica.role == "web" else "/healthz"
        lines += [
            f"exec 9<> <(:); read -t $(( (RANDOM + {replica.auid}) % 50 + 5 )) -u 9",
            f"while :; do /bin/sh -c '/usr/bin/curl -fsS -m 3 http://127.0.0.1:{port}{path} >/dev/null || exit 1'; "
            "read -t $(( 50 + RANDOM % 20 )) -u 9; done &",
        ]
    return "\n".join([*lines, "wait"]) + "\n"


def furnish(estate: Estate, replica: Replica, scenario: dict[str, Any]) -> None:
    """Write the replica's own files into its mounted tree, before anything runs in it."""
    etc = replica.root / "etc"
    (etc / "lab").mkdir(exist_ok=True)
    (etc / "hostname").write_text(replica.name + "\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{replica.address} {replica.name}\n")
    (etc / "resolv.conf").unlink(missing_ok=True)
    dns = next((one.address for one in estate.of_role("dns")), "127.0.0.1")
    (etc / "resolv.conf").write_text(f"nameserver {dns}\noptions timeout:2 attempts:2\n")
    init = etc / "lab" / "init"
    init.write_text(init_script(estate, replica, scenario.get("seed", 0)))
    init.chmod(0o755)
    if replica.role == "dns":
        (etc / "lab" / "hosts").write_text(hosts(estate))
        (etc / "lab" / "dnsmasq.conf").write_text(dnsmasq(estate, scenario.get("names", {})))
    if replica.role == "web":
        (etc / "nginx" / "nginx.conf").write_text(nginx(estate))


def for_programs(estate: Estate, scenario: dict[str, Any], seconds: float, keys: Path) -> dict[str, Any]:
    """What the programs outside are told: who there is, where, and for how long."""
    users = [{"name": name, "address": f"10.77.1.{place}"} for place, name in enumerate(estate.settings["users"], 1)]
    admins = [
        {"name": name, "address": address, "key": str(keys / name)}
        for name, address in estate.settings["people"].items()
    ]
    return {
        "seed": scenario.get("seed", 0),
        "seconds": seconds,
        "users": users,
        "admins": admins,
        "web": [one.address for one in estate.of_role("web")],
        "monitor": estate.settings["monitor"],
        "hosts": {one.name: one.address for one in estate.replicas.values()},
        "partners": estate.settings["partners"],
    }


def write_json(path: Path, value: Any) -> Path:
    """A JSON file for a program outside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1))
    return path
