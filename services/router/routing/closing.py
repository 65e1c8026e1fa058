"""Closing a position: the ordinary order that does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from services.common.domain.amounts import total
from services.common.domain.errors import NotFound, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import Instrument
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from services.router.books.books import Books
from services.router.routing.plan_exits import free_to_exit


@dataclass(frozen=True, slots=True)
class CloseAsked:
    """A close as asked for; no `qty` means all that no other exit reserves."""

    client_order_id: str
    instrument: Instrument
    qty: Decimal | None
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None = None
    not_after: datetime | None = None


def closing_order(
    asked: CloseAsked, account_id: str, books: Books, *, allow_uncovered: bool
) -> OrderSpec:
    """The order that closes what the books hold. The same close again gives the same order.

    Raises NotFound POSITION_NOT_FOUND, Refused INSUFFICIENT_QTY if other exits reserve all of it,
    Refused WOULD_CROSS_ZERO if venues hold it both ways, CLIENT_ORDER_ID_REUSED.
    """
    known = books.find(account_id, asked.client_order_id)
    if known is not None:
        return _same_again(asked, known.order.spec)
    held = [p.qty for p in books.held(account_id) if p.instrument.key == asked.instrument.key]
    if not held:
        raise NotFound(
            Reason.POSITION_NOT_FOUND, f"the books hold no {asked.instrument.key} to close"
        )
    if min(held) < 0 < max(held):
        raise Refused(
            Reason.WOULD_CROSS_ZERO,
            f"{asked.instrument.key} is held long and short: close each by an order of its own",
        )
    side = Side.SELL if held[0] > 0 else Side.BUY
    order = _order(asked, side, asked.qty or Decimal(1))
    if asked.qty is not None:
        return order
    free, _ = free_to_exit(order, account_id, books, allow_uncovered=allow_uncovered)
    qty = total(free.values())
    if qty <= 0:
        raise Refused(
            Reason.INSUFFICIENT_QTY,
            f"open exits, exercises and short options leave nothing of {asked.instrument.key} "
            "free to close",
        )
    return replace(order, order_qty=qty)


def _same_again(asked: CloseAsked, known: OrderSpec) -> OrderSpec:
    again = _order(asked, known.side, known.order_qty if asked.qty is None else asked.qty)
    # Closes of shares had no intent once.
    again = replace(again, position_intent=known.position_intent)
    if again.content_hash() != known.content_hash():
        raise Refused(
            Reason.CLIENT_ORDER_ID_REUSED,
            f"client_order_id: {asked.client_order_id!r} was used before with other content",
        )
    return known


def _order(asked: CloseAsked, side: Side, qty: Decimal) -> OrderSpec:
    """It says that it closes, of shares as well: it must not open anything, should it be planned
    when somebody else has closed the position."""
    closes = PositionIntent.SELL_TO_CLOSE if side is Side.SELL else PositionIntent.BUY_TO_CLOSE
    return OrderSpec(
        client_order_id=asked.client_order_id,
        instrument=asked.instrument,
        side=side,
        order_qty=qty,
        order_type=asked.order_type,
        time_in_force=asked.time_in_force,
        limit_price=asked.limit_price,
        position_intent=closes,
        not_after=asked.not_after,
    )
