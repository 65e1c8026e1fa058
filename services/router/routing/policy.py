"""What an account allows: after which outcomes the next venue may try an order, and how often.

Pure. Nothing here makes a second attempt safe: that is proof's work (an order that was not sent,
that is fenced, or that was rejected is nowhere). A policy only ever says no to what is safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from services.common.domain.errors import Cause, Reason
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.router.risk.gate import Role
from services.router.routing.preference import Costs, Preference, by_preference
from services.router.routing.venue import VenueView

VENUES_OWN_REASONS: Final = frozenset(
    {Reason.CREDENTIALS_REFUSED, Reason.ACCOUNT_BLOCKED, Reason.INSTRUMENT_NOT_FOUND}
)
"""Rejections for the venue's sake, not the order's: the next venue may take it."""

REJECTIONS: Final = VENUES_OWN_REASONS | {
    Reason.INSUFFICIENT_BUYING_POWER,
    Reason.INSUFFICIENT_QTY,
    Reason.INVALID_PRICE,
    Reason.INVALID_QTY,
    Reason.MARGIN_PROTECTION,
    Reason.MARKET_CLOSED,
    Reason.NOT_PERMITTED,
    Reason.NOT_TRADABLE,
    Reason.UNSUPPORTED_BY_VENUE,
    Reason.VENUE_REJECTED,
    Reason.WASH_TRADE,
    Reason.WRONG_ACCOUNT_MODE,
}
"""What a venue may reject an order for; a policy may list each of them."""

NEVER: Final = frozenset({Reason.STALE_EPOCH, Reason.NOT_LEADER, Reason.RESOLVED_BY_OPERATOR})
"""No second attempt, whatever a policy says: another router leads, or a person's word alone says
that the order is nowhere, and what it was for stays in the bound."""


@dataclass(frozen=True, slots=True)
class FailoverPolicy:
    """When an entry may go to the next venue.

    `on_rejections`: reasons of a venue's rejection that let the next one try; for all others the
    rejection is the answer. `not_on`: reasons of an order that was not sent, or fenced, that keep
    it where it was planned. `attempts_max` counts venues asked for one order, the first included.
    A venue that was down is preferred again when it has been well for `failback_after_s`.
    """

    is_allowed: bool = True
    on_rejections: frozenset[Reason] = VENUES_OWN_REASONS
    not_on: frozenset[Reason] = frozenset()
    attempts_max: int = 5
    failback_after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """All that an account's settings say of where its entries may go, and of orders that others
    place at its venues: whether those are adopted, or wait in quarantine."""

    failover: FailoverPolicy = field(default_factory=FailoverPolicy)
    preference: Preference = field(default_factory=Preference)
    adopts_unknown: bool = False


DEFAULT_POLICY: Final = AccountPolicy()
"""The failure policy of DESIGN section 4, and entries in the account's order of venues."""


def entry_order(
    spec: OrderSpec,
    views: Sequence[VenueView],
    policy: AccountPolicy,
    costs: Costs | None = None,
) -> list[VenueView]:
    """The venues that an entry may try, in its order; `views` are in that of the account.

    A venue that was down and has not been well for long enough comes after those that have: last,
    not never. The order's own `venue_preference` is not made to wait, and neither is an account
    that may not fail over, since the wait would be a failover.
    """
    if spec.venue_pin:
        return [view for view in views if view.name == spec.venue_pin]
    ordered = by_preference(spec, views, policy.preference, costs)
    if not policy.failover.is_allowed:
        return ordered
    return sorted(ordered, key=lambda v: v.is_recovering and v.name != spec.venue_preference)


def may_try_next(
    policy: FailoverPolicy,
    role: Role,
    status: OrderStatus,
    cause: Cause | None,
    *,
    is_pinned: bool = False,
    was_accepted: bool = False,
    attempts: int = 1,
) -> bool:
    """Whether another venue may be asked after a placement that ended like this.

    UNPLACED is both: not sent by the other side's own word, and fenced after a doubt. An order in
    doubt may not, nor one that works or was filled, nor one that was rejected after the venue had
    accepted it. Exits go where the position is and pinned orders where they are pinned: never.
    """
    reason = Reason.UNSPECIFIED if cause is None else cause.reason
    if role is Role.EXIT or is_pinned or not policy.is_allowed or reason in NEVER:
        return False
    if attempts >= policy.attempts_max:
        return False
    if status is OrderStatus.UNPLACED:
        return reason not in policy.not_on
    if status is OrderStatus.REJECTED:
        return not was_accepted and reason in policy.on_rejections
    return False
