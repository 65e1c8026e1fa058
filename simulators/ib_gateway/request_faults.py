"""What faults make of a client's request: lost, late, refused, half answered, or never answered."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from simulators.control.faults import Action, Ends, Fault, Kind, When
from simulators.ib_gateway.call import Call
from simulators.ib_gateway.error_texts import text_of_code
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.session import Session
from simulators.venue.orders import Fate

_FAULT_CODE, _FAULT_TEXT = 201, "Order rejected - reason:a fault of the simulator"
_FATES = {
    Kind.VANISH_ORDER: Fate.VANISHED,
    Kind.STALL_ORDER: Fate.STALLED,
    Kind.INACTIVE_ORDER: Fate.STALLED,
    Kind.REJECT_ORDER: Fate.REJECTED,
    Kind.REJECT_REPLACE: Fate.REPLACE_REJECTED,
    Kind.ECHO_REPLACE: Fate.REPLACE_REJECTED,
    Kind.IGNORE_CANCEL: Fate.CANCEL_IGNORED,
    Kind.REJECT_CANCEL: Fate.CANCEL_REJECTED,
}
_ENDED = {Ends.CLOSE: "closed", Ends.RESET: "reset", Ends.HANG: "hang"}


class Owner(Protocol):
    """Runs what takes time, until the Gateway closes."""

    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs it until then at the latest."""


class RequestFaults:
    """Works a call as its fault wants it."""

    def __init__(self, gateway: Gateway, effect: Callable[[Call], None], owner: Owner) -> None:
        """Args: effect: does what a call asks for."""
        self._gateway = gateway
        self._effect = effect
        self._owner = owner

    async def work(self, call: Call, fault: Fault) -> None:
        """Works the call, or doesn't; returns when the client's next message may be worked."""
        call.entry.fault_id, action = fault.fault_id, fault.spec.action
        if action.kind is Kind.HOLD_ORDER:
            call.hold_s = action.delay_before_s
        elif action.delay_before_s:
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
        if action.kind is Kind.ECHO_REPLACE:
            call.echo_s = action.delay_after_s
        elif action.delay_after_s:
            self.hold_back(call.session, action.delay_after_s)
        call.fate = _FATES.get(action.kind, Fate.WORKED)
        call.goes_inactive = action.kind is Kind.INACTIVE_ORDER
        with call.session.capturing() as replies:
            self._effect(call)
        self._reply(call, action, replies)

    def hears_again(self, call: Call) -> None:
        """Who asks for a change of an order is told what becomes of it, muted or not."""
        if call.session.muted and call.entry.method in ("placeOrder", "cancelOrder"):
            found = self._gateway.orders.find(call.session.client_id, call.id)
            if found is not None:
                call.session.muted.discard(found.perm_id)

    def connected(self, session: Session, action: Action) -> None:
        """A client has connected and is struck."""
        if action.kind is Kind.REFUSE:
            session.end(reset=True)
        elif action.kind is Kind.HANG:
            session.go_silent()
        else:
            self.hold_back(session, action.delay_before_s + action.delay_after_s)

    def hold_back(self, session: Session, seconds: float) -> None:
        """Whatever is sent in the next so many seconds is sent at their end."""
        session.pause()
        self._owner.own(_resume_after(session, seconds))

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
            if action.kind in (Kind.NOTICE, Kind.INACTIVE_ORDER) and action.code:
                session.error(action.code, action.text or text_of_code(action.code), call.id)

    def _mute(self, call: Call) -> None:
        """This connection never hears of the call's order again, unless it asks for lists or for
        another change of it."""
        found = self._gateway.orders.find(call.session.client_id, call.id)
        if found is not None and call.entry.client_order_id == found.order.client_order_id:
            call.session.muted.add(found.perm_id)

    def _end(self, call: Call, ends: Ends) -> None:
        call.entry.outcome = _ENDED[ends]
        if ends is not Ends.HANG:
            call.session.end(reset=ends is Ends.RESET)

    def _tell_error(self, call: Call, action: Action) -> None:
        code = action.code or _FAULT_CODE
        text = action.text or (text_of_code(code) if action.code else _FAULT_TEXT)
        call.entry.outcome = f"error {code}"
        call.session.error(code, text, call.id)


async def _resume_after(session: Session, seconds: float) -> None:
    await asyncio.sleep(seconds)
    session.resume()
