"""Fetching a file by URL: bounded, over TLS, and to no private address unless that is allowed.

The address that was checked is the one that is connected to: a name that is resolved a second time cannot lead
elsewhere. Redirects are followed a few times, each checked anew.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lichen.core.errors import InputError

REDIRECTS = 5
TIMEOUT_SECONDS = 20.0  # of one wait
WHOLE_SECONDS = 300.0  # of one file, however steadily it trickles
CHUNK_BYTES = 1 << 16
_WORD_LIMIT = 1024  # characters of a header that is kept
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_HEADERS = {"User-Agent": "lichen", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server gave: `data` is None where nothing changed since `etag` and `modified`, its own words for that."""

    data: bytes | None
    etag: str = ""
    modified: str = ""


def fetch(url: str, limit: int, allow_private: bool = False) -> bytes:
    """The content of a URL. Raises InputError: beyond `limit` bytes, from a private address, without TLS."""
    return fetch_changed(url, limit, allow_private).data or b""


def fetch_changed(url: str, limit: int, allow_private: bool = False, since: Answer | None = None) -> Answer:
    """The content of a URL, unless the server says that it is what it was (RFC 9110 §13). Raises as `fetch`."""
    asked = dict(_HEADERS)
    if since is not None and since.etag:
        asked["If-None-Match"] = since.etag
    if since is not None and since.modified:
        asked["If-Modified-Since"] = since.modified
    for _ in range(REDIRECTS + 1):
        connection, target = _connection(url, allow_private)
        try:
            connection.request("GET", target, headers={**asked, "Host": urlsplit(url).netloc.rpartition("@")[2]})
            answer = connection.getresponse()
            if answer.status in (301, 302, 303, 307, 308) and answer.getheader("Location"):
                url = urljoin(url, answer.getheader("Location") or "")
                continue
            if answer.status == 304 and since is not None:
                return Answer(None, since.etag, since.modified)
            if answer.status != 200:
                raise InputError(f"the server answers {answer.status}", place=url, remedy="check the URL")
            data = _body(answer, limit, url)
            etag, modified = answer.getheader("ETag") or "", answer.getheader("Last-Modified") or ""
        except (OSError, http.client.HTTPException) as error:
            raise InputError(
                f"cannot be fetched: {error}", place=url, remedy="check the URL and the network"
            ) from error
        finally:
            connection.close()
        if len(data) > limit:
            raise InputError("too large", place=url, limit=f"{limit} bytes", remedy="fetch it yourself, and unpack it")
        return Answer(data, etag[:_WORD_LIMIT], modified[:_WORD_LIMIT])
    raise InputError("redirected too often", place=url, limit=f"{REDIRECTS}", remedy="give the last URL")


def _body(answer: http.client.HTTPResponse, limit: int, url: str) -> bytes:
    """At most one chunk more than the limit."""
    data, until = bytearray(), time.monotonic() + WHOLE_SECONDS
    while len(data) <= limit and (chunk := answer.read(CHUNK_BYTES)):
        data += chunk
        if time.monotonic() > until:
            raise InputError("too slow", place=url, limit=f"{WHOLE_SECONDS:g} seconds", remedy="fetch it yourself")
    return bytes(data)


class _Pinned(http.client.HTTPSConnection):
    """A connection to an address that was checked, under the name that it was asked for by."""

    def __init__(self, host: str, port: int, address: str) -> None:
        self._address, self._tls = address, ssl.create_default_context()
        super().__init__(host, port, timeout=TIMEOUT_SECONDS, context=self._tls)

    def connect(self) -> None:
        bare = socket.create_connection((self._address, self.port), TIMEOUT_SECONDS)
        self.sock = self._tls.wrap_socket(bare, server_hostname=self.host)


def _connection(url: str, allow_private: bool) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise InputError(f"no URL: {error}", place=url[:200], remedy="as https://example.org/rules.zip") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InputError("no URL of the web", place=url[:200], remedy="as https://example.org/rules.zip")
    if parts.scheme == "http" and not allow_private:
        raise InputError("not encrypted: anybody on the way could change it", place=url, remedy="use https")
    address = _address(host, port, allow_private, url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "https":
        return _Pinned(host, port, address), target
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT_SECONDS)
    return connection, target


def _address(host: str, port: int, allow_private: bool, url: str) -> str:
    """The first address of a host; all of them must be public, or none is believed."""
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise InputError(f"no such host: {error}", place=url, remedy="check the URL and the network") from error
    private = [each for each in found if not is_public(each)]
    if private and not allow_private:
        raise InputError(
            f"{host} is the private address {private[0]}", place=url, remedy="add --allow-private if that is meant"
        )
    return found[0]


def is_public(address: str) -> bool:
    """Whether an address is one of the open network, also where it is written into another: IPv4 within IPv6 as mapped,
    6to4, Teredo or NAT64."""
    one = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(one, ipaddress.IPv6Address):
        inner = [one.ipv4_mapped, one.sixtofour, *(one.teredo or ())]
        if one in _TRANSLATED:
            inner.append(ipaddress.IPv4Address(int(one) & 0xFFFFFFFF))
        if one.ipv4_mapped:
            return is_public(str(one.ipv4_mapped))
        if any(each is not None and not is_public(str(each)) for each in inner):
            return False
        if one.is_site_local or int(one) >> 32 == 0:
            return False
    return one.is_global and not one.is_multicast
