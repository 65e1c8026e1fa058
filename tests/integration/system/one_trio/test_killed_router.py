"""A killed router: after its restart every order is as it was, and nothing was sent twice."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal

import pytest
import pytest_asyncio
from tandem_client import (
    Event,
    Execution,
    Order,
    OrderSpec,
    OrderStatus,
    OutcomeUnknown,
    TandemError,
)

from tests.integration.system.parts import eventually, until
from tests.integration.system.tandem import tandem
from tests.integration.system.trio import Trio, fills_now, rests

pytestmark = pytest.mark.asyncio(loop_scope="package")


@dataclass(frozen=True, slots=True)
class Before:
    """What was known right before the kill."""

    filled: Order
    working: Order
    absent: Order
    held: dict[str, Decimal]


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def before(running: Trio) -> Before:
    """One kill with an order in each state: settled, working, being sent, sent and unanswered."""
    trio = running
    await trio.client.submit(fills_now("filled"))
    filled = await trio.settles("filled")
    working, absent = [
        await trio.client.submit(rests(name, qty="3")) for name in ("working", "absent")
    ]
    for order in (working, absent):
        await trio.venue.fill(order.placement_id, "1", "300")
    known = Before(
        filled,
        await trio.becomes("working", OrderStatus.PARTIALLY_FILLED),
        await trio.becomes("absent", OrderStatus.PARTIALLY_FILLED),
        await trio.held(),
    )
    await trio.venue.spoil_submit("delay", of="on-its-way", delay_before_s=1.0)
    await trio.venue.spoil_submit("drop_reply", of="withheld", ends="hang")
    submitting = [
        asyncio.create_task(trio.client.submit(rests("on-its-way"))),
        asyncio.create_task(trio.client.submit(rests("withheld"))),
    ]
    await eventually(lambda: trio.venue.submits("on-its-way"))
    await eventually(lambda: trio.venue.placed("withheld"))
    await trio.router.kill()
    ended = await asyncio.gather(*submitting, return_exceptions=True)
    assert [type(error) for error in ended] == [OutcomeUnknown, OutcomeUnknown]
    await trio.venue.fill(absent.placement_id, "2", "297")
    await restarted(trio)
    return known


async def restarted(trio: Trio) -> None:
    await trio.router.start()
    await trio.open_for_entries()


async def is_the_same_again(trio: Trio, spec: OrderSpec) -> None:
    """Sent again it is the very order, and there is no second request at the venue."""
    known = await trio.order(spec.client_order_id)
    again = await trio.client.submit(spec)
    assert [p.placement_id for p in again.placements] == [known.placement_id]
    assert (again.venue_order_id, again.created) == (known.venue_order_id, known.created)
    assert len(await trio.venue.submits(spec.client_order_id)) == 1


async def test_settled_and_working_orders_are_as_they_were(trio: Trio, before: Before) -> None:
    assert await trio.order("filled") == before.filled
    assert await trio.order("working") == before.working
    await is_the_same_again(trio, fills_now("filled"))
    await is_the_same_again(trio, rests("working", qty="3"))
    await trio.client.cancel("working")
    await trio.becomes("working", OrderStatus.CANCELED)


async def test_fills_during_its_absence_are_booked_once(trio: Trio, before: Before) -> None:
    filled = await trio.becomes("absent", OrderStatus.FILLED)
    booked = (await trio.client.executions(client_order_id="absent").all()).items
    assert [(e.last_qty, e.last_px) for e in booked] == [(2, 297), (1, 300)]
    assert (filled.cum_qty, filled.avg_px, filled.leaves_qty) == (3, 298, 0)
    assert (await trio.held())["SPY"] == before.held["SPY"] + 2


@pytest.mark.parametrize("name", ["on-its-way", "withheld"])
async def test_an_order_without_an_answer_is_found(trio: Trio, before: Before, name: str) -> None:
    await trio.becomes(name, OrderStatus.ACCEPTED)
    await is_the_same_again(trio, rests(name))


async def test_an_order_that_never_left_is_in_doubt_and_not_sent_by_a_restart(trio: Trio) -> None:
    """The adapter stands still, so the order is journaled and gets no further."""
    trio.adapter.freeze()
    submitting = asyncio.create_task(trio.client.submit(rests("never-left")))
    await eventually(lambda: trio.client.order("never-left"), lambda answer: answer.order)
    await trio.router.kill()
    with pytest.raises(TandemError):
        await submitting
    await trio.adapter.kill()
    assert await trio.venue.submits("never-left") == []
    await trio.adapter.start()
    await restarted(trio)
    assert (await trio.order("never-left")).status is OrderStatus.IN_DOUBT
    again = await trio.client.submit(rests("never-left"))
    assert (again.status, again.leaves_qty) == (OrderStatus.IN_DOUBT, 1)
    assert (await trio.client.cancel("never-left")).cancel_requested
    assert await trio.venue.submits("never-left") == []


async def test_a_halt_survives_and_only_cancels_pass_until_it_is_lifted(trio: Trio) -> None:
    await trio.client.submit(rests("before-the-halt"))
    said = await tandem(trio, "halt", "--reason", "looking at something")
    assert (said.code, "HALTED" in said.out) == (0, True)
    await trio.router.kill()
    await trio.router.start()
    refused = await tandem(trio, "submit", "buy", "1", "SPY", "--limit", "401", "--id", "halted")
    assert refused.code == 1
    assert refused.err.startswith("refused: TRADING_HALTED: ")
    assert "looking at something" in refused.err
    await trio.open_for_entries()
    await trio.client.cancel("before-the-halt")
    await trio.becomes("before-the-halt", OrderStatus.CANCELED)
    assert (await tandem(trio, "resume", "--reason", "all clear")).code == 0
    assert (await trio.client.submit_and_wait(fills_now("halted"), 10)).status is OrderStatus.FILLED
    assert len(await trio.venue.submits("halted")) == 1


async def test_killed_in_the_middle_of_many_orders_it_loses_and_doubles_none(trio: Trio) -> None:
    specs = [fills_now(f"many-{n}") for n in range(12)]
    submitting = [asyncio.create_task(trio.client.submit(spec)) for spec in specs]
    # How many have been sent by then depends on the machine; the rule doesn't.
    await eventually(lambda: trio.venue.submits_like("many-"), lambda sent: len(sent) >= 4)
    await trio.router.kill()
    await asyncio.gather(*submitting, return_exceptions=True)
    await restarted(trio)
    for spec in specs:
        await trio.client.submit(spec)
    statuses = set()
    for spec in specs:
        order = await trio.becomes(spec.client_order_id, OrderStatus.FILLED, OrderStatus.IN_DOUBT)
        placed = await trio.venue.placed(spec.client_order_id)
        assert len(await trio.venue.submits(spec.client_order_id)) <= 1
        assert len(placed) == (1 if order.status is OrderStatus.FILLED else 0)
        statuses.add(order.status)
    assert OrderStatus.FILLED in statuses


async def test_a_watcher_misses_nothing_over_its_restart(trio: Trio) -> None:
    start = await trio.client.watch_token()
    heard: list[Event] = []

    async def listen() -> None:
        async for event in trio.client.watch(start):
            heard.append(event)

    listening = asyncio.create_task(listen())
    try:
        await trio.client.submit_and_wait(fills_now("watched-1"), 10)
        order = await trio.client.submit(rests("watched-2"))
        await until(lambda: [e for e in heard if isinstance(e.what, Execution)])
        await trio.router.kill()
        await trio.venue.fill(order.placement_id, "1", "300")
        await restarted(trio)
        await trio.becomes("watched-2", OrderStatus.FILLED)
        await trio.client.submit_and_wait(fills_now("watched-3"), 10)
        end = (await trio.client.submit(rests("watched-until"))).sequence
        await until(lambda: [e for e in heard if e.sequence >= end])
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    told = [event for event in heard if event.sequence < end]
    assert [e.sequence for e in told] == sorted(e.sequence for e in told)
    assert told == await told_in_one_go(trio, start, end)
    executions = [e.what.client_order_id for e in told if isinstance(e.what, Execution)]
    assert executions == ["watched-1", "watched-2", "watched-3"]


async def test_a_watcher_that_is_cut_off_after_any_event_misses_none(trio: Trio) -> None:
    """One record may give several events: each one's token must resume behind that very one."""
    start = await trio.client.watch_token()
    await trio.client.submit_and_wait(fills_now("cut-off"), 10)
    end = (await trio.client.submit(rests("cut-off-end"))).sequence
    whole = await told_in_one_go(trio, start, end)
    assert len(whole) > len({event.sequence for event in whole}), "one record of several events"
    token, piecewise = start, []
    for _ in whole:
        async with asyncio.timeout(10), aclosing(trio.client.watch(token)) as events:
            piecewise.append(await anext(events))
        token = piecewise[-1].token
    assert piecewise == whole


async def told_in_one_go(trio: Trio, token: str, end: int) -> list[Event]:
    """The events from `token` on and before `end`, read anew."""
    found: list[Event] = []
    async with asyncio.timeout(10), aclosing(trio.client.watch(token)) as events:
        async for event in events:
            if event.sequence >= end:
                break
            found.append(event)
    return found
