"""What happens at the venue as market time passes: acknowledgements, fills, cancels, sessions.

Whatever takes time is put into a timetable; `advance` runs what is due, each thing at its own
market time, and `next_due` tells a driver how long it may sleep.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from simulators.venue import combos
from simulators.venue import trading_calendar as calendar
from simulators.venue.accounts import Account
from simulators.venue.clock import MarketClock
from simulators.venue.contingent import lets_go, waits
from simulators.venue.instruments import Catalog
from simulators.venue.matching import followed, is_worked, marketable_px, partial_qty
from simulators.venue.order_desk import OrderDesk
from simulators.venue.orders import (
    UNSENT,
    WORKING,
    Booking,
    ComboFill,
    EventKind,
    Fate,
    Order,
    OrderStatus,
    TimeInForce,
)
from simulators.venue.quotes import PriceWalk, Quote, QuoteBook, QuoteListener
from simulators.venue.randomness import Randomness
from simulators.venue.replacing import Replacements
from simulators.venue.reservations import means_of
from simulators.venue.settings import VenueSettings
from simulators.venue.timetable import Timetable

Step = Callable[[Order], None]
NextTime = Callable[[datetime], datetime | None]

_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


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
        self._is_advancing = False
        self._rhythms: list[tuple[NextTime, Callable[[], None]]] = []
        self.replacements = Replacements(desk)
        self._plan_session_change()
        self._plan_walk_step()
        self.repeat(calendar.next_extended_open, self._open_extended)
        self.repeat(calendar.next_extended_close, self._expire)

    @property
    def next_due(self) -> datetime | None:
        """Market time of the next thing to do."""
        return self._timetable.next_due

    def advance(self) -> None:
        """Runs everything that is due, in order, each at its own market time.

        What runs may use the venue's own verbs: asked again in between, this does nothing.
        """
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            self._run_what_is_due()
        finally:
            self._is_advancing = False

    def _run_what_is_due(self) -> None:
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

    def expect_acknowledgement(self, order: Order, fate: Fate) -> None:
        """Brings a new order to market after a while; at the next open if the market is closed.

        Args:
            fate: STALLED never brings it to market, REJECTED rejects it instead (faults).
        """
        if fate is Fate.STALLED:
            self._stalled.add(order.venue_order_id)
        elif fate is Fate.REJECTED:
            self._later(self._settings.ack_delay_s, order, self._reject)
        elif order.status is OrderStatus.PENDING_NEW:
            self._later(self._settings.ack_delay_s, order, self._bring_to_market)

    def expect_replacement(self, new: Order) -> None:
        """Lets the new order take the old one's place after a while."""
        self._later(self._settings.replace_delay_s, new, self._finish_replace)

    def expect_amendment(self, order: Order, step: Step) -> None:
        """Calls the step with the order as it is after the time that a replace takes."""
        self._later(self._settings.replace_delay_s, order, step)

    def expect_end(self, order: Order) -> None:
        """Ends an order at the time that its client gave for it."""
        if order.asked.ends_at is not None:
            self._timetable.at(order.asked.ends_at, self._expire)

    def work_again(self, order: Order) -> None:
        """Looks a moment later whether an order that changed trades now."""
        self._later(self._settings.fill_delay_s, order, self._match)

    def let_go(self, held: Order) -> None:
        """Brings an exit that was held to market."""
        order = self._desk.change(held, OrderStatus.NEW, self.now)
        self._later(self._settings.fill_delay_s, order, self._match)

    def subscribe_to_quotes(self, listener: QuoteListener) -> None:
        """Calls the listener with every new quote, before orders are worked against it."""
        self._quote_listeners.append(listener)

    def repeat(self, next_after: NextTime, run: Callable[[], None]) -> None:
        """Runs it at each time that `next_after` gives, which is asked with the time before."""
        self._rhythms.append((next_after, run))
        self._plan_rhythm(next_after, run)

    def run_at(self, due: datetime, run: Callable[[], None]) -> None:
        """Runs it once, at that market time."""
        self._timetable.at(due, run)

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

    def expect_refused_cancel(self, order: Order, was: OrderStatus) -> None:
        """Turns a pending cancel down after a while: the order is again what it was."""
        self._later(self._settings.cancel_delay_s, order, lambda o: self._refuse_cancel(o, was))

    def fill(self, order: Order, qty: Decimal, px: Decimal) -> Booking:
        """Books a fill now, whatever the market says."""
        if order.status in UNSENT:
            order = self._desk.change(order, OrderStatus.NEW, self.now)
        account = self._accounts[order.account_id]
        return self._desk.fill(order, account, qty, px, self.now)

    def fill_combo(self, order: Order, qty: Decimal, prices: combos.Prices) -> list[Booking]:
        """Books a fill of all legs of a multi-leg order now, at these prices."""
        if order.status in UNSENT:
            order = self._desk.change(order, OrderStatus.NEW, self.now)
        legs = self.legs_of(order)
        bookings = [
            self.fill(leg, qty * combos.ratio_of(leg), prices[leg.venue_order_id]) for leg in legs
        ]
        done = ComboFill(qty, combos.net_price(legs, prices), tuple(bookings))
        self._desk.fill_combo(order, done, self.now)
        return bookings

    def legs_of(self, order: Order) -> list[Order]:
        """The legs of an order as they are now."""
        return [self._desk.get(leg_id) for leg_id in order.links.leg_ids]

    def take_quotes(self, quotes: Iterable[Quote]) -> None:
        """Makes these the current quotes and works the resting orders against them."""
        changed = set()
        for quote in quotes:
            self.quotes.put(quote)
            changed.add(quote.symbol)
            for listener in self._quote_listeners:
                listener(quote)
        self.work(changed)

    def work(self, changed: Collection[str]) -> None:
        """Works the resting orders whose quotes move with those of these symbols."""
        for listed in self._desk.open_orders():
            order = self._desk.get(listed.venue_order_id)
            symbols = [leg.symbol for leg in order.asked.legs] or [order.symbol]
            if any(self.quotes.moves_with(symbol, changed) for symbol in symbols):
                self._match(order)

    def _later(self, seconds: float, order: Order, step: Step) -> None:
        due = self.now + timedelta(seconds=seconds)
        self._timetable.at(due, lambda: step(self._desk.get(order.venue_order_id)))

    def _bring_to_market(self, order: Order) -> None:
        if order.status in UNSENT:
            order = self._desk.change(order, OrderStatus.NEW, self.now)
            self._later(self._settings.fill_delay_s, order, self._match)

    def _reject(self, order: Order) -> None:
        if order.is_open:
            self._desk.change(order, OrderStatus.REJECTED, self.now)

    def _finish_cancel(self, order: Order) -> None:
        if order.status is OrderStatus.PENDING_CANCEL:
            self._desk.change(order, OrderStatus.CANCELED, self.now)

    def _refuse_cancel(self, order: Order, was: OrderStatus) -> None:
        if order.status is OrderStatus.PENDING_CANCEL:
            back = OrderStatus.PARTIALLY_FILLED if order.cum_qty else was
            self._desk.change(order, back, self.now, EventKind.ORDER_CANCEL_REJECTED)
            self._later(self._settings.fill_delay_s, order, self._match)

    def _finish_replace(self, new: Order) -> None:
        order = self.replacements.finish(new, self.now)
        if order is not None and order.status is OrderStatus.HELD:
            if order.links.parent_id and lets_go(self._desk.get(order.links.parent_id)):
                self.let_go(order)
        elif order is not None:
            self._later(self._settings.fill_delay_s, order, self._match)

    def _match(self, order: Order) -> None:
        """Trades what can be traded now; what a partial fill leaves is tried again later."""
        if order.status not in WORKING or order.venue_order_id in self._stalled:
            return
        if order.is_combo_leg or not is_worked(order, self.now) or waits(order, self._desk):
            return
        if order.is_combo:
            self._match_combo(order)
            return
        quote = self.quotes.find(order.symbol)
        order = self._follow(order, quote)
        px = marketable_px(order, quote)
        if px is not None:
            qty = self._part_of(order.leaves_at(px), order)
            if qty:
                self.fill(order, qty, px)
        self._after_match(order)

    def _follow(self, before: Order, quote: Quote | None) -> Order:
        order = self._desk.note(followed(before, quote))
        if self._settings.tells_triggers and order.triggered and not before.triggered:
            self._desk.tell(order, EventKind.TRIGGERED, self.now)
        return order

    def _match_combo(self, order: Order) -> None:
        legs = self.legs_of(order)
        prices = combos.prices_now(legs, self.quotes)
        limit = order.limit_price
        if prices is not None and (limit is None or combos.net_price(legs, prices) <= limit):
            self.fill_combo(order, self._part_of(order.leaves_qty, order), prices)
        self._after_match(order)

    def _part_of(self, leaves: Decimal, order: Order) -> Decimal:
        if not self._settings.partial_fills or order.asked.time_in_force is TimeInForce.FOK:
            return leaves
        return partial_qty(leaves, self._partials)

    def _after_match(self, before: Order) -> None:
        """Ends what had only this one chance; comes back to what is left of a partial fill."""
        order = self._desk.get(before.venue_order_id)
        if order.status not in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
            return
        if order.asked.time_in_force in _IMMEDIATE:
            self._desk.change(order, OrderStatus.CANCELED, self.now)
        elif order.cum_qty > before.cum_qty:
            self._later(self._settings.rest_of_partial_s, order, self._match)

    def _auction(self, order: Order) -> None:
        """Gives an order its one chance, at the open or at the close."""
        if order.status in UNSENT:
            order = self._desk.change(order, OrderStatus.NEW, self.now)
        px = marketable_px(order, self.quotes.find(order.symbol))
        if px is not None:
            self.fill(order, order.leaves_qty, px)
        else:
            self._desk.change(order, OrderStatus.EXPIRED, self.now)

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
        for order in self._open_orders():
            if order.venue_order_id in self._stalled or order.is_combo_leg:
                continue
            if order.asked.time_in_force is TimeInForce.OPG and order.expires_at <= self.now:
                if order.status is not OrderStatus.HELD:
                    self._auction(order)
            elif order.status is OrderStatus.ACCEPTED:
                self._later(self._settings.ack_delay_s, order, self._bring_to_market)
            elif order.status is OrderStatus.DONE_FOR_DAY:
                back = OrderStatus.PARTIALLY_FILLED if order.cum_qty else OrderStatus.NEW
                order = self._desk.change(order, back, self.now, EventKind.NEW)
                self._later(self._settings.fill_delay_s, order, self._match)
            elif order.status in WORKING:
                self._later(self._settings.fill_delay_s, order, self._match)
        self._plan_session_change()

    def _open_extended(self) -> None:
        for order in self._open_orders():
            if order.status is OrderStatus.ACCEPTED and order.asked.extended_hours:
                self._later(self._settings.ack_delay_s, order, self._bring_to_market)

    def _open_orders(self) -> Iterator[Order]:
        """The open orders as they are when it is their turn: one may have ended another."""
        for listed in self._desk.open_orders():
            order = self._desk.get(listed.venue_order_id)
            if order.is_open:
                yield order

    def _expire(self) -> None:
        for order in self._open_orders():
            if order.expires_at > self.now or order.is_combo_leg:
                continue
            is_auction = order.asked.time_in_force is TimeInForce.CLS
            if is_auction and order.status in WORKING | UNSENT:
                self._auction(order)
            else:
                self._desk.change(order, OrderStatus.EXPIRED, self.now)

    def _close_session(self) -> None:
        self._expire()
        self.quotes.close_day()
        for account in self._accounts.values():
            account.last_equity = means_of(account, (), self.quotes).equity
        if self._settings.skip_closed:
            self._clock.set(max(self._clock.now(), calendar.next_open(self.now)))
        self._plan_session_change()
