"""Atoms: the single tests that a signature is made of, what each costs to say, and how it is judged on a ground.

The cost is a description length that prefers what variants of an attack share. The side of the victim (who acts: the
parent, the user, the directory; which route) and the form of a text (an address in a command line, a hidden name, a
long label) are cheap; what the attacker picks freely (a port, an address, a file's own name) is dear.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lichen.core.entity import base_name, registered_domain
from lichen.share.fields import Ground
from lichen.share.forms import FORMS, VAGUE

Mask = npt.NDArray[np.bool_]

EXCLUDED = "not endswith"  # of any of several endings, a line each
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7")
FORM, SIDE, TOOL, WORD, CHOSEN = 3.0, 4.0, 6.0, 9.0, 16.0  # bits, before what the value itself costs
UNSEEN = 4.0  # more for a literal that no benign event ever showed
VALUE_LIMIT = 200  # characters of a literal
TOKENS = 40  # of one text that become atoms


@dataclass(frozen=True, order=True, slots=True)
class Atom:
    """`modifier` is Sigma's, "" for equality, with "not " before it for a filter; `bits` what it costs to say."""

    field: str
    modifier: str
    value: str
    bits: float

    @property
    def key(self) -> tuple[str, str, str]:
        return self.field, self.modifier, self.value


def atoms_of(lines: Iterable[dict[str, str]], ground: Ground) -> list[Atom]:
    """Every atom that is true of one of these lines and worth trying, cheapest first; each once."""
    found: dict[tuple[str, str, str], Atom] = {}
    for line in lines:
        for name, value in line.items():
            for atom in _reader(name, ground.dialect.category)(name, value):
                if atom.value and len(atom.value) <= VALUE_LIMIT and "\0" not in atom.value:
                    found.setdefault(atom.key, atom)
    return sorted((_weighed(atom, ground) for atom in found.values()), key=lambda atom: (atom.bits, atom.key))


def _reader(name: str, category: str) -> Callable[[str, str], Iterator[Atom]]:
    if name == "TargetFilename" and category != "file_event":
        return _asset
    return _actor if name == "Image" and category != "process_creation" else _FIELDS[name]


def _weighed(atom: Atom, ground: Ground) -> Atom:
    """A literal that no benign event ever showed is dearer: the attacker brought it along."""
    literal = atom.modifier in ("", "contains", "endswith", "startswith", "cidr")
    if literal and not holds(atom, ground).any():
        return Atom(*atom.key, atom.bits + UNSEEN)
    return atom


def holds(atom: Atom, ground: Ground) -> Mask:
    """On which lines of a ground the atom is true, as a Sigma engine would say (case is ignored, but in `re`)."""
    codes, values = ground.coded(atom.field)
    negated = atom.modifier.startswith("not ")
    said = _ON_VALUES[atom.modifier.removeprefix("not ")]
    told = atom.value.split("\n") if atom.modifier == EXCLUDED else [atom.value]
    true = np.logical_or.reduce([said(values, one) for one in told]) if len(values) else np.zeros(0, bool)
    on_lines = np.append(true, False)[codes]  # code -1, a null, takes the last: never true
    return ~on_lines if negated else on_lines


