"""Bodies of POST and PATCH: an order of ours, or a change of one, in Alpaca's JSON.

Amounts are texts, so that no number loses a digit on the way. What Alpaca would refuse is not
refused here: its own answer says it better, and counts as its word.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from services.alpaca_adapter.order_words import CLASS_WORDS
from services.alpaca_adapter.symbols import wire_symbol
from services.common.domain.amounts import format_decimal
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OptionCombo,
    OrderChange,
    OrderClass,
    OrderLeg,
    StopLoss,
)

_PRICES: Final = {
    "limit_price": "limit_price",
    "stop_price": "stop_price",
    "trail_amount": "trail_price",
    "trail_percent": "trail_percent",
}


def order_body(spec: OrderSpec) -> dict[str, Any]:
    """The body of POST /v2/orders.

    A multi-leg order has no symbol and no side of its own; its limit is a debit if positive, with
    Alpaca as with us. The limit of an OCO order is its take-profit's and stands there only.
    """
    body: dict[str, Any] = {
        "type": spec.order_type.value.lower(),
        "time_in_force": spec.time_in_force.value.lower(),
        "client_order_id": spec.client_order_id,
        **_what(spec),
        **_how_much(spec),
    }
    for name, word in _PRICES.items():
        price: Decimal | None = getattr(spec, name)
        if price is not None:
            body[word] = format_decimal(price)
    if spec.extended_hours:
        body["extended_hours"] = True
    if spec.order_class in CLASS_WORDS:
        body["order_class"] = CLASS_WORDS[spec.order_class]
    if spec.order_class is OrderClass.OCO:
        del body["limit_price"]
    if spec.take_profit is not None:
        body["take_profit"] = {"limit_price": format_decimal(spec.take_profit.limit_price)}
    if spec.stop_loss is not None:
        body["stop_loss"] = _stop_loss(spec.stop_loss)
    return body


def change_body(change: OrderChange, new_client_id: str) -> dict[str, str]:
    """The body of PATCH /v2/orders/{id}; either kind of trail is `trail`, as the order has it."""
    trail = change.trail_amount if change.trail_amount is not None else change.trail_percent
    amounts = {
        "qty": change.order_qty,
        "limit_price": change.limit_price,
        "stop_price": change.stop_price,
        "trail": trail,
    }
    body = {name: format_decimal(value) for name, value in amounts.items() if value is not None}
    if change.time_in_force is not None:
        body["time_in_force"] = change.time_in_force.value.lower()
    return body | {"client_order_id": new_client_id}


def _what(spec: OrderSpec) -> dict[str, Any]:
    if isinstance(spec.instrument, OptionCombo):
        return {"legs": [_leg(leg) for leg in spec.instrument.legs]}
    what = {"symbol": wire_symbol(spec.instrument), "side": spec.side.value.lower()}
    if spec.position_intent is not None:
        what["position_intent"] = spec.position_intent.value.lower()
    return what


def _how_much(spec: OrderSpec) -> dict[str, str]:
    if spec.notional is not None:
        return {"notional": format_decimal(spec.notional.amount)}
    return {"qty": format_decimal(spec.order_qty)}


def _leg(leg: OrderLeg) -> dict[str, str]:
    return {
        "symbol": leg.contract.occ,
        "ratio_qty": str(leg.ratio_qty),
        "side": leg.side.value.lower(),
        "position_intent": leg.position_intent.value.lower(),
    }


def _stop_loss(exit_: StopLoss) -> dict[str, str]:
    body = {"stop_price": format_decimal(exit_.stop_price)}
    if exit_.limit_price is not None:
        body["limit_price"] = format_decimal(exit_.limit_price)
    return body
