"""IB's words for the kinds of orders, and ours."""

from __future__ import annotations

from typing import Final

from services.common.domain.order_terms import OrderType, TimeInForce

ORDER_TYPES: Final = {"LMT": OrderType.LIMIT, "MKT": OrderType.MARKET}
TYPES_ON_WIRE: Final = {kind: text for text, kind in ORDER_TYPES.items()}
TIMES_IN_FORCE: Final = {"": TimeInForce.DAY, "DAY": TimeInForce.DAY, "GTC": TimeInForce.GTC}
