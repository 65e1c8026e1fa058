"""Alpaca's order statuses in our words: one table, and a rule for what is not in it.

A status that we don't know is live: nothing but the venue's own word for an end ends an order.
"""

from __future__ import annotations

from typing import Final

from services.common.domain.order_status import TERMINAL, OrderStatus, Signal

_S = OrderStatus
_G = Signal

_WORKS: Final = (_S.ACCEPTED, _G.ACKNOWLEDGED)
# At the venue and not executing now: it may again, so it is live.
_RESTS: Final = (_S.SUSPENDED, _G.SUSPENDED)

STATUSES: Final[dict[str, tuple[OrderStatus, Signal]]] = {
    "new": _WORKS,
    "accepted": _WORKS,
    "pending_new": _WORKS,
    "accepted_for_bidding": _WORKS,
    "pending_review": _WORKS,
    "partially_filled": (_S.PARTIALLY_FILLED, _G.ACKNOWLEDGED),
    # A trade is guaranteed and has not happened yet.
    "stopped": _WORKS,
    "suspended": _RESTS,
    # The child of a bracket that waits for its parent.
    "held": _RESTS,
    # No more executions today; a GTC order goes on tomorrow, a day order then gets its end.
    "done_for_day": _RESTS,
    # Done for the day while the venue settles figures; an end is still to follow.
    "calculated": _RESTS,
    "pending_cancel": (_S.PENDING_CANCEL, _G.PENDING_CANCEL),
    "pending_replace": (_S.PENDING_REPLACE, _G.PENDING_REPLACE),
    "filled": (_S.FILLED, _G.FILLED),
    "canceled": (_S.CANCELED, _G.CANCELED),
    "expired": (_S.EXPIRED, _G.EXPIRED),
    "rejected": (_S.REJECTED, _G.REJECTED),
    "replaced": (_S.REPLACED, _G.REPLACED),
}

_REFUSALS: Final = {
    "order_cancel_rejected": _G.CANCEL_REJECTED,
    "order_replace_rejected": _G.REPLACE_REJECTED,
}
# Not "replaced": nothing says whether the order in it is the old one or the new one.
_ENDING_EVENTS: Final = frozenset({"fill", "canceled", "expired", "rejected"})


def is_known(raw_status: str) -> bool:
    """Whether the status is one that Alpaca documents."""
    return raw_status in STATUSES


def is_ended(raw_status: str) -> bool:
    """Whether the status is Alpaca's word that the order has ended."""
    return STATUSES.get(raw_status, _WORKS)[0] in TERMINAL


def read_status(raw_status: str, event: str = "") -> tuple[OrderStatus, Signal]:
    """Status and signal of an order that shows `raw_status`, in an event if `event` is given.

    The refusal of a cancel or replace is a signal of its own, unless the order has ended.
    """
    status, signal = STATUSES.get(raw_status, _WORKS)
    if event in _REFUSALS and status not in TERMINAL:
        signal = _REFUSALS[event]
    return status, signal


def contradicts(raw_status: str, event: str) -> bool:
    """Whether an event tells of an end that the order in it does not show."""
    return event in _ENDING_EVENTS and not is_ended(raw_status)
