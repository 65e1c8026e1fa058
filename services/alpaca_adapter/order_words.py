"""The words of Alpaca's orders and ours: types, times in force, classes, sides, intents."""

from __future__ import annotations

from typing import Final

from services.common.domain.executions import Side
from services.common.domain.order_terms import (
    OrderClass,
    OrderType,
    PositionIntent,
    TimeInForce,
)

ORDER_TYPES: Final = {kind.value.lower(): kind for kind in OrderType}
TIMES_IN_FORCE: Final = {time.value.lower(): time for time in TimeInForce}
INTENTS: Final = {intent.value.lower(): intent for intent in PositionIntent}
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL, "sell_short": Side.SELL}
# Stocks show "" for an order on its own.
ORDER_CLASSES: Final = {
    "": OrderClass.SIMPLE,
    "simple": OrderClass.SIMPLE,
    "bracket": OrderClass.BRACKET,
    "oco": OrderClass.OCO,
    "oto": OrderClass.OTO,
    "mleg": OrderClass.MULTI_LEG,
}
CLASS_WORDS: Final = {
    OrderClass.BRACKET: "bracket",
    OrderClass.OCO: "oco",
    OrderClass.OTO: "oto",
    OrderClass.MULTI_LEG: "mleg",
}
WITH_EXITS: Final = frozenset({OrderClass.BRACKET, OrderClass.OCO, OrderClass.OTO})
