"""What becomes of a request that the venue says it took: how faults strike it."""

from enum import Enum


class Fate(Enum):
    """What becomes of a request that the venue says it took: all but WORKED are faults.

    Of orders: STALLED is in the books but never comes to market, VANISHED was never in the books,
    REJECTED is rejected a moment later. Of replaces: REPLACE_REJECTED is turned down a moment
    later, OVERFILLED gives the new order the whole new quantity although the old one has fills.
    Of cancels: CANCEL_IGNORED is forgotten, CANCEL_REJECTED is turned down a moment later.
    """

    WORKED = "worked"
    STALLED = "stalled"
    VANISHED = "vanished"
    REJECTED = "rejected"
    REPLACE_REJECTED = "replace_rejected"
    OVERFILLED = "overfilled"
    CANCEL_IGNORED = "cancel_ignored"
    CANCEL_REJECTED = "cancel_rejected"
