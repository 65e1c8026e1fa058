"""Where orders stand: one table of what may follow what, and the events that tell of it.

    pending_new ──► new ──► partially_filled ──► filled
        │            │              │
    accepted         ├──────────────┴──► pending_cancel ──► canceled
    (closed market)  ├─────────────────► pending_replace ─► replaced
    held             ├──► canceled, expired, rejected
    (leg that waits) └──► done_for_day, suspended, stopped, calculated, ... and back

A fill can still come while a cancel or a replace is pending; the order then stays pending, or is
filled. A request that is turned down leads back to where the order was.
"""

from enum import Enum


class OrderStatus(Enum):
    """Where an order stands."""

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    ACCEPTED_FOR_BIDDING = "accepted_for_bidding"
    PENDING_REVIEW = "pending_review"
    HELD = "held"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    DONE_FOR_DAY = "done_for_day"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    CALCULATED = "calculated"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"


class EventKind(Enum):
    """What happened to an order."""

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    ACCEPTED_FOR_BIDDING = "accepted_for_bidding"
    PENDING_REVIEW = "pending_review"
    HELD = "held"
    NEW = "new"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    DONE_FOR_DAY = "done_for_day"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    CALCULATED = "calculated"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"
    RESTATED = "restated"
    TRIGGERED = "triggered"
    ORDER_CANCEL_REJECTED = "order_cancel_rejected"
    ORDER_REPLACE_REJECTED = "order_replace_rejected"


S = OrderStatus
UNSENT = frozenset({S.PENDING_NEW, S.ACCEPTED})
"""Taken, and not yet at the market."""
ASIDE = frozenset(
    {
        S.ACCEPTED_FOR_BIDDING,
        S.PENDING_REVIEW,
        S.DONE_FOR_DAY,
        S.STOPPED,
        S.SUSPENDED,
        S.CALCULATED,
    }
)
"""Put aside by the market: open, and not worked until it comes back."""
WORKING = frozenset({S.NEW, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE})
OPEN = UNSENT | ASIDE | WORKING | {S.HELD}
TERMINAL = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REPLACED, S.REJECTED})
CANCELABLE = OPEN - {S.PENDING_CANCEL, S.PENDING_REPLACE}
REPLACEABLE = frozenset({S.NEW, S.PARTIALLY_FILLED, S.HELD})

_ENDS = frozenset({S.CANCELED, S.EXPIRED, S.REJECTED})
_ASKED = frozenset({S.PENDING_CANCEL, S.PENDING_REPLACE})
_BACK = OPEN - _ASKED
FOLLOWS: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.PENDING_NEW: ASIDE | _ENDS | {S.NEW, S.HELD, S.ACCEPTED, S.PENDING_CANCEL},
    S.ACCEPTED: ASIDE | _ENDS | {S.NEW, S.HELD, S.PENDING_CANCEL},
    S.HELD: ASIDE | _ENDS | _ASKED | {S.NEW},
    S.NEW: ASIDE | _ENDS | _ASKED,
    S.PARTIALLY_FILLED: ASIDE | _ENDS | _ASKED,
    S.PENDING_CANCEL: _BACK | _ENDS,
    S.PENDING_REPLACE: _ENDS | {S.REPLACED, S.HELD, S.NEW, S.PARTIALLY_FILLED},
    **{aside: _BACK - {aside} | _ENDS | {S.PENDING_CANCEL} for aside in ASIDE},
    **{ended: frozenset() for ended in TERMINAL},
}
