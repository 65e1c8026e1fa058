"""A killed adapter: what can't go is refused with its reasons, and all goes on when it is back."""

from __future__ import annotations

import asyncio

import pytest
from tandem_client import Effect, OrderStatus, Reason, Refused, Unavailable

from tests.integration.system.parts import eventually
from tests.integration.system.trio import VENUE, Trio, exit_now, fills_now, rests

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_while_it_is_down_the_venue_is_named_and_nothing_happens(trio: Trio) -> None:
    router_pid = trio.router.child.pid
    await trio.client.submit_and_wait(fills_now("held"), 10)
    await trio.adapter.kill()
    venue = await trio.closed_for_entries()
    assert venue.state.name == "DOWN"
    assert venue.reason

    with pytest.raises(Unavailable) as entry:
        await trio.client.submit(fills_now("entry"))
    assert (entry.value.reason, entry.value.effect) == (Reason.ALL_VENUES_UNAVAILABLE, Effect.NONE)
    (cause,) = entry.value.venue_causes
    assert (cause.venue, cause.reason, cause.effect) == (
        VENUE,
        Reason.VENUE_UNAVAILABLE,
        Effect.NONE,
    )
    assert cause.message in entry.value.message
    assert (await trio.order("entry")).status is OrderStatus.UNPLACED

    with pytest.raises(Refused) as leaving:
        await trio.client.submit(exit_now("exit"))
    assert (leaving.value.reason, leaving.value.effect) == (Reason.HOLDER_UNAVAILABLE, Effect.NONE)
    assert [cause.venue for cause in leaving.value.venue_causes] == [VENUE]

    await trio.adapter.start()  # on the same fence store
    await trio.open_for_entries()
    assert trio.router.child.pid == router_pid
    entered = await trio.client.submit_and_wait(fills_now("entry"), 10)
    left = await trio.client.submit_and_wait(exit_now("exit"), 10)
    assert [entered.status, left.status] == [OrderStatus.FILLED, OrderStatus.FILLED]
    assert len(await trio.venue.submits("entry")) == 1
    assert len(await trio.venue.submits("exit")) == 1


async def test_an_order_that_it_was_sending_is_in_doubt_and_found_after_it(trio: Trio) -> None:
    await trio.venue.spoil_submit("delay", of="under-way", delay_before_s=1.0)
    submitting = asyncio.create_task(trio.client.submit(rests("under-way")))
    await eventually(lambda: trio.venue.submits("under-way"))
    await trio.adapter.kill()
    assert (await submitting).status is OrderStatus.IN_DOUBT  # gRPC calls it UNAVAILABLE

    await trio.adapter.start()
    found = await trio.becomes("under-way", OrderStatus.ACCEPTED)
    again = await trio.client.submit(rests("under-way"))
    assert again.venue_order_id == found.venue_order_id
    assert len(await trio.venue.submits("under-way")) == 1


async def test_fills_while_it_is_down_are_booked_once(trio: Trio) -> None:
    order = await trio.client.submit(rests("filled-meanwhile", qty="3"))
    await trio.venue.fill(order.placement_id, "1", "300")
    await trio.becomes("filled-meanwhile", OrderStatus.PARTIALLY_FILLED)
    await trio.adapter.kill()
    await trio.venue.fill(order.placement_id, "1", "299")
    await trio.venue.fill(order.placement_id, "1", "298")
    await trio.adapter.start()
    filled = await trio.becomes("filled-meanwhile", OrderStatus.FILLED)
    assert (filled.cum_qty, filled.avg_px, filled.leaves_qty) == (3, 299, 0)


async def test_a_cancel_while_it_is_down_stands_and_is_carried_out(trio: Trio) -> None:
    await trio.client.submit(rests("canceled-meanwhile"))
    await trio.adapter.kill()
    await trio.closed_for_entries()
    asked = await trio.client.cancel("canceled-meanwhile")
    assert (asked.cancel_requested, asked.ended) == (True, False)
    await trio.adapter.start()
    await trio.becomes("canceled-meanwhile", OrderStatus.CANCELED)
    assert [order["status"] for order in await trio.venue.placed("canceled-meanwhile")] == [
        "canceled"
    ]
