"""IB's words for the kinds of orders, and ours.

An order for the close is a type of its own at IB (MOC, LOC) and a time in force with us.
"""

from __future__ import annotations

from typing import Final

from services.common.domain.order_terms import OrderType, TimeInForce

TYPES_ON_WIRE: Final = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
    OrderType.TRAILING_STOP: "TRAIL",
}
CLOSING_TYPES_ON_WIRE: Final = {OrderType.MARKET: "MOC", OrderType.LIMIT: "LOC"}
CLOSING_TYPES: Final = {text: kind for kind, text in CLOSING_TYPES_ON_WIRE.items()}
ORDER_TYPES: Final = {text: kind for kind, text in TYPES_ON_WIRE.items()} | CLOSING_TYPES

# An order for the close is one of the day.
TIMES_ON_WIRE: Final = {time: time.value for time in TimeInForce} | {TimeInForce.CLS: "DAY"}
TIMES_IN_FORCE: Final = {
    "": TimeInForce.DAY,
    **{time.value: time for time in TimeInForce if time is not TimeInForce.CLS},
}

LIMITED: Final = frozenset({"LMT", "STP LMT", "LOC"})
STOPPED: Final = frozenset({"STP", "STP LMT"})
TRAILING: Final = "TRAIL"
