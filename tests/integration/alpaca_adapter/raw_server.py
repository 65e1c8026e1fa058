"""A server of bare sockets, for what no HTTP server does: drips, silence, early ends."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_ACCEPT_S = 0.05

Behaviour = Callable[[socket.socket, "RawServer"], None]


@dataclass
class RawServer:
    """What it heard, and how often somebody connected."""

    port: int
    behave: Behaviour
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hear(self, connection: socket.socket) -> bytes:
        """One request, headers and body; empty if the client has left."""
        request, missing = b"", 1
        with contextlib.suppress(OSError):
            while missing:
                part = connection.recv(65536)
                if not part:
                    break
                request += part
                missing = _missing(request)
        if request:
            self.heard.append(request)
        return request

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond the end of the test; False at its end."""
        return not self.stopping.wait(seconds)


def _missing(request: bytes) -> int:
    """How many bytes of a request have not come yet; 1 while its headers have not."""
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return 1
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(length[1]) - len(body) if length else 0


@contextlib.contextmanager
def raw_server(behave: Behaviour) -> Iterator[RawServer]:
    """Serve each connection with `behave`, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(_ACCEPT_S)
        server = RawServer(listening.getsockname()[1], behave)
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                behave(connection, server)

        def accept() -> None:
            while not server.stopping.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                server.connections += 1
                connection.settimeout(5.0)
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.stopping.set()
            for thread in (accepting, *threads):
                thread.join(10.0)


@contextlib.contextmanager
def unanswered_port() -> Iterator[int]:
    """A port where connections hang: its queue of unaccepted ones is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
        time.sleep(0.05)
        yield port


def http(body: bytes, *, status: str = "200 OK", length: int | None = None) -> bytes:
    """An HTTP answer; `length` may lie."""
    shown = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {shown}\r\n\r\n"
    return head.encode() + body
