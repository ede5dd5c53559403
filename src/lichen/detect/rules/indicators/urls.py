"""URLs in one form (RFC 3986 §6.2.2-3), so that two ways to write one address are one indicator.

Scheme and host in lower case, the host without final dot and as A-labels; user and password, the scheme's default port
and the fragment left out; an empty path is `/`; dot segments removed; escapes of unreserved characters undone, the
others in upper case; a character that may not stand in a URL is escaped as UTF-8. Query and the rest of the path stay
as they are: `a=1&b=2` and `b=2&a=1` are two URLs.
"""

from __future__ import annotations

import re

LONGEST = 8192
DEFAULT_PORTS = {"http": "80", "https": "443", "ftp": "21", "ws": "80", "wss": "443"}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#@]*@)?(\[[0-9A-Fa-f:.]+\]|[^/?#:@\[\]\s]+)(?::(\d*))?([^#]*)")
_CANONICAL_REST = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/?-]*")  # but for dot segments
_DOTS = re.compile(r"/\.\.?(?:/|\?|$)")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]-]|%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def canonical_url(text: str) -> str | None:
    """The URL in its one form; None if the text is none, or longer than LONGEST characters."""
    if len(text) > LONGEST:
        return None
    parts = _URL.match(text)
    if parts is None:
        return None
    scheme, host, port, rest = parts.groups()
    scheme = scheme.lower()
    host = host.lower() if host.isascii() else ascii_name(host.rstrip("."))
    if host[-1:] == ".":
        host = host.rstrip(".")
    if not host:
        return None
    if port and (port := port.lstrip("0") or "0") != DEFAULT_PORTS.get(scheme):
        host = f"{host}:{port}"
    if _CANONICAL_REST.fullmatch(rest) is None or "/." in rest:
        rest = _mended(rest)
    return f"{scheme}://{host}{rest}"


def _mended(rest: str) -> str:
    path, mark, query = rest.strip().partition("?")
    path = _escaped(path)
    if not path.startswith("/"):
        path = "/" + path
    if _DOTS.search(path):
        path = without_dots(path)
    return path + mark + _escaped(query)


def _escaped(text: str) -> str:
    text = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace")), text)
    return _ESCAPE.sub(_unescaped, text) if "%" in text else text


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else f"%{found[1].upper()}"


def without_dots(path: str) -> str:
    """The path without its dot segments (RFC 3986 §5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def ascii_name(name: str) -> str:
    """A host name in lower case and as A-labels (IDNA 2003); as it is where it has no such form."""
    if name.isascii():
        return name.lower()
    try:
        return name.lower().encode("idna").decode("ascii").lower()
    except UnicodeError:
        return name.lower()


def host_of(url: str) -> str:
    """The host of a canonical URL, without port."""
    host = url.partition("://")[2].partition("/")[0]
    return host if host.endswith("]") else host.partition(":")[0]
