"""Two brokers: an order that the first provably did not take finds the second, no other does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from tandem_client import (
    AlertSeverity,
    Effect,
    OrderStatus,
    PositionIntent,
    Reason,
    Refused,
    Side,
    Unavailable,
)

from stack.programs import ALPACA, IB
from tests.integration.system.quintet import Quintet, put_purchase, put_sale
from tests.integration.system.trio import fills_now, rests, shares

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Quintet]:
    """One quintet for the module."""
    async with Quintet.running(tmp_path_factory.mktemp("quintet")) as quintet:
        yield quintet


@pytest_asyncio.fixture(loop_scope="module")
async def five(running: Quintet) -> AsyncIterator[Quintet]:
    """Both brokers open for entries before a test, the books compared with both after it."""
    await running.open_for_entries()
    yield running
    for venue in (running.venue, running.ib):
        await venue.clear_faults()
    await running.open_for_entries()
    await running.books_agree()


async def test_an_entry_that_alpaca_rejects_for_its_own_sake_is_filled_at_ib_and_told(
    five: Quintet,
) -> None:
    before = await five.client.status()
    token = await five.client.watch_token()
    await five.venue.spoil_submit("status", of="blocked", status=401, when="before")
    order = await five.client.submit_and_wait(put_sale("blocked"), 10)
    assert order.status is OrderStatus.FILLED
    assert [(p.venue, p.status) for p in order.placements] == [
        (ALPACA.venue, OrderStatus.REJECTED),
        (IB.venue, OrderStatus.FILLED),
    ]
    assert await five.venue.placed("blocked") == []
    assert len(await five.ib.placed("blocked")) == 1
    after = await five.client.status()
    assert after.failover_count == before.failover_count + 1
    assert after.last_failover is not None
    alert = await five.first_alert(token)
    assert (alert.kind, alert.client_order_id) == ("FAILOVER", "blocked")
    assert ALPACA.venue in alert.message
    assert IB.venue in alert.message


async def test_an_order_whose_answer_is_lost_goes_nowhere_else(five: Quintet) -> None:
    before = (await five.client.status()).failover_count
    await five.venue.spoil_submit("drop_reply", of="lost", ends="close")
    await five.client.submit(put_sale("lost"))
    found = await five.becomes("lost", OrderStatus.FILLED)
    assert [p.venue for p in found.placements] == [ALPACA.venue]
    assert await five.ib.placed("lost") == []
    assert (await five.client.status()).failover_count == before


async def test_a_rejection_after_the_acceptance_is_told_and_goes_nowhere_else(
    five: Quintet,
) -> None:
    answer = await five.client.submit(rests("rejected"))
    assert answer.status is OrderStatus.ACCEPTED
    await five.venue.call("POST", "/reject", {"order": answer.placement_id})
    rejected = await five.becomes("rejected", OrderStatus.REJECTED)
    assert [p.venue for p in rejected.placements] == [ALPACA.venue]
    assert await five.ib.placed("rejected") == []


async def test_with_alpaca_down_entries_go_to_ib_and_what_alpaca_holds_stays_there(
    five: Quintet,
) -> None:
    bought = shares("held", Side.BUY, "223", qty="100", symbol="AAPL")
    assert (await five.client.submit_and_wait(bought, 10)).status is OrderStatus.FILLED
    await five.adapter.kill()
    await five.is_open(ALPACA.venue, wanted=False)
    count = (await five.client.status()).failover_count

    entry = await five.client.submit_and_wait(fills_now("entry"), 10)
    secured = await five.client.submit_and_wait(put_sale("secured"), 10)
    assert [p.venue for p in (*entry.placements, *secured.placements)] == [IB.venue] * 2
    assert (await five.client.status()).failover_count == count + 2

    with pytest.raises(Refused) as leaving:
        await five.client.submit(shares("exit", Side.SELL, "221", qty="100", symbol="AAPL"))
    assert (leaving.value.reason, leaving.value.effect) == (Reason.HOLDER_UNAVAILABLE, Effect.NONE)
    assert ALPACA.venue in leaving.value.message
    call = shares("covered", Side.SELL, "2.80", symbol="AAPL241115C00225000")
    with pytest.raises(Refused) as naked:
        await five.client.submit(replace(call, position_intent=PositionIntent.SELL_TO_OPEN))
    assert (naked.value.reason, naked.value.effect) == (Reason.COVER_ELSEWHERE, Effect.NONE)
    assert await five.ib.placed("exit") == await five.ib.placed("covered") == []

    # A router that restarts meanwhile remembers, and counts on.
    await five.router.kill()
    await five.router.start()
    await five.is_open(IB.venue)
    assert (await five.client.status()).failover_count == count + 2
    closed = await five.client.submit_and_wait(put_purchase("closed"), 10)
    assert [p.venue for p in closed.placements] == [IB.venue]
    await five.adapter.start()
    await five.open_for_entries()
    left = shares("exit", Side.SELL, "221", qty="100", symbol="AAPL")
    assert (await five.client.submit_and_wait(left, 10)).placements[-1].venue == ALPACA.venue


async def test_more_than_the_cash_at_ib_would_secure_does_not_fail_over(five: Quintet) -> None:
    await five.venue.spoil_submit("status", of="too-much", status=401, when="before")
    refused = await five.client.submit(put_sale("too-much", qty="4"))
    assert refused.status is OrderStatus.REJECTED
    assert [p.venue for p in refused.placements] == [ALPACA.venue]
    assert await five.ib.placed("too-much") == []


async def test_with_both_brokers_down_each_cause_is_told_once_and_nothing_is_sent(
    five: Quintet,
) -> None:
    for adapter in five.adapters:
        await adapter.kill()
    for broker in five.brokers:
        await five.is_open(broker.venue, wanted=False)
    token = await five.client.watch_token()
    for name in ("nowhere-1", "nowhere-2"):
        with pytest.raises(Unavailable) as failed:
            await five.client.submit(fills_now(name))
        error = failed.value
        assert (error.reason, error.effect) == (Reason.ALL_VENUES_UNAVAILABLE, Effect.NONE)
        assert {cause.venue for cause in error.venue_causes} == {ALPACA.venue, IB.venue}
        assert all(cause.message in error.message for cause in error.venue_causes)
        assert (await five.order(name)).status is OrderStatus.UNPLACED
    alert = await five.first_alert(token)
    assert (alert.kind, alert.severity) == ("ALL_VENUES_UNAVAILABLE", AlertSeverity.CRITICAL)
    for adapter in five.adapters:
        await adapter.start()
    await five.open_for_entries()
    taken = await five.client.submit_and_wait(fills_now("nowhere-1"), 10)
    assert [p.venue for p in taken.placements] == [ALPACA.venue]
