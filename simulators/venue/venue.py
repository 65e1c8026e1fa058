"""The venue: takes orders, works them against quotes in market time, and keeps the books.

Synchronous and deterministic: no awaits, no threads, no clock but the injected one. `advance` runs
what has become due and `next_due` tells a driver how long it may sleep. Events come back through
listeners; answers are values; what is refused is a `Refusal`, and then nothing was changed.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from decimal import Decimal

from simulators.venue import combos, refusals
from simulators.venue import trading_calendar as calendar
from simulators.venue.accounts import Account
from simulators.venue.amending import Amendments, Refused
from simulators.venue.clock import MarketClock
from simulators.venue.contingent import Contingencies, waits
from simulators.venue.entry import OrderEntry
from simulators.venue.floor import Floor, NextTime
from simulators.venue.ids import Ids, RandomIds
from simulators.venue.instruments import Catalog
from simulators.venue.ledger import Ledger
from simulators.venue.order_desk import Listener, OrderDesk
from simulators.venue.orders import FOLLOWS, Execution, Fate, NewOrder, Order, OrderStatus
from simulators.venue.previews import Preview, Previews
from simulators.venue.quotes import Quote, QuoteBook, QuoteListener
from simulators.venue.randomness import Randomness
from simulators.venue.replacing import Changes
from simulators.venue.reservations import Means, asked_price, means_of
from simulators.venue.settings import VenueSettings
from simulators.venue.tied_orders import TiedOrders


class Venue:
    """One market with its accounts. Every verb first runs what is due."""

    def __init__(
        self,
        clock: MarketClock,
        catalog: Catalog,
        accounts: Iterable[Account],
        randomness: Randomness,
        settings: VenueSettings | None = None,
        ids: Ids | None = None,
    ) -> None:
        self.clock = clock
        self.catalog = catalog
        self.ledger = Ledger()
        self.accounts = {account.account_id: account for account in accounts}
        self.settings = settings or VenueSettings()
        self.randomness = randomness
        self.desk = OrderDesk(ids or RandomIds(randomness), self.ledger, self.settings.fees)
        self._floor = Floor(clock, catalog, self.accounts, self.desk, randomness, self.settings)
        self._entry = OrderEntry(self.desk, self._floor, catalog, self.accounts, self.settings)
        self._amendments = Amendments(self.desk, self._floor, self._entry)
        Contingencies(self.desk, lambda: self._floor.now, self._floor.let_go)
        self._previews = Previews(self._floor, self._entry, self.accounts, self.settings.fees)
        TiedOrders(self.desk, self._floor, self._entry)

    @property
    def now(self) -> datetime:
        """Market time of what is being done: while things that were due run, their own time."""
        return self._floor.now

    @property
    def next_due(self) -> datetime | None:
        """Market time of the next thing to do, None if there is nothing."""
        return self._floor.next_due

    @property
    def quotes(self) -> QuoteBook:
        """The current quotes."""
        return self._floor.quotes

    def advance(self) -> None:
        """Runs everything that is due, in order, each at its own market time."""
        self._floor.advance()

    def set_clock(self, at: datetime) -> None:
        """Moves the clock. Forward: what lies between happens in order. Back: waits go on."""
        self._floor.set_clock(at)

    def subscribe(self, listener: Listener) -> None:
        """Calls the listener with every order event, at once and in order."""
        self.desk.subscribe(listener)

    def subscribe_to_quotes(self, listener: QuoteListener) -> None:
        """Calls the listener with every new quote, before orders are worked against it."""
        self._floor.subscribe_to_quotes(listener)

    def repeat(self, next_after: NextTime, run: Callable[[], None]) -> None:
        """Runs it at each market time that `next_after` gives; None from it ends that.

        `next_after` is asked with the time of the run before and gives a later one. If the clock is
        set back it is asked anew.
        """
        self._floor.repeat(next_after, run)

    def run_at(self, due: datetime, run: Callable[[], None]) -> None:
        """Runs it once, at that market time; if the clock is set back, as long after as before."""
        self._floor.run_at(due, run)

    def take_quotes(self, quotes: Iterable[Quote]) -> None:
        """Makes these good quotes of listed symbols the current ones, from inside `repeat`."""
        self._floor.take_quotes(quotes)

    def work_orders(self, changed: Collection[str]) -> None:
        """Works the resting orders that depend on these symbols' quotes, from inside `repeat`."""
        self._floor.work(changed)

    def means(self, account_id: str) -> Means:
        """What the account has and what of it is free."""
        open_orders = self.desk.open_orders(account_id)
        return means_of(self.accounts[account_id], open_orders, self.quotes)

    def set_quote(self, quote: Quote) -> None:
        """Makes it the current quote and works the resting orders against it.

        Raises:
            NotListed: The symbol is not listed.
            BadPrice: The prices don't make a quote.
        """
        self.advance()
        self.catalog.get(quote.symbol)
        if not 0 <= quote.bid <= quote.ask or not quote.ask:
            raise refusals.BadPrice(quote.ask, "a quote needs 0 <= bid <= ask and ask > 0")
        self._floor.take_quotes([quote])

    def quoted_at(self, quote: Quote) -> datetime:
        """The time to show with a quote: now while the market is open, else that of its close."""
        if quote.frozen:
            return quote.at
        if calendar.session_at(self.now) is not None:
            return self.now
        return max(quote.at, calendar.last_close(self.now))

    def submit(self, asked: NewOrder, fate: Fate = Fate.WORKED) -> Order:
        """Takes an order, or refuses it.

        Raises:
            Refusal: Nothing was changed.
        """
        self.advance()
        return self._entry.submit(asked, fate)

    def replace(self, venue_order_id: str, changes: Changes, fate: Fate = Fate.WORKED) -> Order:
        """Asks for another order in this one's place; returns that, which is pending at first.

        Until it is carried out the old order may still fill.

        Raises:
            Refusal: Nothing was changed.
        """
        self.advance()
        return self._entry.replace(self.desk.get(venue_order_id), changes, fate)

    def amend(
        self, venue_order_id: str, asked: NewOrder, refused: Refused, fate: Fate = Fate.WORKED
    ) -> Order:
        """Asks for other terms of an order, which keeps its id; returns it as it is.

        They take effect a moment later, until when it may fill under the old ones.

        Args:
            asked: All that it is to be; `order_qty` includes what has filled.
            refused: Told with the order and the reason if they can't take effect after all.

        Raises:
            Refusal: Nothing was changed and nothing will be.
        """
        self.advance()
        return self._amendments.begin(self.desk.get(venue_order_id), asked, refused, fate)

    def draw_up(self, asked: NewOrder) -> Order:
        """The order as it would be if the account had the means; it is not kept and not worked.

        Raises:
            Refusal: It could not be taken even then.
        """
        self.advance()
        return self._entry.drawn_up(asked, with_means=False)[0]

    def preview(self, asked: NewOrder) -> Preview:
        """What an order would do to its account if it filled at once; nothing is changed.

        Raises:
            Refusal: It would be refused, and not for want of money.
        """
        self.advance()
        return self._previews.of(asked)

    def cancel(self, venue_order_id: str, fate: Fate = Fate.WORKED) -> Order:
        """Asks for a cancel; the order may still fill until it is canceled.

        Raises:
            NoSuchOrder: There is none with this id.
            NotCancelable: It has ended, or a cancel or a replace is pending.
        """
        self.advance()
        return self._entry.cancel(self.desk.get(venue_order_id), fate)

    def set_status(self, venue_order_id: str, status: OrderStatus) -> Order:
        """Puts an order by hand into a status that may follow its own.

        Raises:
            NoSuchOrder: There is none with this id.
            NotCancelable: That status can't follow.
        """
        self.advance()
        order = self.desk.get(venue_order_id)
        if status not in FOLLOWS[order.status] or status is OrderStatus.REPLACED:
            raise refusals.NotCancelable(order.status.value)
        order = self.desk.change(order, status, self.now)
        if status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
            self._floor.resume(order)
        return order

    def reject(self, venue_order_id: str) -> Order:
        """Rejects an order that was taken before.

        Raises:
            NoSuchOrder: There is none with this id.
            NotCancelable: It has ended.
        """
        order = self._open_order(venue_order_id)
        return self.desk.change(order, OrderStatus.REJECTED, self.now)

    def suspend(self, venue_order_id: str) -> Order:
        """Keeps an open order out of the market until it is resumed.

        Raises:
            NoSuchOrder, NotCancelable: There is none with this id, or it has ended.
        """
        order = self._open_order(venue_order_id)
        self._floor.suspend(order)
        return order

    def resume(self, venue_order_id: str) -> Order:
        """Brings a suspended order back to market; raises as `suspend` does."""
        order = self._open_order(venue_order_id)
        self._floor.resume(order)
        return self.desk.get(venue_order_id)

    def _open_order(self, venue_order_id: str) -> Order:
        self.advance()
        order = self.desk.get(venue_order_id)
        if not order.is_open:
            raise refusals.NotCancelable(order.status.value)
        return order

    def force_fill(
        self,
        venue_order_id: str,
        qty: Decimal | None = None,
        px: Decimal | None = None,
        *,
        even_if_ended: bool = False,
    ) -> Execution:
        """Fills an order now, whatever the market says: all that is left unless told otherwise.

        Args:
            px: Default: the limit price, for a market order the side of the quote.
            even_if_ended: Also fills an order that has ended unfilled (a late fill).

        Raises:
            NoSuchOrder, NotCancelable, BadQuantity, BadPrice: Nothing was changed.
        """
        self.advance()
        order = self.desk.get(venue_order_id)
        left = order.asked.order_qty - order.cum_qty
        is_late = even_if_ended and left > 0
        if waits(order, self.desk) or not (order.is_open or is_late):
            raise refusals.NotCancelable(order.status.value)
        last_qty = left if qty is None else qty
        if not 0 < last_qty <= left:
            raise refusals.BadQuantity(f"qty must be above 0 and at most {left}")
        if order.is_combo_leg:
            raise refusals.BadOrder("a leg is filled together with its order")
        if order.is_combo:
            prices = self._forced_prices(order, px)
            return self._floor.fill_combo(order, last_qty, prices)[-1].execution
        return self._floor.fill(order, last_qty, self._forced_px(order, px)).execution

    def _forced_prices(self, order: Order, px: Decimal | None) -> combos.Prices:
        legs = self._floor.legs_of(order)
        prices = combos.prices_now(legs, self.quotes)
        net = px if px is not None else order.limit_price
        if prices is not None and net is not None:
            prices = combos.prices_for(net, legs, prices)
        if prices is None:
            raise refusals.BadPrice(net or Decimal(0), "the legs can't trade at this price")
        return prices

    def _forced_px(self, order: Order, px: Decimal | None) -> Decimal:
        if px is None:
            px = order.limit_price or asked_price(order.asked, self.quotes)
        if px is None or px <= 0:
            raise refusals.BadPrice(px or Decimal(0), "a price above 0 is needed")
        return px
