"""Hedges: orders that open, on purpose, the opposite of what a venue out of reach holds.

No plan of ours makes one: an exit whose holder can't be reached is refused, and who will not wait
sends a hedge, an order of its own, for another venue. It is an entry by every rule (gate, cover,
reservations). Together with the exits that are open at the holder, and the hedges that stand, it
may come to no more than is held there, so that two people who hedge the same position, or an exit
that fills after all, don't turn it over. Once the holder is back, each of both is closed by an
exit at its own venue; nobody does that by himself.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from services.common.domain.amounts import mul, sub, total
from services.common.domain.errors import Reason, Refused
from services.common.domain.order_spec import OrderSpec
from services.router.books.books import Books
from services.router.routing.plan_exits import free_to_exit
from services.router.routing.planned import shown, unavailable
from services.router.routing.venue import VenueView


def check_hedge(
    spec: OrderSpec,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    *,
    allow_uncovered: bool,
) -> None:
    """Raise Refused, effect NONE, unless a venue that can't take an exit holds what is hedged, and
    as much of it as the order asks for has neither an exit nor a hedge."""
    free, held = free_to_exit(spec, account_id, books, allow_uncovered=allow_uncovered)
    key = spec.instrument.key
    if not held:
        raise _mismatch(f"the books hold no {key} that it would hedge")
    if spec.venue_pin in held:
        raise _mismatch(f"{spec.venue_pin} holds {key} itself, and the order would close that")
    ready = {view.name for view in views if view.ready}
    away = {venue: qty for venue, qty in free.items() if venue not in ready}
    if not away:
        raise _mismatch(f"{', '.join(held)} holds {key} and can take an exit: send that")
    left = sub(total(away.values()), _hedged(spec, account_id, books))
    if spec.order_qty > left:
        raise Refused(
            Reason.WOULD_CROSS_ZERO,
            f"order.order_qty: {spec.order_qty} is more than the {max(left, Decimal(0))} that open "
            f"exits and hedges leave of what can't be closed ({shown(away)})",
            venue_causes=tuple(unavailable(view) for view in views if view.name in away),
        )


def _hedged(spec: OrderSpec, account_id: str, books: Books) -> Decimal:
    """What stands against the position already: held the order's own way, or in open hedges."""
    key, sign = spec.instrument.key, Decimal(spec.side.sign)
    standing = [p.qty for p in books.held(account_id) if p.instrument.key == key]
    taken = [max(mul(qty, sign), Decimal(0)) for qty in standing]
    for entry in books.open_entries(account_id):
        order = entry.order
        if order.spec.hedge and (order.spec.instrument.key, order.spec.side) == (key, spec.side):
            taken.append(order.leaves_sum)
    return total(taken)


def _mismatch(why: str) -> Refused:
    return Refused(Reason.INTENT_MISMATCH, f"order.hedge: {why}")
