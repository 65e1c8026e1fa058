"""The venue's stream breaks, repeats, loses and garbles: each fill is booked once all the same."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from tandem_client import Alert, Event, Execution, Order, OrderStatus, QuarantineRecord

from tests.integration.system.tandem import tandem
from tests.integration.system.trio import Trio, fills_now, rests

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def filled_once(trio: Trio, name: str) -> Order:
    """Wait for the fill in full, and compare it and the positions with the venue's ledger."""
    order = await trio.becomes(name, OrderStatus.FILLED)
    await trio.books_agree()
    by_hand = {"AAPL"}
    at_venue = {s: q for s, q in (await trio.venue.positions()).items() if s not in by_hand}
    assert await trio.held() == at_venue
    return order


async def test_fills_during_a_gap_are_booked_once(trio: Trio) -> None:
    order = await trio.client.submit(rests("gap", qty="3"))
    await trio.venue.fill(order.placement_id, "1", "300")
    await trio.venue.fault("connect", "refuse", {}, times=4)
    await trio.venue.cut_streams()
    await trio.venue.fill(order.placement_id, "1", "299")
    await trio.venue.fill(order.placement_id, "1", "298")
    assert await trio.venue.listening() == 0, "the fills were meant for the gap"
    assert (await filled_once(trio, "gap")).avg_px == 299


async def test_a_fill_that_is_told_twice_is_booked_once(trio: Trio) -> None:
    order = await trio.client.submit(rests("twice", qty="2"))
    await trio.venue.spoil_events("duplicate", of="twice", times=3)
    await trio.venue.fill(order.placement_id, "1", "300")
    await trio.venue.fill(order.placement_id, "1", "299")
    await filled_once(trio, "twice")


async def test_fills_that_are_told_in_reverse_are_each_booked(trio: Trio) -> None:
    order = await trio.client.submit(rests("reverse", qty="3"))
    await trio.venue.spoil_events("reorder", of="reverse", times=3)
    for price in ("300", "299", "298"):
        await trio.venue.fill(order.placement_id, "1", price)
    assert (await filled_once(trio, "reverse")).avg_px == 299


async def test_a_fill_that_the_stream_loses_is_found_and_booked(trio: Trio) -> None:
    order = await trio.client.submit(rests("lost", qty="2"))
    await trio.venue.spoil_events("drop", of="lost", event="*fill*", times=2)
    await trio.venue.fill(order.placement_id, "1", "300")
    await trio.venue.fill(order.placement_id, "1", "299")
    await filled_once(trio, "lost")


async def test_a_fill_that_can_not_be_read_is_read_elsewhere(trio: Trio) -> None:
    order = await trio.client.submit(rests("garbled", qty="2"))
    await trio.venue.spoil_events("garble", of="garbled", event="*fill*")
    await trio.venue.fill(order.placement_id, "1", "300")
    await trio.venue.fill(order.placement_id, "1", "299")
    await filled_once(trio, "garbled")


async def test_a_fill_that_is_told_after_it_was_found_is_booked_once(trio: Trio) -> None:
    """The list of fills and the stream name it differently: its place in the order tells it."""
    order = await trio.client.submit(rests("belated", qty="2"))
    await trio.venue.spoil_events("hold", of="belated", event="*fill*", times=2)
    await trio.venue.fill(order.placement_id, "1", "300")
    await trio.venue.fill(order.placement_id, "1", "299")
    await trio.venue.cut_streams()
    filled = await trio.settles("belated")
    await trio.venue.call("POST", "/stream/release")
    await trio.open_for_entries()
    # A later fill comes by the same stream: when it is booked, the belated ones have been heard.
    await trio.client.submit_and_wait(fills_now("after-belated"), 10)
    assert await trio.order("belated") == filled
    await filled_once(trio, "belated")


async def test_what_is_traded_by_hand_is_quarantined_and_not_booked(trio: Trio) -> None:
    token, heard = await trio.client.watch_token(), asyncio.Queue[Event]()

    async def listen() -> None:
        async with aclosing(trio.client.watch(token)) as events:
            async for event in events:
                heard.put_nowait(event)

    listening = asyncio.create_task(listen())
    placed = await trio.venue.place_by_hand("AAPL", "buy", "5", "220")
    await trio.venue.fill(placed["venue_order_id"], "5", "220")
    records: list[QuarantineRecord] = []
    alerts: list[Alert] = []
    try:
        async with asyncio.timeout(10):
            while len(records) < 2 or len(alerts) < 2:
                what = (await heard.get()).what
                records += [what] if isinstance(what, QuarantineRecord) else []
                alerts += [what] if isinstance(what, Alert) else []
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert {alert.kind for alert in alerts} == {"QUARANTINED"}
    assert {type(record.subject) for record in records} == {Order, Execution}
    for record in records:
        assert record.subject is not None
        assert record.subject.venue_order_id == placed["venue_order_id"]

    shown = await tandem(trio, "quarantine")
    assert (shown.code, shown.out.count("BUY 5 AAPL")) == (0, 2)
    assert "AAPL" not in await trio.held()
    assert (await trio.client.status()).quarantined_count == 2
    booked = (await trio.client.executions().all()).items
    assert placed["venue_order_id"] not in {execution.venue_order_id for execution in booked}

    await trio.router.kill()
    await trio.router.start()
    await trio.open_for_entries()
    assert (await trio.client.status()).quarantined_count == 2
