"""Paths looked at: which streams lie there, what each one is, and where it was left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from lichen.collect.dead_letter import Letters
from lichen.collect.identity import Inventory, Naming
from lichen.collect.inputs.blocks import Cutter
from lichen.collect.inputs.budget import Caps
from lichen.collect.inputs.envelopes import unfolded
from lichen.collect.inputs.evtx import EVTX
from lichen.collect.inputs.not_logs import told_of
from lichen.collect.inputs.opened import CAPS, STDIN, Bytes, Origin, origins_of
from lichen.collect.inputs.reading import Limits, StreamReading
from lichen.collect.inputs.resume import Found, found_in, identity_of
from lichen.collect.mapping import SensorMapping
from lichen.collect.processes import Processes
from lichen.collect.readers.choose import Format, Wanted, choose, first_time
from lichen.collect.readers.making import Context
from lichen.core.batch import Delivery, Position, Stream
from lichen.core.errors import InputError

HEAD_BYTES = 64 << 10
LONGEST_HEAD_BYTES = 16 << 20  # searched for a first whole line
NO_LOGS = frozenset({".yml", ".yaml", ".md", ".py", ".toml", ".html", ".css", ".js", ".png", ".parquet", ".db"})
EVENTS = Wanted("windows-event")  # what EVTX holds, even where its first records are damaged
UNKNOWN_REMEDY = "lichen source list says what is read, lichen source new makes a mapping, --sensor says what it is"


@dataclass(frozen=True, slots=True)
class Seen:
    """An origin looked at: how it begins. `base` None: nothing in it yet. `first`: the time (µs UTC) of its first line,
    0 if it says none."""

    origin: Origin
    base: str | None
    head: bytes
    format: Format | None
    first: int
    damage: str | None
    remedy: str = ""

    @property
    def order(self) -> tuple[int, str]:
        """Streams are read in the order of their first events, so that a rotated log comes before the next."""
        return self.first, self.origin.place


@dataclass(slots=True)
class Survey:
    """What a source knows to look with. `notes` gets a line a file: what it was taken for, or why it was not read."""

    paths: Sequence[str]
    limits: Limits
    mappings: Sequence[SensorMapping]
    inventory: Inventory | None
    host: str | None
    zone: ZoneInfo
    notes: list[str]
    processes: Processes = field(default_factory=Processes)
    wanted: Wanted | None = None  # what a person says that files are
    caps: Caps = CAPS

    def origins(self, gone_is_fine: bool = False) -> list[Origin]:
        """What can be opened under the paths; of folders every file in order. Raises InputError for a path that is not
        there, unless that is fine."""
        origins = []
        for path in self.paths:
            in_folder = path != STDIN and Path(path).is_dir()
            for file in _files_of(Path(path)) if in_folder else [path]:
                try:
                    origins += origins_of(file, self.caps)
                except InputError as error:
                    if in_folder:
                        self.note(str(error))
                    elif not gone_is_fine:
                        raise
        return origins

    def skipped(self) -> dict[str, int]:
        """What lies in the folders and is left alone: how many of each sort, for people."""
        counted: dict[str, int] = {}
        for path in self.paths:
            for file in Path(path).rglob("*") if path != STDIN and Path(path).is_dir() else ():
                if (why := _left_alone(file)) is not None:
                    counted[why] = counted.get(why, 0) + 1
        return counted

    def look(self, origin: Origin) -> Seen:
        """How an origin begins: its first whole lines, at least one if there is any."""
        stream, head, cutter = Bytes(origin), b"", Cutter(self.limits.line)
        lines: list[str] = []
        while not lines and len(head) < LONGEST_HEAD_BYTES and (part := stream.read(HEAD_BYTES)):
            head += part
            lines += cutter.add(part).text
        ended = len(head) < HEAD_BYTES
        stream.close()
        lines = lines or list(cutter.unfinished().text)
        fmt = choose(lines, self.mappings, self.wanted)
        base = identity_of(head, ended) if head else None
        if (documents := unfolded(origin, head, self._unfolding(), self.limits.line)) is not None:
            origin, head, lines, fmt = documents.origin, documents.head, documents.lines, documents.format
            base = documents.base
        if origin.converted == EVTX.name and (fmt := fmt or choose(lines, self.mappings, EVENTS)) is not None:
            fmt = replace(fmt, told=fmt.told.replace("JSON lines", EVTX.name))
        first = first_time(fmt, lines, origin.modified, self.zone) if fmt is not None else 0
        return Seen(
            origin,
            base,
            head[:HEAD_BYTES],
            fmt,
            first,
            stream.damage,
            stream.remedy,
        )

    def _unfolding(self) -> Sequence[SensorMapping]:
        """Mappings whose envelopes are looked for: those of the sensor and format that a person wants."""
        wanted = self.wanted or Wanted()
        if wanted.layout not in (None, "json"):
            return ()
        return [mapping for mapping in self.mappings if wanted.sensor in (None, mapping.name)]

    def begin(self, seen: Seen, known: Mapping[str, Position]) -> StreamReading | Delivery | None:
        """The reading of an origin from where it was left; a delivery that only tells what is wrong with it; or None
        if there is nothing to read."""
        origin, base = seen.origin, seen.base
        if base is None:
            if seen.damage is not None:
                return _unreadable(seen, "0" * 32, seen.damage, seen.remedy)
            self.note(f"{origin.place}: empty")
            return None
        if seen.format is None:
            reason, remedy = told_of(seen.head) or ("no reader or mapping knows this format", UNKNOWN_REMEDY)
            self.note(f"{origin.place}: not read, {reason.replace('this format', 'its format')}")
            return _unreadable(seen, base, reason, remedy)
        found = Found(base) if origin.place == STDIN else found_in(origin, base, seen.head, known)
        if found.older_copy:
            assert found.position is not None
            self.note(f"{origin.place}: an older copy of {found.position.place}, nothing new")
            return None
        went_on = f", from byte {found.position.offset} on" if found.position is not None else ""
        self.note(f"{origin.place}: {seen.format.told}{went_on}")
        stream = Stream(found.stream, origin.place, seen.format.sensor)
        naming = Naming(self.inventory, origin.place, self._host_of(origin))
        by_record = origin.converted == EVTX.name
        context = Context(stream, naming, origin.modified, self.zone, self.processes, by_record=by_record)
        return StreamReading(origin, found, base, seen.format, context, self.limits)

    def note(self, line: str) -> None:
        """Tell a person something about a file, once."""
        if line not in self.notes:
            self.notes.append(line)

    def _host_of(self, origin: Origin) -> str:
        """--host, else the folder that the file lies in."""
        if self.host is not None:
            return self.host
        return STDIN if origin.place.partition("!")[0] == STDIN else origin.path.resolve().parent.name or "/"


def _unreadable(seen: Seen, stream: str, reason: str, remedy: str) -> Delivery:
    letters = Letters(Stream(stream, seen.origin.place, "unknown"))
    letters.put(0, 0, reason, remedy, seen.head)
    state = {"base": seen.base, "sensor": "unknown"}
    return Delivery((), letters.all(), Position(stream, seen.origin.place, 0, "", state), ended=True)


def _files_of(folder: Path) -> list[str]:
    """The files of a folder that may hold events."""
    return [str(file) for file in sorted(folder.rglob("*")) if file.is_file() and _left_alone(file) is None]


def _left_alone(file: Path) -> str | None:
    """Why something in a folder is not opened; None of what is, and of folders."""
    if file.is_symlink():
        return "symbolic links"
    if file.is_dir():
        return None
    if not file.is_file():
        return "sockets, pipes and devices"
    if file.name.startswith("."):
        return "hidden files"
    return "files whose names say that they hold no events" if file.suffix.lower() in NO_LOGS else None
