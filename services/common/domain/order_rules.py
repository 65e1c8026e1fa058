"""The rules that every order must keep, whatever the venue; each names the field it is about.

A venue's own rules (which times in force, which ticks, which classes it takes) are its adapter's.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

from services.common.domain.errors import InvalidRequest
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, OptionContract
from services.common.domain.order_spec import CLIENT_ORDER_ID, OrderSpec, PlacementId
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderType,
    TimeInForce,
)

_STRATEGY_TAG: Final = re.compile(r"[ -~]{0,64}", re.ASCII)
VENUE_NAME: Final = re.compile(r"[a-z0-9_]{0,32}", re.ASCII)
LEGS_MIN: Final = 2
LEGS_MAX: Final = 4
RATIO_MAX: Final = 1_000_000

_LIMITED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_STOPPED: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_WITH_EXITS: Final = frozenset({OrderClass.BRACKET, OrderClass.OCO, OrderClass.OTO})


def check_order(spec: OrderSpec, *, placement: bool = False) -> None:
    """Raise InvalidRequest naming the field that breaks a rule.

    With `placement` the id must be a placement_id (a fenced call at an adapter), without it must be
    a client's own, in which `~` is not allowed.
    """
    _check_id(spec.client_order_id, placement)
    _check_quantity(spec)
    _check_prices(spec)
    _check_trail(spec)
    _check_class(spec)
    _check_legs(spec)
    _check_intent(spec)
    _check_extended_hours(spec)
    _check_hedge(spec)
    if not _STRATEGY_TAG.fullmatch(spec.strategy_tag):
        raise InvalidRequest("order.strategy_tag", "at most 64 printable ASCII characters")
    for name in ("venue_pin", "venue_preference"):
        if not VENUE_NAME.fullmatch(getattr(spec, name)):
            raise InvalidRequest(f"order.{name}", "not a venue name")


def _check_id(client_order_id: str, placement: bool) -> None:
    if placement:
        if PlacementId.parse(client_order_id) is None:
            raise InvalidRequest("order.client_order_id", "a fenced call needs a placement_id")
    elif not client_order_id:
        raise InvalidRequest("order.client_order_id", "required")
    elif not CLIENT_ORDER_ID.fullmatch(client_order_id):
        raise InvalidRequest("order.client_order_id", "must be 1 to 64 of [A-Za-z0-9._-]")


def _check_quantity(spec: OrderSpec) -> None:
    if spec.notional is None:
        if spec.order_qty <= 0:
            raise InvalidRequest("order.order_qty", "must be above 0")
        return
    if spec.order_qty:
        raise InvalidRequest("order.notional", "give either this or order_qty")
    if not isinstance(spec.instrument, Equity):
        raise InvalidRequest("order.notional", "for equities only")
    if spec.notional.amount <= 0:
        raise InvalidRequest("order.notional", "must be above 0")
    if spec.notional.currency != spec.instrument.currency:
        raise InvalidRequest("order.notional", f"must be in {spec.instrument.currency}")
    if spec.order_class is not OrderClass.SIMPLE:
        raise InvalidRequest("order.notional", "for simple orders only")


def _check_prices(spec: OrderSpec) -> None:
    _check_presence(spec, "limit_price", spec.order_type in _LIMITED)
    _check_presence(spec, "stop_price", spec.order_type in _STOPPED)
    if spec.limit_price is not None and spec.limit_price < 0 and not _is_combo(spec):
        raise InvalidRequest("order.limit_price", "must not be negative")
    _require_above_0(spec.stop_price, "order.stop_price")


def _check_presence(spec: OrderSpec, name: str, needed: bool) -> None:
    kind = spec.order_type.value.lower().replace("_", " ")
    given = getattr(spec, name) is not None
    if needed and not given:
        raise InvalidRequest(f"order.{name}", f"required for a {kind} order")
    if given and not needed:
        raise InvalidRequest(f"order.{name}", f"not allowed for a {kind} order")


def _check_trail(spec: OrderSpec) -> None:
    given = [n for n in ("trail_amount", "trail_percent") if getattr(spec, n) is not None]
    if spec.order_type is not OrderType.TRAILING_STOP:
        if given:
            raise InvalidRequest(f"order.{given[0]}", "for trailing stops only")
        return
    if len(given) != 1:
        raise InvalidRequest("order.trail_amount", "give either this or trail_percent")
    _require_above_0(spec.trail_amount, "order.trail_amount")
    _require_above_0(spec.trail_percent, "order.trail_percent")
    if spec.trail_percent is not None and spec.trail_percent >= 100:
        raise InvalidRequest("order.trail_percent", "must be below 100")


def _check_class(spec: OrderSpec) -> None:
    takes, stops, kind = spec.take_profit, spec.stop_loss, spec.order_class
    if kind not in _WITH_EXITS:
        for name, exit_ in (("take_profit", takes), ("stop_loss", stops)):
            if exit_ is not None:
                raise InvalidRequest(f"order.{name}", "for bracket, OCO and OTO orders only")
        return
    if kind is OrderClass.OTO and (takes is None) == (stops is None):
        raise InvalidRequest("order.take_profit", "an OTO order has this or stop_loss, and one")
    if kind is not OrderClass.OTO:
        for name, exit_ in (("take_profit", takes), ("stop_loss", stops)):
            if exit_ is None:
                raise InvalidRequest(f"order.{name}", f"required for a {kind.value} order")
    if spec.order_type not in (OrderType.MARKET, OrderType.LIMIT):
        raise InvalidRequest("order.order_type", f"a {kind.value} order is MARKET or LIMIT")
    _check_exit_prices(spec)


def _check_exit_prices(spec: OrderSpec) -> None:
    takes, stops = spec.take_profit, spec.stop_loss
    if takes is not None:
        _require_above_0(takes.limit_price, "order.take_profit.limit_price")
    if stops is not None:
        _require_above_0(stops.stop_price, "order.stop_loss.stop_price")
        _require_above_0(stops.limit_price, "order.stop_loss.limit_price")
    if spec.order_class is OrderClass.OCO and takes is not None:
        if spec.order_type is not OrderType.LIMIT:
            raise InvalidRequest("order.order_type", "an OCO order is a LIMIT order")
        if spec.limit_price != takes.limit_price:
            raise InvalidRequest("order.limit_price", "differs from take_profit.limit_price")
    if takes is None or stops is None:
        return
    exit_side = spec.side if spec.order_class is OrderClass.OCO else spec.side.opposite
    if exit_side is Side.SELL and stops.stop_price >= takes.limit_price:
        raise InvalidRequest("order.stop_loss.stop_price", "must be below take_profit.limit_price")
    if exit_side is Side.BUY and stops.stop_price <= takes.limit_price:
        raise InvalidRequest("order.stop_loss.stop_price", "must be above take_profit.limit_price")


def _check_legs(spec: OrderSpec) -> None:
    combo = spec.instrument
    if not isinstance(combo, OptionCombo):
        if spec.order_class is OrderClass.MULTI_LEG:
            raise InvalidRequest("order.legs", "required for a MULTI_LEG order")
        return
    if spec.order_class is not OrderClass.MULTI_LEG:
        raise InvalidRequest("order.order_class", "an order with legs is MULTI_LEG")
    if not LEGS_MIN <= len(combo.legs) <= LEGS_MAX:
        raise InvalidRequest("order.legs", f"must be {LEGS_MIN} to {LEGS_MAX}")
    if spec.order_type not in (OrderType.MARKET, OrderType.LIMIT):
        raise InvalidRequest("order.order_type", "a MULTI_LEG order is MARKET or LIMIT")
    if spec.side is not Side.BUY or spec.position_intent is not None:
        raise InvalidRequest("order.side", "the legs have sides and intents of their own")
    for number, leg in enumerate(combo.legs):
        if not 1 <= leg.ratio_qty <= RATIO_MAX:
            raise InvalidRequest(f"order.legs[{number}].ratio_qty", f"must be 1 to {RATIO_MAX}")
        if leg.position_intent.side is not leg.side:
            raise InvalidRequest(
                f"order.legs[{number}].position_intent", f"contradicts side {leg.side.value}"
            )
    if math.gcd(*(leg.ratio_qty for leg in combo.legs)) != 1:
        raise InvalidRequest("order.legs", "the ratios have a common divisor")
    if len({leg.contract.key for leg in combo.legs}) != len(combo.legs):
        raise InvalidRequest("order.legs", "one contract on two legs")
    _require_whole(spec.order_qty)


def _check_intent(spec: OrderSpec) -> None:
    if isinstance(spec.instrument, OptionContract):
        if spec.position_intent is None:
            raise InvalidRequest("order.position_intent", "required for options")
        _require_whole(spec.order_qty)
    if spec.position_intent is not None and spec.position_intent.side is not spec.side:
        raise InvalidRequest("order.position_intent", f"contradicts side {spec.side.value}")


def _check_extended_hours(spec: OrderSpec) -> None:
    if not spec.extended_hours:
        return
    fits = (
        isinstance(spec.instrument, Equity)
        and spec.order_type is OrderType.LIMIT
        and spec.time_in_force is TimeInForce.DAY
        and spec.order_class is OrderClass.SIMPLE
    )
    if not fits:
        raise InvalidRequest("order.extended_hours", "for simple limit day orders on equities only")


def _check_hedge(spec: OrderSpec) -> None:
    if not spec.hedge:
        return
    if spec.order_class is not OrderClass.SIMPLE or spec.notional is not None:
        raise InvalidRequest("order.hedge", "for simple orders of a quantity only")
    if not spec.venue_pin:
        raise InvalidRequest("order.hedge", "needs venue_pin, the venue that is to hold it")
    if spec.position_intent is not None and not spec.position_intent.opens:
        raise InvalidRequest("order.hedge", f"contradicts {spec.position_intent.value}: it opens")


def _require_above_0(price: Decimal | None, field: str) -> None:
    if price is not None and price <= 0:
        raise InvalidRequest(field, "must be above 0")


def _require_whole(qty: Decimal) -> None:
    if qty != qty.to_integral_value():
        raise InvalidRequest("order.order_qty", "contracts are whole numbers")


def _is_combo(spec: OrderSpec) -> bool:
    return isinstance(spec.instrument, OptionCombo)
