"""The end of options: exercise, assignment and expiry, on request and by the clock.

As at Alpaca: what is at least a cent in the money at the close of its last day is exercised, and
assigned if it is short; what isn't expires. In the last half hour of trading a long position in the
money is sold if the account has neither the money nor the shares for its exercise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from simulators.venue import refusals
from simulators.venue import trading_calendar as calendar
from simulators.venue.account_events import AccountEvents
from simulators.venue.accounts import Account, Position
from simulators.venue.instruments import OptionContract, Right
from simulators.venue.orders import NewOrder, OrderType, Side, TimeInForce
from simulators.venue.reservations import held_of_position
from simulators.venue.venue import Venue

_CENT = Decimal("0.01")
_CLOSING_ONLY = timedelta(minutes=30)
_SETTLES_AFTER = timedelta(minutes=5)
_A_MOMENT = timedelta(seconds=1)


@dataclass(eq=False)
class NotExercisable(refusals.Refusal):
    """The position can't be exercised, now or at all."""

    reason: str


class OptionLifecycle:
    """Ends option positions at their time; exercise and assignment also on request.

    It works on the venue's clock by itself from its creation.
    """

    def __init__(self, venue: Venue, events: AccountEvents) -> None:
        self._venue = venue
        self._events = events
        self._not_exercised: set[tuple[str, str]] = set()
        venue.repeat(lambda at: _next(at, -_CLOSING_ONLY), self._clear_the_way)
        venue.repeat(lambda at: _next(at, _A_MOMENT - _CLOSING_ONLY), self._sell_without_means)
        venue.repeat(lambda at: _next(at, _SETTLES_AFTER), self._settle)

    def exercise(self, account_id: str, symbol: str, qty: Decimal | None = None) -> Decimal:
        """Exercises contracts that no open order holds, all of them unless told how many.

        Returns how many.

        Raises:
            NotExercisable: It is short, no option, or the market has closed for this day.
            InsufficientQuantity: Open orders hold all of it.
            InsufficientBuyingPower, InsufficientQuantity: No money, or no shares, for it.
        """
        account, contract = self._long_position(account_id, symbol)
        closes = calendar.session_on(calendar.trading_date(self._venue.now))
        if closes is not None and self._venue.now >= closes.closes:
            raise NotExercisable("exercise requests are not accepted after the market has closed")
        orders = self._venue.desk.open_orders(account_id)
        held = held_of_position(account, symbol, orders)
        existing = account.position_qty(symbol)
        free = existing - held
        qty = free if qty is None else qty
        if not 0 < qty <= free:
            raise refusals.InsufficientQuantity(
                symbol, max(qty, existing), max(free, Decimal(0)), existing, held
            )
        self._check_means(account, contract, qty)
        self._events.exercise(account, contract, qty, self._venue.now)
        return qty

    def do_not_exercise(self, account_id: str, symbol: str) -> None:
        """Lets a long position expire even in the money.

        Raises:
            NotExercisable: It is short, or no option.
        """
        account, contract = self._long_position(account_id, symbol)
        self._not_exercised.add((account.account_id, contract.symbol))

    def assign(self, account_id: str, symbol: str, qty: Decimal | None = None) -> Decimal:
        """Assigns a short position, or a part of it, before its time; returns how many contracts.

        Raises:
            NotExercisable: There is no short position of that size.
        """
        self._venue.advance()
        account = self._venue.accounts[account_id]
        contract, short = self._venue.catalog.get(symbol), -account.position_qty(symbol)
        wanted = short if qty is None else qty
        if not isinstance(contract, OptionContract) or not 0 < wanted <= short:
            raise NotExercisable(f"there are not so many short contracts of {symbol}")
        if wanted != wanted.to_integral_value():
            raise NotExercisable("only whole contracts are assigned")
        self._events.assign(account, contract, wanted, self._venue.now)
        return wanted

    def _long_position(self, account_id: str, symbol: str) -> tuple[Account, OptionContract]:
        self._venue.advance()
        account = self._venue.accounts[account_id]
        contract = self._venue.catalog.get(symbol)
        if not isinstance(contract, OptionContract):
            raise NotExercisable(f"{symbol} is no option contract")
        if account.position_qty(symbol) <= 0:
            raise NotExercisable("only long option positions can be exercised")
        return account, contract

    def _check_means(self, account: Account, contract: OptionContract, qty: Decimal) -> None:
        shares = qty * contract.multiplier
        if contract.right is Right.PUT:
            held = account.position_qty(contract.underlying)
            if held < shares:
                raise refusals.InsufficientQuantity(
                    contract.underlying, shares, max(held, Decimal(0)), held, Decimal(0)
                )
            return
        if -account.position_qty(contract.underlying) >= shares:
            return  # the shares close a short position
        cost = shares * contract.strike
        available = self._venue.means(account.account_id).buying_power
        if cost > available:
            raise refusals.InsufficientBuyingPower(cost, available)

    def _has_means(self, account: Account, contract: OptionContract, qty: Decimal) -> bool:
        try:
            self._check_means(account, contract, qty)
        except refusals.Refusal:
            return False
        return True

    # By the clock

    def _clear_the_way(self) -> None:
        """Cancels what would keep a position without means from being sold."""
        for account, contract in self._without_means():
            for order in self._venue.desk.open_orders(account.account_id):
                if order.symbol == contract.symbol:
                    self._try_to_cancel(order.venue_order_id)

    def _try_to_cancel(self, venue_order_id: str) -> None:
        try:
            self._venue.cancel(venue_order_id)
        except refusals.NotCancelable:
            return  # it is on its way out already

    def _sell_without_means(self) -> None:
        for account, contract in list(self._without_means()):
            order = NewOrder(
                account_id=account.account_id,
                symbol=contract.symbol,
                side=Side.SELL,
                order_qty=account.position_qty(contract.symbol),
                order_type=OrderType.MARKET,
                time_in_force=TimeInForce.DAY,
                by_hand=True,
            )
            try:
                self._venue.submit(order)
            except refusals.Refusal:
                continue  # the account may not trade: then it isn't exercised at the end either

    def _without_means(self) -> Iterator[tuple[Account, OptionContract]]:
        """Long positions in the money that expire on this day and can't be exercised."""
        today = calendar.trading_date(self._venue.now)
        for account, position, contract in self._options():
            last_day = calendar.trading_date(calendar.last_trading(contract.expiry))
            if last_day != today or position.qty <= 0:
                continue
            quote = self._venue.quotes.find(contract.underlying)
            if quote is None or not is_in_the_money(contract, quote.mid):
                continue
            if self._shorts_against(account, contract) >= position.qty:
                continue  # one leg of a spread pays for the other
            if not self._has_means(account, contract, position.qty):
                yield account, contract

    def _shorts_against(self, account: Account, contract: OptionContract) -> Decimal:
        alike = (
            -position.qty
            for _, position, other in self._options()
            if position.qty < 0
            and (other.underlying, other.expiry, other.right)
            == (contract.underlying, contract.expiry, contract.right)
            and account.positions.get(other.symbol) is position
        )
        return sum(alike, Decimal(0))

    def _settle(self) -> None:
        """Assigns, exercises and expires what has stopped trading; the short positions first."""
        over = [
            (account, position.qty, contract)
            for account, position, contract in self._options()
            if calendar.last_trading(contract.expiry) <= self._venue.now
        ]
        for account, qty, contract in sorted(over, key=lambda item: (item[1] > 0, item[2].symbol)):
            self._end(account, qty, contract)
            self._not_exercised.discard((account.account_id, contract.symbol))

    def _end(self, account: Account, qty: Decimal, contract: OptionContract) -> None:
        now = self._venue.now
        close = self._venue.quotes.previous_close(contract.underlying)
        if close is None or not is_in_the_money(contract, close):
            self._events.expire(account, contract, now)
        elif qty < 0:
            self._events.assign(account, contract, -qty, now)
        elif (account.account_id, contract.symbol) in self._not_exercised or not self._has_means(
            account, contract, qty
        ):
            self._events.expire(account, contract, now)
        else:
            self._events.exercise(account, contract, qty, now)

    def _options(self) -> Iterator[tuple[Account, Position, OptionContract]]:
        for account in self._venue.accounts.values():
            for _, position in sorted(account.positions.items()):
                if isinstance(position.instrument, OptionContract):
                    yield account, position, position.instrument


def is_in_the_money(contract: OptionContract, px: Decimal) -> bool:
    """Whether it is at least a cent in the money at that price of its underlying."""
    distance = px - contract.strike
    return (distance if contract.right is Right.CALL else -distance) >= _CENT


def _next(at: datetime, offset: timedelta) -> datetime:
    """The next time so long before or after a close."""
    closes = calendar.current_or_next_session(at - offset).closes
    while closes + offset <= at:
        closes = calendar.next_close(closes)
    return closes + offset
