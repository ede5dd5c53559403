"""The estate's network: one bridge in a namespace of its own, one cable a replica, two namespaces outside."""

import json
from pathlib import Path

from recorder.plan import STATE, Estate
from recorder.shell import call

NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default")
NEIGHBOUR_LIMITS = {"gc_thresh1": 8192, "gc_thresh2": 16384, "gc_thresh3": 32768}


def allow_many_neighbours() -> None:
    """Lift the machine's limit on ARP entries, shared by all namespaces; `restore_neighbours` puts it back."""
    kept = STATE / "neighbours.json"
    if not kept.exists():
        kept.write_text(json.dumps({name: (NEIGHBOURS / name).read_text().strip() for name in NEIGHBOUR_LIMITS}))
    for name in reversed(NEIGHBOUR_LIMITS):
        (NEIGHBOURS / name).write_text(str(NEIGHBOUR_LIMITS[name]))


def restore_neighbours() -> None:
    """The limits as they were before the first estate."""
    kept = STATE / "neighbours.json"
    if kept.exists():
        for name, value in json.loads(kept.read_text()).items():
            (NEIGHBOURS / name).write_text(value)
        kept.unlink()


def cable(estate: Estate, name: str, addresses: list[str]) -> list[str]:
    """The `ip -batch` lines that connect one namespace to the bridge, and the ones to run inside it."""
    switch, namespace = estate.namespace("switch"), estate.namespace(name)
    return [f"link add eth0 netns {namespace} type veth peer name {name} netns {switch}"]


def set_up(estate: Estate) -> None:
    """Every namespace of the estate with its addresses, on one bridge; the machine's own network gets nothing."""
    ends = {replica.name: [replica.address] for replica in estate.replicas.values()}
    ends.update({name: estate.outside_addresses(name) for name in estate.settings["outside"]})
    batch = [f"netns add {estate.namespace(name)}" for name in ["switch", *ends]]
    call("ip", "-batch", "-", stdin="\n".join(batch) + "\n")
    for name, addresses in ends.items():
        batch = cable(estate, name, addresses)
        call("ip", "-batch", "-", stdin="\n".join(batch) + "\n")
        inside = (
            ["link set lo up"] + [f"addr add {address}/32 dev eth0" for address in addresses] + ["link set eth0 up"]
        )
        ranges = [estate.settings["network"]["inside"], *estate.settings["network"]["foreign"]]
        inside += [f"route add {network} dev eth0 src {addresses[0]}" for network in ranges]
        call("ip", "-n", estate.namespace(name), "-batch", "-", stdin="\n".join(inside) + "\n")
    bridge = ["link set lo up", "link add bridge0 type bridge", "link set bridge0 up"]
    bridge += [line for name in ends for line in (f"link set {name} master bridge0", f"link set {name} up")]
    call("ip", "-n", estate.namespace("switch"), "-batch", "-", stdin="\n".join(bridge) + "\n")
