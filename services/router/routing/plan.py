"""Where an order may go: a pure decision from order, books, venue views and cover facts.

Exits go to the venue that holds the position and nowhere else (`plan_exits`). Entries go to the
preferred venue that takes them (`plan_entries`). What is refused here was never journaled and has
no effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from services.common.domain.amounts import mul
from services.common.domain.errors import NotFound, Reason, Refused
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo
from services.router.books.books import Books
from services.router.risk.gate import Role
from services.router.routing.hedging import check_hedge
from services.router.routing.legs import closing_legs, naked_leg, parts_of, role_of_legs
from services.router.routing.plan_entries import plan_entry
from services.router.routing.plan_exits import plan_at_holder, plan_exit
from services.router.routing.planned import Facts, Plan
from services.router.routing.policy import DEFAULT_POLICY, AccountPolicy
from services.router.routing.venue import VenueView


def plan_order(
    spec: OrderSpec,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    facts: Facts,
    *,
    allow_uncovered: bool = False,
    policy: AccountPolicy = DEFAULT_POLICY,
) -> Plan:
    """Plan an order. `views` are the account's venues in order of preference; `policy` says which
    of them an entry tries first.

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
    if spec.hedge:
        check_hedge(spec, account_id, books, views, allow_uncovered=allow_uncovered)
    if isinstance(spec.instrument, OptionCombo):
        naked = None if allow_uncovered else naked_leg(spec.instrument)
        if naked is not None:
            raise Refused(Reason.NO_COVER, f"order.legs: no long leg covers {naked.key}")
        if closing_legs(spec.instrument):
            return plan_at_holder(
                spec, role, account_id, books, views, allow_uncovered=allow_uncovered
            )
    if role is Role.EXIT:
        return plan_exit(spec, account_id, books, views, allow_uncovered=allow_uncovered)
    return plan_entry(
        spec, account_id, books, views, facts, policy, allow_uncovered=allow_uncovered
    )


def role_of(spec: OrderSpec, account_id: str, books: Books) -> Role:
    """Whether the order reduces a position; Refused INTENT_MISMATCH if it says otherwise.

    A multi-leg order is an exit if all its legs are; a hedge never is.
    """
    if spec.hedge:
        return Role.ENTRY
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
