"""Serving: on 127.0.0.1 alone, with a token of its own each start, ended by an interrupt without a trace."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from desk_for_pages import DeskForPages

from lichen.core.errors import ConfigError
from lichen.web.serve import serve_console

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from desk_for_pages import DeskForPages
from lichen.web.serve import serve_console
serve_console(DeskForPages([]), port=0, opened=lambda address: print(address, flush=True))
"""


def test_a_console_is_opened_read_and_ended() -> None:
    arguments = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        address = urlsplit(running.stdout.readline().strip())
        assert address.hostname == "127.0.0.1"
        assert len(address.query.removeprefix("token=")) >= 32
        connection = HTTPConnection("127.0.0.1", int(address.port or 0), timeout=20)
        connection.request("GET", f"{address.path}?{address.query}")
        answer = connection.getresponse()
        assert answer.status == 303
        assert answer.headers["Server"] is None
        connection.close()
        with socket.socket() as elsewhere, pytest.raises(OSError, match="refused"):
            elsewhere.connect(("127.0.0.2", int(address.port or 0)))
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=20)
    assert "Traceback" not in told
    assert address.query not in told


def test_a_port_that_is_taken_is_told_with_its_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="--port"):
            serve_console(DeskForPages([]), port=port, opened=lambda address: None)
