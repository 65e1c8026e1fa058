"""One client of the Gateway: bytes in by `receive`, bytes out to its link, no sockets here."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Protocol

from simulators.ib_gateway.subscriptions import Subscriptions
from simulators.ib_gateway.wire import BadMessage, Field, FrameReader, fields_of, frame

LOWEST_VERSION = 157
HIGHEST_VERSION = 178
_HELLO = b"API\0"
_PACED = "+PACEAPI"
_INBOX_MAX = 4096
_UNSENT_BYTES_MAX = 8_000_000
_REJECT_JSON = 166


class Link(Protocol):
    """What a session needs of a connection; an `asyncio.Transport` is one."""

    def write(self, data: bytes) -> None:
        """Sends without waiting."""

    def get_write_buffer_size(self) -> int:
        """How many bytes wait to be sent."""

    def is_closing(self) -> bool:
        """Whether it has ended, or is about to: nothing more arrives."""

    def close(self) -> None:
        """Ends the connection in order."""

    def abort(self) -> None:
        """Ends the connection with a reset."""


class Phase(Enum):
    """How far a connection has come. SILENT reads for ever and never answers."""

    HELLO = "hello"
    VERSION = "version"
    OPEN = "open"
    SILENT = "silent"
    ENDED = "ended"


class Session:
    """A connection from its first byte on.

    Messages wait in `inbox`, None behind the last one; a client that lets the inbox or its own
    receiving side run full is cut off. `client_id` is -1 until startApi came.
    """

    def __init__(
        self, link: Link, server_time: Callable[[], str], ended: "Callable[[Session], None]"
    ) -> None:
        """Args: ended: told once, when the connection is gone."""
        self.inbox: asyncio.Queue[list[str] | None] = asyncio.Queue()
        self.client_id = -1
        self.version = HIGHEST_VERSION
        self.phase = Phase.HELLO
        self.is_paced = False
        """Whether the client asked for `+PACEAPI`: its messages wait in place of being refused."""
        self.binds_orders = False
        self.data_type = 1
        self.wants_account = False
        self.wants_positions = False
        self.subscriptions = Subscriptions()
        self.muted: set[str] = set()
        self.sent_at_s: list[float] = []
        self.excesses = 0
        self.is_cut = False
        self._link = link
        self._server_time = server_time
        self._tell_end = ended
        self._is_lost = False
        self._is_hushed = False
        self._reader = FrameReader()
        self._captured: list[bytes] | None = None
        self._pauses = 0
        self._kept: list[bytes] = []

    @property
    def is_ended(self) -> bool:
        """Whether the connection is gone, by whomever."""
        return self.phase is Phase.ENDED

    def receive(self, data: bytes) -> None:
        """Takes bytes from the client."""
        if self.phase in (Phase.SILENT, Phase.ENDED):
            return
        self._reader.feed(data)
        if self.phase is Phase.HELLO and not self._said_hello():
            return
        try:
            for body in self._reader.frames():
                self._take(body)
        except BadMessage:
            self.end(reset=True)

    def _said_hello(self) -> bool:
        """Whether `API` and a zero have come; who begins in another way is cut off at once.

        The protocol from before version 100 begins with the client's version as bare text.
        """
        if not _HELLO.startswith(self._reader.head(len(_HELLO))):
            self.end(reset=True)
            return False
        if self._reader.raw(len(_HELLO)) is None:
            return False
        self.phase = Phase.VERSION
        return True

    def _take(self, body: bytes) -> None:
        if self.phase is Phase.VERSION:
            self._agree(body)
        elif self.phase is Phase.OPEN:
            self.inbox.put_nowait(fields_of(body))
            if self.inbox.qsize() > _INBOX_MAX:
                self.end(reset=True)

    def _agree(self, body: bytes) -> None:
        """Announces the highest version that both sides know."""
        offered, *options = body.decode(errors="replace").split() or [""]
        lowest, _, highest = offered.removeprefix("v").partition("..")
        try:
            self.version = min(int(highest or lowest), HIGHEST_VERSION)
            fits = int(lowest) <= self.version >= LOWEST_VERSION
        except ValueError:
            fits = False
        if not fits:
            self.end()
            return
        self.is_paced = _PACED in options
        self.phase = Phase.OPEN
        self.send(self.version, self._server_time())

    def send(self, *fields: Field) -> None:
        """Sends one message, in the order of sending."""
        self.send_frame(frame(*fields))

    def send_frame(self, data: bytes) -> None:
        """Sends a message that is encoded already."""
        if self._captured is not None:
            self._captured.append(data)
        elif self._pauses:
            self._kept.append(data)
        elif self.phase is Phase.OPEN and not self._is_hushed and not self._link.is_closing():
            self._link.write(data)
            if self._link.get_write_buffer_size() > _UNSENT_BYTES_MAX:
                self.end(reset=True)

    def error(self, code: int, text: str, req_id: int = -1) -> None:
        """Sends an error or a notice."""
        self.send(*self.error_message(code, text, req_id))

    def error_message(self, code: int, text: str, req_id: int = -1) -> tuple[Field, ...]:
        """An error or a notice, as this client's version has it."""
        advanced = ("",) if self.version >= _REJECT_JSON else ()
        return (4, 2, req_id, code, text, *advanced)

    @contextmanager
    def capturing(self) -> Iterator[list[bytes]]:
        """Collects what is sent inside the block in place of sending it."""
        captured: list[bytes] = []
        self._captured = captured
        try:
            yield captured
        finally:
            self._captured = None

    def pause(self) -> None:
        """Keeps back what is sent from now on, until it is resumed as often as it was paused."""
        self._pauses += 1

    def resume(self) -> None:
        """Sends what was kept back."""
        self._pauses -= 1
        kept, self._kept = self._kept, []
        for data in kept:
            self.send_frame(data)

    def hush(self) -> None:
        """Whatever would be sent from now on is lost; what the client sends is still worked."""
        self._is_hushed = True

    def go_silent(self) -> None:
        """From now on it reads and never answers; the connection stays."""
        if self.phase is not Phase.ENDED:
            self.phase = Phase.SILENT

    def end_in_half(self, data: bytes) -> None:
        """Sends half of a message and ends."""
        if self.phase is Phase.OPEN:
            self._link.write(data[: len(data) // 2])
        self.end()

    def end(self, *, reset: bool = False) -> None:
        """Ends the connection from the Gateway's side; what it has not worked yet is lost."""
        if self.phase is Phase.ENDED:
            return
        self.phase = Phase.ENDED
        self.is_cut = True
        while not self.inbox.empty():
            self.inbox.get_nowait()
        if reset:
            self._link.abort()
        else:
            self._link.close()
        self.lost()

    def lost(self) -> None:
        """The connection is gone. What had arrived before is still worked, as a server would."""
        self.phase = Phase.ENDED
        if not self._is_lost:
            self._is_lost = True
            self.inbox.put_nowait(None)
            self._tell_end(self)
