"""Accounts and their books: cash, positions at average cost, realised profit. All of it exact."""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from simulators.venue.instruments import Instrument
from simulators.venue.orders import Execution


@dataclass(slots=True)
class Position:
    """A holding. `qty` is negative if short; `cost` is what was paid (received if negative).

    `fees` are those of what is held, not in the cost. Both are fractions because the average of a
    part need not be a finite decimal.
    """

    instrument: Instrument
    qty: Decimal = Decimal(0)
    cost: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)

    @property
    def avg_px(self) -> Fraction:
        """The average entry price per share; the position must not be flat."""
        return self.cost / (Fraction(self.qty) * Fraction(self.instrument.multiplier))

    @property
    def avg_cost(self) -> Fraction:
        """What one unit cost, fees and multiplier included; the position must not be flat."""
        return (self.cost + self.fees) / Fraction(self.qty)

    def trade(self, signed_qty: Decimal, px: Decimal, fee: Decimal) -> tuple[Fraction, Fraction]:
        """Books a trade and returns the profit that it realised and the fees of what it closed."""
        per_unit = Fraction(px) * Fraction(self.instrument.multiplier)
        closing = Decimal(0)
        if self.qty * signed_qty < 0:
            closing = signed_qty if abs(signed_qty) <= abs(self.qty) else -self.qty
        part = Fraction(-closing) / Fraction(self.qty) if closing else Fraction(0)
        released, released_fees = self.cost * part, self.fees * part
        opening = signed_qty - closing
        opening_fee = Fraction(fee) * Fraction(opening) / Fraction(signed_qty)
        self.qty += signed_qty
        self.cost += Fraction(opening) * per_unit - released
        self.fees += opening_fee - released_fees
        return (
            Fraction(-closing) * per_unit - released,
            released_fees + Fraction(fee) - opening_fee,
        )


@dataclass(slots=True)
class Account:
    """A venue account. `multiplier` is the margin multiplier for shares (1: no margin).

    options_level: 0 none, 1 covered calls and cash-secured puts, 2 also long options, 3 spreads.
    """

    account_id: str
    cash: Decimal
    multiplier: Decimal = Decimal(4)
    options_level: int = 2
    shorting_enabled: bool = True
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended: bool = False
    starting_cash: Decimal = field(default=Decimal(0), init=False)
    last_equity: Decimal = field(default=Decimal(0), init=False)
    positions: dict[str, Position] = field(default_factory=dict)
    realised: Fraction = Fraction(0)
    realised_fees: Fraction = Fraction(0)
    fees: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        self.starting_cash = self.cash
        self.last_equity = self.cash

    @property
    def realised_net(self) -> Fraction:
        """The realised profit after the fees of what was closed."""
        return self.realised - self.realised_fees

    def position_qty(self, symbol: str) -> Decimal:
        """The signed holding, 0 if there is none."""
        position = self.positions.get(symbol)
        return position.qty if position is not None else Decimal(0)

    def move(self, instrument: Instrument, signed_qty: Decimal, px: Decimal) -> Decimal:
        """Books a change of a position that is no fill, and returns the cash that moved."""
        symbol = instrument.symbol
        position = self.positions.setdefault(symbol, Position(instrument))
        profit, fees = position.trade(signed_qty, px, Decimal(0))
        self.realised += profit
        self.realised_fees += fees
        if not position.qty:
            del self.positions[symbol]
        moved = -signed_qty * px * instrument.multiplier
        self.cash += moved
        return moved

    def book(self, execution: Execution) -> Decimal:
        """Books a fill and returns the cash that moved, fee included."""
        order = execution.order
        position = self.positions.setdefault(order.symbol, Position(order.instrument))
        signed_qty = order.side.sign * execution.last_qty
        profit, fees = position.trade(signed_qty, execution.last_px, execution.fee)
        self.realised += profit
        self.realised_fees += fees
        if not position.qty:
            del self.positions[order.symbol]
        moved = -signed_qty * execution.last_px * order.instrument.multiplier - execution.fee
        self.cash += moved
        self.fees += execution.fee
        return moved
