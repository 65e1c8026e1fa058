"""The terms of an order as Alpaca shows it, and whether they are those that were asked for.

The exits of a bracket, OCO or OTO order and the legs of a multi-leg order are orders of their own,
nested in it; its terms are read from them. Tolerant where an order still counts without a term: an
unknown order type is None.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.order_words import (
    INTENTS,
    ORDER_CLASSES,
    ORDER_TYPES,
    SIDES,
    TIMES_IN_FORCE,
    WITH_EXITS,
)
from services.alpaca_adapter.symbols import read_instrument
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.amounts import Money
from services.common.domain.executions import Side
from services.common.domain.instruments import OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OptionCombo,
    OrderChange,
    OrderClass,
    OrderLeg,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
    Tradable,
)

CURRENCY: Final = "USD"
_STOPPED: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
# What an order may leave out of its answer without being another order.
_UNSAID: Final = frozenset({"position_intent"})


@dataclass(frozen=True, slots=True)
class Shown:
    """The terms of an order; the names are those of `OrderReport`."""

    instrument: Tradable | None
    side: Side | None
    order_qty: Decimal | None
    notional: Money | None
    order_type: OrderType | None
    time_in_force: TimeInForce | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    extended_hours: bool
    order_class: OrderClass | None
    take_profit: TakeProfit | None
    stop_loss: StopLoss | None
    position_intent: PositionIntent | None

    def as_terms(self) -> dict[str, Any]:
        """The same by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def read_terms(order: Record) -> Shown:
    """The terms that an order shows; None where it shows none that we know."""
    kind = ORDER_TYPES.get(order_type_text(order))
    order_class = ORDER_CLASSES.get(wire_fields.text(order, "order_class"))
    # The exits' own class is that of the order that they belong to.
    legs = wire_fields.records(order, "legs")
    exits = legs if order_class in WITH_EXITS else []
    notional = wire_fields.lenient_decimal(order, "notional")
    return Shown(
        instrument=_tradable(order, legs)
        if order_class is OrderClass.MULTI_LEG and legs
        else read_instrument(order),
        side=SIDES.get(wire_fields.text(order, "side")),
        order_qty=wire_fields.lenient_decimal(order, "qty"),
        notional=None if notional is None else Money(notional, CURRENCY),
        order_type=kind,
        time_in_force=TIMES_IN_FORCE.get(wire_fields.text(order, "time_in_force")),
        limit_price=wire_fields.lenient_decimal(order, "limit_price"),
        # A trailing stop shows where it stands now, which is not a term.
        stop_price=wire_fields.lenient_decimal(order, "stop_price") if kind in _STOPPED else None,
        trail_amount=wire_fields.lenient_decimal(order, "trail_price"),
        trail_percent=wire_fields.lenient_decimal(order, "trail_percent"),
        extended_hours=wire_fields.flag(order, "extended_hours"),
        order_class=order_class,
        take_profit=_take_profit(order, exits),
        stop_loss=_stop_loss(exits),
        position_intent=INTENTS.get(wire_fields.text(order, "position_intent")),
    )


def asked_terms(spec: OrderSpec) -> dict[str, Any]:
    """The terms of an order as asked for, by the names of `OrderReport`."""
    terms = {field.name: getattr(spec, field.name) for field in fields(Shown)}
    return terms | {"order_qty": spec.order_qty or None}


def same_content(spec: OrderSpec, order: Any) -> bool:
    """Whether the order that the venue shows is the one that was asked for, by value.

    Raises Unreadable if legs or exits are not shown, without which nobody can tell.
    """
    record = wire_fields.record(order, "an order")
    shown = read_terms(record)
    if shown.order_class is not spec.order_class:
        return False
    if lacks_legs(record):
        raise Unreadable("the legs of the order are not shown")
    names = [f.name for f in fields(Shown) if f.name not in ("instrument", "side", *_UNSAID)]
    if any(leg.get("replaces") for leg in wire_fields.records(record, "legs")):
        # An exit was changed since; what it was is not shown.
        names = [name for name in names if name not in ("take_profit", "stop_loss")]
    asked = {name: getattr(spec, name) for name in names}
    if spec.notional is not None:
        asked["order_qty"] = shown.order_qty  # known once it has filled
    if spec.order_class is OrderClass.OCO:
        asked["limit_price"] = shown.limit_price  # the take-profit's, compared there
    return (
        shown.instrument is not None
        and shown.instrument.key == spec.instrument.key
        and (isinstance(spec.instrument, OptionCombo) or shown.side is spec.side)
        and asked == {name: getattr(shown, name) for name in names}
        and _same_intent(spec, shown)
    )


