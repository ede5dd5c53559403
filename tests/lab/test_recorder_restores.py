"""The recorder puts the machine back however it ends: in time, on SIGTERM, on SIGINT, after kill -9 by --restore."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
RECORD = ROOT / "lab" / "record"
CACHE = Path(os.environ.get("LICHEN_LAB_CACHE", "/var/cache/lichen-lab"))
TOOLS = ("auditctl", "auditd", "ip", "unshare", "nsenter", "setpriv")
SCENARIO = """
session: small
minutes: {minutes}
seed: 1
steps:
  - {{id: s-1, kind: drop-in-bin, variant: cp, technique: T1036.005, at: 2, subject: {{kind: workload, name: orders-1}},
     do: [{{run: {{in: orders-1, as: root, sh: "cp /bin/true /usr/bin/x; x; exec sleep 60", for: 5}}}}]}}
"""


def why_not() -> str | None:
    """Why this machine cannot run the recorder now; None if it can."""
    if os.geteuid() != 0:
        return "the recorder needs root"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"not installed: {', '.join(missing)}"
    if not list(CACHE.glob("base-*.digest")):
        return f"no base tree in {CACHE} yet; lab/record makes it on its first run"
    busy = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=False).stdout
    if "lichen-" in busy:
        return "the lab is recording"
    enabled = subprocess.run(["auditctl", "-s"], capture_output=True, text=True, check=False).stdout
    return None if "enabled 0" in enabled else "this machine's audit is in use (or cannot be read)"


def machine() -> dict[str, object]:
    """What a recording may not leave changed."""
    status = dict(line.split(maxsplit=1) for line in output("auditctl", "-s").splitlines() if " " in line)
    limits = Path("/proc/sys/net/ipv4/neigh/default")
    return {
        "namespaces": sorted(
            line.split()[0] for line in output("ip", "netns").splitlines() if line.startswith("lichen-")
        ),
        "mounts": [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(CACHE) in line],
        "audit": {
            name: status.get(name) for name in ("enabled", "failure", "backlog_limit", "backlog_wait_time", "pid")
        },
        "rules": output("auditctl", "-l").strip(),
        "limits": [(limits / f"gc_thresh{n}").read_text() for n in (1, 2, 3)],
        "recorder's processes": [line for line in output("ps", "axo", "args").splitlines() if "/etc/lab/init" in line],
    }


def output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def begin(folder: Path, minutes: float) -> subprocess.Popen[bytes]:
    """Start recording three replicas; returns when they are up."""
    scenario = folder / "small.yml"
    scenario.write_text(SCENARIO.format(minutes=minutes))
    words = [str(RECORD), str(scenario), "--out", str(folder / "out"), "--replicas", "dns=1,gateway=1,orders=1"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if "lichen-a-orders-1" in output("ip", "netns") and "auid=20" in output("auditctl", "-l"):
            time.sleep(4)
            return process
        time.sleep(0.2)
    pytest.fail(f"the recorder did not come up (exit {process.poll()})")


@pytest.fixture
def before() -> dict[str, object]:
    """The machine's state before a recording, where one can be made."""
    if reason := why_not():
        pytest.skip(reason)
    return machine()


def test_a_recording_that_ends_in_its_time_leaves_nothing_behind(before: dict[str, object], tmp_path: Path) -> None:
    process = begin(tmp_path, 10 / 60)
    assert machine() != before, "nothing was set up, so nothing is tested"
    assert process.wait(timeout=60) == 0
    assert machine() == before
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"session.yml", "steps.yml", "inventory.yml", "labels.ndjson.xz", "audit-00.log.xz"} <= written


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_recording_that_is_interrupted_leaves_nothing_behind(
    before: dict[str, object], tmp_path: Path, number: signal.Signals
) -> None:
    process = begin(tmp_path, 5)
    process.send_signal(number)
    assert process.wait(timeout=30) != 0
    assert machine() == before


def test_restore_cleans_up_after_a_recorder_that_was_killed(before: dict[str, object], tmp_path: Path) -> None:
    process = begin(tmp_path, 5)
    process.kill()
    process.wait(timeout=10)
    assert machine() != before
    subprocess.run([str(RECORD), "--restore"], check=True, timeout=60)
    assert machine() == before
