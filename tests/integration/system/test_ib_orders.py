"""Every kind of order through the router to IB: types, times in force, legs, changes, previews."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest
import pytest_asyncio
from tandem_client import (
    OrderClass,
    OrderLeg,
    OrderOrigin,
    OrderSpec,
    OrderStatus,
    OrderType,
    PositionIntent,
    Reason,
    Refused,
    Side,
    TimeInForce,
    parse_symbol,
)

from stack.programs import IB
from tests.integration.system.parts import eventually
from tests.integration.system.quintet import Quintet
from tests.integration.system.trio import fills_now, rests, shares

pytestmark = pytest.mark.asyncio(loop_scope="module")

_UPPER: Final = parse_symbol("SPY241115P00400000")
_LOWER: Final = parse_symbol("SPY241115P00390000")
_PRICES: Final = ("limit_price", "stop_price", "trail_amount", "trail_percent")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Quintet]:
    """One quintet for the module."""
    async with Quintet.running(tmp_path_factory.mktemp("ib_orders")) as quintet:
        yield quintet


@pytest_asyncio.fixture(loop_scope="module")
async def five(running: Quintet) -> AsyncIterator[Quintet]:
    """Open for entries before a test; what the books hold is what IB's ledger has, after it."""
    await running.open_for_entries()
    yield running
    await eventually(lambda: _positions(running), lambda both: both[0] == both[1])


async def _positions(five: Quintet) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    return await five.held(), await five.ib.positions()


def at_ib(client_order_id: str, **terms: Any) -> OrderSpec:
    """A purchase that rests at IB, unless other terms are given."""
    spec = replace(rests(client_order_id), venue_pin=IB.venue)
    if "order_type" in terms:
        spec = replace(spec, limit_price=None)
    prices: dict[str, Any] = {name: Decimal(terms.pop(name)) for name in _PRICES if name in terms}
    return replace(spec, **terms, **prices)


def spread(client_order_id: str, price: str) -> OrderSpec:
    """The lower put bought and the upper put sold."""
    return OrderSpec(
        client_order_id=client_order_id,
        legs=(
            OrderLeg(_LOWER, Side.BUY, PositionIntent.BUY_TO_OPEN, 1),
            OrderLeg(_UPPER, Side.SELL, PositionIntent.SELL_TO_OPEN, 1),
        ),
        order_qty=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        limit_price=Decimal(price),
        order_class=OrderClass.MULTI_LEG,
        venue_pin=IB.venue,
    )


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("limit-gtc", {"time_in_force": TimeInForce.GTC}),
        ("stop", {"order_type": OrderType.STOP, "stop_price": "440"}),
        (
            "stop-limit",
            {"order_type": OrderType.STOP_LIMIT, "stop_price": "440", "limit_price": "441"},
        ),
        ("trail-amount", {"order_type": OrderType.TRAILING_STOP, "trail_amount": "20"}),
        ("trail-percent", {"order_type": OrderType.TRAILING_STOP, "trail_percent": "5"}),
        ("opg", {"time_in_force": TimeInForce.OPG}),
        ("cls", {"time_in_force": TimeInForce.CLS}),
        ("extended", {"extended_hours": True}),
    ],
)
async def test_an_order_that_rests_works_at_ib_and_is_canceled(
    five: Quintet, name: str, terms: dict[str, Any]
) -> None:
    order = await five.client.submit(at_ib(name, **dict(terms)))
    assert order.status is OrderStatus.ACCEPTED, order
    assert [p.venue for p in order.placements] == [IB.venue]
    await five.client.cancel(name)
    await five.becomes(name, OrderStatus.CANCELED)


@pytest.mark.parametrize("time", [TimeInForce.IOC, TimeInForce.FOK])
async def test_an_order_for_now_fills_at_ib_or_ends(five: Quintet, time: TimeInForce) -> None:
    fills = replace(fills_now(f"fills-{time.name}"), time_in_force=time, venue_pin=IB.venue)
    assert (await five.client.submit_and_wait(fills, 10)).status is OrderStatus.FILLED
    ends = at_ib(f"ends-{time.name}", time_in_force=time)
    assert (await five.client.submit_and_wait(ends, 10)).status is OrderStatus.CANCELED


async def test_a_spread_is_booked_leg_by_leg_at_ib(five: Quintet) -> None:
    order = await five.client.submit_and_wait(spread("spread", "-3.40"), 10)
    assert (order.status, order.cum_qty) == (OrderStatus.FILLED, 1)
    assert order.avg_px is not None
    assert order.avg_px <= Decimal("-3.40")
    held = await five.held()
    assert (held[str(_LOWER.symbol)], held[str(_UPPER.symbol)]) == (1, -1)
    fills = [e for e in (await five.client.executions().all()).items if e.last_qty]
    own = [fill for fill in fills if fill.placement_id == order.placement_id]
    assert sorted(fill.side.name for fill in own) == ["BUY", "SELL"]


async def test_a_spread_that_rests_is_canceled_whole(five: Quintet) -> None:
    order = await five.client.submit(spread("asks-much", "-9.50"))
    assert order.status is OrderStatus.ACCEPTED
    await five.client.cancel("asks-much")
    await five.becomes("asks-much", OrderStatus.CANCELED)


async def test_a_preview_at_ib_gives_its_margins_and_sends_nothing(five: Quintet) -> None:
    preview = await five.client.preview(at_ib("only-asked"), venue=IB.venue)
    assert preview.venue == IB.venue
    assert preview.initial_margin_change is not None
    assert [fee.estimated for fee in preview.fees] == [True]
    assert await five.ib.placed("only-asked") == []


async def test_all_of_ib_is_canceled_at_once(five: Quintet) -> None:
    for name in ("one", "two"):
        await five.client.submit(at_ib(name))
    elsewhere = await five.client.submit(shares("three", Side.BUY, "300"))
    asked = await five.client.cancel_all(venue=IB.venue)
    assert sorted(order.spec.client_order_id for order in asked.orders) == ["one", "two"]
    for name in ("one", "two"):
        await five.becomes(name, OrderStatus.CANCELED)
    assert (await five.order("three")).status is elsewhere.status
    await five.client.cancel("three")
    await five.becomes("three", OrderStatus.CANCELED)


async def test_an_order_by_hand_at_ib_is_adopted_and_only_its_owner_cancels_it(
    five: Quintet,
) -> None:
    async def in_quarantine() -> list[str]:
        return [r.quarantine_id for r in (await five.operations.quarantined().all()).items]

    placed = await five.ib.place_by_hand("SPY", "buy", "4", "100")
    venue_order_id = placed["venue_order_id"]
    await five.ib.cut_streams()  # orders of others are in the lists, which are read then
    [order_id] = await eventually(in_quarantine, lambda kept: len(kept) == 1)
    await five.open_for_entries()
    name = (await five.operations.adopt(order_id, reason="mine")).client_order_id
    assert name == f"external-{IB.venue}-{order_id.rpartition(':')[2]}"

    async def refusal() -> Reason | None:
        try:
            await five.client.cancel(name)
        except Refused as refused:
            return refused.reason
        return None  # not passed on yet: the adapter has a new session

    assert await eventually(refusal) is Reason.NOT_PERMITTED
    await five.ib.fill(venue_order_id, "4", "100")
    await five.ib.cut_streams()
    filled = await five.becomes(name, OrderStatus.FILLED)
    assert (filled.origin, filled.cum_qty) == (OrderOrigin.EXTERNAL, 4)
    assert await in_quarantine() == []
