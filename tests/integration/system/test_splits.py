"""A position at two brokers: closed by one order in parts, whatever dies between, or hedged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest
import pytest_asyncio
from tandem_client import (
    Effect,
    Order,
    OrderFilter,
    OrderSpec,
    OrderStatus,
    OrderType,
    PositionClose,
    PositionIntent,
    Reason,
    Refused,
    Side,
    TandemClient,
    TimeInForce,
    parse_symbol,
)

from stack.programs import ALPACA, IB
from tests.integration.system.parts import eventually
from tests.integration.system.quintet import Settling
from tests.integration.system.trio import shares

pytestmark = pytest.mark.asyncio(loop_scope="module")

STOCK: Final = "AAPL"
"""Bid at 222.00 and offered at 222.04 at both venues."""
AT_ALPACA, AT_IB = Decimal(3), Decimal(2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settling]:
    """One for the module. A process that stands still for a while is not taken for dead."""
    folder = tmp_path_factory.mktemp("splits")
    async with Settling.running(folder, TANDEM_ROUTER_SILENCE_MAX_S="60") as settling:
        yield settling


@pytest_asyncio.fixture(loop_scope="module")
async def five(running: Settling) -> AsyncIterator[Settling]:
    """3 shares are held at Alpaca and 2 at IB; after a test none, and the books agree with both."""
    await running.open_for_entries()
    number = len((await running.client.orders().all()).items)
    for venue, qty in ((ALPACA.venue, AT_ALPACA), (IB.venue, AT_IB)):
        bought = shares(f"in-{venue}-{number}", Side.BUY, "223", qty=str(qty), symbol=STOCK)
        await running.client.submit_and_wait(replace(bought, venue_pin=venue), 20)
    yield running
    await running.venue.clear_faults()
    await running.open_for_entries()
    await running.books_agree()
    assert await both_hold(running) == (0, 0)


def sale(client_order_id: str, qty: str = "5", price: str = "221") -> OrderSpec:
    """An exit that fills at once, unless another price is given."""
    return replace(
        shares(client_order_id, Side.SELL, price, qty=qty, symbol=STOCK),
        position_intent=PositionIntent.SELL_TO_CLOSE,
    )


async def both_hold(five: Settling) -> tuple[Decimal, Decimal]:
    """What Alpaca and IB hold by their own ledgers."""
    alpaca, ib = await five.venue.positions(), await five.ib.positions()
    return alpaca.get(STOCK, Decimal(0)), ib.get(STOCK, Decimal(0))


async def sent_once(five: Settling, client_order_id: str) -> list[tuple[str, Decimal]]:
    """Where the order's parts are by the venues' ledgers, each there at most once."""
    found = []
    for broker, control in ((ALPACA, five.venue), (IB, five.ib)):
        placed = await control.placed(client_order_id)
        assert len(placed) <= 1, placed
        found += [(broker.venue, Decimal(order["order_qty"])) for order in placed]
    return found


async def placement_is(
    five: Settling, client_order_id: str, venue: str, *wanted: OrderStatus
) -> Order:
    """Wait until the order's part at a venue has one of these statuses."""

    def has_it(order: Order | None) -> bool:
        parts = [] if order is None else order.placements
        return any(part.venue == venue and part.status in wanted for part in parts)

    async def look() -> Order | None:
        return (await five.client.order(client_order_id)).order

    order = await eventually(look, has_it)
    assert order is not None
    return order


async def test_what_both_hold_is_closed_by_one_order(five: Settling) -> None:
    close = PositionClose(
        client_order_id="both",
        instrument=parse_symbol(STOCK),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
    )
    await five.client.close_position(close)
    order = await five.becomes("both", OrderStatus.FILLED)
    assert [(p.venue, p.cum_qty) for p in order.placements] == [
        (ALPACA.venue, AT_ALPACA),
        (IB.venue, AT_IB),
    ]
    assert await sent_once(five, "both") == [(ALPACA.venue, AT_ALPACA), (IB.venue, AT_IB)]
    assert (await five.client.close_position(close)).cum_qty == order.cum_qty == 5


async def test_clients_that_close_at_the_same_time_close_it_once(five: Settling) -> None:
    other = TandemClient(five.address, deadline_s=20.0)
    try:
        resting = [
            client.submit(sale(f"rests-{number}", price="400"))
            for number, client in enumerate((five.client, other))
        ]
        answers = await asyncio.gather(*resting, return_exceptions=True)
        (refused,) = (a for a in answers if isinstance(a, Refused))
        assert (refused.reason, refused.effect) == (Reason.INSUFFICIENT_QTY, Effect.NONE)
        (order,) = (a for a in answers if isinstance(a, Order))
        assert [p.order_qty for p in order.placements] == [AT_ALPACA, AT_IB]
        await five.client.cancel(order.spec.client_order_id)
        await five.becomes(order.spec.client_order_id, OrderStatus.CANCELED)

        many = [
            (five.client, other)[number % 2].submit(sale(f"many-{number}", qty=str(1 + number % 3)))
            for number in range(10)
        ]
        answers = await asyncio.gather(*many, return_exceptions=True)
    finally:
        await other.close()
    taken = [a for a in answers if isinstance(a, Order)]
    assert 0 < sum(order.spec.order_qty or 0 for order in taken) <= 5
    refusals = {a.reason for a in answers if isinstance(a, Refused)}
    assert refusals <= {
        Reason.INSUFFICIENT_QTY,  # others have it
        Reason.WOULD_CROSS_ZERO,  # others have sold some of it
        Reason.INTENT_MISMATCH,  # others have sold all of it
    }
    assert len(taken) + sum(isinstance(a, Refused) for a in answers) == 10
    for order in taken:
        await five.becomes(order.spec.client_order_id, OrderStatus.FILLED)
    held = await both_hold(five)
    assert min(held) >= 0
    await sell_the_rest(five, "many-rest")


