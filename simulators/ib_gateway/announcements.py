"""Tells clients what becomes of orders: the venue's events as messages, with event faults."""

from simulators.control.faults import Fault, FaultBook, Incident, Kind, Place
from simulators.ib_gateway.account_messages import AccountMessages
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_book import MANUAL, ApiOrder
from simulators.ib_gateway.order_replies import (
    Message,
    commission_report,
    exec_details,
    open_order,
    order_status,
)
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.wire import frame
from simulators.venue.orders import Booking, EventKind, OrderEvent

_NAMES = {3: "orderStatus", 4: "error", 5: "openOrder", 11: "execDetails", 59: "commissionReport"}
_CANCELED = (EventKind.CANCELED, EventKind.EXPIRED)


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

    def executed(self, api_order: ApiOrder, booking: Booking) -> None:
        """Sends execDetails of a fill."""
        for session in self._gateway.listeners(api_order.client_id):
            message = exec_details(-1, api_order, booking, session.version)
            self._send(session, api_order, message)

    def charged(self, api_order: ApiOrder, booking: Booking) -> None:
        """Sends the commission of a fill."""
        for session in self._gateway.listeners(api_order.client_id):
            self._send(session, api_order, commission_report(booking))

    def _heard(self, event: OrderEvent) -> None:
        owner, inactive = self.placing, self.inactive
        self._gateway.news(
            event.order.account_id, lambda: self._learn(event, owner, inactive=inactive)
        )

    def _learn(self, event: OrderEvent, owner: tuple[int, int], *, inactive: bool) -> None:
        orders = self._gateway.orders
        is_new = event.kind in (EventKind.PENDING_NEW, EventKind.ACCEPTED)
        api_order = orders.saw(event.order, owner if is_new else MANUAL)
        if is_new and owner != MANUAL:
            orders.bind(*owner, api_order.perm_id)
            api_order.is_inactive = inactive
        if event.booking is not None:
            orders.saw_fill(api_order, event.booking)
            self._tell_fill(api_order, event.booking)
        elif event.kind is EventKind.PENDING_CANCEL:
            self._tell_status(api_order)
        else:
            self.standing(api_order)
            self._tell_end(api_order, event.kind)

    def _tell_fill(self, api_order: ApiOrder, booking: Booking) -> None:
        if self._gateway.fill_events == "exec_first":
            self.executed(api_order, booking)
            self.standing(api_order)
        else:
            self.standing(api_order)
            self.executed(api_order, booking)
        self.charged(api_order, booking)
        self._accounts.position_changed(api_order.order.symbol)

    def _tell_status(self, api_order: ApiOrder) -> None:
        for session in self._gateway.listeners(api_order.client_id):
            self._send(session, api_order, order_status(api_order))

    def _tell_end(self, api_order: ApiOrder, kind: EventKind) -> None:
        if kind in _CANCELED:
            code, text = 202, "Order Canceled - reason:"
        elif kind is EventKind.REJECTED:
            code, text = 201, "Order rejected - reason:rejected by the exchange"
        else:
            return
        client = self._gateway.clients.get(api_order.client_id)
        if client is not None and api_order.order_id:
            self._send(client, api_order, client.error_message(code, text, api_order.order_id))

    def _send(self, session: Session, api_order: ApiOrder, message: Message) -> None:
        self._through(session, api_order, _NAMES[int(str(message[0]))], frame(*message))

    def _through(self, session: Session, api_order: ApiOrder, name: str, data: bytes) -> None:
        """Sends a message, unless a fault strikes it."""
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
        else:
            self._strike(fault, session, data)

    def _strike(self, fault: Fault, session: Session, data: bytes) -> None:
        kind = fault.spec.action.kind
        if kind is Kind.DUPLICATE:
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
