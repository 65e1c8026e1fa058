"""Executions as the Gateway lists them: of orders, of legs, of combinations as a whole."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from simulators.venue.instruments import Instrument
from simulators.venue.orders import Booking, ComboFill, Order, Side


@dataclass(frozen=True, slots=True)
class ApiFill:
    """One execution, with what its order had filled after it.

    instrument: None for that of a combination as a whole, which has no commission report of its
    own. is_of_order: whether its price and quantity are those of the order, not of one leg.
    """

    exec_id: str
    perm_id: str
    instrument: Instrument | None
    side: Side
    qty: Decimal
    px: Decimal
    at: datetime
    account_id: str
    cum_qty: Decimal
    avg_px: Fraction
    fee: Decimal = Decimal(0)
    realised: Fraction | None = None
    is_of_order: bool = True


def fill_of(booking: Booking, *, perm_id: str = "") -> ApiFill:
    """The execution of an order, or of a leg if the permId of its combination is given."""
    execution, order = booking.execution, booking.execution.order
    signed_qty = order.side.sign * execution.last_qty
    closed = (booking.position_qty - signed_qty) * signed_qty < 0
    return ApiFill(
        exec_id=execution.exec_id,
        perm_id=perm_id or order.venue_order_id,
        instrument=order.instrument,
        side=order.side,
        qty=execution.last_qty,
        px=execution.last_px,
        at=execution.at,
        account_id=order.account_id,
        cum_qty=execution.cum_qty,
        avg_px=order.avg_px or Fraction(0),
        fee=execution.fee,
        realised=booking.realised if closed else None,
        is_of_order=not perm_id,
    )


def fill_of_combo(order: Order, done: ComboFill, *, side: Side, px_sign: int) -> ApiFill:
    """The execution of a combination as a whole, numbered before that of its first leg.

    Args:
        side, px_sign: As its client asked for it; the venue only ever buys combinations.
    """
    first = done.legs[0].execution
    stem, _, _ = first.exec_id.rpartition(".")
    stem, _, _ = stem.rpartition(".")
    return ApiFill(
        exec_id=f"{stem}.00.01",
        perm_id=order.venue_order_id,
        instrument=None,
        side=side,
        qty=done.last_qty,
        px=done.last_px * px_sign,
        at=first.at,
        account_id=order.account_id,
        cum_qty=order.cum_qty,
        avg_px=(order.avg_px or Fraction(0)) * px_sign,
    )
