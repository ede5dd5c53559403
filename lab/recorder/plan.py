"""What is to be built: the estate file and a scenario, read into replicas with names, addresses and login uids."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LAB = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("LICHEN_LAB_CACHE", "/var/cache/lichen-lab"))
STATE = Path("/run/lichen-lab")


@dataclass
class Replica:
    """One workload: where it lives, what it runs, and (once up) its process, mount and session."""

    name: str
    role: str
    number: int
    address: str
    auid: int
    image: str
    settings: dict[str, Any]
    root: Path
    namespace: str
    generation: int = 0
    unshare_pid: int = 0
    init_pid: int = 0
    starts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Estate:
    """One estate, `a` or `b`: the estate file's settings and the replicas made from them."""

    letter: str
    settings: dict[str, Any]
    replicas: dict[str, Replica]
    folder: Path

    def namespace(self, name: str) -> str:
        """The network namespace of a replica, or of `switch`, `users`, `attackers`."""
        return f"lichen-{self.letter}-{name}"

    def of_role(self, role: str) -> list[Replica]:
        """The replicas of a role in order."""
        return [replica for replica in self.replicas.values() if replica.role == role]

    def auids(self) -> range:
        """The login uids of the whole estate, replicas left out included."""
        first = self.settings["auid_first"][self.letter]
        return range(first, first + sum(role["count"] for role in self.settings["roles"].values()))

    def outside_addresses(self, name: str) -> list[str]:
        """Every address of a namespace outside the sensors."""
        listed = self.settings["outside"][name]["addresses"]
        return [address for entry in listed for address in expand(entry)]


def expand(entry: str) -> list[str]:
    """`10.77.1.1-24` as its 24 addresses; a plain address as itself."""
    first, _, last = entry.partition("-")
    head, _, tail = first.rpartition(".")
    return [f"{head}.{n}" for n in range(int(tail), int(last or tail) + 1)]


def read_estate(letter: str, counts: dict[str, int] | None = None) -> Estate:
    """The estate of this letter; `counts` overrides how many replicas a role has (a small estate for a test)."""
    settings = yaml.safe_load((LAB / "estate.yml").read_text(encoding="utf-8"))
    folder = CACHE / "estates" / letter
    estate = Estate(letter, settings, {}, folder)
    auid = settings["auid_first"][letter]
    for role, own in settings["roles"].items():
        merged = {**settings["defaults"], **own}
        head, _, tail = merged["address"].rpartition(".")
        for number in range(1, merged["count"] + 1):
            name = f"{role}-{number}"
            if number <= (counts or {}).get(role, 0 if counts else merged["count"]):
                estate.replicas[name] = Replica(
                    name,
                    role,
                    number,
                    f"{head}.{int(tail) + number - 1}",
                    auid,
                    merged["image"].format(role=role),
                    merged,
                    folder / "roots" / name,
                    estate.namespace(name),
                )
            auid += 1
    return estate


def read_scenario(path: Path) -> dict[str, Any]:
    """A scenario file with its lists present and its times as seconds from the start."""
    scenario: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for group in ("benign", "steps"):
        for entry in scenario.setdefault(group, []) or []:
            entry["at_s"] = seconds(entry["at"])
        scenario[group] = sorted(scenario[group] or [], key=lambda entry: entry["at_s"])
    named = [step["id"] for step in scenario["steps"]]
    if len(named) != len(set(named)):
        raise SystemExit(f"{path}: step ids repeat: {sorted(i for i in named if named.count(i) > 1)}")
    return scenario


def seconds(at: str | int | float) -> float:
    """`00:02:30`, `2:30` or 150 as seconds (YAML reads 2:30 as the integer 150 itself)."""
    if isinstance(at, int | float):
        return float(at)
    total = 0.0
    for part in str(at).split(":"):
        total = total * 60 + float(part)
    return total