def _mask(values: pa.Array) -> Mask:
    return np.asarray(values.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _equal(values: pa.Array, told: str) -> Mask:
    """Equal but for case, by simple folding: one letter to one, so that equal texts are equally long."""
    as_long = _mask(pc.equal(pc.utf8_length(values), len(told)))
    return as_long & _mask(pc.starts_with(values, told, ignore_case=True))


def _within(values: pa.Array, networks: str) -> Mask:
    nets = [ipaddress.ip_network(one) for one in networks.split(",")]
    return np.array([_inside(value, nets) for value in values.to_pylist()], dtype=bool)


def _inside(value: str, nets: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return any(address.version == net.version and address in net for net in nets)


def _greater(values: pa.Array, than: str) -> Mask:
    return np.array([value.isdigit() and int(value) > int(than) for value in values.to_pylist()], dtype=bool)


_ON_VALUES: dict[str, Callable[[pa.Array, str], Mask]] = {
    "": lambda values, told: _equal(values, told),
    "contains": lambda values, told: _mask(pc.match_substring(values, told, ignore_case=True)),
    "startswith": lambda values, told: _mask(pc.starts_with(values, told, ignore_case=True)),
    "endswith": lambda values, told: _mask(pc.ends_with(values, told, ignore_case=True)),
    "re": lambda values, told: _mask(pc.match_substring_regex(values, told)),
    "cidr": _within,
    "gt": _greater,
}


def _forms(field: str, value: str, forms: Iterable[str]) -> Iterator[Atom]:
    for place, form in enumerate(forms):
        if re.search(form, value):
            yield Atom(field, "re", form, FORM + place / 16 + 2.0 * (form in VAGUE))


def _image(field: str, value: str) -> Iterator[Atom]:
    """The program that acts or is started: by its name (any version of it), its folder, its form; its whole path."""
    yield from _forms(field, value, FORMS["path"])
    name, folder = base_name(value), value.rpartition("/")[0]
    plain = re.sub(r"[\d.]+$", "", name)
    cost = SIDE if field == "ParentImage" else TOOL - 1.0
    if len(plain) >= 2 and plain != name:
        yield Atom(field, "contains", f"/{plain}", cost)
    if name and "/" in value:
        yield Atom(field, "endswith", f"/{name}", cost + 0.5 * (plain != name) if _word(name) else CHOSEN)
    if folder:
        yield Atom(field, "startswith", f"{folder}/", SIDE)
    yield Atom(field, "", value, cost + 2.0 if _word(name) else CHOSEN)


def _actor(field: str, value: str) -> Iterator[Atom]:
    """The program that touches or connects: a tool like any other, so dearer than the program that was started."""
    for atom in _image(field, value):
        yield atom if atom.modifier in ("re", "startswith") else Atom(*atom.key, atom.bits + 1.0)


def _asset(field: str, value: str) -> Iterator[Atom]:
    """A file that was there before and is read, changed or removed: it is the victim's, name and all."""
    yield from _forms(field, value, FORMS["path"])
    yield Atom(field, "startswith", value.rpartition("/")[0] + "/", SIDE)
    yield Atom(field, "endswith", f"/{base_name(value)}", SIDE + 0.5)
    yield Atom(field, "", value, SIDE + 1.0)


def _target(field: str, value: str) -> Iterator[Atom]:
    """The file that is touched: the folders above it, its form, its ending; its own name is the attacker's choice."""
    yield from _forms(field, value, FORMS["path"])
    folders = value.split("/")[1:-1]
    for depth in range(1, min(len(folders), 5) + 1):
        yield Atom(field, "startswith", "/" + "/".join(folders[:depth]) + "/", SIDE + 1.0 + 0.5 * abs(depth - 2))
    name = base_name(value)
    stem, dot, ending = name.rpartition(".")
    if dot and stem and ending.isalpha() and len(ending) <= 6:
        yield Atom(field, "endswith", f".{ending}", TOOL)
    yield Atom(field, "endswith", f"/{name}", WORD if _word(name) else CHOSEN)
    yield Atom(field, "", value, WORD if _word(name) else CHOSEN + 2.0)


def _command(field: str, value: str) -> Iterator[Atom]:
    """A command line: its form, its flags, pairs of neighbours, its words, the folders that it names."""
    yield from _forms(field, value, FORMS["CommandLine"])
    tokens = value.split()[:TOKENS]
    for token, after in zip(tokens, [*tokens[1:], ""], strict=True):
        if re.fullmatch(r"--?[A-Za-z][A-Za-z-]{0,20}", token):
            yield Atom(field, "contains", f" {token} " if after else f" {token}", TOOL)
            if _word(after) and after:
                yield Atom(field, "contains", f" {token} {after}", TOOL + 1.0)
    for word in list(dict.fromkeys(re.findall(r"[A-Za-z_][A-Za-z_.-]{2,30}", value)))[:TOKENS]:
        yield Atom(field, "contains", word, WORD)
    for folder in dict.fromkeys(re.findall(r"(?<![\w.])(/(?:[\w.-]+/)+)", value)):
        yield Atom(field, "contains", folder, TOOL + 0.5)
    for number in re.findall(r"\d{2,}(?:\.\d+)*", value)[:TOKENS]:
        yield Atom(field, "contains", number, CHOSEN + len(number) / 4)
    yield Atom(field, "", value, CHOSEN + 4.0 + len(value) / 16)


def _side(field: str, value: str) -> Iterator[Atom]:
    yield Atom(field, "", value, SIDE)


def _folder(field: str, value: str) -> Iterator[Atom]:
    yield Atom(field, "", value, SIDE + 0.5)
    yield from _forms(field, value + "/", list(FORMS["path"])[:1])


def _address(field: str, value: str) -> Iterator[Atom]:
    yield Atom(field, "", value, CHOSEN)
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return
    if address.version == 4:
        yield Atom(field, "cidr", str(ipaddress.ip_network(f"{value}/24", strict=False)), CHOSEN - 3.0)
    if not _inside(value, [ipaddress.ip_network(net) for net in PRIVATE]):
        yield Atom(field, "not cidr", ",".join(PRIVATE), FORM)


def _port(field: str, value: str) -> Iterator[Atom]:
    known = value.isdigit() and int(value) < 1024
    yield Atom(field, "", value, TOOL if known else CHOSEN)
    if value.isdigit() and int(value) > 1024:
        yield Atom(field, "gt", "1024", FORM + 1.0)


def _domain(field: str, value: str) -> Iterator[Atom]:
    domain = registered_domain(value)
    yield Atom(field, "endswith", f".{domain}" if value.lower() != domain else domain, CHOSEN - 4.0)


def _query_name(field: str, value: str) -> Iterator[Atom]:
    yield from _forms(field, value, FORMS["dns"])
    yield from _domain(field, value)


def _route(field: str, value: str) -> Iterator[Atom]:
    """A path of the API: whole where it has no identifier, else by its parts before, and by its template."""
    parts = value.split("/")
    stable = next((i for i, part in enumerate(parts) if re.search(r"\d", part)), len(parts))
    if stable == len(parts):
        yield Atom(field, "", value, SIDE)
    else:
        yield Atom(field, "startswith", "/".join(parts[:stable]) + "/", SIDE)
        form = "/".join("[^/]*[0-9][^/]*" if re.search(r"\d", part) else re.escape(part) for part in parts)
        yield Atom(field, "re", f"^{form}$", SIDE + 0.5)
        yield Atom(field, "", value, CHOSEN)
    if stable > 2:
        yield Atom(field, "startswith", "/".join(parts[:2]) + "/", SIDE + 0.5)


def _query(field: str, value: str) -> Iterator[Atom]:
    yield from _forms(field, value, FORMS["query"])
    value = value.rpartition("?")[2]
    for pair in value.split("&")[:TOKENS]:
        name, equals, told = pair.partition("=")
        if equals and re.fullmatch(r"[\w.-]{1,40}", name):
            yield Atom(field, "contains", f"{name}=", SIDE + 0.5)
            if _word(told):
                yield Atom(field, "contains", pair, WORD)
    for word in list(dict.fromkeys(re.findall(r"[A-Za-z_]{3,30}", value)))[:TOKENS]:
        yield Atom(field, "contains", word, WORD)


def _agent(field: str, value: str) -> Iterator[Atom]:
    product = re.match(r"[A-Za-z][A-Za-z _-]{1,30}", value)
    if product:
        yield Atom(field, "startswith", product.group(0), TOOL + 1.0)


def _person(field: str, value: str) -> Iterator[Atom]:
    yield Atom(field, "", value, CHOSEN)


def _word(text: str) -> bool:
    """Whether a text reads like a name that someone else would use too."""
    return re.fullmatch(r"[A-Za-z][A-Za-z_+.-]{1,24}[\d.]{0,6}", text) is not None


_FIELDS: dict[str, Callable[[str, str], Iterator[Atom]]] = {
    "Image": _image,
    "ParentImage": _image,
    "CommandLine": _command,
    "User": _side,
    "CurrentDirectory": _folder,
    "TargetFilename": _target,
    "DestinationIp": _address,
    "DestinationPort": _port,
    "DestinationHostname": _domain,
    "cs-method": _side,
    "cs-uri-stem": _route,
    "cs-uri-query": _query,
    "cs-user-agent": _agent,
    "cs-username": _person,
    "c-ip": _person,
    "sc-status": _side,
    "query": _query_name,
    "record_type": _side,
}
