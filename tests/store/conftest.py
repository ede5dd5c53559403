"""What the store's tests stand on: a store in a folder, and a real PostgreSQL where one can be started."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.store.records import Records
from lichen.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


def _binary(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a throwaway PostgreSQL on loopback; skipped where there is none to start."""
    pytest.importorskip("psycopg", reason="the PostgreSQL driver psycopg is not installed")
    initdb, server = _binary("initdb"), _binary("postgres")
    if initdb is None or server is None:
        pytest.skip("no PostgreSQL server on this machine")
    user = None
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    folder = Path("/tmp") / f"lichen-postgresql-{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        made = [initdb, "-D", str(data), "-U", "lichen", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run(made, user=user, cwd=folder, check=True, capture_output=True)
        yield from _serving(server, data, folder, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serving(server: str, data: Path, folder: Path, user: str | None) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [server, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                if running.poll() is not None:
                    pytest.skip(f"PostgreSQL did not start: {(folder / 'log').read_text()[-300:]}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    running.wait(0.1)
            yield f"postgresql://lichen@127.0.0.1:{port}/postgres"
        finally:
            running.send_signal(signal.SIGINT)  # fast: it does not wait for clients
            running.wait(30)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite'}"
    import psycopg

    server: str = request.getfixturevalue("postgresql")
    name = f"d{abs(hash(tmp_path.name)) % 10**12}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    opened = Records(url)
    yield opened
    opened.close()
