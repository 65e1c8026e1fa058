"""One connection to the Gateway: ib_insync's client, encoder and decoder, and nothing above them.

The library's own idea of orders, positions and requests is not used: it takes many warnings for
cancellations, failed requests for empty answers, and keeps all of it across gaps. What is used is
its knowledge of the wire. What it would log and go on with, a message that can't be read, is told
here, since that message is lost.

A connection is used once. A new one is a new object, so nothing of an old one can be mistaken for
news.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from services.common.domain.errors import Reason, Unavailable
from services.ib_adapter.library import Contract, LibraryClient, LibraryDecoder, Order

# Messages that tell of orders and executions: losing one is a gap.
ORDER_MESSAGES: Final = frozenset({"3", "4", "5", "9", "11", "15", "53", "55", "59", "101", "102"})
# Those that tell of prices: losing one spoils quotes and nothing else.
TICK_MESSAGES: Final = frozenset({"1", "2", "21", "45", "46", "47", "58", "81", "84"})


class NotConnected(Exception):
    """No connection with accounts came up; the message says how far it got."""

    def __init__(self, message: str, *, was_open: bool) -> None:
        super().__init__(message)
        self.was_open = was_open


class Ears(Protocol):
    """Who is told what comes in. The methods for single messages are those of the library."""

    def unread(self, message_id: str, error: BaseException | None) -> None:
        """A message came that could not be read, or taken."""

    def closed(self, reason: str) -> None:
        """The connection is gone."""


class Wire:
    """A connection under one client id. Used on the event loop's thread only.

    Beyond 50 messages a second IB refuses, and in the end closes the connection. The pacer keeps
    below that; `messages_per_s` is for what it let pass and what then waited for something else (a
    contract, the disk): no order or cancel is written beyond it.
    """

    def __init__(self, ears: Ears, *, messages_per_s: int = 48) -> None:
        self._ears = ears
        self._messages_per_s = messages_per_s
        self._client = _Client(ears, self._gone)
        self._closed = asyncio.Event()

    @property
    def client(self) -> Any:
        """The library's client, for the requests of `requests`."""
        return self._client

    @property
    def is_open(self) -> bool:
        """Whether the Gateway has let us in and the connection stands."""
        transport = self._client.conn.transport
        return self._client.isReady() and transport is not None and not transport.is_closing()

    @property
    def accounts(self) -> Sequence[str]:
        """The accounts that the Gateway gave at the connect."""
        return tuple(self._client.getAccounts()) if self._client.isReady() else ()

    async def open(self, host: str, port: int, client_id: int, *, within_s: float) -> None:
        """Connect, introduce ourselves, and wait for accounts and the next order id.

        Raises NotConnected. Canceled, the connection is dropped.
        """
        # The library asks the policy for "the" loop, in places where none is running.
        asyncio.get_event_loop_policy().set_event_loop(asyncio.get_running_loop())
        connecting = asyncio.ensure_future(
            self._client.connectAsync(host, port, client_id, timeout=0)
        )
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait(
                {connecting, closed}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not self.is_open:
                raise self._no_connection(connecting, f"{host}:{port}", within_s)
        except BaseException:
            self.drop("no connection came up")
            raise
        finally:
            connecting.cancel()
            closed.cancel()
            await asyncio.wait({connecting, closed}, timeout=within_s)
            if connecting.done() and not connecting.cancelled():
                connecting.exception()  # told by now: it must not be logged as well

    def _no_connection(
        self, connecting: asyncio.Future[None], where: str, within_s: float
    ) -> NotConnected:
        was_open = self._client.conn.transport is not None or self._closed.is_set()
        error = connecting.exception() if connecting.done() else None
        if error is not None:
            text = str(error) or type(error).__name__
        elif self._closed.is_set():
            text = "the Gateway closed the connection before it gave an account"
        else:
            text = f"no account within {within_s:g} s"
        return NotConnected(f"{where}: {text}", was_open=was_open)

    def next_id(self) -> int:
        """The next number for an order or a request; both count together."""
        return int(self._client.getReqId())

    def raise_next_id(self, at_least: int) -> None:
        """Give no number below this one."""
        self._client.updateReqId(at_least)

    def require_writable(self) -> None:
        """Raise Unavailable (effect NONE) unless what is written now goes to the socket at once."""
        transport = self._client.conn.transport
        if not self.is_open or transport is None:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, "not sent: the connection is gone")
        if self._client.written_in_a_second() >= self._messages_per_s:
            text = f"not sent: {self._messages_per_s} messages have left within a second"
            raise Unavailable(Reason.BUDGET_EXHAUSTED, text, retry_after_s=1.0)
        waiting = transport.get_write_buffer_size()
        if waiting:
            raise Unavailable(
                Reason.VENUE_UNAVAILABLE, f"not sent: {waiting} bytes before it are still waiting"
            )

    def place(self, order_id: int, contract: Contract, order: Order) -> None:
        """Write an order. The bytes are with the operating system when it returns."""
        self._client.placeOrder(order_id, contract, order)

    def place_together(self, contract: Contract, orders: Sequence[tuple[int, Order]]) -> None:
        """Write orders in a contract, all in one piece; none, if one of them can't be encoded."""
        with self._client.in_one_piece():
            for order_id, order in orders:
                self._client.placeOrder(order_id, contract, order)

    def cancel(self, order_id: int) -> None:
        """Write a cancel."""
        self._client.cancelOrder(order_id)

    def cancel_everything(self) -> None:
        """Write the cancel of all orders, of every client and account of the login."""
        self._client.reqGlobalCancel()

    def what_if(self, order_id: int, contract: Contract, order: Order) -> None:
        """Write a preview. ValueError for an order that is none: it would be worked."""
        if order.whatIf is not True:
            raise ValueError("an order was about to be sent in place of a preview")
        self._client.placeOrder(order_id, contract, order)

    def exercise(
        self, number: int, contract: Contract, action: int, qty: int, account: str
    ) -> None:
        """Write an instruction on options, whatever IB would do with them by itself."""
        self._client.exerciseOptions(number, contract, action, qty, account, override=1)

    def drop(self, reason: str) -> None:
        """End the connection at once; what is still unsent of it is thrown away."""
        transport = self._client.conn.transport
        if transport is not None:
            transport.abort()
        self._client.reset()
        self._gone(reason)

    def _gone(self, reason: str) -> None:
        """Tell once that the connection is gone."""
        if not self._closed.is_set():
            self._closed.set()
            self._ears.closed(reason)


