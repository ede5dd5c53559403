"""Images: the base tree, the common layer over it, one layer a role and version; each built once, named by digest."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recorder.plan import CACHE, LAB, Estate
from recorder.shell import call, quietly

# fmt: off
PACKAGES = [
    "nginx-light", "python3", "python3-psycopg2", "python3-yaml", "openssh-server", "openssh-client", "sshpass",
    "cron", "postgresql", "dnsmasq-base", "bind9-dnsutils", "iproute2", "procps", "logrotate", "sudo", "rsyslog",
    "curl", "wget", "netcat-openbsd", "ca-certificates", "openssl", "less", "file", "xxd", "bsdextrautils",
    "socat", "strace", "lsof", "net-tools", "iputils-ping", "rsync", "zip", "unzip", "xz-utils", "tini",
    "perl-base", "psmisc", "passwd", "adduser", "vim-tiny", "tzdata", "nmap", "busybox", "git", "at", "gawk",
    "mawk", "jq",
]
# fmt: on
REINSTALLABLE = "procps hostname tzdata logrotate bsdextrautils less file netcat-openbsd"
OUTSIDE = ["load.py", "admins.py", "poller.py", "partner.py", "caller.py", "listener.py", "ssh_client.py"]
LEFT_OUT = shutil.ignore_patterns("__pycache__", *OUTSIDE)  # programs that never run in a replica
MIRROR = "http://deb.debian.org/debian"


@contextmanager
def building() -> Iterator[None]:
    """One builder at a time, whichever estate asks."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "build.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest_of(*parts: bytes | str | Path) -> str:
    """A sha256 over texts and trees: each tree's paths, modes, owners and contents in order (times left out)."""
    total = hashlib.sha256()
    for part in parts:
        if not isinstance(part, Path):
            total.update(part.encode() if isinstance(part, str) else part)
            continue
        for path in sorted([part, *part.rglob("*")] if part.is_dir() else [part]):
            if "__pycache__" in path.parts or path.is_socket():
                continue
            info = path.lstat()
            total.update(f"{path.relative_to(part)} {info.st_mode:o}".encode())
            if path.is_symlink():
                total.update(os.readlink(path).encode())
            elif path.is_file():
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def base_tree() -> Path:
    """A minimal Debian with the lab's packages; made once, about a minute."""
    tree = CACHE / f"base-{digest_of(' '.join(PACKAGES), REINSTALLABLE, MIRROR)[:12]}"
    if not tree.exists():
        unfinished = tree.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        fetch = (
            f'mkdir -p "$1/opt/packages" && chroot "$1" sh -c "cd /opt/packages && '
            f'apt-get -o APT::Sandbox::User=root download {REINSTALLABLE}"'
        )
        call(
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            "--skip=cleanup/apt",
            '--aptopt=APT::Install-Recommends "false"',
            f"--customize-hook={fetch}",
            "bookworm",
            str(unfinished),
            MIRROR,
            timeout_s=900,
        )
        unfinished.rename(tree)
    return tree


def common_layer(base: Path, estate: Estate) -> Path:
    """Accounts, login rules, stubs: lab/roles/base run once over the base tree."""
    people = list(estate.settings["people"])
    stubs = LAB / "services" / "stubs.txt"
    parts: list[bytes | str | Path] = [
        base.name,
        " ".join(people),
        LAB / "roles" / "base",
        LAB / "services" / "accounts.py",
    ]
    layer = CACHE / f"common-{digest_of(*parts, *([stubs] if stubs.exists() else []))[:12]}"
    if layer.exists():
        return layer
    unfinished, work, root = (CACHE / f"common.{part}" for part in ("new", "work", "root"))
    for folder in (unfinished, work, root):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    call(
        "mount", "-t", "overlay", "lab-build", "-o", f"lowerdir={base},upperdir={unfinished},workdir={work}", str(root)
    )
    try:
        shutil.copytree(LAB / "roles" / "base", root / "opt" / "setup")
        shutil.copytree(LAB / "services", root / "srv" / "app", ignore=shutil.ignore_patterns("__pycache__"))
        call("chroot", str(root), "/bin/sh", "/opt/setup/setup.sh")
        call("chroot", str(root), "/usr/bin/python3", "-B", "/opt/setup/people.py", *people)
        shutil.rmtree(root / "opt" / "setup")
        for path in (root / "srv" / "app").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        quietly("umount", str(root))
    shutil.rmtree(work, ignore_errors=True)
    unfinished.rename(layer)
    return layer


def role_layer(image: str, common: Path) -> Path:
    """The services, the role's own files and the version: what tells one image from another."""
    role = image.rpartition("-v")[0]
    overlay, cron = LAB / "roles" / role, LAB / "services" / "cron"
    parts: list[bytes | str | Path] = [common.name, image, LAB / "services"]
    layer = CACHE / f"{image}-{digest_of(*parts, *([overlay.resolve()] if overlay.exists() else []))[:12]}"
    if layer.exists():
        return layer
    unfinished = CACHE / f"{image}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    if overlay.exists():
        shutil.copytree(overlay.resolve(), unfinished, symlinks=True)
    app = unfinished / "srv" / "app"
    shutil.copytree(LAB / "services", app, ignore=LEFT_OUT)
    (app / "VERSION").write_text(image + "\n", encoding="utf-8")
    for path in [app, *app.rglob("*")]:
        os.chown(path, 33, 33)
    for table in cron.iterdir() if cron.exists() else []:
        (unfinished / "etc" / "cron.d").mkdir(parents=True, exist_ok=True)
        if table.name == role or table.name.startswith(role + "-") or table.name == "all":
            shutil.copy(table, unfinished / "etc" / "cron.d" / table.name)
            (unfinished / "etc" / "cron.d" / table.name).chmod(0o644)
    for path in unfinished.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    unfinished.rename(layer)
    return layer


def build(estate: Estate) -> dict[str, tuple[str, str]]:
    """Every image of the estate: name -> (lowerdir list, sha256 digest)."""
    with building():
        base = base_tree()
        seal = CACHE / f"{base.name}.digest"
        if not seal.exists():
            seal.write_text(digest_of(base), encoding="utf-8")
        common = common_layer(base, estate)
        images = {}
        for image in estate.settings["images"]:
            layer = role_layer(image, common)
            images[image] = (f"{layer}:{common}:{base}", digest_of(seal.read_text(encoding="utf-8"), common, layer))
        return images
