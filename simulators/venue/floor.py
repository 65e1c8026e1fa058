"""What happens at the venue as market time passes: acknowledgements, fills, cancels, sessions.

Whatever takes time is put into a timetable; `advance` runs what is due, each thing at its own
market time, and `next_due` tells a driver how long it may sleep.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from simulators.venue import trading_calendar as calendar
from simulators.venue.accounts import Account
from simulators.venue.clock import MarketClock
from simulators.venue.instruments import Catalog
from simulators.venue.matching import marketable_px, partial_qty
from simulators.venue.order_desk import OrderDesk
from simulators.venue.orders import WORKING, Execution, Order, OrderStatus
from simulators.venue.quotes import PriceWalk, Quote, QuoteBook, QuoteListener
from simulators.venue.randomness import Randomness
from simulators.venue.reservations import means_of
from simulators.venue.settings import VenueSettings
from simulators.venue.timetable import Timetable

Step = Callable[[Order], None]
NextTime = Callable[[datetime], datetime | None]

_NOT_YET_WORKING = (OrderStatus.PENDING_NEW, OrderStatus.ACCEPTED)


class Floor:
    """Works the orders of a desk against quotes in market time."""

    def __init__(
        self,
        clock: MarketClock,
        catalog: Catalog,
        accounts: Mapping[str, Account],
        desk: OrderDesk,
        randomness: Randomness,
        settings: VenueSettings,
    ) -> None:
        self.quotes = QuoteBook()
        self.now = clock.now()
        self._clock = clock
        self._catalog = catalog
        self._accounts = accounts
        self._desk = desk
        self._partials = randomness.stream("partial_fills")
        self._walk = PriceWalk(randomness.stream("price_walk"))
        self._settings = settings
        self._timetable = Timetable()
        self._stalled: set[str] = set()
        self._quote_listeners: list[QuoteListener] = []
        self._rhythms: list[tuple[NextTime, Callable[[], None]]] = []
        self._plan_session_change()
        self._plan_walk_step()

    @property
    def next_due(self) -> datetime | None:
        """Market time of the next thing to do."""
        return self._timetable.next_due

    def advance(self) -> None:
        """Runs everything that is due, in order, each at its own market time."""
        while (due := self._timetable.next_due) is not None and due <= self._clock.now():
            self.now = due
            self._timetable.pop()()
        self.now = self._clock.now()

    def set_clock(self, at: datetime) -> None:
        """Moves the clock. Forward: what lies between happens in order. Back: waits go on."""
        self.advance()
        self._clock.set(at)
        if at < self.now:
            self._timetable.moved_back(self.now - at)
            self.now = at
            self._plan_session_change()
            self._plan_walk_step()
            for next_after, run in self._rhythms:
                self._plan_rhythm(next_after, run)
        self.advance()

    def expect_acknowledgement(self, order: Order, *, stalled: bool) -> None:
        """Brings a new order to market after a while; at the next open if the market is closed.

        Args:
            stalled: Never brings it to market (a fault).
        """
        if stalled:
            self._stalled.add(order.venue_order_id)
        elif order.status is OrderStatus.PENDING_NEW:
            self._later(self._settings.ack_delay_s, order, self._bring_to_market)

    def subscribe_to_quotes(self, listener: QuoteListener) -> None:
        """Calls the listener with every new quote, before orders are worked against it."""
        self._quote_listeners.append(listener)

    def repeat(self, next_after: NextTime, run: Callable[[], None]) -> None:
        """Runs it at each time that `next_after` gives, which is asked with the time before."""
        self._rhythms.append((next_after, run))
        self._plan_rhythm(next_after, run)

    def suspend(self, order: Order) -> None:
        """Keeps an order out of the market."""
        self._stalled.add(order.venue_order_id)

    def resume(self, order: Order) -> None:
        """Brings it back, to be acknowledged if it never was, and worked from then on."""
        self._stalled.discard(order.venue_order_id)
        if order.status is OrderStatus.PENDING_NEW:
            self._later(self._settings.ack_delay_s, order, self._bring_to_market)
        else:
            self._later(self._settings.fill_delay_s, order, self._match)

    def expect_cancel(self, order: Order) -> None:
        """Finishes a pending cancel after a while."""
        self._later(self._settings.cancel_delay_s, order, self._finish_cancel)

    def fill(self, order: Order, qty: Decimal, px: Decimal) -> Execution:
        """Books a fill now, whatever the market says."""
        if order.status in _NOT_YET_WORKING:
            order = self._desk.change(order, OrderStatus.NEW, self.now)
        account = self._accounts[order.account_id]
        return self._desk.fill(order, account, qty, px, self.now)

    def take_quotes(self, quotes: Iterable[Quote]) -> None:
        """Makes these the current quotes and works the resting orders against them."""
        changed = set()
        for quote in quotes:
            self.quotes.put(quote)
            changed.add(quote.symbol)
            for listener in self._quote_listeners:
                listener(quote)
        for order in self._desk.open_orders():
            if self.quotes.moves_with(order.symbol, changed):
                self._match(order)

    def _later(self, seconds: float, order: Order, step: Step) -> None:
        due = self.now + timedelta(seconds=seconds)
        self._timetable.at(due, lambda: step(self._desk.get(order.venue_order_id)))

    def _bring_to_market(self, order: Order) -> None:
        if order.status in _NOT_YET_WORKING:
            order = self._desk.change(order, OrderStatus.NEW, self.now)
            self._later(self._settings.fill_delay_s, order, self._match)

    def _finish_cancel(self, order: Order) -> None:
        if order.status is OrderStatus.PENDING_CANCEL:
            self._desk.change(order, OrderStatus.CANCELED, self.now)

    def _match(self, order: Order) -> None:
        """Trades what can be traded now; what a partial fill leaves is tried again later."""
        if order.status not in WORKING or order.venue_order_id in self._stalled:
            return
        px = marketable_px(order, self.quotes.find(order.symbol))
        if px is None or calendar.session_at(self.now) is None:
            return
        qty = order.leaves_qty
        if self._settings.partial_fills:
            qty = partial_qty(order, self._partials)
        self.fill(order, qty, px)
        if qty < order.leaves_qty:
            self._later(self._settings.rest_of_partial_s, order, self._match)

    def _plan_rhythm(self, next_after: NextTime, run: Callable[[], None]) -> None:
        due = next_after(self.now)
        if due is None:
            return

        def step() -> None:
            run()
            self._plan_rhythm(next_after, run)

        self._timetable.at(due, step, is_session=True)

    def _plan_walk_step(self) -> None:
        if not self._settings.price_walk:
            return
        due = self.now + timedelta(seconds=self._settings.walk_interval_s)
        if calendar.session_at(due) is None:
            due = calendar.next_open(self.now)
        self._timetable.at(due, self._walk_step, is_session=True)

    def _walk_step(self) -> None:
        self.take_quotes(self._walk.step(self.quotes, self._catalog, self.now))
        self._plan_walk_step()

    def _plan_session_change(self) -> None:
        opens, closes = calendar.next_open(self.now), calendar.next_close(self.now)
        if opens < closes:
            self._timetable.at(opens, self._open_session, is_session=True)
        else:
            self._timetable.at(closes, self._close_session, is_session=True)

    def _open_session(self) -> None:
        for order in self._desk.open_orders():
            if order.venue_order_id in self._stalled:
                continue
            if order.status is OrderStatus.ACCEPTED:
                self._later(self._settings.ack_delay_s, order, self._bring_to_market)
            elif order.status in WORKING:
                self._later(self._settings.fill_delay_s, order, self._match)
        self._plan_session_change()

    def _close_session(self) -> None:
        for order in self._desk.open_orders():
            if order.expires_at <= self.now:
                self._desk.change(order, OrderStatus.EXPIRED, self.now)
        self.quotes.close_day()
        for account in self._accounts.values():
            account.last_equity = means_of(account, (), self.quotes).equity
        if self._settings.skip_closed:
            self._clock.set(calendar.next_open(self.now))
        self._plan_session_change()
