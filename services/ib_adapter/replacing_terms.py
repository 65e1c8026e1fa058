"""An order as IB shows it, with other terms: all of it, so that a modify loses nothing of it.

IB takes a modify for the whole order: what is left out of it is taken off. So what was shown is
written again, field by field, and what can't be changed in it is refused here, naming the field.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from services.common.domain.amounts import add, sub
from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.common.domain.order_terms import OrderChange, TimeInForce
from services.ib_adapter import combos, figures
from services.ib_adapter.brackets import ExitRef
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.library import Contract, Order
from services.ib_adapter.order_words import (
    CLOSING_TYPES,
    LIMITED,
    STOPPED,
    TIMES_ON_WIRE,
    TRAILING,
)
from services.ib_adapter.revision_terms import Terms, changed_names

# Words in which the Gateway shows that a field is not used.
_UNUSED: Final = {"?": None, "None": None}


def changed_terms(facts: OrderFacts, change: OrderChange, earlier_qty: Decimal) -> Terms:
    """The terms after the change; earlier revisions have filled `earlier_qty` of the total.

    InvalidRequest or Refused UNSUPPORTED_BY_VENUE for what can't be changed so, naming the field.
    """
    before, kind = Terms.of(facts), facts.order_type
    after = before
    if change.order_qty is not None:
        after = replace(after, order_qty=_total(facts, change.order_qty, earlier_qty))
    if change.limit_price is not None:
        _require(kind in LIMITED, "limit_price", kind)
        after = replace(after, limit_price=change.limit_price)
    if change.stop_price is not None:
        _require(kind in STOPPED, "stop_price", kind)
        after = replace(after, aux_price=change.stop_price)
    if change.trail_amount is not None:
        _require(kind == TRAILING, "trail_amount", kind)
        after = replace(after, aux_price=change.trail_amount, trail_percent=None)
    if change.trail_percent is not None:
        _require(kind == TRAILING, "trail_percent", kind)
        after = replace(after, aux_price=None, trail_percent=change.trail_percent)
    if change.time_in_force is not None:
        after = replace(after, time_in_force=_time_in_force(kind, change.time_in_force))
    if not changed_names(before, after):
        raise InvalidRequest(next(iter(change.asked())), "the order is on these terms already")
    return after


def changed_order(facts: OrderFacts, after: Terms) -> tuple[Contract, Order]:
    """Contract and order to write: as they were shown, on the new terms."""
    assert facts.whole is not None, "looked at before"
    contract, shown = facts.whole
    order = _as_shown(shown)
    before = Terms.of(facts)
    for name in changed_names(before, after):
        value = getattr(after, name)
        if name == "order_qty":
            order.totalQuantity = figures.wire_qty(value, name)
        elif name == "limit_price":
            order.lmtPrice = figures.wire_price(value, name)
        elif name == "time_in_force":
            order.tif = value
    if facts.order_type in STOPPED and after.aux_price != before.aux_price:
        order.auxPrice = _price(after.aux_price, "stop_price")
    elif facts.order_type == TRAILING:
        order.auxPrice = _price(after.aux_price, "trail_amount")
        order.trailingPercent = _price(after.trail_percent, "trail_percent")
    return contract, order


def check_kind(facts: OrderFacts, change: OrderChange, *, has_exits: bool) -> None:
    """Refuse what can't be changed in an order with legs or exits, or of an exit."""
    asked = set(change.asked())
    if combos.is_combo(facts.contract):
        if asked - {"limit_price"}:
            raise _unsupported(sorted(asked - {"limit_price"})[0], "of a multi-leg order")
        if facts.filled or facts.executed:
            text = "a multi-leg order that has begun to fill is not changed: cancel it"
            raise Refused(Reason.CHANGE_IN_PROGRESS, text)
    if "order_qty" in asked and (has_exits or ExitRef.parse(facts.order_ref) is not None):
        raise _unsupported("order_qty", "of an order with exits, or of an exit: the others keep it")


def _as_shown(shown: Order) -> Order:
    """A copy to write, without the words for what is not used."""
    order, unset = copy.copy(shown), Order()
    for name, value in vars(shown).items():
        if isinstance(value, str) and value in _UNUSED:
            setattr(order, name, getattr(unset, name))
    return order


def _total(facts: OrderFacts, order_qty: Decimal, earlier_qty: Decimal) -> Decimal:
    figures.wire_qty(order_qty, "order_qty")
    whole = add(order_qty, earlier_qty)
    if whole <= facts.filled:
        own = sub(facts.filled, earlier_qty)
        raise InvalidRequest("order_qty", f"{own} is filled already", reason=Reason.INVALID_QTY)
    return whole


def _time_in_force(kind: str, asked: TimeInForce) -> str:
    if kind in CLOSING_TYPES or asked is TimeInForce.CLS:
        raise _unsupported("time_in_force", "to or from one for the close: it is a type at IB")
    return TIMES_ON_WIRE[asked]


def _price(value: Decimal | None, field: str) -> Any:
    return figures.UNSET_FLOAT if value is None else figures.wire_price(value, field)


def _require(fits: bool, field: str, kind: str) -> None:
    if not fits:
        raise InvalidRequest(field, f"an order of type {kind} has none")


def _unsupported(field: str, what: str) -> Refused:
    text = f"{field} {what} can't be changed in place at this venue; cancel it and place another"
    return Refused(Reason.UNSUPPORTED_BY_VENUE, text)
