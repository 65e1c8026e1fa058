"""What every binding (the real port and a test's own loop) speaks to: connections and their faults.

Waiting happens only here and only on asyncio, so a delay is the same over a socket and on a
virtual-time loop. Messages of one client are worked one after the other, as they arrived.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from simulators.control.faults import Action, Ends, Fault, FaultBook, Incident, Kind, Place, When
from simulators.control.request_log import RequestEntry, RequestLog
from simulators.driver import Driver
from simulators.ib_gateway.api import GatewayApi
from simulators.ib_gateway.call import Call
from simulators.ib_gateway.doors import Doors
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.message_names import id_in, request_of
from simulators.ib_gateway.order_request import order_ref_in
from simulators.ib_gateway.session import Link, Session
from simulators.venue.orders import Fate
from simulators.venue.trading_calendar import NEW_YORK

_FAULT_CODE, _FAULT_TEXT = 201, "Order rejected - reason:a fault of the simulator"
_FATES = {Kind.VANISH_ORDER: Fate.VANISHED, Kind.STALL_ORDER: Fate.STALLED}
_ENDED = {Ends.CLOSE: "closed", Ends.RESET: "reset", Ends.HANG: "hang"}
_WINDOW_S = 1.0
_EXCESSES_MAX = 3


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
        self.doors = Doors(lambda: gateway.venue.clock.elapsed_s)
        self.stopping = asyncio.Event()
        """Set when it is time to close; also when something went wrong, which `close` raises."""
        self._gateway = gateway
        self._api = api
        self._faults = faults
        self._log = log
        self._driver = driver
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
            self._strike_connect(session, fault.spec.action)
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

    def _strike_connect(self, session: Session, action: Action) -> None:
        if action.kind is Kind.REFUSE:
            session.end(reset=True)
        elif action.kind is Kind.HANG:
            session.go_silent()
        else:
            self._hold_back(session, action.delay_before_s + action.delay_after_s)

    def _hold_back(self, session: Session, seconds: float) -> None:
        """Whatever is sent in the next so many seconds is sent at their end."""
        session.pause()
        self.own(_resume_after(session, seconds))

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
            await self._work(session, fields)

    def _left(self, session: Session) -> None:
        self._gateway.left(session)
        self._sessions.pop(session, None)

    async def _work(self, session: Session, fields: list[str]) -> None:
        entry = self._logged(session, fields)
        if not self._is_in_pace(session):
            entry.outcome = "error 100"
            return
        incident = Incident(Place.REQUEST, entry.method, entry.path, entry.client_order_id)
        fault = self._faults.strike(incident)
        call = Call(session, fields, id_in(fields), entry)
        if fault is None:
            self._effect(call)
        else:
            await self._with_fault(call, fault)

    async def _with_fault(self, call: Call, fault: Fault) -> None:
        call.entry.fault_id, action = fault.fault_id, fault.spec.action
        if action.delay_before_s:
            await asyncio.sleep(action.delay_before_s)
        if call.session.is_cut:
            call.entry.outcome = "lost"
            return
        if action.kind in (Kind.DROP_REQUEST, Kind.REFUSE):
            ends = Ends.RESET if action.kind is Kind.REFUSE else action.ends
            self._end(call, ends)
            return
        if action.kind is Kind.ERROR and action.when is When.BEFORE:
            self._tell_error(call, action)
            return
        if action.delay_after_s:
            self._hold_back(call.session, action.delay_after_s)
        call.fate = _FATES.get(action.kind, Fate.WORKED)
        call.goes_inactive = action.kind is Kind.INACTIVE_ORDER
        if call.goes_inactive:
            call.fate = Fate.STALLED
        with call.session.capturing() as replies:
            self._effect(call)
        self._reply(call, action, replies)

    def _reply(self, call: Call, action: Action, replies: list[bytes]) -> None:
        """Sends what a fault leaves of the replies to a request that had its effect."""
        session = call.session
        if action.kind is Kind.DROP_REPLY:
            self._mute(call)
            self._end(call, action.ends)
        elif action.kind is Kind.BODY and replies:
            call.entry.outcome = "cut"
            session.end_in_half(replies[0])
        elif action.kind is Kind.ERROR:
            self._mute(call)
            self._tell_error(call, action)
        else:
            for data in replies:
                session.send_frame(data)

    def _mute(self, call: Call) -> None:
        """This connection never hears of the call's order again, unless it asks for lists."""
        found = self._gateway.orders.find(call.session.client_id, call.id)
        if found is not None and call.entry.client_order_id == found.order.client_order_id:
            call.session.muted.add(found.perm_id)

    def _end(self, call: Call, ends: Ends) -> None:
        call.entry.outcome = _ENDED[ends]
        if ends is not Ends.HANG:
            call.session.end(reset=ends is Ends.RESET)

    def _tell_error(self, call: Call, action: Action) -> None:
        code, text = action.code or _FAULT_CODE, action.text or _FAULT_TEXT
        call.entry.outcome = f"error {code}"
        call.session.error(code, text, call.id)

    def _effect(self, call: Call) -> None:
        self._gateway.venue.advance()
        self._api.handle(call)
        self._driver.wake()

    def _is_in_pace(self, session: Session) -> bool:
        """Counts a message; over the limit it is refused, and the third time the client goes."""
        limit = self._gateway.settings.messages_per_s
        if not limit:
            return True
        now_s = self._gateway.venue.clock.elapsed_s
        sent = [at_s for at_s in session.sent_at_s if at_s > now_s - _WINDOW_S]
        session.sent_at_s = [*sent, now_s]
        if len(sent) < limit:
            return True
        session.excesses += 1
        text = f"Max rate of messages per second has been exceeded: max={limit} rec={len(sent) + 1}"
        session.error(100, f"{text} ({session.excesses})")
        if session.excesses >= _EXCESSES_MAX:
            session.end()
        return False

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


async def _resume_after(session: Session, seconds: float) -> None:
    await asyncio.sleep(seconds)
    session.resume()
