"""A proxy before PostgreSQL that cuts the connection amid an append, before or after its effect."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Final

_APPEND: Final = b"INSERT INTO tandem_entries"
_WAIT_S: Final = 30.0


class Cut(Enum):
    """When the next append is cut off: its statement is not passed on, or its answer is not."""

    BEFORE = "BEFORE"
    AFTER = "AFTER"


class CuttingProxy:
    """Passes bytes on to the server whose socket is in `folder`. `cut` says what to do once; while
    `refuses`, new connections are closed at once."""

    def __init__(self, folder: Path) -> None:
        self._server = str(folder / ".s.PGSQL.5432")
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.cut: Cut | None = None
        self.refuses_after_cut = False
        self._refuses = False

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[CuttingProxy]:
        made = cls(folder)
        threading.Thread(target=made._accept, daemon=True).start()
        try:
            yield made
        finally:
            _close(made._listening)
            made._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._refuses:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.settimeout(_WAIT_S)
            server.connect(self._server)
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(client):
            if self.cut is Cut.BEFORE and _APPEND in data:
                self._end(client, server)
                return
            server.sendall(data)
        _close(server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(server):
            if self.cut is Cut.AFTER and b"INSERT 0" in data:
                self._end(client, server)
                return
            client.sendall(data)
        _close(client)

    def _end(self, client: socket.socket, server: socket.socket) -> None:
        self.cut = None
        self._refuses = self.refuses_after_cut
        _close(client)
        _close(server)


def _received(side: socket.socket) -> bytes:
    try:
        return side.recv(1 << 16)
    except OSError:
        return b""


def _close(side: socket.socket) -> None:
    try:
        side.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was first