class _Client(LibraryClient):  # type: ignore[misc]
    """The library's client without its queue, telling what it could not read."""

    MaxRequests = 0

    def __init__(self, ears: Ears, gone: Callable[[str], None]) -> None:
        super().__init__(ears)
        self._ears = ears
        self._gone = gone
        self.decoder = _Decoder(ears)
        self._written_at: deque[float] = deque()

    def sendMsg(self, msg: str) -> None:
        self.written_in_a_second()  # forgets what is older
        self._written_at.append(asyncio.get_running_loop().time())
        super().sendMsg(msg)

    def written_in_a_second(self) -> int:
        """How many messages have left within the last second."""
        since = asyncio.get_running_loop().time() - 1.0
        while self._written_at and self._written_at[0] <= since:
            self._written_at.popleft()
        return len(self._written_at)

    @contextlib.contextmanager
    def in_one_piece(self) -> Iterator[None]:
        """Keep back what is sent in here, and write it in one call at the end."""
        pieces: list[bytes] = []
        send = self.conn.sendMsg
        self.conn.sendMsg = pieces.append
        try:
            yield
        finally:
            self.conn.sendMsg = send
        send(b"".join(pieces))

    def _onSocketHasData(self, data: bytes) -> None:
        try:
            super()._onSocketHasData(data)
        except Exception as error:  # noqa: BLE001 - the library's event would swallow it
            self._ears.unread("", error)

    def _onSocketDisconnected(self, msg: str) -> None:
        super()._onSocketDisconnected(msg)
        self._gone(msg or "the Gateway closed the connection")


class _Decoder(LibraryDecoder):  # type: ignore[misc]
    """The library's decoder; what it would only log is told."""

    def __init__(self, ears: Ears) -> None:
        super().__init__(ears, 0)
        self._message_id = ""
        self.logger = _Unread(lambda error: ears.unread(self._message_id, error))

    def interpret(self, fields: list[str]) -> None:
        self._message_id = fields[0] if fields else ""
        super().interpret(fields)


class _Unread:
    """Stands where the decoder has its log, which it writes to when it fails, and only then."""

    def __init__(self, tell: Callable[[BaseException | None], None]) -> None:
        self._tell = tell

    def exception(self, _text: str, *_args: Any) -> None:
        self._tell(sys.exc_info()[1])
