"""Orders of every type and class between the real gateway and the simulated Alpaca."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.domain.amounts import Money
from services.common.domain.errors import Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import TERMINAL, OrderStatus
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderLeg,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from services.common.domain.reports import OrderReport
from simulators.alpaca.settings import AlpacaSettings
from tests.integration.alpaca_adapter.rig import PUT, SPY, Rig, eventually, rig, settings_for
from tests.simulators.process import alpaca_in_thread

LOWER_PUT = parse_occ("SPY241115P00390000")
CALL = parse_occ("SPY241115C00420000")


@pytest.fixture
async def it() -> AsyncIterator[Rig]:
    """A gateway in session at an Alpaca whose account may trade spreads."""
    with alpaca_in_thread(AlpacaSettings(options_level=3)) as alpaca:
        async with rig(settings_for(alpaca.url)) as built:
            yield built


def stock(client_order_id: str, **terms: Any) -> OrderSpec:
    """Buy two SPY for the day."""
    own: dict[str, Any] = {
        "instrument": SPY,
        "side": Side.BUY,
        "order_qty": Decimal(2),
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.DAY,
    }
    return OrderSpec(client_order_id, **(own | terms))


async def ends(it: Rig, client_id: str, status: OrderStatus) -> None:
    """Wait until it is told that an order has ended so."""
    await eventually(lambda: it.sink.last_status(client_id) is status)


async def was_told(it: Rig, client_id: str, raw_status: str) -> None:
    """Wait until a status of Alpaca's was told."""
    await eventually(lambda: raw_status in {r.raw_status for r in it.sink.reports(client_id)})


def spread(client_order_id: str, **terms: Any) -> OrderSpec:
    """Sell a put, buy a lower one."""
    legs = (
        OrderLeg(PUT, Side.SELL, PositionIntent.SELL_TO_OPEN, 1),
        OrderLeg(LOWER_PUT, Side.BUY, PositionIntent.BUY_TO_OPEN, 1),
    )
    own: dict[str, Any] = {"order_type": OrderType.MARKET, "order_class": OrderClass.MULTI_LEG}
    return stock(client_order_id, instrument=OptionCombo(legs), **(own | terms))


def bracket(client_order_id: str, limit: str = "401") -> OrderSpec:
    return stock(
        client_order_id,
        limit_price=Decimal(limit),
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfit(Decimal(420)),
        stop_loss=StopLoss(Decimal(390), Decimal("389.5")),
    )


FAR = Decimal(390)
RESTING = [
    stock("stop~sim~1.0", order_type=OrderType.STOP, stop_price=Decimal(450)),
    stock(
        "stop_limit~sim~1.0",
        order_type=OrderType.STOP_LIMIT,
        stop_price=Decimal(450),
        limit_price=Decimal("451.01"),
    ),
    stock("trail~sim~1.0", order_type=OrderType.TRAILING_STOP, trail_amount=Decimal("5.5")),
    stock("trail_percent~sim~1.0", order_type=OrderType.TRAILING_STOP, trail_percent=Decimal(2)),
    stock("gtc~sim~1.0", limit_price=FAR, time_in_force=TimeInForce.GTC),
    stock("cls~sim~1.0", limit_price=FAR, time_in_force=TimeInForce.CLS),
    stock("late~sim~1.0", limit_price=FAR, extended_hours=True),
    stock("part~sim~1.0", limit_price=FAR, order_qty=Decimal("0.123456789")),
    bracket("bracket~sim~1.0", "390.5"),
    stock(
        "oto~sim~1.0",
        limit_price=FAR,
        order_class=OrderClass.OTO,
        take_profit=TakeProfit(Decimal(420)),
    ),
    spread("spread~sim~1.0", order_type=OrderType.LIMIT, limit_price=Decimal("-9.5")),
]
TERMS = (
    "instrument",
    "order_qty",
    "order_type",
    "time_in_force",
    "limit_price",
    "stop_price",
    "trail_amount",
    "trail_percent",
    "extended_hours",
    "order_class",
    "take_profit",
    "stop_loss",
    "notional",
)


