"""Orders placed by hand: client 0 may bind them, and then cancel them like its own.

An order that nobody placed over the API has order id 0. Bound, it has a negative id of client 0,
which is told of that. Client 0 binds those that are open by reqOpenOrders, and those to come by
reqAutoOpenOrders.
"""

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_book import MANUAL, ApiOrder
from simulators.ib_gateway.problems import invalid
from simulators.ib_gateway.session import Session
from simulators.venue.orders import OrderEvent

_BINDER = 0
_BOUND = 100


class ManualOrders:
    """Binds them; to be made before whatever tells clients of orders."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        gateway.venue.subscribe(self._heard)

    def handlers(self, list_open: Handler) -> dict[int, Handler]:
        """Handlers by the number of their request. Args: list_open: answers reqOpenOrders."""

        def bind_and_list(call: Call) -> None:
            if call.session.client_id == _BINDER:
                self._bind_open(call.session)
            list_open(call)

        return {5: bind_and_list, 15: self._bind_automatically}

    def _bind_automatically(self, call: Call) -> None:
        if call.session.client_id != _BINDER:
            raise invalid("Only the client with id 0 can bind orders")
        call.session.binds_orders = call.args(2).flag()

    def _heard(self, event: OrderEvent) -> None:
        order = event.order
        if order.asked.by_hand:
            self._gateway.news(order.account_id, lambda: self._learn(event))

    def _learn(self, event: OrderEvent) -> None:
        session = self._gateway.clients.get(_BINDER)
        if session is not None and session.binds_orders:
            api_order = self._gateway.orders.saw(event.order)
            if _is_unbound(api_order):
                self._bind(session, api_order)

    def _bind_open(self, session: Session) -> None:
        for api_order in self._gateway.orders.open():
            if _is_unbound(api_order):
                self._bind(session, api_order)

    def _bind(self, session: Session, api_order: ApiOrder) -> None:
        orders = self._gateway.orders
        order_id = min(0, *(known.order_id for known in orders)) - 1
        api_order.order_id = order_id
        orders.bind(_BINDER, order_id, api_order.perm_id)
        session.send(_BOUND, api_order.perm_id, _BINDER, order_id)


def _is_unbound(api_order: ApiOrder) -> bool:
    return (api_order.client_id, api_order.order_id) == MANUAL
