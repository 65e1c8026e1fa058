"""Where an entry goes: to the preferred venue that takes it, the others standing by for a failover.

One that needs cover goes only to a venue that has it. Which venue is preferred is for the account's
policy (`policy.entry_order`); that one can't be reached is a failover, that it lacks cover is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.common.domain.errors import Effect, Reason, Refused, VenueCause
from services.common.domain.order_spec import OrderSpec
from services.router.books.books import Books
from services.router.risk.gate import Role
from services.router.routing.cover import VenueFacts, missing_cover, needs_cover, sells_cover
from services.router.routing.planned import Facts, Plan, unavailable
from services.router.routing.policy import AccountPolicy, entry_order
from services.router.routing.preference import by_preference
from services.router.routing.venue import VenueView


def plan_entry(
    spec: OrderSpec,
    account_id: str,
    books: Books,
    views: Sequence[VenueView],
    facts: Facts,
    policy: AccountPolicy,
    *,
    allow_uncovered: bool,
) -> Plan:
    """Plan an order that opens or adds. Raises Refused, effect NONE."""
    candidates: list[VenueView] = []
    passed: list[VenueCause] = []
    for view in entry_order(spec, views, policy):
        cause = unavailable(view) if not view.takes_entries else None
        if cause is None and not allow_uncovered:
            cause = _uncovered(spec, account_id, books, view, facts)
        if cause is None and not policy.failover.is_allowed:
            cause = _would_fail_over(view, candidates, passed)
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
    preferred = by_preference(spec, views, policy.preference)
    name = preferred[0].name if preferred else ""
    return Plan(Role.ENTRY, tuple(candidates), tuple(passed), preferred=name)


def _would_fail_over(
    view: VenueView, candidates: Sequence[VenueView], passed: Sequence[VenueCause]
) -> VenueCause | None:
    """What forbids a venue to an account without failover: one before it could have taken the
    order, were it well. A venue without the cover could not."""
    down = (cause.venue for cause in passed if cause.reason is not Reason.NO_COVER)
    before = next((one.name for one in candidates), None) or next(down, None)
    if before is None:
        return None
    message = f"{before} goes first, and the account's policy allows no failover"
    return VenueCause(view.name, Reason.VENUE_UNAVAILABLE, message, Effect.NONE)


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
