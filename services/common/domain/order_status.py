"""The state machine of an order at one venue: one table, (status, signal) → status.

A *signal* is what somebody said of the order: the venue by an answer, an event or a look-up, the
adapter by its word on a send, or we by asking for a cancel. Signals arrive late, twice and in any
order, so three rules shape the table:

1. Only evidence ends an order. DOUBTED never leads to a terminal status, and IN_DOUBT is left only
   by a signal that the venue itself gave, by proof that it does not have the order and never will
   by our hand (FENCED), or, of a revision, by what refutes it (DISPROVED): the venue ended its
   order otherwise, and does not have the revision. An operator's word ends it as well, but the
   quantity stays in the order's bound (see `order.py`).
2. News never runs backwards. A signal that an order has already passed (ACKNOWLEDGED after FILLED)
   is stale: it changes nothing and is no fault.
3. Evidence beats words. If the venue shows an order that an adapter had called "not sent", or by
   newer news one that had ended (REOPENED), the order is live; the step is marked as a
   contradiction, which is alarmed. What was filled in full is not reopened.

What is not in the table is illegal: it changes nothing, and the caller puts it in quarantine.
PARTIALLY_FILLED is not a state of its own here: it is ACCEPTED with executions (see `order.py`).
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class OrderStatus(Enum):
    """Where an order stands; the names are those of `tandem.v1.OrderStatus`."""

    PENDING_NEW = "PENDING_NEW"
    IN_DOUBT = "IN_DOUBT"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    SUSPENDED = "SUSPENDED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    REPLACED = "REPLACED"
    UNPLACED = "UNPLACED"


class Signal(Enum):
    """What was said of an order at a venue."""

    NOT_SENT = "NOT_SENT"  # the other side's own word: no effect
    DOUBTED = "DOUBTED"  # sent, and no word on it
    FENCED = "FENCED"  # proven absent at the venue, and its adapter refuses it from now on
    DISPROVED = "DISPROVED"  # a revision that can have had no effect, by how its order ended
    ACKNOWLEDGED = "ACKNOWLEDGED"
    REOPENED = "REOPENED"  # works by newer news than its end, or than what replaced it
    SUSPENDED = "SUSPENDED"
    PENDING_CANCEL = "PENDING_CANCEL"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    PENDING_REPLACE = "PENDING_REPLACE"
    REPLACE_REJECTED = "REPLACE_REJECTED"
    REJECTED = "REJECTED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REPLACED = "REPLACED"


_S = OrderStatus
_G = Signal

# Sent, and not answered yet in a way that settles it.
IN_FLIGHT: Final = frozenset({_S.PENDING_NEW, _S.IN_DOUBT})
# Known to be at the venue and not ended.
WORKING: Final = frozenset(
    {_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.PENDING_CANCEL, _S.PENDING_REPLACE, _S.SUSPENDED}
)
# Working, and no change of it is pending.
PLAINLY_WORKING: Final = WORKING - {_S.PENDING_CANCEL, _S.PENDING_REPLACE}
# Is, or may be, live at a venue.
OPEN: Final = IN_FLIGHT | WORKING
# Ended at the venue, by its word.
TERMINAL: Final = frozenset({_S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED, _S.REPLACED})

_LIVE_SIGNALS: Final = {
    _G.ACKNOWLEDGED: _S.ACCEPTED,
    _G.SUSPENDED: _S.SUSPENDED,
    _G.PENDING_CANCEL: _S.PENDING_CANCEL,
    _G.PENDING_REPLACE: _S.PENDING_REPLACE,
    # The venue could only refuse to cancel or replace what it has.
    _G.CANCEL_REJECTED: _S.ACCEPTED,
    _G.REPLACE_REJECTED: _S.ACCEPTED,
}
_ENDING_SIGNALS: Final = {
    _G.REJECTED: _S.REJECTED,
    _G.FILLED: _S.FILLED,
    _G.CANCELED: _S.CANCELED,
    _G.EXPIRED: _S.EXPIRED,
    _G.REPLACED: _S.REPLACED,
}
# Whoever says this knows of the end that was told, and takes it back.
_REOPENED: Final = {_G.REOPENED: _S.ACCEPTED}
# What says that the venue does not have it.
ABSENT: Final = frozenset({_G.NOT_SENT, _G.FENCED, _G.DISPROVED})
_STALE_WHEN_ENDED: Final = (*_LIVE_SIGNALS, _G.DOUBTED)


def _ended(status: OrderStatus, *later: Signal) -> dict[Signal, OrderStatus]:
    """Row of a terminal status: itself and stale news change nothing; `later` may follow."""
    row = dict.fromkeys(_STALE_WHEN_ENDED, status)
    row[next(s for s, ended in _ENDING_SIGNALS.items() if ended is status)] = status
    return row | {signal: _ENDING_SIGNALS[signal] for signal in later}


TABLE: Final[dict[OrderStatus, dict[Signal, OrderStatus]]] = {
    _S.PENDING_NEW: {
        _G.NOT_SENT: _S.UNPLACED,
        _G.DOUBTED: _S.IN_DOUBT,
        **_LIVE_SIGNALS,
        **_REOPENED,
        **_ENDING_SIGNALS,
    },
    # NOT_SENT is missing on purpose: a later attempt's "not sent" says nothing of the first.
    _S.IN_DOUBT: {
        _G.DOUBTED: _S.IN_DOUBT,
        _G.FENCED: _S.UNPLACED,
        _G.DISPROVED: _S.UNPLACED,
        **_LIVE_SIGNALS,
        **_REOPENED,
        **_ENDING_SIGNALS,
    },
    _S.ACCEPTED: {
        _G.DOUBTED: _S.ACCEPTED,
        **_LIVE_SIGNALS,
        **_REOPENED,
        **_ENDING_SIGNALS,
    },
    _S.SUSPENDED: {
        _G.DOUBTED: _S.SUSPENDED,
        **_LIVE_SIGNALS,
        **_REOPENED,
        **_ENDING_SIGNALS,
    },
    # An ACKNOWLEDGED here is older news than our request; only a refusal leads back.
    _S.PENDING_CANCEL: {
        **_LIVE_SIGNALS,
        _G.ACKNOWLEDGED: _S.PENDING_CANCEL,
        _G.SUSPENDED: _S.PENDING_CANCEL,
        _G.PENDING_REPLACE: _S.PENDING_CANCEL,
        _G.REPLACE_REJECTED: _S.PENDING_CANCEL,
        _G.DOUBTED: _S.PENDING_CANCEL,
        _G.REOPENED: _S.PENDING_CANCEL,
        **_ENDING_SIGNALS,
    },
    _S.PENDING_REPLACE: {
        **_LIVE_SIGNALS,
        _G.ACKNOWLEDGED: _S.PENDING_REPLACE,
        _G.SUSPENDED: _S.PENDING_REPLACE,
        _G.CANCEL_REJECTED: _S.PENDING_REPLACE,
        _G.DOUBTED: _S.PENDING_REPLACE,
        _G.REOPENED: _S.PENDING_REPLACE,
        **_ENDING_SIGNALS,
    },
    _S.FILLED: _ended(_S.FILLED),
    # A fill can race a cancel or the close: the venue's last word is then FILLED.
    _S.CANCELED: {**_ended(_S.CANCELED, _G.FILLED), **_REOPENED},
    _S.EXPIRED: {**_ended(_S.EXPIRED, _G.FILLED), **_REOPENED},
    _S.REPLACED: {**_ended(_S.REPLACED, _G.FILLED, _G.CANCELED), **_REOPENED},
    # A refused order that is shown as live is live, whoever was wrong before.
    _S.REJECTED: {**_ended(_S.REJECTED), **_LIVE_SIGNALS, **_REOPENED},
    # Evidence beats the adapter's word; see CONTRADICTIONS.
    _S.UNPLACED: {
        _G.NOT_SENT: _S.UNPLACED,
        _G.FENCED: _S.UNPLACED,
        _G.DISPROVED: _S.UNPLACED,
        **_LIVE_SIGNALS,
        **_REOPENED,
        **_ENDING_SIGNALS,
    },
}

# Steps that follow the evidence and yet must be alarmed: somebody's earlier word was wrong.
CONTRADICTIONS: Final = frozenset(
    [
        *((_S.UNPLACED, signal) for signal in (*_LIVE_SIGNALS, *_ENDING_SIGNALS)),
        *((_S.REJECTED, signal) for signal in _LIVE_SIGNALS),
        *((ended, _G.REOPENED) for ended in (_S.UNPLACED, *TERMINAL - {_S.FILLED})),
    ]
)


def advance(status: OrderStatus, signal: Signal) -> OrderStatus | None:
    """The status after `signal`, or None if the signal is illegal there.

    Stale and repeated news answer with the status as it is.
    """
    return TABLE[status].get(signal)
