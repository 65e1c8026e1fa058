"""Orders with exits: their ids, what ties them together, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.errors import InvalidRequest
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.order_rules import check_order
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OrderClass,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from services.ib_adapter import brackets
from services.ib_adapter.brackets import ExitRef
from tests.unit.ib_adapter.scene import PUT, A

SPY = Equity("SPY")
TAKE, STOP = TakeProfit(Decimal(430)), StopLoss(Decimal(370))


def order(kind: OrderClass, **changed: Any) -> OrderSpec:
    """An entry with exits; an OCO is a pair of exits."""
    is_pair = kind is OrderClass.OCO
    spec = OrderSpec(
        A,
        SPY,
        Side.SELL if is_pair else Side.BUY,
        Decimal(2),
        OrderType.LIMIT,
        TimeInForce.GTC,
        limit_price=Decimal(430 if is_pair else 400),
        order_class=kind,
        take_profit=None if kind is OrderClass.OTO else TAKE,
        stop_loss=STOP,
    )
    return replace(spec, **changed)


def sent(spec: OrderSpec) -> list[tuple[Any, ...]]:
    """What goes out: reference, action, type, prices, parent, group, whether it is transmitted."""
    check_order(spec, placement=True)
    orders = brackets.ib_family([spec, *brackets.exits_of(spec)], "DU1")
    brackets.tie(spec, orders, range(7, 7 + len(orders)))
    return [
        (
            o.orderRef.removeprefix(A),
            o.action,
            o.orderType,
            o.lmtPrice if "LMT" in o.orderType else None,
            o.auxPrice if "STP" in o.orderType else None,
            o.parentId,
            (o.ocaGroup.removeprefix(A), o.ocaType) if o.ocaGroup else None,
            o.transmit,
        )
        for o in orders
    ]


def test_a_bracket_is_a_parent_and_two_children_of_which_one_ends_the_other() -> None:
    assert sent(order(OrderClass.BRACKET)) == [
        ("", "BUY", "LMT", 400.0, None, 0, None, False),
        ("..btp", "SELL", "LMT", 430.0, None, 7, ("", 2), False),
        ("..bsl", "SELL", "STP", None, 370.0, 7, ("", 2), True),
    ]


def test_nothing_of_a_family_is_transmitted_before_its_last_order() -> None:
    assert [row[-1] for row in sent(order(OrderClass.BRACKET))] == [False, False, True]
    assert [row[-1] for row in sent(order(OrderClass.OTO))] == [False, True]


def test_an_oto_has_one_child_and_no_group() -> None:
    limited = replace(order(OrderClass.OTO), stop_loss=StopLoss(Decimal(370), Decimal(369)))
    assert sent(limited) == [
        ("", "BUY", "LMT", 400.0, None, 0, None, False),
        ("..tsl", "SELL", "STP LMT", 369.0, 370.0, 7, None, True),
    ]


def test_an_oco_is_two_orders_in_a_group_and_no_parent() -> None:
    assert sent(order(OrderClass.OCO)) == [
        ("", "SELL", "LMT", 430.0, None, 0, ("", 2), True),
        ("..osl", "SELL", "STP", None, 370.0, 0, ("", 2), True),
    ]


def test_an_order_without_exits_is_tied_to_nothing() -> None:
    simple = replace(order(OrderClass.OTO), order_class=OrderClass.SIMPLE, stop_loss=None)
    assert sent(simple) == [("", "BUY", "LMT", 400.0, None, 0, None, True)]


def test_exits_have_quantity_time_and_instrument_of_their_order_and_close_it() -> None:
    entry = replace(
        order(OrderClass.BRACKET), instrument=PUT, position_intent=PositionIntent.BUY_TO_OPEN
    )
    for exit_ in brackets.exits_of(entry):
        assert (exit_.order_qty, exit_.time_in_force, exit_.instrument) == (2, TimeInForce.GTC, PUT)
        assert exit_.position_intent is PositionIntent.SELL_TO_CLOSE
    pair = replace(
        order(OrderClass.OCO), instrument=PUT, position_intent=PositionIntent.SELL_TO_CLOSE
    )
    [twin] = brackets.exits_of(pair)
    assert twin.position_intent is PositionIntent.SELL_TO_CLOSE


def test_the_reference_of_an_exit_says_whose_it_is() -> None:
    for kind in (OrderClass.BRACKET, OrderClass.OTO, OrderClass.OCO):
        for exit_ in brackets.exits_of(order(kind)):
            read = ExitRef.parse(exit_.client_order_id)
            assert read is not None
            assert (read.head, read.order_class) == (A, kind)
            assert read.takes_profit is (exit_.order_type is OrderType.LIMIT)
            assert str(read) == exit_.client_order_id
            assert exit_.client_order_id in brackets.exit_refs(A)
            assert brackets.head_of(exit_.client_order_id) == A


@pytest.mark.parametrize("ref", ["", A, "a.btp", "..btp", "a..xtp", "a..b", "a..btp2"])
def test_other_references_are_of_no_exit(ref: str) -> None:
    assert ExitRef.parse(ref) is None
    assert brackets.head_of(ref) == ref


def test_an_id_that_reads_as_an_exits_is_refused_by_name() -> None:
    simple = replace(order(OrderClass.OTO, stop_loss=None), order_class=OrderClass.SIMPLE)
    with pytest.raises(InvalidRequest) as error:
        brackets.check_family(replace(simple, client_order_id="a..btp"))
    assert error.value.field == "order.client_order_id"


@pytest.mark.parametrize("time", [t for t in TimeInForce if t.value not in ("DAY", "GTC")])
def test_exits_outlive_no_time_that_ends_at_once(time: TimeInForce) -> None:
    with pytest.raises(InvalidRequest) as error:
        brackets.check_family(order(OrderClass.BRACKET, time_in_force=time))
    assert error.value.field == "order.time_in_force"
    brackets.check_family(
        order(OrderClass.SIMPLE, time_in_force=time, take_profit=None, stop_loss=None)
    )
