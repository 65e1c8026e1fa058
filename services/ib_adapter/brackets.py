"""Orders with exits: a head and one or two exits, each an order of its own at IB.

Exits of a bracket or OTO order are children of the head, which come alive with its fill; nothing of
the family is transmitted before its last order, so IB takes all or none. The two orders of an OCO
are on their own, in a group of which one that fills ends the other.

What ties a family together in every list of IB's is the reference: that of an exit is the head's
with two dots and the kind of exit. Numbers of parents are not in all lists, and groups may be
renamed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.common.domain.errors import InvalidRequest
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OrderClass,
    OrderType,
    PositionIntent,
    TimeInForce,
)
from services.ib_adapter.library import Order
from services.ib_adapter.order_writing import ib_order

MARK: Final = ".."
"""What stands between the reference of an order and the kind of an exit of it."""

_TAKES: Final = "tp"
_STOPS: Final = "sl"
_LETTERS: Final = {OrderClass.BRACKET: "b", OrderClass.OTO: "t", OrderClass.OCO: "o"}
_CLASSES: Final = {letter: kind for kind, letter in _LETTERS.items()}
_EXIT: Final = re.compile(r"(.+)\.\.([bto])(tp|sl)", re.ASCII)

# What fills takes its part off the others, and only one of them is at an exchange at a time.
_REDUCE_WITH_BLOCK: Final = 2
_EXIT_TIMES: Final = frozenset({TimeInForce.DAY, TimeInForce.GTC})


@dataclass(frozen=True, slots=True)
class ExitRef:
    """What the reference of an exit says: whose it is, of which class, and which exit."""

    head: str
    order_class: OrderClass
    takes_profit: bool

    @classmethod
    def parse(cls, order_ref: str) -> ExitRef | None:
        """Read a reference; None if it is not that of an exit."""
        match = _EXIT.fullmatch(order_ref)
        return None if match is None else cls(match[1], _CLASSES[match[2]], match[3] == _TAKES)

    @property
    def is_child(self) -> bool:
        """Whether it ends with its head by a rule of IB's."""
        return self.order_class is not OrderClass.OCO

    def __str__(self) -> str:
        kind = _TAKES if self.takes_profit else _STOPS
        return f"{self.head}{MARK}{_LETTERS[self.order_class]}{kind}"


def head_of(order_ref: str) -> str:
    """The reference of the order that this one belongs to; itself if it is no exit."""
    exit_ = ExitRef.parse(order_ref)
    return order_ref if exit_ is None else exit_.head


def exit_refs(head: str, *classes: OrderClass) -> list[str]:
    """Every reference that an exit of this order could have, in orders of these classes or all."""
    return [
        str(ExitRef(head, order_class, takes_profit))
        for order_class in classes or _LETTERS
        for takes_profit in (True, False)
    ]


def exits_of(spec: OrderSpec) -> list[OrderSpec]:
    """The exits of an order as orders of their own; none for one without.

    Of an OCO order the head is the profit-taking exit itself.
    """
    found = []
    if spec.take_profit is not None and spec.order_class is not OrderClass.OCO:
        price = spec.take_profit.limit_price
        exit_ = _exit(spec, takes_profit=True)
        found.append(replace(exit_, order_type=OrderType.LIMIT, limit_price=price))
    if spec.stop_loss is not None:
        stop, limit = spec.stop_loss.stop_price, spec.stop_loss.limit_price
        kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
        exit_ = _exit(spec, takes_profit=False)
        found.append(replace(exit_, order_type=kind, stop_price=stop, limit_price=limit))
    return found


def check_family(spec: OrderSpec) -> None:
    """Raise InvalidRequest for what could not be told apart or worked with exits."""
    if ExitRef.parse(spec.client_order_id) is not None:
        raise InvalidRequest("order.client_order_id", "ends as the ids of exits do")
    if exits_of(spec) and spec.time_in_force not in _EXIT_TIMES:
        raise InvalidRequest("order.time_in_force", "an order with exits is DAY or GTC")


def ib_family(specs: Sequence[OrderSpec], account: str) -> list[Order]:
    """An order and its exits as IB takes them, the head first; tied together by `tie`."""
    return [ib_order(spec, account) for spec in specs]


def tie(head: OrderSpec, orders: Sequence[Order], order_ids: Sequence[int]) -> None:
    """Make one family of what is sent under these numbers. An order alone stays as it is."""
    if len(orders) == 1:
        return
    grouped = list(orders) if head.order_class is OrderClass.OCO else list(orders[1:])
    if len(grouped) > 1:
        for order in grouped:
            order.ocaGroup, order.ocaType = head.client_order_id, _REDUCE_WITH_BLOCK
    if head.order_class is OrderClass.OCO:
        return
    for order in orders[1:]:
        order.parentId = order_ids[0]
    for order in orders[:-1]:
        order.transmit = False


def _exit(spec: OrderSpec, *, takes_profit: bool) -> OrderSpec:
    """An exit of the order, without type and prices."""
    is_pair = spec.order_class is OrderClass.OCO
    return OrderSpec(
        client_order_id=str(ExitRef(spec.client_order_id, spec.order_class, takes_profit)),
        instrument=spec.instrument,
        side=spec.side if is_pair else spec.side.opposite,
        order_qty=spec.order_qty,
        order_type=OrderType.MARKET,
        time_in_force=spec.time_in_force,
        position_intent=spec.position_intent if is_pair else _opposite(spec.position_intent),
        order_class=spec.order_class,
    )


def _opposite(intent: PositionIntent | None) -> PositionIntent | None:
    return None if intent is None else _OPPOSITES[intent]


_OPPOSITES: Final = {
    PositionIntent.BUY_TO_OPEN: PositionIntent.SELL_TO_CLOSE,
    PositionIntent.SELL_TO_OPEN: PositionIntent.BUY_TO_CLOSE,
    PositionIntent.BUY_TO_CLOSE: PositionIntent.SELL_TO_OPEN,
    PositionIntent.SELL_TO_CLOSE: PositionIntent.BUY_TO_OPEN,
}
