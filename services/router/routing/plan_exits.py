"""Where an exit goes: to the venue that holds the position, never more than is free there.

Nor does any order that closes something with one of its legs go anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from services.common.domain.amounts import sub, total
from services.common.domain.errors import Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo
from services.router.books.books import Books
from services.router.risk.gate import Role
from services.router.routing.cover import promised_shares
from services.router.routing.legs import closing_legs, needed_of
from services.router.routing.planned import Plan, shown, unavailable
from services.router.routing.spare import bares_a_short, free_of, spare_longs
from services.router.routing.venue import VenueView


def plan_exit(
    spec: OrderSpec,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    *,
    allow_uncovered: bool,
) -> Plan:
    """Plan an order that reduces a position. Raises Refused, effect NONE."""
    free, held = free_to_exit(spec, account_id, books, allow_uncovered=allow_uncovered)
    if spec.venue_pin:
        free = {name: qty for name, qty in free.items() if name == spec.venue_pin}
        held = {name: qty for name, qty in held.items() if name == spec.venue_pin}
    if spec.order_qty > total(held.values()):
        raise Refused(
            Reason.WOULD_CROSS_ZERO,
            f"order.order_qty: {spec.order_qty} is more than is held ({shown(held)}); an order "
            "that would turn the position over must be split by the client",
        )
    able = [view for view in views if free.get(view.name, Decimal(0)) >= spec.order_qty]
    if not able and total(free.values()) >= spec.order_qty:
        raise Refused(
            Reason.NOT_IMPLEMENTED,
            f"no single venue holds {spec.order_qty} ({shown(free)}): exits are not split over "
            "venues by this release; send one order per venue with venue_pin",
        )
    if not able:
        raise Refused(
            Reason.INSUFFICIENT_QTY,
            f"order.order_qty: {spec.order_qty} is more than open exits, exercises and short "
            f"options leave free (held {shown(held)}, free {shown(free)})",
        )
    return _at_holder(Role.EXIT, able, spec.instrument.key)


def plan_at_holder(
    spec: OrderSpec,
    role: Role,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    *,
    allow_uncovered: bool,
) -> Plan:
    """A multi-leg order that closes something goes to the one venue that holds all of that.

    Raises Refused, effect NONE.
    """
    assert isinstance(spec.instrument, OptionCombo)
    combo = spec.instrument
    legs = closing_legs(combo)
    free = [free_of(leg.contract, leg.side, account_id, books)[0] for leg in legs]
    able = [
        view
        for view in views
        if spec.venue_pin in ("", view.name)
        and all(
            qty.get(view.name, Decimal(0)) >= needed_of(leg, spec.order_qty)
            for leg, qty in zip(legs, free, strict=True)
        )
    ]
    if not able:
        listed = "; ".join(
            f"{leg.contract.key} {shown(qty)}" for leg, qty in zip(legs, free, strict=True)
        )
        raise Refused(
            Reason.INSUFFICIENT_QTY,
            f"order.order_qty: no venue holds what {spec.order_qty} would close, free of other "
            f"exits and exercises ({listed})",
        )
    if not allow_uncovered:
        name = able[0].name
        able = [
            view
            for view in able
            if not bares_a_short(combo, spec.order_qty, account_id, view.name, books)
        ]
        if not able:
            raise Refused(
                Reason.NO_COVER,
                f"order.legs: a short leg that is held at {name} would be left without a long one",
            )
    return _at_holder(role, able, "what the order closes")


def _at_holder(role: Role, able: Sequence[VenueView], what: str) -> Plan:
    """The plan for the first of these venues that can take it; Refused HOLDER_UNAVAILABLE."""
    for view in able:
        if view.ready and (role is Role.EXIT or view.takes_entries):
            return Plan(role, (view,))
    raise Refused(
        Reason.HOLDER_UNAVAILABLE,
        f"{what} is held at {able[0].name}, which can't take the order: {able[0].why_not}. "
        "An exit never goes to another venue",
        venue_causes=tuple(unavailable(view) for view in able),
    )


def free_to_exit(
    spec: OrderSpec, account_id: str, books: Books, *, allow_uncovered: bool
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Per venue: what is held that the order could close, free of open exits, and in all.

    Shares behind short calls are not free: selling them would leave the calls naked. Nor are long
    options behind the short legs of multi-leg orders.
    """
    free, held = free_of(spec.single, spec.side, account_id, books)
    if isinstance(spec.single, OptionContract) and spec.side is Side.SELL and not allow_uncovered:
        for venue, qty in free.items():
            free[venue] = spare_longs(spec.single, qty, account_id, venue, books)
    if isinstance(spec.instrument, Equity) and spec.side is Side.SELL and not allow_uncovered:
        for venue in free:
            promised = promised_shares(books, account_id, venue, spec.instrument.symbol)
            free[venue] = max(sub(free[venue], promised), Decimal(0))
    return free, held
