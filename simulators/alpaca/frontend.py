"""What both bindings (the real port and a test's own loop) speak to: requests with their faults.

Waiting happens only here and only on asyncio, so a delay is the same over a socket and on a
virtual-time loop. A request belongs to the frontend, not to its caller: a client that gives up
does not stop what it sent, exactly as with a real server.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from simulators.alpaca.api import AlpacaApi
from simulators.alpaca.data_session import DataSession
from simulators.alpaca.data_stream import DataStreams
from simulators.alpaca.event_feed import EventFeed
from simulators.alpaca.faulty_replies import FATES, error_reply, spoiled, without_answer
from simulators.alpaca.http import HttpRequest, HttpResponse, NoAnswer, PartialAnswer, Reply
from simulators.alpaca.trade_updates import StreamSession, TradeUpdates
from simulators.control.faults import Action, FaultBook, Incident, Kind, Place, When
from simulators.control.request_log import RequestEntry, RequestLog
from simulators.driver import Driver
from simulators.venue.orders import Fate
from simulators.venue.refusals import NoSuchOrder
from simulators.venue.venue import Venue

_TEXT_KEPT_MAX = 2000
_T = TypeVar("_T")


class FrameSocket(Protocol):
    """A websocket as the stream needs it."""

    async def open(self) -> None:
        """Answers the handshake."""

    async def receive(self) -> str | bytes | None:
        """The next frame, None when the connection has ended."""

    async def send(self, frame: str | bytes) -> None:
        """Sends one text or binary frame; does nothing once the connection has ended."""

    async def close(self) -> None:
        """Ends the connection."""


class Frontend:
    """Answers requests and serves stream clients, faults included."""

    def __init__(
        self,
        venue: Venue,
        api: AlpacaApi,
        updates: TradeUpdates,
        data: DataStreams,
        feed: EventFeed,
        faults: FaultBook,
        log: RequestLog,
        driver: Driver,
    ) -> None:
        self._venue = venue
        self._api = api
        self._updates = updates
        self._data = data
        self._feed = feed
        self._faults = faults
        self._log = log
        self._driver = driver
        self.stopping = asyncio.Event()
        """Set when it is time to close; also when something went wrong, which `close` raises."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._errors: list[BaseException] = []

    def start(self) -> None:
        """Lets market time pass from now on; needs the running event loop."""
        self._own(self._driver.run())

    async def close(self) -> None:
        """Ends everything that is under way; raises what went wrong inside, if anything did."""
        self._updates.disconnect_all()
        self._data.disconnect_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._errors:
            raise self._errors[0]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """`start` and `close` around a block."""
        self.start()
        try:
            yield
        finally:
            await self.close()

    async def exchange(self, request: HttpRequest) -> Reply:
        """Works one request through to its reply.

        Canceling it only stops the waiting: the request goes on and has its effect.
        """
        return await asyncio.shield(self._own(self._work(request)))

    def connect_stream(self) -> StreamSession | None:
        """A session for a new client of the stream; None if it is to be refused."""
        return self._updates.connect()

    async def serve_stream(self, session: StreamSession, socket: FrameSocket) -> None:
        """Serves one client of the stream until it leaves or is disconnected."""
        sender = self._own(_send_all(session.outgoing.get, socket))
        try:
            await socket.open()
            while (frame := await socket.receive()) is not None:
                session.receive(frame)
        finally:
            self._updates.disconnected(session)
            sender.cancel()

    def connect_data(self, path: str, headers: Mapping[str, str]) -> DataSession | None:
        """A session for a new client of a data stream; None if it is to be refused."""
        return self._data.connect(path, headers)

    async def serve_data(self, session: DataSession, socket: FrameSocket) -> None:
        """Serves one client of a data stream until it leaves or is disconnected."""
        tasks = [self._own(self._data.attend(session))]
        if session.is_test:
            tasks.append(self._own(self._data.pulse(session)))
        try:
            await socket.open()
            # What waits is sent once the handshake is over, unlike on the other stream: here the
            # server speaks first.
            tasks.append(self._own(_send_all(session.next_frame, socket)))
            while (frame := await socket.receive()) is not None:
                session.receive(frame)
        finally:
            self._data.disconnected(session)
            for task in tasks:
                task.cancel()

    def read_events(self, query: dict[str, str]) -> AsyncIterator[bytes]:
        """What a client of the server-sent events gets, chunk by chunk; ends with the streams."""
        return self._feed.read(query)

    def _own(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)
            self.stopping.set()

    async def _work(self, request: HttpRequest) -> Reply:
        entry = self._logged(request)
        incident = Incident(Place.REQUEST, request.method, request.path, entry.client_order_id)
        fault = self._faults.strike(incident)
        if fault is None:
            reply: Reply = self._effect(request, entry)
        else:
            entry.fault_id = fault.fault_id
            reply = await self._with_fault(request, entry, fault.spec.action)
        entry.outcome = _outcome(reply)
        return reply

    async def _with_fault(self, request: HttpRequest, entry: RequestEntry, action: Action) -> Reply:
        await asyncio.sleep(action.delay_before_s)
        if action.kind in (Kind.DROP_REQUEST, Kind.REFUSE):
            return without_answer(action)
        if action.kind is Kind.STATUS and action.when is When.BEFORE:
            return self._stamped(error_reply(action))
        response = self._effect(request, entry, FATES.get(action.kind, Fate.WORKED))
        await asyncio.sleep(action.delay_after_s)
        return self._stamped(spoiled(action, response))

    def _effect(
        self, request: HttpRequest, entry: RequestEntry, fate: Fate = Fate.WORKED
    ) -> HttpResponse:
        entry.reached_venue = True
        response = self._api.handle(request, fate)
        self._driver.wake()
        return response

    def _stamped(self, reply: Reply) -> Reply:
        if isinstance(reply, HttpResponse):
            if reply.status == 429:
                limits = {**self._api.trading_limit.headers(), "X-RateLimit-Remaining": "0"}
                reply = reply.with_headers(limits)
            return self._api.stamp(reply)
        if isinstance(reply, PartialAnswer):
            return PartialAnswer(self._api.stamp(reply.response), reply.sent)
        return reply

    def _logged(self, request: HttpRequest) -> RequestEntry:
        body = _readable(request.body)
        entry = RequestEntry(
            seq=self._log.next_seq(),
            arrived_s=self._venue.clock.elapsed_s,
            arrived_at=self._venue.clock.now(),
            method=request.method,
            path=request.path,
            query=dict(request.query),
            client_order_id=self._client_order_id(request, body),
            body=body,
        )
        self._log.add(entry)
        return entry

    def _client_order_id(self, request: HttpRequest, body: Any) -> str:
        """The order that a request is about, "" if it is about none that is known."""
        if isinstance(body, dict) and isinstance(body.get("client_order_id"), str):
            return str(body["client_order_id"])
        if "client_order_id" in request.query:
            return request.query["client_order_id"]
        parts = request.path.split("/")
        if len(parts) < 4 or parts[2] != "orders":
            return ""
        try:
            return self._venue.desk.get(parts[3]).client_order_id
        except NoSuchOrder:
            return ""


async def _send_all(
    next_frame: Callable[[], Awaitable[str | bytes | None]], socket: FrameSocket
) -> None:
    # By the first frame the handshake is over.
    while (frame := await next_frame()) is not None:
        await socket.send(frame)
    await socket.close()


def _outcome(reply: Reply) -> str:
    if isinstance(reply, NoAnswer):
        return reply.ending.value
    if isinstance(reply, PartialAnswer):
        return f"{reply.response.status} cut"
    return str(reply.status)


def _readable(body: bytes) -> Any:
    """A body for the log: JSON with its numbers as written, else the beginning of its text."""
    if not body:
        return None
    try:
        return json.loads(body, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return body[:_TEXT_KEPT_MAX].decode(errors="replace")
