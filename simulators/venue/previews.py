"""What an order would do to its account if it filled at once; nothing is taken or changed."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal

from simulators.venue import combos, refusals
from simulators.venue.accounts import Account
from simulators.venue.entry import OrderEntry
from simulators.venue.fees import FeeSchedule
from simulators.venue.floor import Floor
from simulators.venue.orders import NewOrder, Order
from simulators.venue.reservations import Means, asked_price, means_of

_NO_MEANS = (
    refusals.InsufficientBuyingPower,
    refusals.InsufficientOptionsBuyingPower,
)


@dataclass(frozen=True, slots=True)
class Preview:
    """The account's figures before and after, open orders left out; the fee of the order.

    refused: why it would be refused for want of money; None if it would be taken.
    """

    order: Order
    before: Means
    after: Means
    fee: Decimal
    refused: refusals.Refusal | None


class Previews:
    """Draws orders up and books them in a copy of the account."""

    def __init__(
        self, floor: Floor, entry: OrderEntry, accounts: Mapping[str, Account], fees: FeeSchedule
    ) -> None:
        self._floor = floor
        self._entry = entry
        self._accounts = accounts
        self._fees = fees

    def of(self, asked: NewOrder) -> Preview:
        """What the order would do; raises a Refusal for all but a want of money."""
        refused: refusals.Refusal | None = None
        try:
            order, legs = self._entry.drawn_up(asked)
        except _NO_MEANS as refusal:
            refused = refusal
            order, legs = self._entry.drawn_up(asked, with_means=False)
        account, quotes = self._accounts[asked.account_id], self._floor.quotes
        after = deepcopy(account)
        parts = list(zip(legs, self._leg_prices(order, legs), strict=True)) if legs else []
        fee = Decimal(0)
        for part, px in parts or [(order, asked_price(order.asked, quotes))]:
            qty = part.asked.order_qty
            charged = self._fees.of_fill(part.instrument, Decimal(0), qty)
            after.move(part.instrument, part.side.sign * qty, px)
            after.cash -= charged
            fee += charged
        return Preview(
            order, means_of(account, (), quotes), means_of(after, (), quotes), fee, refused
        )

    def _leg_prices(self, order: Order, legs: list[Order]) -> list[Decimal]:
        """What the legs would trade at: together at the limit, if they can."""
        prices = combos.prices_now(legs, self._floor.quotes)
        if prices is None:
            return [Decimal(0) for _ in legs]
        if order.limit_price is not None:
            prices = combos.prices_for(order.limit_price, legs, prices) or prices
        return [prices[leg.venue_order_id] for leg in legs]
