"""Executions that turn out to have been others: corrected in price or quantity, or busted.

The books are made anew as if the execution had always been what it is now: positions at average
cost and realised profit by going through the record again, cash by the difference.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from simulators.venue import refusals
from simulators.venue.accounts import Account, Position
from simulators.venue.instruments import Instrument
from simulators.venue.ledger import AccountEvent, CashMovement, Ledger
from simulators.venue.orders import Execution, Order
from simulators.venue.venue import Venue

_ZERO = Decimal(0)


@dataclass(eq=False)
class NoSuchExecution(refusals.Refusal):
    """There is no execution with this id, or it was corrected already."""

    exec_id: str


@dataclass(slots=True)
class _Past:
    """What the record makes of one position."""

    position: Position
    realised: Fraction = field(default=Fraction(0))
    realised_fees: Fraction = field(default=Fraction(0))

    def trade(self, signed_qty: Decimal, px: Decimal, fee: Decimal) -> None:
        if not signed_qty:
            return
        profit, fees = self.position.trade(signed_qty, px, fee)
        self.realised += profit
        self.realised_fees += fees
        if not self.position.qty:
            self.position = Position(self.position.instrument)


class Corrections:
    """Corrects executions of single orders."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def correct(
        self, exec_id: str, new_exec_id: str, last_qty: Decimal | None, last_px: Decimal | None
    ) -> Execution:
        """Makes it another execution, under another id; returns that.

        A quantity of 0 busts it: its fee is given back too. The order stays where it stands; what
        it has filled, and for how much, changes with it.

        Raises:
            NoSuchExecution, BadQuantity, BadPrice, BadOrder: Nothing was changed.
        """
        venue = self._venue
        venue.advance()
        old = self._find(exec_id)
        qty = old.last_qty if last_qty is None else last_qty
        px = old.last_px if last_px is None else last_px
        if not 0 <= qty <= old.last_qty:
            raise refusals.BadQuantity(f"qty must be at least 0 and at most {old.last_qty}")
        if px <= 0:
            raise refusals.BadPrice(px, "a price above 0 is needed")
        if old.order.is_combo_leg:
            raise refusals.BadOrder("a leg's execution is not corrected by itself")
        order = self._ordered(old, qty, px)
        new = replace(
            old,
            exec_id=new_exec_id,
            order=order,
            last_qty=qty,
            last_px=px,
            cum_qty=old.cum_qty - old.last_qty + qty,
            leaves_qty=old.leaves_qty + old.last_qty - qty,
            fee=old.fee if qty else _ZERO,
        )
        self._book(old, new)
        venue.desk.amend(order, venue.now)
        return new

    def _find(self, exec_id: str) -> Execution:
        for execution in self._venue.ledger.executions:
            if execution.exec_id == exec_id:
                return execution
        raise NoSuchExecution(exec_id)

    def _ordered(self, old: Execution, qty: Decimal, px: Decimal) -> Order:
        """The order as it is now, with the execution as it is to be."""
        order = self._venue.desk.get(old.order.venue_order_id)
        return replace(
            order,
            cum_qty=order.cum_qty - old.last_qty + qty,
            filled_value=order.filled_value - old.last_qty * old.last_px + qty * px,
            updated_at=self._venue.now,
        )

    def _book(self, old: Execution, new: Execution) -> None:
        venue, account = self._venue, self._venue.accounts[old.order.account_id]
        instrument = old.order.instrument
        before = _past(venue.ledger, account, instrument)
        venue.ledger.corrected(venue.now, new, old.exec_id)
        after = _past(venue.ledger, account, instrument)
        account.realised += after.realised - before.realised
        account.realised_fees += after.realised_fees - before.realised_fees
        account.fees += new.fee - old.fee
        moved = _cash_of(new) - _cash_of(old)
        account.cash += moved
        if after.position.qty:
            account.positions[instrument.symbol] = after.position
        else:
            account.positions.pop(instrument.symbol, None)
        reason = "correction"
        movement = CashMovement(account.account_id, moved, account.cash, reason, new.exec_id)
        venue.ledger.cash(venue.now, movement)


def _cash_of(execution: Execution) -> Decimal:
    """The cash that it moves, fee included."""
    order = execution.order
    signed_qty = order.side.sign * execution.last_qty
    return -signed_qty * execution.last_px * order.instrument.multiplier - execution.fee


def _past(ledger: Ledger, account: Account, instrument: Instrument) -> _Past:
    """What the record makes of a position, with every execution as it is by now."""
    past, executions = _Past(Position(instrument)), ledger.executions
    for entry in ledger.entries:
        record = entry.record
        if isinstance(record, Execution):
            now = executions[record.exec_no - 1]
            if _is_of(account, instrument, now.order.account_id, now.order.symbol):
                past.trade(now.order.side.sign * now.last_qty, now.last_px, now.fee)
        elif not isinstance(record, AccountEvent):
            continue
        elif _is_of(account, instrument, record.account_id, record.symbol):
            past.trade(record.qty, record.price or _ZERO, _ZERO)
    return past


def _is_of(account: Account, instrument: Instrument, account_id: str, symbol: str) -> bool:
    return (account_id, symbol) == (account.account_id, instrument.symbol)
