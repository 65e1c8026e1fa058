"""Where an order may go: a pure decision from order, books, venue views and cover facts.

Exits go to the venue that holds the position and nowhere else. Entries go to the preferred venue
that takes them, the others being candidates for a failover; those that need cover only to venues
that have it. What is refused here was never journaled and has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.common.domain.amounts import mul, sub, total
from services.common.domain.errors import (
    Effect,
    NotFound,
    ReadFailed,
    Reason,
    Refused,
    VenueCause,
)
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo
from services.router.books.books import Books
from services.router.risk.gate import Role
from services.router.routing.cover import (
    VenueFacts,
    missing_cover,
    needs_cover,
    promised_shares,
    sells_cover,
)
from services.router.routing.legs import (
    closing_legs,
    naked_leg,
    needed_of,
    parts_of,
    role_of_legs,
)
from services.router.routing.spare import bares_a_short, free_of, spare_longs
from services.router.routing.venue import VenueView

Facts = Mapping[str, VenueFacts | ReadFailed]
"""Per venue: its statement, or why it could not be read. Needed for orders that need cover."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Venues to try, in order, and why the others were passed over.

    An exit has exactly one candidate. No candidate means that no venue can take the entry now.
    """

    role: Role
    candidates: tuple[VenueView, ...]
    passed_over: tuple[VenueCause, ...] = ()


def plan_order(
    spec: OrderSpec,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    facts: Facts,
    *,
    allow_uncovered: bool = False,
) -> Plan:
    """Plan an order. `views` are the account's venues in order of preference.

    Raises Refused (effect NONE) where a rule forbids the order, NotFound for a pinned venue that
    the account does not have.
    """
    names = [view.name for view in views]
    if spec.venue_pin and spec.venue_pin not in names:
        raise NotFound(
            Reason.VENUE_NOT_FOUND, f"order.venue_pin: {account_id} has no venue {spec.venue_pin!r}"
        )
    if (account_id, spec.client_order_id) in books.instructions:
        raise Refused(
            Reason.CLIENT_ORDER_ID_REUSED,
            f"order.client_order_id: {spec.client_order_id!r} is an instruction's",
        )
    role = role_of(spec, account_id, books)
    if isinstance(spec.instrument, OptionCombo):
        naked = None if allow_uncovered else naked_leg(spec.instrument)
        if naked is not None:
            raise Refused(Reason.NO_COVER, f"order.legs: no long leg covers {naked.key}")
        if closing_legs(spec.instrument):
            return _plan_at_holder(
                spec, role, account_id, books, views, allow_uncovered=allow_uncovered
            )
    if role is Role.EXIT:
        return _plan_exit(spec, account_id, books, views, allow_uncovered=allow_uncovered)
    return _plan_entry(spec, account_id, books, views, facts, allow_uncovered=allow_uncovered)


def role_of(spec: OrderSpec, account_id: str, books: Books) -> Role:
    """Whether the order reduces a position; Refused INTENT_MISMATCH if it says otherwise.

    A multi-leg order is an exit if all its legs are.
    """
    if isinstance(spec.instrument, OptionCombo):
        return role_of_legs(spec.instrument, account_id, books)
    opposite = [
        p
        for p in books.held(account_id)
        if p.instrument.key == spec.instrument.key and p.qty * spec.side.sign < 0
    ]
    if spec.position_intent is None:
        return Role.EXIT if opposite else Role.ENTRY
    if spec.position_intent.opens:
        if opposite:
            held = ", ".join(f"{p.qty} at {p.venue}" for p in opposite)
            raise Refused(
                Reason.INTENT_MISMATCH,
                f"order.position_intent: {spec.position_intent.value} would reduce what is held "
                f"({held}); close it first",
            )
        return Role.ENTRY
    if not opposite:
        raise Refused(
            Reason.INTENT_MISMATCH,
            f"order.position_intent: {spec.position_intent.value}, but the books hold nothing "
            f"of {spec.instrument.key} that it would close",
        )
    return Role.EXIT


def role_where(
    spec: OrderSpec, order_qty: Decimal, venue: str, account_id: str, books: Books
) -> Role:
    """As `role_of` for a quantity that is to work at a venue: an exit is no larger than what is
    held there, for with more it would open a position the other way."""
    role = role_of(spec, account_id, books)
    for key, side, per_unit in parts_of(spec):
        held = books.positions.get((account_id, venue, key))
        reduced = mul(held.qty, Decimal(-side.sign)) if held is not None else Decimal(0)
        if mul(per_unit, order_qty) > reduced:
            return Role.ENTRY
    return role


def _plan_exit(
    spec: OrderSpec,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    *,
    allow_uncovered: bool,
) -> Plan:
    free, held = free_to_exit(spec, account_id, books, allow_uncovered=allow_uncovered)
    if spec.venue_pin:
        free = {name: qty for name, qty in free.items() if name == spec.venue_pin}
        held = {name: qty for name, qty in held.items() if name == spec.venue_pin}
    if spec.order_qty > total(held.values()):
        raise Refused(
            Reason.WOULD_CROSS_ZERO,
            f"order.order_qty: {spec.order_qty} is more than is held ({_shown(held)}); an order "
            "that would turn the position over must be split by the client",
        )
    able = [view for view in views if free.get(view.name, Decimal(0)) >= spec.order_qty]
    if not able and total(free.values()) >= spec.order_qty:
        raise Refused(
            Reason.NOT_IMPLEMENTED,
            f"no single venue holds {spec.order_qty} ({_shown(free)}): exits are not split over "
            "venues by this release; send one order per venue with venue_pin",
        )
    if not able:
        raise Refused(
            Reason.INSUFFICIENT_QTY,
            f"order.order_qty: {spec.order_qty} is more than open exits, exercises and short "
            f"options leave free (held {_shown(held)}, free {_shown(free)})",
        )
    return _at_holder(Role.EXIT, able, spec.instrument.key)


def _plan_at_holder(
    spec: OrderSpec,
    role: Role,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    *,
    allow_uncovered: bool,
) -> Plan:
    """A multi-leg order that closes something goes to the one venue that holds all of that."""
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
        shown = "; ".join(
            f"{leg.contract.key} {_shown(qty)}" for leg, qty in zip(legs, free, strict=True)
        )
        raise Refused(
            Reason.INSUFFICIENT_QTY,
            f"order.order_qty: no venue holds what {spec.order_qty} would close, free of other "
            f"exits and exercises ({shown})",
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
        venue_causes=tuple(_unavailable(view) for view in able),
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


def _plan_entry(
    spec: OrderSpec,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    facts: Facts,
    *,
    allow_uncovered: bool,
) -> Plan:
    first = spec.venue_pin or spec.venue_preference
    ordered = sorted(views, key=lambda view: view.name != first)  # stable: preference is kept
    if spec.venue_pin:
        ordered = [view for view in ordered if view.name == spec.venue_pin]
    candidates, passed = [], []
    for view in ordered:
        cause = _unavailable(view) if not view.takes_entries else None
        if cause is None and not allow_uncovered:
            cause = _uncovered(spec, account_id, books, view, facts)
        if cause is None:
            candidates.append(view)
        else:
            passed.append(cause)
    if not candidates and any(c.reason is Reason.NO_COVER for c in passed):
        _refuse_for_cover(spec, passed)
    if not candidates and spec.venue_pin:
        raise Refused(
            Reason.HOLDER_UNAVAILABLE,
            f"order.venue_pin: {spec.venue_pin} can't take the order: {passed[0].message}",
            venue_causes=tuple(passed),
        )
    return Plan(Role.ENTRY, tuple(candidates), tuple(passed))


def _refuse_for_cover(spec: OrderSpec, passed: Sequence[VenueCause]) -> None:
    shown = "; ".join(
        c.message if c.message.startswith(c.venue) else f"{c.venue}: {c.message}" for c in passed
    )
    if all(c.reason is Reason.NO_COVER for c in passed):
        raise Refused(
            Reason.NO_COVER,
            f"{spec.instrument.key}: no free cover: {shown}",
            venue_causes=tuple(passed),
        )
    raise Refused(
        Reason.COVER_ELSEWHERE,
        f"{spec.instrument.key}: no venue that can be reached has free cover: {shown}",
        venue_causes=tuple(passed),
    )


def _uncovered(
    spec: OrderSpec, account_id: str, books: Books, view: VenueView, facts: Facts
) -> VenueCause | None:
    if not (needs_cover(spec) or sells_cover(spec, books, account_id, view.name)):
        return None
    read = facts.get(view.name)
    if not isinstance(read, VenueFacts):
        why = read.message if read is not None else "its account was not read"
        message = f"{view.name}: cover can't be shown: {why}"
        return VenueCause(view.name, Reason.VENUE_UNAVAILABLE, message, Effect.NONE)
    missing = missing_cover(spec, books, account_id, view.name, read)
    if missing is None:
        return None
    return VenueCause(view.name, Reason.NO_COVER, missing, Effect.NONE)


def _unavailable(view: VenueView) -> VenueCause:
    return VenueCause(view.name, Reason.VENUE_UNAVAILABLE, view.why_not, Effect.NONE)


def _shown(quantities: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{qty} at {venue}" for venue, qty in quantities.items()) or "nothing"
