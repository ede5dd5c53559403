"""A baseline of files: how system binaries were, so that an overwrite is seen by what they hold and not only by path.

It is made once on a machine believed clean, and is only as good as that belief. Where dpkg knows a file, its own md5
is compared at once. An event that names a file of the baseline with another hash is evidence; `compare` reads the files
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import msgspec

from lichen.core.errors import ConfigError
from lichen.detect.rules.files.reading import Limits, Passed, content
from lichen.detect.rules.files.scan import digests

DPKG = Path("/var/lib/dpkg/info")
DETECTOR = "indicator:baseline"
TECHNIQUES = ("T1554",)  # compromise host software binary
_LINE_LIMIT = 1 << 14


class Kept(msgspec.Struct, frozen=True):
    """One file as it was. `package` is dpkg's that holds it, `differs` whether it was not as that package says."""

    path: str
    size: int
    mode: int
    owner: int
    sha256: str
    sha1: str
    md5: str
    package: str = ""
    differs: bool = False
    host: str = ""

    @property
    def hashes(self) -> frozenset[str]:
        return frozenset((self.sha256, self.sha1, self.md5))


@dataclass(frozen=True)
class Baseline:
    """Files by path."""

    files: Mapping[str, Kept]

    @cached_property
    def digest(self) -> str:
        """What was kept, in 12 hexadecimal digits."""
        said = "\0".join(f"{path}\0{self.files[path].sha256}" for path in sorted(self.files))
        return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()

    @classmethod
    def made(
        cls, paths: Iterable[Path], limits: Limits, host: str = "", dpkg: Path = DPKG
    ) -> tuple[Baseline, list[tuple[Path, str]]]:
        """The files as they are on a host, and those that were passed over with the reason."""
        packages = packaged(dpkg)
        files: dict[str, Kept] = {}
        passed: list[tuple[Path, str]] = []
        for path in paths:
            try:
                files[str(path)] = msgspec.structs.replace(kept(path, limits, packages), host=host)
            except Passed as why:
                passed.append((path, str(why)))
        return cls(files), passed

    def save(self, path: Path) -> None:
        """One JSON object a line."""
        encoder = msgspec.json.Encoder()
        text = b"".join(encoder.encode(self.files[name]) + b"\n" for name in sorted(self.files))
        beside = path.with_name(f".{path.name}")
        beside.write_bytes(text)
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Raises ConfigError where the file is damaged."""
        decoder = msgspec.json.Decoder(Kept)
        try:
            found = [decoder.decode(line) for line in path.read_bytes().splitlines() if len(line) < _LINE_LIMIT]
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(f"no baseline: {error}", place=str(path), remedy="lichen files baseline anew") from error
        return cls({each.path: each for each in found})

    def compare(self, limits: Limits, dpkg: Path = DPKG) -> Iterator[tuple[Kept, str]]:
        """The files that are not as they were, and in words how. A file that its package changed is one of them: the
        words say so."""
        packages = packaged(dpkg)
        for was in self.files.values():
            try:
                now = kept(Path(was.path), limits, packages)
            except Passed as why:
                yield was, f"cannot be compared: {why}"
                continue
            told = _difference(was, now)
            if told:
                yield was, told


def _difference(was: Kept, now: Kept) -> str:
    told = []
    if now.sha256 != was.sha256:
        by_package = f"as its package {now.package} says" if now.package and not now.differs else ""
        stranger = f"not as its package {now.package} says" if now.differs else ""
        told.append(f"holds something else{', ' if by_package or stranger else ''}{by_package or stranger}")
    if now.mode != was.mode:
        told.append(f"mode {was.mode:o} became {now.mode:o}")
    if now.owner != was.owner:
        told.append(f"owner {was.owner} became {now.owner}")
    return "; ".join(told)


def kept(path: Path, limits: Limits, packages: Mapping[str, tuple[str, str]]) -> Kept:
    """One file as it is. Raises Passed."""
    data, about = content(path, limits.file_bytes)
    names = digests(data)
    package, md5 = packages.get(str(path), packages.get(_unmerged(path), ("", "")))
    return Kept(
        str(path),
        len(data),
        about.st_mode & 0o7777,
        about.st_uid,
        names["sha256"],
        names["sha1"],
        names["md5"],
        package,
        bool(md5) and md5 != names["md5"],
    )


def packaged(folder: Path) -> dict[str, tuple[str, str]]:
    """(package, md5) of every file that dpkg knows; nothing where there is no dpkg."""
    found: dict[str, tuple[str, str]] = {}
    for listed in sorted(folder.glob("*.md5sums")) if folder.is_dir() else ():
        package = listed.name.removesuffix(".md5sums").partition(":")[0]
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            md5, _, path = line.partition("  ")
            if len(md5) == 32 and path:
                found["/" + path.strip()] = (package, md5)
    return found


def _unmerged(path: Path) -> str:
    """The path as packages wrote it before /bin and /lib became links into /usr."""
    text = str(path)
    return text.removeprefix("/usr") if text.startswith(("/usr/bin/", "/usr/sbin/", "/usr/lib/")) else "/usr" + text
