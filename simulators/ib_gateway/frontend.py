"""What every binding (the real port and a test's own loop) speaks to: connections and their faults.

Waiting happens only here and only on asyncio, so a delay is the same over a socket and on a
virtual-time loop. Messages of one client are worked one after the other, as they arrived.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from simulators.control.faults import FaultBook, Incident, Place
from simulators.control.request_log import RequestEntry, RequestLog
from simulators.driver import Driver
from simulators.ib_gateway.api import GatewayApi
from simulators.ib_gateway.call import Call
from simulators.ib_gateway.doors import Doors
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.losses import Losses
from simulators.ib_gateway.message_names import id_in, request_of
from simulators.ib_gateway.order_request import order_ref_in
from simulators.ib_gateway.pace import Pace
from simulators.ib_gateway.request_faults import RequestFaults
from simulators.ib_gateway.session import Link, Session
from simulators.venue.trading_calendar import NEW_YORK


class Frontend:
    """Serves clients, faults included."""

    def __init__(
        self,
        gateway: Gateway,
        api: GatewayApi,
        faults: FaultBook,
        log: RequestLog,
        driver: Driver,
    ) -> None:

        def now_s() -> float:
            return gateway.venue.clock.elapsed_s

        self.doors = Doors(now_s)
        self.pace = Pace(now_s, gateway.settings.messages_per_s)
        self.losses = Losses(gateway)
        gateway.timers.owner = self
        self.stopping = asyncio.Event()
        """Set when it is time to close; also when something went wrong, which `close` raises."""
        self._gateway = gateway
        self._api = api
        self._faults = faults
        self._log = log
        self._driver = driver
        self._struck = RequestFaults(gateway, self._effect, self)
        self._sessions: dict[Session, None] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._errors: list[BaseException] = []

    @property
    def session_count(self) -> int:
        """How many clients are connected."""
        return len(self._sessions)

    @property
    def listening_count(self) -> int:
        """How many of them have started the API."""
        return len(self._gateway.clients)

    def start(self) -> None:
        """Lets market time pass from now on; needs the running event loop."""
        self.own(self._driver.run())

    async def close(self) -> None:
        """Ends everything that is under way; raises what went wrong inside, if anything did."""
        self.disconnect_all()
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

    def connect(self, link: Link) -> Session:
        """A session for a new connection. Give it what arrives, and `lost` when it has ended."""
        session = Session(link, self._server_time, self._left)
        self._sessions[session] = None
        fault = self._faults.strike(Incident(Place.CONNECT))
        closure = self.doors.closure
        if closure is not None and not closure.is_silent:
            session.end(reset=True)
        elif closure is not None:
            session.go_silent()
        elif fault is not None:
            self._struck.connected(session, fault.spec.action)
        self.own(self._serve(session))
        return session

    def disconnect_all(self) -> int:
        """Cuts every client off; returns how many there were."""
        sessions = list(self._sessions)
        for session in sessions:
            session.end(reset=True)
        return len(sessions)

    def release(self) -> int:
        """Sends the events that faults keep back; returns how many."""
        return self._api.announcements.release()

    def wake(self) -> None:
        """Looks again at what is due next at the venue: to be called after whatever changed it."""
        self._driver.wake()

    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs it until `close` at the latest; if it fails, it is time to close."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)
            self.stopping.set()

    async def _serve(self, session: Session) -> None:
        """Works a client's messages, also those that came before it left."""
        while (fields := await session.inbox.get()) is not None:
            await self._gateway.login.wait()
            if not session.is_cut:
                await self._work(session, fields)

    def _left(self, session: Session) -> None:
        self._gateway.left(session)
        self.losses.left(session)
        self._sessions.pop(session, None)

    async def _work(self, session: Session, fields: list[str]) -> None:
        if wait_s := self.pace.wait_s(session):
            await asyncio.sleep(wait_s)
        entry = self._logged(session, fields)
        if not self.losses.take(session, entry):
            return
        if not self.pace.admits(session):
            entry.outcome = "error 100"
            return
        incident = Incident(Place.REQUEST, entry.method, entry.path, entry.client_order_id)
        fault = self._faults.strike(incident)
        call = Call(session, fields, id_in(fields), entry)
        if fault is None:
            self._effect(call)
        else:
            await self._struck.work(call, fault)
        self.losses.took(session, entry)

    def _effect(self, call: Call) -> None:
        self._gateway.venue.advance()
        self._struck.hears_again(call)
        self._api.handle(call)
        self._driver.wake()

    def _logged(self, session: Session, fields: list[str]) -> RequestEntry:
        request, clock = request_of(fields), self._gateway.venue.clock
        entry = RequestEntry(
            seq=self._log.next_seq(),
            arrived_s=clock.elapsed_s,
            arrived_at=clock.now(),
            method=request.name,
            path=f"/clients/{session.client_id}",
            query={},
            client_order_id=self._client_order_id(session, request.name, fields),
            body=fields,
        )
        self._log.add(entry)
        return entry

    def _client_order_id(self, session: Session, name: str, fields: list[str]) -> str:
        """The orderRef of the order that a message is about, "" if it is about none."""
        if name == "placeOrder":
            return order_ref_in(fields)
        if name == "cancelOrder":
            found = self._gateway.orders.find(session.client_id, id_in(fields))
            return found.order.client_order_id if found is not None else ""
        return ""

    def _server_time(self) -> str:
        return f"{self._gateway.venue.clock.now().astimezone(NEW_YORK):%Y%m%d %H:%M:%S %Z}"
