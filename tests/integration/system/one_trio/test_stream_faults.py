"""The venue's stream breaks, repeats, loses and garbles: each fill is booked once all the same."""

from __future__ import annotations

import pytest
from tandem_client import Order, OrderStatus

from tests.integration.system.trio import Trio, fills_now, rests

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def filled_once(trio: Trio, name: str) -> Order:
    """Wait for the fill in full, and compare it and the positions with the venue's ledger."""
    order = await trio.becomes(name, OrderStatus.FILLED)
    await trio.books_agree()
    assert await trio.held() == await trio.venue.positions()
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
