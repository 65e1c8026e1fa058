"""Our orders as IB takes them; what could not be sent exactly is refused."""

from __future__ import annotations

from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import PositionIntent
from services.ib_adapter import figures
from services.ib_adapter.library import Order
from services.ib_adapter.order_words import TYPES_ON_WIRE


def ib_order(spec: OrderSpec, account: str) -> Order:
    """The order as IB takes it. InvalidRequest for what could not be sent exactly."""
    order = Order(
        action=spec.side.value,
        totalQuantity=figures.wire_qty(spec.order_qty, "order.order_qty"),
        orderType=TYPES_ON_WIRE[spec.order_type],
        tif=spec.time_in_force.value,
        orderRef=spec.client_order_id,
        account=account,
        openClose=_open_close(spec.position_intent),
    )
    if spec.limit_price is not None:
        order.lmtPrice = figures.wire_price(spec.limit_price, "order.limit_price")
    return order


def _open_close(intent: PositionIntent | None) -> str:
    if intent is None:
        return ""
    return "O" if intent.opens else "C"
