"""Where an exit goes: to the venue that holds the position, never more than is free there.

If only several hold it together, it is split over them. An order that closes something with one of
its legs is not, and goes to the one holder of all that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NoReturn

from services.common.domain.amounts import sub, total
from services.common.domain.errors import Effect, Reason, Refused, VenueCause
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo
from services.router.books.books import Books
from services.router.risk.gate import Role
from services.router.routing.cover import promised_shares
from services.router.routing.legs import closing_legs, needed_of
from services.router.routing.planned import Child, Plan, shown, unavailable
from services.router.routing.spare import bares_a_short, free_of, spare_longs
from services.router.routing.splits import divide, why_whole
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
    if spec.order_qty > total(free.values()):
        raise Refused(
            Reason.INSUFFICIENT_QTY,
            f"order.order_qty: {spec.order_qty} is more than open exits, exercises and short "
            f"options leave free (held {shown(held)}, free {shown(free)})",
        )
    able = [view for view in views if free.get(view.name, Decimal(0)) >= spec.order_qty]
    if able and (why_whole(spec) is not None or any(view.ready for view in able)):
        return _at_holder(Role.EXIT, able, spec.instrument.key)
    return _split(spec, views, {venue: qty for venue, qty in free.items() if qty > 0})


def _split(spec: OrderSpec, views: Sequence[VenueView], free: Mapping[str, Decimal]) -> Plan:
    """The plan for several holders, all of which take their part, or nothing is sent."""
    if (what := why_whole(spec)) is not None:
        raise Refused(
            Reason.INSUFFICIENT_QTY,
            f"order.order_qty: no single venue has {spec.order_qty} free ({shown(free)}), and "
            f"{what} is never split over venues; send one order per venue with venue_pin",
        )
    ready = {view.name: view for view in views if view.ready and view.name in free}
    if total(free[name] for name in ready) < spec.order_qty:
        _refuse_for_holders(spec, views, {v: qty for v, qty in free.items() if v not in ready})
    parts = divide(spec.order_qty, {name: free[name] for name in ready})
    children = tuple(Child(ready[name], qty) for name, qty in parts.items())
    return Plan(Role.EXIT, (), children=children)


def _refuse_for_holders(
    spec: OrderSpec, views: Sequence[VenueView], missing: Mapping[str, Decimal]
) -> NoReturn:
    gone = "it is no venue of the account any more"
    known = {view.name: view.why_not for view in views}
    causes = tuple(
        VenueCause(name, Reason.VENUE_UNAVAILABLE, known.get(name, gone), Effect.NONE)
        for name in missing
    )
    why = "; ".join(f"{cause.venue}: {cause.message}" for cause in causes)
    raise Refused(
        Reason.HOLDER_UNAVAILABLE,
        f"of {spec.instrument.key} {shown(missing)} can't be closed now ({why}), and what the "
        "others hold is not enough. Nothing was sent: an exit never goes to another venue",
        venue_causes=causes,
    )


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