def has_changed(change: OrderChange, order: Record) -> bool:
    """Whether an order shows all that a change asks for, by value."""
    shown = read_terms(order)
    return all(
        asked is None or asked == getattr(shown, name)
        for name, asked in ((f.name, getattr(change, f.name)) for f in fields(OrderChange))
    )


def lacks_legs(order: Record) -> bool:
    """Whether it is of a kind that has legs, is no leg itself, and shows none."""
    order_class = ORDER_CLASSES.get(wire_fields.text(order, "order_class"))
    if order_class is OrderClass.MULTI_LEG:
        return not order.get("legs") and not wire_fields.text(order, "symbol")
    return order_class in WITH_EXITS and not order.get("legs")


def order_type_text(order: Record) -> str:
    """The order type: `type`, or `order_type`, which older answers fill."""
    return wire_fields.text(order, "type") or wire_fields.text(order, "order_type")


def _tradable(order: Record, legs: Iterable[Record]) -> OptionCombo | None:
    read = [_leg(leg, order) for leg in legs]
    known = tuple(leg for leg in read if leg is not None)
    return OptionCombo(known) if len(known) == len(read) > 1 else None


def _leg(leg: Record, parent: Record) -> OrderLeg | None:
    contract = read_instrument(leg)
    intent = INTENTS.get(wire_fields.text(leg, "position_intent"))
    side = SIDES.get(wire_fields.text(leg, "side")) or (intent and intent.side)
    ratio = _ratio(leg, parent)
    if not isinstance(contract, OptionContract) or intent is None or side is None or not ratio:
        return None
    return OrderLeg(contract, side, intent, ratio)


def _ratio(leg: Record, parent: Record) -> int:
    """Contracts of the leg for one of the whole order; 0 if it isn't shown."""
    given = wire_fields.lenient_decimal(leg, "ratio_qty")
    if given is None:
        part, whole = (wire_fields.lenient_decimal(r, "qty") for r in (leg, parent))
        given = part / whole if part and whole and not part % whole else None
    return int(given) if given is not None and given > 0 and given == int(given) else 0


def _take_profit(order: Record, exits: Iterable[Record]) -> TakeProfit | None:
    kinds = [(ORDER_TYPES.get(order_type_text(leg)), leg) for leg in _latest(exits)]
    if not kinds:
        return None
    found = [leg for kind, leg in kinds if kind is OrderType.LIMIT]
    if ORDER_CLASSES.get(wire_fields.text(order, "order_class")) is OrderClass.OCO and not found:
        found = [order]  # the order itself takes the profit
    price = wire_fields.lenient_decimal(found[0], "limit_price") if found else None
    return None if price is None else TakeProfit(price)


def _stop_loss(exits: Iterable[Record]) -> StopLoss | None:
    for leg in _latest(exits):
        stop_price = wire_fields.lenient_decimal(leg, "stop_price")
        if ORDER_TYPES.get(order_type_text(leg)) in _STOPPED and stop_price is not None:
            return StopLoss(stop_price, wire_fields.lenient_decimal(leg, "limit_price"))
    return None


def _latest(exits: Iterable[Record]) -> list[Record]:
    """Those that none of the others has replaced."""
    known = list(exits)
    return [leg for leg in known if wire_fields.text(leg, "status") != "replaced"] or known


def _same_intent(spec: OrderSpec, shown: Shown) -> bool:
    """An intent that either side leaves out says nothing against the order."""
    intents = (spec.position_intent, shown.position_intent)
    return None in intents or intents[0] is intents[1]
