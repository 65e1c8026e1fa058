"""Orders on Alpaca's wire, as answers and events show them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from simulators.alpaca.wire_values import plain, rounded, wire_time
from simulators.venue.instruments import Instrument, OptionContract
from simulators.venue.order_desk import OrderDesk
from simulators.venue.orders import Order, OrderClass, OrderStatus
from simulators.venue.randomness import fixed_uuid


def asset_id(symbol: str) -> str:
    """The id of an asset, the same for ever."""
    return fixed_uuid(f"asset/{symbol}")


def asset_class(instrument: Instrument) -> str:
    return "us_option" if isinstance(instrument, OptionContract) else "us_equity"


def with_legs(order: Order, desk: OrderDesk) -> dict[str, Any]:
    """The order with the orders that belong to it under `legs`, as they are now."""
    legs = [desk.get(leg_id) for leg_id in order.links.leg_ids]
    return order_json(order, legs)


def order_json(order: Order, legs: Sequence[Order] = ()) -> dict[str, Any]:
    """The order as every answer and event shows it; `legs` is null without legs."""
    asked, links, ended_at = order.asked, order.links, order.ended_at
    avg_px = order.avg_px
    when = wire_time(ended_at)
    kind = "" if order.is_combo_leg else asked.order_type.value
    shown = {
        "id": order.venue_order_id,
        "client_order_id": order.client_order_id,
        "created_at": wire_time(order.submitted_at),
        "updated_at": wire_time(order.updated_at),
        "submitted_at": wire_time(order.submitted_at),
        "filled_at": wire_time(order.filled_at),
        "expired_at": when if order.status is OrderStatus.EXPIRED else None,
        "expires_at": wire_time(order.expires_at),
        "canceled_at": when if order.status is OrderStatus.CANCELED else None,
        "failed_at": when if order.status is OrderStatus.REJECTED else None,
        "replaced_at": when if order.status is OrderStatus.REPLACED else None,
        "replaced_by": links.replaced_by,
        "replaces": links.replaces,
        "asset_id": "" if order.is_combo else asset_id(order.symbol),
        "symbol": order.symbol,
        "asset_class": "" if order.is_combo else asset_class(order.instrument),
        "notional": _plain(asked.notional),
        "qty": plain(asked.order_qty) if asked.notional is None else None,
        "filled_qty": plain(order.cum_qty),
        "filled_avg_price": plain(rounded(avg_px)) if avg_px is not None else None,
        "order_class": _class_name(order),
        "order_type": kind,
        "type": kind,
        "side": "" if order.is_combo else asked.side.value,
        "position_intent": "" if order.is_combo else order.position_intent.value,
        "time_in_force": asked.time_in_force.value,
        "limit_price": _plain(asked.limit_price),
        "stop_price": _plain(order.stop_price),
        "status": order.status.value,
        "extended_hours": asked.extended_hours,
        "legs": [order_json(leg) for leg in legs] or None,
        "trail_percent": _plain(asked.trail_percent),
        "trail_price": _plain(asked.trail_price),
        "hwm": _plain(order.hwm),
    }
    if links.ratio_qty is not None:
        shown["ratio_qty"] = plain(links.ratio_qty)
    return shown


def _plain(value: Decimal | None) -> str | None:
    return plain(value) if value is not None else None


def _class_name(order: Order) -> str:
    """Alpaca shows a simple order for shares without a class."""
    name = order.asked.order_class
    if name is OrderClass.SIMPLE and not isinstance(order.instrument, OptionContract):
        return ""
    return name.value
