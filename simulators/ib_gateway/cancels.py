"""cancelOrder and the global cancel, also of orders that are only in the Gateway."""

from decimal import Decimal

from simulators.ib_gateway.call import Call
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_replies import unplaced
from simulators.ib_gateway.problems import not_cancelable, not_found_to_cancel
from simulators.ib_gateway.untransmitted import Kept
from simulators.venue.orders import OrderStatus

_ZERO = Decimal(0)


class Cancels:
    """Asks the venue to cancel; a client may cancel only orders of its own, or all at once."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def one(self, call: Call) -> None:
        """cancelOrder; raises Problem if there is nothing to cancel."""
        orders, client_id = self._gateway.orders, call.session.client_id
        found = orders.find(client_id, call.id)
        waiting = orders.untransmitted.take(client_id, call.id)
        if waiting and (found is None or not found.order.is_open):
            self._drop(waiting)
            return
        if found is None:
            raise not_found_to_cancel(call.id)
        if not found.order.is_open or found.order.status is OrderStatus.PENDING_CANCEL:
            raise not_cancelable(call.id, found.perm_id, found.status)
        self._gateway.venue.cancel(found.perm_id, call.fate)

    def every(self, call: Call) -> None:
        """The global cancel: all orders of all clients, those placed by hand too."""
        orders = self._gateway.orders
        self._drop(orders.untransmitted.take_all())
        for api_order in orders.open():
            current = orders.find_perm_id(api_order.perm_id)
            if current is None or not current.order.is_open:
                continue  # an earlier one of these took it along
            if current.order.status is not OrderStatus.PENDING_CANCEL:
                self._gateway.venue.cancel(current.perm_id, call.fate)

    def _drop(self, waiting: list[Kept]) -> None:
        """Ends orders of which IB never knew; those that change a live order end silently."""
        for kept in waiting:
            client = self._gateway.clients.get(kept.client_id)
            found = self._gateway.orders.find(kept.client_id, kept.asked.order_id)
            if client is None or (found is not None and found.order.is_open):
                continue
            order_id, qty = kept.asked.order_id, kept.asked.qty or _ZERO
            client.send(*unplaced(order_id, kept.client_id, qty, "Cancelled"))
            client.error(202, "Order Canceled - reason:", order_id)