async def sell_the_rest(five: Settling, client_order_id: str) -> None:
    """Close what the venues' ledgers hold."""
    left = sum(await both_hold(five))
    if left:
        await five.client.submit_and_wait(sale(client_order_id, qty=str(left)), 20)


async def test_a_part_whose_adapter_dies_before_it_is_sent_is_proven_absent_and_free_again(
    five: Settling,
) -> None:
    five.ib_adapter.freeze()
    asking = asyncio.create_task(five.client.submit(sale("ib-dies")))
    await placement_is(five, "ib-dies", ALPACA.venue, OrderStatus.FILLED)
    await five.ib_adapter.kill()
    doubted = await asking
    assert (doubted.status, doubted.cum_qty, doubted.leaves_qty) == (OrderStatus.IN_DOUBT, 3, 2)
    with pytest.raises(Refused) as more:  # the doubt reserves what it may still sell
        await five.client.submit(sale("more", qty="1"))
    assert more.value.reason is Reason.INSUFFICIENT_QTY

    await five.ib_adapter.start()
    ended = await five.becomes("ib-dies", OrderStatus.CANCELED)
    assert (ended.cum_qty, ended.leaves_qty) == (3, 0)
    assert [p.status for p in ended.placements] == [OrderStatus.FILLED, OrderStatus.UNPLACED]
    assert ended.cause is not None
    assert ended.cause.reason is Reason.PLACEMENT_FENCED
    assert await sent_once(five, "ib-dies") == [(ALPACA.venue, AT_ALPACA)]
    await five.open_for_entries()
    rest = await five.client.submit_and_wait(sale("rest", qty="2"), 20)
    assert [p.venue for p in rest.placements] == [IB.venue]


async def test_a_part_whose_adapter_dies_after_its_venue_took_it_is_found(five: Settling) -> None:
    await five.venue.spoil_submit("drop_reply", of="found", ends="hang")
    asking = asyncio.create_task(five.client.submit(sale("found")))
    await placement_is(five, "found", IB.venue, OrderStatus.FILLED)
    await eventually(lambda: five.venue.placed("found"))
    await five.adapter.kill()
    await asking
    again = await five.client.submit(sale("found"))
    assert len(again.placements) == 2
    await five.adapter.start()
    order = await five.becomes("found", OrderStatus.FILLED)
    assert order.cum_qty == 5
    assert await sent_once(five, "found") == [(ALPACA.venue, AT_ALPACA), (IB.venue, AT_IB)]
    assert len(await five.venue.submits("found")) == 1


async def test_what_a_venue_out_of_reach_holds_is_not_split_away_and_can_be_hedged(
    five: Settling,
) -> None:
    await five.adapter.kill()
    await five.is_open(ALPACA.venue, wanted=False)
    for name, qty in (("all", "5"), ("most", "3")):
        with pytest.raises(Refused) as away:
            await five.client.submit(sale(name, qty=qty))
        assert (away.value.reason, away.value.effect) == (Reason.HOLDER_UNAVAILABLE, Effect.NONE)
        assert [cause.venue for cause in away.value.venue_causes] == [ALPACA.venue]
        assert await sent_once(five, name) == []
    sold = await five.client.submit_and_wait(sale("own", qty="2"), 20)  # IB's own part
    assert [p.venue for p in sold.placements] == [IB.venue]

    hedge = replace(
        shares("hedge", Side.SELL, "221", qty="3", symbol=STOCK), venue_pin=IB.venue, hedge=True
    )
    order = await five.client.submit_and_wait(hedge, 20)
    assert (order.status, order.spec.hedge) == (OrderStatus.FILLED, True)
    with pytest.raises(Refused) as twice:
        await five.client.submit(replace(hedge, client_order_id="hedge-2"))
    assert twice.value.reason is Reason.WOULD_CROSS_ZERO
    assert await both_hold(five) == (AT_ALPACA, -AT_ALPACA)

    await five.adapter.start()
    await five.open_for_entries()
    late = replace(hedge, client_order_id="hedge-3", order_qty=Decimal(1))
    with pytest.raises(Refused) as late_hedge:
        await five.client.submit(late)
    assert late_hedge.value.reason is Reason.INTENT_MISMATCH
    out = await five.client.submit_and_wait(sale("out", qty="3"), 20)
    back = shares("back", Side.BUY, "223", qty="3", symbol=STOCK)
    back = replace(back, position_intent=PositionIntent.BUY_TO_CLOSE)
    returned = await five.client.submit_and_wait(back, 20)
    assert [out.placements[0].venue, returned.placements[0].venue] == [ALPACA.venue, IB.venue]
    assert not (await five.client.orders(OrderFilter.OPEN).all()).items
