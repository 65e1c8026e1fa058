"""Tells clients what becomes of orders: the venue's events as messages, with event faults."""

from collections.abc import Callable
from dataclasses import replace

from simulators.control.faults import Fault, FaultBook, Incident, Kind, Place
from simulators.ib_gateway.account_messages import AccountMessages
from simulators.ib_gateway.fills import ApiFill, fill_of, fill_of_combo
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_book import MANUAL, ApiOrder
from simulators.ib_gateway.order_descriptions import open_order
from simulators.ib_gateway.order_replies import (
    Message,
    commission_report,
    exec_details,
    order_status,
)
from simulators.ib_gateway.problems import not_cancelable
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.wire import frame
from simulators.venue.misreports import ToldFill, Wrong, misreported
from simulators.venue.orders import EventKind, OrderEvent

_NAMES = {3: "orderStatus", 4: "error", 5: "openOrder", 11: "execDetails", 59: "commissionReport"}
_CANCELED = (EventKind.CANCELED, EventKind.EXPIRED)
_NEW = (EventKind.PENDING_NEW, EventKind.ACCEPTED, EventKind.HELD)


class Announcements:
    """Hears the venue and writes to the clients whom it concerns.

    `placing` is set to (client id, order id) while that order is given to the venue, `inactive`
    to whether a fault makes it inactive.
    """

    def __init__(self, gateway: Gateway, accounts: AccountMessages, faults: FaultBook) -> None:
        self.placing = MANUAL
        self.inactive = False
        self._gateway = gateway
        self._accounts = accounts
        self._faults = faults
        self._held: list[tuple[Session, bytes]] = []
        self._reordered: list[tuple[Session, bytes]] = []
        gateway.venue.subscribe(self._heard)

    def release(self) -> int:
        """Sends what a hold or an unfinished reorder keeps back; returns how many messages."""
        kept = self._held + self._reordered
        self._held, self._reordered = [], []
        for session, data in kept:
            session.send_frame(data)
        return len(kept)

    def standing(self, api_order: ApiOrder) -> None:
        """Sends openOrder and orderStatus of an order as it stands now."""
        for session in self._gateway.listeners(api_order.client_id):
            self._send(session, api_order, open_order(api_order, session.version))
            self._send(session, api_order, order_status(api_order))

    def executed(self, api_order: ApiOrder, fill: ApiFill) -> None:
        """Sends execDetails of an execution."""
        for session in self._gateway.listeners(api_order.client_id):

            def falsely(wrong: Wrong, version: int = session.version) -> Message:
                return exec_details(-1, api_order, self._misreported(fill, wrong), version)

            message = exec_details(-1, api_order, fill, session.version)
            self._send(session, api_order, message, falsely)

    def _misreported(self, fill: ApiFill, wrong: Wrong) -> ApiFill:
        """What a fault makes of an execution; that of a combination is told as it is."""
        if fill.instrument is None:
            return fill
        told = ToldFill(fill.instrument, fill.side, fill.qty, fill.px, fill.cum_qty)
        told = misreported(told, wrong, self._gateway.venue.catalog)
        return replace(fill, instrument=told.instrument, side=told.side, qty=told.qty, px=told.px)

    def charged(self, api_order: ApiOrder, fill: ApiFill) -> None:
        """Sends the commission of an execution; that of a combination as a whole has none."""
        if fill.instrument is None:
            return
        for session in self._gateway.listeners(api_order.client_id):
            self._send(session, api_order, commission_report(fill))

    def correct(self, fill: ApiFill) -> None:
        """Tells of an execution that corrects an earlier one, as of its fill."""
        api_order = self._gateway.orders.find_perm_id(fill.perm_id)
        assert api_order is not None, "only what is listed is corrected"
        self._gateway.orders.saw_fill(api_order, fill)
        self.executed(api_order, fill)
        self.charged(api_order, fill)

    def problem(self, api_order: ApiOrder, code: int, text: str) -> None:
        """Sends an error or a notice about an order to the client that placed it."""
        client = self._gateway.clients.get(api_order.client_id)
        if client is not None and api_order.order_id:
            self._send(client, api_order, client.error_message(code, text, api_order.order_id))

    def _heard(self, event: OrderEvent) -> None:
        owner, inactive = self.placing, self.inactive
        self._gateway.news(
            event.order.account_id, lambda: self._learn(event, owner, inactive=inactive)
        )

    def _learn(self, event: OrderEvent, owner: tuple[int, int], *, inactive: bool) -> None:
        if event.order.is_combo_leg:
            return  # told with the combination that it belongs to
        orders = self._gateway.orders
        is_new = event.kind in _NEW
        api_order = orders.saw(event.order, owner if is_new else MANUAL)
        if is_new and owner != MANUAL:
            orders.bind(*owner, api_order.perm_id)
            api_order.is_inactive = inactive
        fills = self._fills_of(event, api_order)
        if fills:
            self._tell_fills(api_order, fills)
        elif event.kind is EventKind.PENDING_CANCEL:
            self._tell_status(api_order)
        else:
            self.standing(api_order)
            self._tell_end(api_order, event.kind)

    def _fills_of(self, event: OrderEvent, api_order: ApiOrder) -> list[ApiFill]:
        """The executions that an event is about; a combination's own comes before its legs'."""
        if event.booking is not None:
            return [fill_of(event.booking)]
        if event.combo is None:
            return []
        perm_id = api_order.perm_id
        legs = [fill_of(booking, perm_id=perm_id) for booking in event.combo.legs]
        whole = fill_of_combo(
            api_order.order, event.combo, side=api_order.side, px_sign=api_order.px_sign
        )
        return [whole, *legs]

    def _tell_fills(self, api_order: ApiOrder, fills: list[ApiFill]) -> None:
        for fill in fills:
            self._gateway.orders.saw_fill(api_order, fill)
        if self._gateway.fill_events == "status_first":
            self.standing(api_order)
        for fill in fills:
            self.executed(api_order, fill)
        if self._gateway.fill_events == "exec_first":
            self.standing(api_order)
        for fill in fills:
            self.charged(api_order, fill)
            if fill.instrument is not None:
                self._accounts.position_changed(fill.instrument.symbol)

    def _tell_status(self, api_order: ApiOrder) -> None:
        for session in self._gateway.listeners(api_order.client_id):
            self._send(session, api_order, order_status(api_order))

    def _tell_end(self, api_order: ApiOrder, kind: EventKind) -> None:
        if kind in _CANCELED:
            self.problem(api_order, 202, "Order Canceled - reason:")
        elif kind is EventKind.REJECTED:
            self.problem(api_order, 201, "Order rejected - reason:rejected by the exchange")
        elif kind is EventKind.ORDER_CANCEL_REJECTED:
            refused = not_cancelable(api_order.order_id, api_order.perm_id, api_order.status)
            self.problem(api_order, refused.code, refused.text)

    def _send(
        self,
        session: Session,
        api_order: ApiOrder,
        message: Message,
        falsely: Callable[[Wrong], Message] | None = None,
    ) -> None:
        """Sends a message, unless a fault strikes it; `falsely` says what is told in its place."""
        name, data = _NAMES[int(str(message[0]))], frame(*message)
        if api_order.perm_id in session.muted:
            return
        incident = Incident(
            Place.EVENT,
            path=f"/clients/{session.client_id}",
            client_order_id=api_order.order.client_order_id,
            event=name,
        )
        fault = self._faults.strike(incident)
        if fault is None:
            session.send_frame(data)
        elif fault.spec.action.kind is Kind.MISREPORT:
            wrong = fault.spec.action.wrong
            session.send_frame(data if falsely is None else frame(*falsely(wrong)))
        else:
            self._strike(fault, session, data)

    def _strike(self, fault: Fault, session: Session, data: bytes) -> None:
        action = fault.spec.action
        kind = action.kind
        if kind is Kind.DELAY:
            seconds = action.delay_before_s + action.delay_after_s
            self._gateway.timers.later(seconds, lambda: session.send_frame(data))
        elif kind is Kind.DUPLICATE:
            session.send_frame(data)
            session.send_frame(data)
        elif kind is Kind.GARBLE:
            session.end_in_half(data)
        elif kind is Kind.HOLD:
            self._held.append((session, data))
        elif kind is Kind.REORDER:
            self._reordered.append((session, data))
            if fault.left == 0:
                kept, self._reordered = self._reordered[::-1], []
                for owner, frame_data in kept:
                    owner.send_frame(frame_data)
        elif kind is Kind.DISCONNECT:
            session.end(reset=True)