def terms_of(order: OrderSpec | OrderReport) -> dict[str, Any]:
    terms = {name: getattr(order, name) for name in TERMS}
    return terms | {"instrument": order.instrument and order.instrument.key}


@pytest.mark.parametrize("spec", RESTING, ids=lambda spec: spec.client_order_id.partition("~")[0])
async def test_each_kind_comes_back_as_it_was_sent_and_is_sent_once(
    it: Rig, spec: OrderSpec
) -> None:
    report = await it.gateway.submit(spec, it.check)
    assert (report.status, terms_of(report)) == (OrderStatus.ACCEPTED, terms_of(spec))
    again = await it.gateway.submit(spec, it.check)
    assert again.venue_order_id == report.venue_order_id
    found = await it.gateway.find_order(client_id=spec.client_order_id)
    assert found.report is not None
    assert terms_of(found.report) == terms_of(spec)
    with pytest.raises(Refused) as other:
        await it.gateway.submit(replace(spec, order_qty=Decimal(7)), it.check)
    assert other.value.reason is Reason.CLIENT_ORDER_ID_REUSED
    await eventually(lambda: it.sink.last_status(spec.client_order_id))
    canceled = await it.gateway.cancel(spec.client_order_id, it.check)
    assert canceled.status in (OrderStatus.PENDING_CANCEL, OrderStatus.CANCELED)
    await eventually(lambda: it.sink.last_status(spec.client_order_id) in TERMINAL)
    assert len(it.sink.sessions()) == 1


async def test_an_order_by_amount_fills_in_parts_of_shares(it: Rig) -> None:
    spec = stock(
        "amount~sim~1.0",
        order_type=OrderType.MARKET,
        order_qty=Decimal(0),
        notional=Money(Decimal("100.5"), "USD"),
    )
    report = await it.gateway.submit(spec, it.check)
    assert (report.notional, report.order_qty) == (spec.notional, None)
    await eventually(lambda: it.sink.last_status("amount~sim~1.0") is OrderStatus.FILLED)
    (execution,) = it.sink.executions()
    assert 0 < execution.last_qty < 1
    assert (execution.cum_qty, execution.client_id) == (execution.last_qty, "amount~sim~1.0")
    assert (await it.gateway.submit(spec, it.check)).venue_order_id == report.venue_order_id


async def test_what_is_not_met_at_once_is_canceled(it: Rig) -> None:
    for time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        client_id = f"{time_in_force.value.lower()}~sim~1.0"
        await it.gateway.submit(
            stock(client_id, limit_price=FAR, time_in_force=time_in_force), it.check
        )
        await ends(it, client_id, OrderStatus.CANCELED)


async def test_an_order_that_rests_or_is_held_up_is_told_as_live() -> None:
    with alpaca_in_thread() as alpaca:
        async with rig(settings_for(alpaca.url)) as it:
            for raw, status in (
                ("done_for_day", OrderStatus.SUSPENDED),
                ("suspended", OrderStatus.SUSPENDED),
                ("calculated", OrderStatus.SUSPENDED),
                ("stopped", OrderStatus.ACCEPTED),
            ):
                client_id = f"{raw}~sim~1.0"
                await it.gateway.submit(stock(client_id, limit_price=FAR), it.check)
                await was_told(it, client_id, "new")
                alpaca.control("POST", "/do/order_status", {"order": client_id, "status": raw})
                await was_told(it, client_id, raw)
                assert it.sink.last_status(client_id) is status
            assert len(it.sink.sessions()) == 1


