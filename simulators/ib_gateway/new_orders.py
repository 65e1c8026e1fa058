"""From what a client asks for to an order of the venue's, with what ties it to others."""

from simulators.ib_gateway.combos import combo_order
from simulators.ib_gateway.contracts import listing_exchange, local_symbol_of
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_replies import wire_time
from simulators.ib_gateway.order_request import PlaceOrder
from simulators.ib_gateway.order_terms import ignores_outside_rth, venue_order
from simulators.ib_gateway.problems import invalid, missing_parent, rejected
from simulators.ib_gateway.wire import text_of
from simulators.venue import trading_calendar as calendar
from simulators.venue.order_ties import Ties
from simulators.venue.orders import NewOrder, Order, OrderStatus

_OCA_TYPES = (0, 1, 2, 3)
_CANCELS_REST = 1


class NewOrders:
    """Reads orders against what the Gateway knows: account, contracts, parents."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def read(self, client_id: int, asked: PlaceOrder) -> NewOrder:
        """The order for the venue; raises Problem if it can't be one."""
        account_id = self._gateway.account_id
        if asked.account not in ("", account_id):
            raise invalid(f"Invalid account code '{asked.account}'")
        if not asked.contract.exchange:
            raise invalid("Missing order exchange")
        if asked.good_till is not None and asked.good_till <= self._gateway.venue.now:
            raise invalid("The good till date must be later than now")
        if asked.contract.sec_type == "BAG":
            ties = self.ties(client_id, asked)
            return combo_order(asked, self._gateway.contract, account_id, ties)
        instrument = self._gateway.contract(asked.contract)
        return venue_order(asked, instrument, account_id, self.ties(client_id, asked))

    def ties(self, client_id: int, asked: PlaceOrder) -> Ties:
        """The parent and the group; children of one parent are a group even if none is named."""
        if asked.oca_type not in _OCA_TYPES:
            raise invalid(f"Invalid OCA type {asked.oca_type}")
        parent_id = self._parent_of(client_id, asked.parent_id)
        group = asked.oca_group or parent_id
        return Ties(parent_id, group, reduces=asked.oca_type != _CANCELS_REST)

    def _parent_of(self, client_id: int, order_id: int) -> str:
        if not order_id:
            return ""
        orders = self._gateway.orders
        parent = orders.find(client_id, order_id)
        if parent is not None:
            return parent.perm_id
        if orders.is_above_highest(client_id, order_id):
            raise missing_parent()
        raise rejected("Parent order is being cancelled.")

    def notices(self, order: Order) -> list[tuple[int, str]]:
        """Codes and texts that come with an order that is taken."""
        asked, found = order.asked, []
        terms = asked.tag
        assert isinstance(terms, PlaceOrder)
        if ignores_outside_rth(terms, order.instrument):
            text = "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored"
            text = f"{text} based on the order type and destination. PlaceOrder is now processed."
            found.append((2109, text))
        if order.status is OrderStatus.ACCEPTED:
            opens = wire_time(calendar.next_open(order.submitted_at))
            exchange = listing_exchange(order.instrument)
            symbol = local_symbol_of(order.instrument)
            what = f"{terms.action} {text_of(asked.order_qty)} {symbol} {exchange}"
            text = f"Order Message:\n{what}\nWarning: Your order will not be placed at the exchange"
            found.append((399, f"{text} until {opens}."))
        return found
