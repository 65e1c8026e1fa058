"""What is traded at the venue by hand: told, shown, adopted or dismissed, each fill booked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal

import pytest
from tandem_client import (
    Alert,
    AlertSeverity,
    Event,
    Execution,
    Order,
    OrderOrigin,
    OrderStatus,
    QuarantineRecord,
)

from tests.integration.system.parts import eventually
from tests.integration.system.tandem import tandem
from tests.integration.system.trio import Trio

pytestmark = pytest.mark.asyncio(loop_scope="package")


@asynccontextmanager
async def listening(trio: Trio) -> AsyncIterator[asyncio.Queue[Event]]:
    """Every event from now on."""
    token, heard = await trio.client.watch_token(), asyncio.Queue[Event]()

    async def listen() -> None:
        async with aclosing(trio.client.watch(token)) as events:
            async for event in events:
                heard.put_nowait(event)

    task = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def records(trio: Trio, *, closed: bool = False) -> dict[str, QuarantineRecord]:
    """What is in quarantine, by id."""
    listed = (await trio.operations.quarantined(include_closed=closed).all()).items
    return {record.quarantine_id: record for record in listed}


async def test_what_is_traded_by_hand_waits_and_is_adopted_with_its_fill(trio: Trio) -> None:
    alerts: list[Alert] = []
    async with listening(trio) as heard:
        placed = await trio.venue.place_by_hand("AAPL", "buy", "5", "220")
        venue_order_id = placed["venue_order_id"]
        await trio.venue.fill(venue_order_id, "5", "220")
        async with asyncio.timeout(30):
            while len(alerts) < 2:
                what = (await heard.get()).what
                alerts += [what] if isinstance(what, Alert) else []
    assert [(a.kind, a.severity) for a in alerts] == [
        ("EXTERNAL_ORDER", AlertSeverity.WARNING),
        ("QUARANTINED", AlertSeverity.CRITICAL),
    ]
    order_id = f"order:main:alpaca:{venue_order_id}"
    filled = await eventually(
        lambda: records(trio),
        lambda kept: (
            isinstance(s := kept[order_id].subject, Order) and s.status is OrderStatus.FILLED
        ),
    )
    assert {type(record.subject) for record in filled.values()} == {Order, Execution}
    shown = await tandem(trio, "quarantine")
    assert (shown.code, shown.out.count("BUY 5 AAPL")) == (0, 2)
    assert "AAPL" not in await trio.held()
    assert (await trio.client.status()).quarantined_count == 2

    ran = await tandem(trio, "adopt", order_id, "--reason", "mine", "--actor", "ann")
    name = f"external-alpaca-{venue_order_id}"
    assert (ran.code, ran.out) == (0, f"adopted as {name} by ann: mine\n")
    adopted = await trio.becomes(name, OrderStatus.FILLED)
    assert (adopted.origin, adopted.avg_px) == (OrderOrigin.EXTERNAL, Decimal(220))
    assert (await trio.held())["AAPL"] == 5
    assert await records(trio) == {}
    assert {r.client_order_id for r in (await records(trio, closed=True)).values()} == {name}
    assert (await trio.operations.adopt(order_id, reason="again")).closed_by == "ann"

    await trio.router.kill()
    await trio.router.start()
    await trio.open_for_entries()
    booked = (await trio.client.executions().all()).items
    assert [e.last_qty for e in booked if e.venue_order_id == venue_order_id] == [5]
    assert (await trio.held())["AAPL"] == 5


async def test_an_adopted_order_that_works_is_canceled_at_the_venue(trio: Trio) -> None:
    placed = await trio.venue.place_by_hand("AAPL", "buy", "2", "100")
    venue_order_id = placed["venue_order_id"]
    order_id = f"order:main:alpaca:{venue_order_id}"
    await eventually(lambda: records(trio), lambda kept: order_id in kept)
    record = await trio.operations.adopt(order_id, reason="mine", actor="ann")
    ran = await tandem(trio, "cancel", record.client_order_id)
    assert ran.code == 0, ran.err
    ended = await trio.becomes(record.client_order_id, OrderStatus.CANCELED)
    assert ended.cum_qty == 0
    ledger = await trio.venue.call("GET", "/ledger")
    [at_venue] = [o for o in ledger["orders"] if o["venue_order_id"] == venue_order_id]
    assert at_venue["status"] == "canceled"


async def test_a_dismissed_order_is_told_anew_when_it_fills(trio: Trio) -> None:
    placed = await trio.venue.place_by_hand("QQQ", "buy", "3", "100")
    venue_order_id = placed["venue_order_id"]
    order_id = f"order:main:alpaca:{venue_order_id}"
    await eventually(lambda: records(trio), lambda kept: order_id in kept)
    ran = await tandem(trio, "adopt", order_id, "--dismiss", "--reason", "a test", "--actor", "ann")
    assert (ran.code, ran.out) == (0, "dismissed by ann: a test\n")
    assert await records(trio) == {}
    await trio.venue.fill(venue_order_id, "3", "100")
    anew = await eventually(lambda: records(trio), lambda kept: len(kept) == 2)
    assert f"{order_id}#2" in anew
    await trio.operations.adopt(f"{order_id}#2", reason="it fills", actor="ann")
    assert (await trio.held())["QQQ"] == 3