async def test_a_spread_fills_leg_by_leg_under_its_own_id(it: Rig) -> None:
    report = await it.gateway.submit(spread("spread~sim~1.0"), it.check)
    await eventually(lambda: it.sink.last_status("spread~sim~1.0") is OrderStatus.FILLED)
    executions = it.sink.executions()
    assert {e.client_id for e in executions} == {"spread~sim~1.0"}
    assert [(e.instrument.key, e.side, e.cum_qty) for e in executions] == [
        (PUT.key, Side.SELL, Decimal(2)),
        (LOWER_PUT.key, Side.BUY, Decimal(2)),
    ]
    legs = {r.venue_order_id: r.parent for r in it.sink.reports() if r.parent}
    assert legs == {e.venue_order_id: report.venue_order_id for e in executions}
    of_it = ExecutionQuery(venue_order_id=report.venue_order_id)
    listed = await it.gateway.executions(of_it)
    assert {(e.client_id, e.venue_order_id) for e in listed} == {
        ("spread~sim~1.0", leg) for leg in legs
    }
    assert len(it.sink.sessions()) == 1


async def test_exits_of_a_bracket_work_by_themselves_and_are_known_as_its_own(it: Rig) -> None:
    report = await it.gateway.submit(bracket("bracket~sim~1.0"), it.check)
    await eventually(lambda: it.sink.last_status("bracket~sim~1.0") is OrderStatus.FILLED)
    exits = [r for r in await it.gateway.orders(OrderQuery(open_only=True)) if r.parent]
    assert {r.parent for r in exits} == {report.venue_order_id}
    take_profit = next(r for r in exits if r.order_type is OrderType.LIMIT)
    assert take_profit.client_id != "bracket~sim~1.0"
    outcome = await it.gateway.cancel_all(Equity("SPY"), it.check)
    assert {r.venue_order_id for r in outcome.asked} == {r.venue_order_id for r in exits}
    assert outcome.failed == ()
    for exit_ in exits:
        await ends(it, exit_.client_id, OrderStatus.CANCELED)


async def test_a_gateway_that_starts_late_knows_whose_the_legs_are() -> None:
    with alpaca_in_thread(AlpacaSettings(options_level=3)) as alpaca:
        async with rig(settings_for(alpaca.url)) as first:
            await first.gateway.submit(spread("spread~sim~1.0"), first.check)
            await first.gateway.submit(bracket("bracket~sim~1.0"), first.check)
            await eventually(lambda: len(first.sink.executions()) == 3)
        async with rig(settings_for(alpaca.url)) as late:
            told = sorted(e.client_id for e in late.sink.executions())
            assert told == ["bracket~sim~1.0", "spread~sim~1.0", "spread~sim~1.0"]
            parents = {r.parent for r in late.sink.reports() if r.parent}
            assert len(parents) == 2


async def test_an_exercise_needs_shares_or_money_and_answers_with_why(it: Rig) -> None:
    await it.gateway.submit(spread("spread~sim~1.0"), it.check)
    await eventually(lambda: len(it.sink.executions()) == 2)
    report = await it.gateway.exercise(LOWER_PUT, None, it.check)
    assert report.status is OrderStatus.REJECTED
    assert report.cause is not None
    assert report.cause.reason is Reason.INSUFFICIENT_QTY
    refused = await it.gateway.do_not_exercise(LOWER_PUT, it.check)
    assert refused.status is OrderStatus.ACCEPTED
    with pytest.raises(Refused):
        await it.gateway.exercise(LOWER_PUT, Decimal(1), it.check)


async def test_a_preview_is_made_of_account_and_quotes(it: Rig) -> None:
    shown = await it.gateway.preview(spread("p"))
    assert shown.estimated
    assert shown.cash_effect == Money(Decimal(690), "USD")
    assert shown.buying_power_after is not None
    covered = replace(
        stock("c", instrument=CALL, side=Side.SELL, limit_price=Decimal(1)),
        position_intent=PositionIntent.SELL_TO_OPEN,
    )
    assert any("shares" in w for w in (await it.gateway.preview(covered)).warnings)
