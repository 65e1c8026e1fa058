"""Assignment, exercise and expiry as clients see them: executions without an order, and positions.

The option goes at a price of 0, its shares come or go at the strike; order id, client id and permId
are 0 and there is no orderRef.
"""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from simulators.ib_gateway.account_messages import AccountMessages
from simulators.ib_gateway.announcements import Announcements
from simulators.ib_gateway.fills import ApiFill
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_book import MANUAL, ApiOrder
from simulators.venue.instruments import Instrument
from simulators.venue.ledger import OPTION_EVENTS, AccountEvent
from simulators.venue.orders import NewOrder, Order, OrderStatus, PositionIntent, Side

NO_PERM_ID = "0"
_INTENTS = {Side.BUY: PositionIntent.BUY_TO_CLOSE, Side.SELL: PositionIntent.SELL_TO_CLOSE}
_ZERO = Decimal(0)


class OptionEnds:
    """Hears what happens to positions without a trade, and tells it in the Gateway's words."""

    def __init__(
        self, gateway: Gateway, announcements: Announcements, accounts: AccountMessages
    ) -> None:
        self._gateway = gateway
        self._announcements = announcements
        self._accounts = accounts
        stem = gateway.venue.randomness.stream("option_ends").getrandbits(32)
        self._exec_id: Callable[[int], str] = lambda number: f"{stem:08x}.{number:08x}.01.01"
        gateway.market.events.subscribe(self._heard)

    def _heard(self, event: AccountEvent) -> None:
        self._gateway.news(event.account_id, lambda: self._learn(event))

    def _learn(self, event: AccountEvent) -> None:
        if event.kind in OPTION_EVENTS and event.qty:
            self._tell_execution(event)
        if event.qty:
            self._accounts.position_changed(event.symbol)

    def _tell_execution(self, event: AccountEvent) -> None:
        """The id's second part is the number of the event in the ledger, in hexadecimal digits."""
        instrument = self._gateway.venue.catalog.get(event.symbol)
        api_order = ApiOrder(_no_order(event, instrument), *MANUAL)
        px = event.price or _ZERO
        fill = ApiFill(
            exec_id=self._exec_id(event.event_no),
            perm_id=NO_PERM_ID,
            instrument=instrument,
            side=api_order.order.side,
            qty=abs(event.qty),
            px=px,
            at=event.at,
            account_id=event.account_id,
            cum_qty=abs(event.qty),
            avg_px=Fraction(px),
        )
        self._gateway.orders.saw_orderless(api_order, fill)
        self._announcements.executed(api_order, fill)
        self._announcements.charged(api_order, fill)


def _no_order(event: AccountEvent, instrument: Instrument) -> Order:
    """What stands where an execution's order would."""
    side = Side.BUY if event.qty > 0 else Side.SELL
    asked = NewOrder(event.account_id, event.symbol, side, abs(event.qty), by_hand=True)
    return Order(
        venue_order_id=NO_PERM_ID,
        order_no=0,
        asked=asked,
        instrument=instrument,
        position_intent=_INTENTS[side],
        client_order_id="",
        status=OrderStatus.FILLED,
        submitted_at=event.at,
        expires_at=event.at,
        updated_at=event.at,
        cum_qty=abs(event.qty),
        filled_value=abs(event.qty) * (event.price or _ZERO),
        filled_at=event.at,
        ended_at=event.at,
    )
