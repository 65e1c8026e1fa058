"""How accounts stood at midnight, and what they have gained since: profit and loss of the day."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from simulators.venue import trading_calendar as calendar
from simulators.venue.accounts import Account, Position
from simulators.venue.ledger import AccountEventKind
from simulators.venue.reservations import market_value, means_of
from simulators.venue.venue import Venue

_CASH_IN_AND_OUT = (AccountEventKind.DEPOSIT, AccountEventKind.WITHDRAWAL)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class DayStart:
    """An account at midnight; the numbers say how much of the ledger there was by then."""

    equity: Decimal
    realised: Fraction = Fraction(0)
    positions: dict[str, Position] = field(default_factory=dict)
    unrealised: dict[str, Decimal] = field(default_factory=dict)
    execution_count: int = 0
    event_count: int = 0


class DayStarts:
    """Takes note of all accounts at each midnight in New York, and when it is made."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._starts: dict[str, DayStart] = {}
        self._note()
        venue.repeat(_next_midnight, self._note)

    def _note(self) -> None:
        ledger, quotes = self._venue.ledger, self._venue.quotes
        for account in self._venue.accounts.values():
            self._starts[account.account_id] = DayStart(
                equity=means_of(account, (), quotes).equity,
                realised=account.realised_net,
                positions={s: replace(p) for s, p in account.positions.items()},
                unrealised={s: self.unrealised(p) for s, p in account.positions.items()},
                execution_count=len(ledger.executions),
                event_count=len(ledger.account_events),
            )

    def unrealised(self, position: Position) -> Decimal:
        """What it would bring beyond its cost, fees included."""
        value = market_value(position, self._venue.quotes)
        return value - decimal_of(position.cost + position.fees)

    def realised(self, account: Account) -> Decimal:
        """What positions that were closed today have brought, fees deducted."""
        return decimal_of(account.realised_net - self._start(account).realised)

    def daily(self, account: Account) -> Decimal:
        """What the account has gained since midnight; what was paid in is no gain."""
        start = self._start(account)
        moved = _ZERO
        for event in self._venue.ledger.account_events[start.event_count :]:
            if event.account_id != account.account_id:
                continue
            if event.kind in _CASH_IN_AND_OUT:
                moved += event.net_amount
            elif event.kind is AccountEventKind.POSITION:
                multiplier = self._venue.catalog.get(event.symbol).multiplier
                moved += event.qty * (event.price or _ZERO) * multiplier
        return means_of(account, (), self._venue.quotes).equity - start.equity - moved

    def of_symbol(self, account: Account, symbol: str) -> tuple[Decimal, Decimal, Decimal]:
        """Daily, unrealised and realised profit of one instrument."""
        start, held = self._start(account), account.positions.get(symbol)
        unrealised = self.unrealised(held) if held is not None else _ZERO
        realised = self._realised_of(account, symbol, start)
        return unrealised + realised - start.unrealised.get(symbol, _ZERO), unrealised, realised

    def _realised_of(self, account: Account, symbol: str, start: DayStart) -> Decimal:
        known = start.positions.get(symbol)
        instrument = self._venue.catalog.get(symbol)
        position = replace(known) if known is not None else Position(instrument)
        realised = Fraction(0)
        for _, qty, px, fee in sorted(self._trades(account, symbol, start), key=lambda t: t[0]):
            profit, fees = position.trade(qty, px, fee)
            realised += profit - fees
        return decimal_of(realised)

    def _trades(
        self, account: Account, symbol: str, start: DayStart
    ) -> Iterator[tuple[datetime, Decimal, Decimal, Decimal]]:
        """What has changed the position since midnight: time, signed quantity, price, fee."""
        ledger = self._venue.ledger
        for execution in ledger.executions[start.execution_count :]:
            order = execution.order
            if (order.account_id, order.symbol) == (account.account_id, symbol):
                qty = order.side.sign * execution.last_qty
                yield execution.at, qty, execution.last_px, execution.fee
        for event in ledger.account_events[start.event_count :]:
            if (event.account_id, event.symbol) == (account.account_id, symbol) and event.qty:
                yield event.at, event.qty, event.price or _ZERO, _ZERO

    def _start(self, account: Account) -> DayStart:
        """An account that was opened since midnight began with its cash."""
        return self._starts.get(account.account_id) or DayStart(account.starting_cash)


def decimal_of(value: Fraction) -> Decimal:
    """The fraction, to the precision of decimals."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def _next_midnight(at: datetime) -> datetime:
    day = calendar.trading_date(at) + timedelta(days=1)
    return datetime.combine(day, time(), calendar.NEW_YORK)
