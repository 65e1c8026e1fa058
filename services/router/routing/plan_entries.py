"""Where an entry goes: to the preferred venue that takes it, the others standing by for a failover.

One that needs cover goes only to a venue that has it.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.common.domain.errors import Effect, Reason, Refused, VenueCause
from services.common.domain.order_spec import OrderSpec
from services.router.books.books import Books
from services.router.risk.gate import Role
from services.router.routing.cover import VenueFacts, missing_cover, needs_cover, sells_cover
from services.router.routing.planned import Facts, Plan, unavailable
from services.router.routing.venue import VenueView


def plan_entry(
    spec: OrderSpec,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    facts: Facts,
    *,
    allow_uncovered: bool,
) -> Plan:
    """Plan an order that opens or adds. Raises Refused, effect NONE."""
    first = spec.venue_pin or spec.venue_preference
    ordered = sorted(views, key=lambda view: view.name != first)  # stable: preference is kept
    if spec.venue_pin:
        ordered = [view for view in ordered if view.name == spec.venue_pin]
    candidates, passed = [], []
    for view in ordered:
        cause = unavailable(view) if not view.takes_entries else None
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
    listed = "; ".join(
        c.message if c.message.startswith(c.venue) else f"{c.venue}: {c.message}" for c in passed
    )
    if all(c.reason is Reason.NO_COVER for c in passed):
        raise Refused(
            Reason.NO_COVER,
            f"{spec.instrument.key}: no free cover: {listed}",
            venue_causes=tuple(passed),
        )
    raise Refused(
        Reason.COVER_ELSEWHERE,
        f"{spec.instrument.key}: no venue that can be reached has free cover: {listed}",
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
