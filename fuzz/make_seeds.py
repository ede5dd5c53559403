"""Makes the seeds that are no text, EVTX chunks and archives: `python -m fuzz.make_seeds`. All values are made up."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import zstandard

from fuzz.archives import tarred, zipped
from fuzz.targets import SEEDS

CHUNK_HEADER = 512
FILETIME = 134_000_000_000_000_000
LOG = b"Nov 24 08:06:07 host sshd[77]: Failed password for root from 198.51.100.7 port 4022 ssh2\n"
JSON = b'{"time": "2026-11-24T10:00:00Z", "user": {"name": "a"}, "action": "login"}\n'


class Chunk:
    """An EVTX chunk in the making: records of binary XML, names written where they are used first."""

    def __init__(self) -> None:
        self.raw = bytearray(CHUNK_HEADER)
        self.names: dict[str, int] = {}
        self.records = 0
        self.templated = False

    def name(self, text: str) -> None:
        """The place of a name; the name itself behind it where it was not written before."""
        at = len(self.raw) + 4
        known = self.names.setdefault(text, at)
        self.raw += struct.pack("<I", known)
        if known == at:
            self.raw += struct.pack("<IHH", 0, 0, len(text)) + text.encode("utf-16-le") + b"\0\0"

    def text(self, text: str) -> None:
        self.raw += struct.pack("<BBH", 5, 1, len(text)) + text.encode("utf-16-le")

    def element(self, name: str, attributes: dict[str, str], *inside: object) -> None:
        """An element; what is inside is a text, a number of a substitution, or arguments of another element."""
        self.raw.append(0x41 if attributes else 0x01)
        self.raw += struct.pack("<HI", 0xFFFF, 0) if self.templated else struct.pack("<I", 0)
        self.name(name)
        if attributes:
            self.raw += struct.pack("<I", 0)
        for number, (key, value) in enumerate(attributes.items(), 1):
            self.raw.append(0x46 if number < len(attributes) else 0x06)
            self.name(key)
            self.text(value)
        self.raw.append(0x02)
        for each in inside:
            if isinstance(each, str):
                self.text(each)
            elif isinstance(each, int):
                self.raw += struct.pack("<BHB", 0x0D, each, 1)
            elif isinstance(each, tuple):
                self.element(*each)
        self.raw.append(0x04)

    def event(self, record: int, command: str | int) -> None:
        system = [
            ("Provider", {"Name": "Microsoft-Windows-Sysmon"}),
            ("EventID", {}, "1"),
            ("TimeCreated", {"SystemTime": "2026-11-24T10:00:00.000000Z"}),
            ("EventRecordID", {}, str(record)),
            ("Channel", {}, "Microsoft-Windows-Sysmon/Operational"),
            ("Computer", {}, "host.example"),
        ]
        data = [("Data", {"Name": "CommandLine"}, command), ("Data", {"Name": "Image"}, "C:\\a\\b.exe")]
        self.raw += b"\x0f\x01\x01\x00"
        self.element("Event", {}, ("System", {}, *system), ("EventData", {}, *data))
        self.raw.append(0x00)

    def record(self, command: str, template: bool = False) -> None:
        """One record: its XML as it stands, or a template with what is put into it."""
        self.records, self.templated = self.records + 1, template
        begin = len(self.raw)
        self.raw += b"**\0\0" + struct.pack("<IQQ", 0, self.records, FILETIME)
        if template:
            self.raw += b"\x0f\x01\x01\x00" + struct.pack("<BBI", 0x0C, 1, 7)
            self.raw += struct.pack("<I", len(self.raw) + 4)
            self.raw += struct.pack("<I16sI", 0, b"\x07" * 16, 0)
            size_at, before = len(self.raw) - 4, len(self.raw)
            self.event(self.records, 0)
            self.raw[size_at : size_at + 4] = struct.pack("<I", len(self.raw) - before)
            value = command.encode("utf-16-le")
            self.raw += struct.pack("<IHBB", 1, len(value), 1, 0) + value
        else:
            self.event(self.records, command)
        size = len(self.raw) + 4 - begin
        self.raw += struct.pack("<I", size)
        self.raw[begin + 4 : begin + 8] = struct.pack("<I", size)

    def made(self) -> bytes:
        numbers = (1, self.records, 1, self.records, 128, 0, len(self.raw))
        struct.pack_into("<8sQQQQIII", self.raw, 0, b"ElfChnk\0", *numbers)
        return bytes(self.raw)


def event_logs() -> dict[str, bytes]:
    one, two, template, none = Chunk(), Chunk(), Chunk(), Chunk()
    one.record("cmd.exe /c whoami")
    for command in ("a", "b"):
        two.record(command)
    template.record("powershell -enc AAAA", template=True)
    broken = bytearray(one.made())
    broken[CHUNK_HEADER + 8] = 0xFF
    return {
        "one-record": one.made(),
        "two-records": two.made(),
        "template": template.made(),
        "no-record": none.made(),
        "cut-short": two.made()[:-300],
        "many-counted": one.made()[:16] + b"\xff" * 8 + one.made()[24:],
        "other-number": bytes(broken),
        "no-chunk": b"not a chunk\n" * 4,
        "header-only": b"ElfFile\0" + bytes(100),
    }


def archives() -> dict[str, bytes]:
    long_name = io.BytesIO()
    with tarfile.open(fileobj=long_name, mode="w", format=tarfile.PAX_FORMAT) as archive:
        about = tarfile.TarInfo("é" * 60 + "/" + "b" * 60 + ".log")
        about.size = len(LOG)
        archive.addfile(about, io.BytesIO(LOG))
    outside = io.BytesIO()
    with zipfile.ZipFile(outside, "w") as packed:
        for name in ("../../etc/cron.d/a", "/etc/passwd", "a\\b\n.log", "d/"):
            packed.writestr(zipfile.ZipInfo(name), LOG)
    gnu = io.BytesIO()
    with tarfile.open(fileobj=gnu, mode="w", format=tarfile.GNU_FORMAT) as archive:
        about = tarfile.TarInfo("n" * 130 + ".log")
        about.size = len(LOG)
        archive.addfile(about, io.BytesIO(LOG))
    stored = zipped(LOG * 2)
    four_times = LOG
    for _ in range(4):
        four_times = gzip.compress(four_times, mtime=0)
    return {
        "gz": gzip.compress(LOG * 3, mtime=0),
        "gz-two-members": gzip.compress(LOG, mtime=0) + gzip.compress(JSON, mtime=0),
        "gz-cut": gzip.compress(LOG * 3, mtime=0)[:-12],
        "xz": lzma.compress(LOG * 3),
        "lzma-padded": lzma.compress(LOG) + bytes(8),
        "bz2": bz2.compress(LOG * 3),
        "zstd": zstandard.compress(LOG * 3),
        "zip": stored,
        "zip-outside": outside.getvalue(),
        "zip-in-zip": zipped(zipped(zipped(zipped(LOG)))),
        "zip-cut": stored[:-10],
        "tar": tarred(LOG),
        "tar-pax": long_name.getvalue()[:2560],
        "tar-gnu-name": gnu.getvalue()[:2560],
        "tar-gz": gzip.compress(tarred(JSON * 2), mtime=0),
        "tar-of-zip": tarred(zipped(LOG)),
        "gz-gz-gz-gz": four_times,
        "bomb": gzip.compress(gzip.compress(bytes(3 << 20), mtime=0), mtime=0),
        "utf-16": (b"\xff\xfe" + LOG.decode().encode("utf-16-le")),
        "plain": LOG + JSON,
    }


def main() -> None:
    for name, made in {"event_logs": event_logs(), "archives": archives()}.items():
        (SEEDS / name).mkdir(parents=True, exist_ok=True)
        for seed, data in made.items():
            (SEEDS / name / seed).write_bytes(data)


if __name__ == "__main__":
    main()
