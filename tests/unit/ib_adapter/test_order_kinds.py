"""Orders of every type and time in force: written as IB takes them, read back as they were."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.errors import InvalidRequest, Reason
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OrderClass,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from services.common.domain.reports import OrderReport
from services.ib_adapter import figures, words
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.library import Contract, Order, OrderState
from services.ib_adapter.order_writing import check_ticks, ib_order
from tests.unit.ib_adapter.scene import OURS, PUT, A, put_contract, translator

SPY = Equity("SPY")
UNSET = figures.UNSET_FLOAT


def spec(kind: OrderType, time: TimeInForce = TimeInForce.DAY, **given: Any) -> OrderSpec:
    terms: dict[str, Any] = {
        name: Decimal(value) if isinstance(value, str) else value for name, value in given.items()
    }
    return OrderSpec(A, SPY, Side.SELL, Decimal(3), kind, time, **terms)


LIMIT = spec(OrderType.LIMIT, limit_price="400.5")
KINDS = [
    (spec(OrderType.MARKET), ("MKT", "DAY", UNSET, UNSET, UNSET)),
    (LIMIT, ("LMT", "DAY", 400.5, UNSET, UNSET)),
    (spec(OrderType.STOP, stop_price="390"), ("STP", "DAY", UNSET, 390.0, UNSET)),
    (
        spec(OrderType.STOP_LIMIT, TimeInForce.GTC, limit_price="389", stop_price="390"),
        ("STP LMT", "GTC", 389.0, 390.0, UNSET),
    ),
    (
        spec(OrderType.TRAILING_STOP, trail_amount="2.25"),
        ("TRAIL", "DAY", UNSET, 2.25, UNSET),
    ),
    (
        spec(OrderType.TRAILING_STOP, TimeInForce.GTC, trail_percent="1.5"),
        ("TRAIL", "GTC", UNSET, UNSET, 1.5),
    ),
    (replace(LIMIT, time_in_force=TimeInForce.IOC), ("LMT", "IOC", 400.5, UNSET, UNSET)),
    (replace(LIMIT, time_in_force=TimeInForce.FOK), ("LMT", "FOK", 400.5, UNSET, UNSET)),
    (replace(LIMIT, time_in_force=TimeInForce.OPG), ("LMT", "OPG", 400.5, UNSET, UNSET)),
    (spec(OrderType.MARKET, TimeInForce.OPG), ("MKT", "OPG", UNSET, UNSET, UNSET)),
    (replace(LIMIT, time_in_force=TimeInForce.CLS), ("LOC", "DAY", 400.5, UNSET, UNSET)),
    (spec(OrderType.MARKET, TimeInForce.CLS), ("MOC", "DAY", UNSET, UNSET, UNSET)),
]


@pytest.mark.parametrize(("asked", "wire"), KINDS)
def test_each_kind_has_its_own_words_on_the_wire(asked: OrderSpec, wire: tuple[Any, ...]) -> None:
    order = ib_order(asked, "DU1")
    shown = (order.orderType, order.tif, order.lmtPrice, order.auxPrice, order.trailingPercent)
    assert shown == wire
    assert (order.action, order.totalQuantity, order.transmit, order.whatIf) == (
        "SELL",
        3,
        True,
        False,
    )


def report_of(order: Order, *, completed: bool = False) -> OrderReport:
    order.permId, order.clientId = 900, OURS
    contract = Contract(secType="STK", symbol="SPY", currency="USD", conId=1)
    evidence = Evidence(OURS, lambda: 0.0)
    if completed:
        order.filledQuantity = 0.0
        word = words.completed_order(contract, order, OrderState(status="Cancelled"))
    else:
        word = words.open_order(5, contract, order, OrderState(status="Submitted"))
    facts = evidence.take_order(word)
    assert facts is not None
    return translator().report(facts)


@pytest.mark.parametrize("asked", [asked for asked, _ in KINDS])
@pytest.mark.parametrize("completed", [False, True])
def test_each_kind_is_read_back_as_it_was_asked_for(asked: OrderSpec, completed: bool) -> None:
    report = report_of(ib_order(asked, "DU1"), completed=completed)
    for name in (
        "order_type",
        "time_in_force",
        "limit_price",
        "stop_price",
        "trail_amount",
        "trail_percent",
        "extended_hours",
        "order_qty",
        "side",
        "instrument",
    ):
        assert getattr(report, name) == getattr(asked, name), name


def test_prices_of_other_types_are_no_terms() -> None:
    order = ib_order(LIMIT, "DU1")
    order.auxPrice, order.trailingPercent = 0.0, 0.0
    report = report_of(order)
    assert (report.stop_price, report.trail_amount, report.trail_percent) == (None, None, None)


def test_a_percentage_is_told_without_the_distance_that_it_comes_to() -> None:
    order = ib_order(spec(OrderType.TRAILING_STOP, trail_percent="1.5"), "DU1")
    order.auxPrice, order.trailStopPrice = 6.1, 394.0
    report = report_of(order)
    assert (report.trail_percent, report.trail_amount) == (Decimal("1.5"), None)
    assert report.stop_price is None


def test_a_time_in_force_that_a_preset_has_put_is_shown_as_it_is() -> None:
    order = ib_order(replace(LIMIT, time_in_force=TimeInForce.GTC), "DU1")
    order.tif = "DAY"
    assert report_of(order).time_in_force is TimeInForce.DAY


def test_an_order_type_without_a_name_here_still_counts() -> None:
    order = ib_order(LIMIT, "DU1")
    order.orderType, order.tif = "PEG MID", "GTD"
    report = report_of(order)
    assert (report.order_type, report.time_in_force, report.limit_price) == (None, None, None)


def test_extended_hours_are_asked_for_and_read_back() -> None:
    asked = replace(LIMIT, extended_hours=True)
    order = ib_order(asked, "DU1")
    assert order.outsideRth is True
    assert report_of(order).extended_hours is True
    assert ib_order(LIMIT, "DU1").outsideRth is False


@pytest.mark.parametrize("time", [TimeInForce.OPG, TimeInForce.CLS])
def test_auctions_take_market_and_limit_orders_only(time: TimeInForce) -> None:
    with pytest.raises(InvalidRequest) as error:
        ib_order(spec(OrderType.STOP, time, stop_price="390"), "DU1")
    assert error.value.field == "order.order_type"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"order_qty": Decimal("0.5")}, "order.order_qty"),
        ({"limit_price": Decimal("400.00000000000000001")}, "order.limit_price"),
    ],
)
def test_what_the_wire_would_not_carry_exactly_is_refused_by_name(
    given: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        ib_order(replace(LIMIT, **given), "DU1")
    assert error.value.field == field


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"limit_price": Decimal("400.005")}, "order.limit_price"),
        ({"stop_price": Decimal("400.001")}, "order.stop_price"),
        ({"trail_amount": Decimal("0.001")}, "order.trail_amount"),
        ({"take_profit": TakeProfit(Decimal("1.001"))}, "order.take_profit.limit_price"),
        ({"stop_loss": StopLoss(Decimal("1.001"))}, "order.stop_loss.stop_price"),
        (
            {"stop_loss": StopLoss(Decimal("1.01"), Decimal("1.001"))},
            "order.stop_loss.limit_price",
        ),
    ],
)
def test_a_price_between_two_ticks_is_refused_by_name(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        check_ticks(replace(LIMIT, order_class=OrderClass.BRACKET, **given), Decimal("0.01"))
    assert (error.value.field, error.value.reason) == (field, Reason.INVALID_PRICE)


@pytest.mark.parametrize("min_tick", [None, Decimal(0), Decimal("0.0001"), Decimal("0.05")])
def test_a_price_on_the_tick_or_without_one_passes(min_tick: Decimal | None) -> None:
    check_ticks(replace(LIMIT, limit_price=Decimal("400.05")), min_tick)


def test_an_intent_is_said_and_ignored_by_ib_for_most() -> None:
    asked = OrderSpec(
        A,
        PUT,
        Side.SELL,
        Decimal(1),
        OrderType.MARKET,
        TimeInForce.DAY,
        position_intent=PositionIntent.SELL_TO_OPEN,
    )
    assert ib_order(asked, "DU1").openClose == "O"
    closing = replace(asked, position_intent=PositionIntent.SELL_TO_CLOSE)
    assert ib_order(closing, "DU1").openClose == "C"
    assert ib_order(LIMIT, "DU1").openClose == ""
    assert put_contract().secType == "OPT"
