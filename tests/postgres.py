"""A PostgreSQL of the tests' own, from the binaries that the `pgserver` wheel brings.

It listens on a socket in its folder and nowhere else. Run as root, the server is started as nobody
from a copy of the binaries, since PostgreSQL refuses to be root and nobody may not look into root's
folders.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

_USER: Final = "postgres"
_NOBODY: Final = 65534
_WAIT_S: Final = 60.0
_POLL_S: Final = 0.02
# A process of its own becomes the server: what runs between fork and exec in one with the threads
# of gRPC can crash. It is nobody, as PostgreSQL won't be root, and ends with whoever started it.
_BECOME: Final = f"""
import ctypes, os, signal, sys
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({_NOBODY})
    os.setuid({_NOBODY})
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
os.execv(sys.argv[1], sys.argv[1:])
"""
_SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "jit": "off",
}


def is_installed() -> bool:
    """Whether the wheel is there; it has none for Python 3.13."""
    return importlib.util.find_spec("pgserver") is not None


class PostgresServer:
    """One server with its data in a temporary folder. `running` makes it and cleans up."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = itertools.count(1)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[PostgresServer]:
        """Make and start one; end it and remove its folder at the end, whatever happens."""
        # Short: the path of a socket has 107 characters at most.
        folder = Path(tempfile.mkdtemp(prefix="tandem-pg-"))
        try:
            server = cls(folder, _binaries_for(folder))
            server._initialise()
            server.start()
            try:
                yield server
            finally:
                server.stop()
        finally:
            shutil.rmtree(folder)

    @property
    def dsn(self) -> str:
        """Where it is reached, as a URI."""
        return f"postgresql://{_USER}@/postgres?host={self.folder}"

    def new_dsn(self) -> str:
        """A URI with an empty schema of its own: as good as a database, and made much faster."""
        schema = f"tandem_{next(self._schemas)}"
        self.execute(f"CREATE SCHEMA {schema}")
        return f"{self.dsn}&options=-csearch_path%3D{schema}"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement as the superuser; its rows, if it has any."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def set_to(self, setting: str, value: str) -> Iterator[None]:
        """Change a setting of the whole server, for all sessions, until the end of the block."""
        self.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
        self._reload(setting, lambda now: now == value)
        try:
            yield
        finally:
            self.execute(f"ALTER SYSTEM RESET {setting}")
            self._reload(setting, lambda now: now != value)

    def _reload(self, setting: str, wanted: Callable[[str], bool]) -> None:
        self.execute("SELECT pg_reload_conf()")
        self.until(lambda: wanted(self.execute(f"SHOW {setting}")[0][0]))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        arguments = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _BECOME),
                    self._binaries / "postgres",
                    *("-D", self._data, f"-cunix_socket_directories={self.folder}"),
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        self.until(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text("utf-8")[-2000:]
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it as a power cut would, all its sessions with it; does nothing if it is down."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_WAIT_S)
            self._process = None

    def restart(self) -> None:
        """Stop it and start it again: it recovers what was committed."""
        self.stop()
        self.start()

    @contextmanager
    def as_replica(self) -> Iterator[None]:
        """Let it be a replica that follows nobody, and promote it at the end of the block."""
        self.stop()
        (self._data / "standby.signal").touch()
        self.start()
        yield
        self.execute("SELECT pg_promote()")
        self.until(lambda: self.execute("SELECT pg_is_in_recovery()") == [(False,)])

    def promote(self) -> None:
        """Let it have been a replica that takes over: another timeline of the same data."""
        with self.as_replica():
            pass

    def _initialise(self) -> None:
        subprocess.run(
            [
                self._binaries / "initdb",
                *("-D", self._data, "-U", _USER, "-A", "trust", "-E", "utf8"),
                *("--no-locale", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            **_as_nobody(),
        )

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something of it holds; fails with the end of its log."""
        ends_at = time.monotonic() + _WAIT_S
        while not condition():
            assert time.monotonic() < ends_at, (self.folder / "log").read_text("utf-8")[-2000:]
            time.sleep(_POLL_S)


def _binaries_for(folder: Path) -> Path:
    spec = importlib.util.find_spec("pgserver")
    assert spec is not None, "the wheel is not installed"
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    shutil.copytree(package / "pginstall", folder / "pgserver" / "pginstall")
    libraries = package.with_name("pgserver.libs")  # which the programs look for beside
    if libraries.exists():
        shutil.copytree(libraries, folder / "pgserver.libs")
    folder.chmod(0o755)
    os.chown(folder, _NOBODY, _NOBODY)
    return folder / "pgserver" / "pginstall" / "bin"


def _as_nobody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
