"""Serving the console: a socket on 127.0.0.1, a token of this start, uvicorn until it is ended."""

from __future__ import annotations

import contextlib
import getpass
import secrets
import socket
import time
from collections.abc import Callable

from lichen.core.desk import Desk
from lichen.core.errors import ConfigError
from lichen.core.time import MICROSECONDS

ADDRESS = "127.0.0.1"


def serve_console(desk: Desk, *, port: int, window_minutes: int = 60, opened: Callable[[str], None]) -> None:
    """Serves the console of a desk on 127.0.0.1 until interrupted. `port` 0 takes a free one.

    `opened` is called once with the address that lets its reader in. Raises ConfigError where the port is taken.
    """
    import uvicorn

    from lichen.web.app import create_app

    listening = _listening(port)
    taken = int(listening.getsockname()[1])
    token = secrets.token_urlsafe(24)
    app = create_app(
        desk,
        token=token,
        port=taken,
        now=lambda: time.time_ns() * MICROSECONDS // 1_000_000_000,
        window_minutes=window_minutes,
        by=_person(),
    )
    # the access log would write the token of the first request
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, proxy_headers=False)
    server = uvicorn.Server(config)
    opened(f"http://{ADDRESS}:{taken}/?token={token}")
    with listening, contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again once it has ended in order
        server.run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        listening.listen(64)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"the port cannot be had: {error.strerror}", place=f"{ADDRESS}:{port}", remedy="choose another with --port"
        ) from error
    return listening


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "console"
