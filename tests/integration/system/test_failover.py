"""Two brokers: an order that the first provably did not take finds the second, no other does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
from tests.integration.system.parts import eventually
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


async def restarted(five: Quintet, failback_after_s: float) -> None:
    """The router, started anew, prefers a venue that was down after so many seconds."""
    await five.router.kill()
    five.router.program = five.programs.router(failback_after_s)
    await five.router.start()
    await five.open_for_entries()


@pytest_asyncio.fixture(loop_scope="module")
async def at_once_again(five: Quintet) -> AsyncIterator[None]:
    """The router as the other tests know it, after a test."""
    yield
    await restarted(five, 0.0)


@pytest.mark.usefixtures("at_once_again")
async def test_entries_leave_a_killed_alpaca_at_once_and_return_when_it_was_well_for_a_while(
    five: Quintet,
) -> None:
    """The first test here: no venue was down before it, so none waits for that."""
    await restarted(five, 3600)
    before = await five.client.status()
    here = await five.client.submit_and_wait(fills_now("here"), 10)
    assert [p.venue for p in here.placements] == [ALPACA.venue]  # a restart alone is no outage

    await five.adapter.kill()
    await five.is_open(ALPACA.venue, wanted=False)
    away = await five.client.submit_and_wait(fills_now("away"), 10)
    assert [p.venue for p in away.placements] == [IB.venue]
    planned, received = away.placements[0].attempted_at, away.created.received_time
    assert planned is not None
    assert received is not None
    assert planned - received < timedelta(seconds=1)

    await five.adapter.start()
    back = await five.is_open(ALPACA.venue)
    assert "others go first" in back.reason
    waiting = await five.client.submit_and_wait(fills_now("waiting"), 10)
    assert [p.venue for p in waiting.placements] == [IB.venue]
    told = await five.client.status()
    assert told.failover_count_today == before.failover_count_today + 1
    assert told.failover_count == before.failover_count + 1

    # The wait goes on over a restart, from when Alpaca was well and not from the restart.
    assert back.since is not None
    so_far = datetime.now(UTC) - back.since
    await restarted(five, so_far.total_seconds() + 5)
    await eventually(
        lambda: five.status_of(ALPACA.venue),
        lambda venue: venue.ready and "others go first" not in venue.reason,
    )
    home = await five.client.submit_and_wait(fills_now("home"), 10)
    assert [p.venue for p in home.placements] == [ALPACA.venue]
    assert home.placements[0].attempted_at is not None
    assert home.placements[0].attempted_at - back.since > so_far + timedelta(seconds=4.5)


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


async def test_one_broker_down_and_one_that_refuses_is_told_with_both_causes(
    five: Quintet,
) -> None:
    await five.ib_adapter.kill()
    await five.is_open(IB.venue, wanted=False)
    token = await five.client.watch_token()
    await five.venue.spoil_submit("status", of="unknown-here", status=401, when="before")
    refused = await five.client.submit(fills_now("unknown-here"))
    assert refused.status is OrderStatus.REJECTED
    assert [p.venue for p in refused.placements] == [ALPACA.venue]
    alert = await five.first_alert(token, "ALL_VENUES_UNAVAILABLE")
    assert alert.severity is AlertSeverity.CRITICAL
    assert {(cause.venue, cause.reason) for cause in alert.venue_causes} == {
        (ALPACA.venue, Reason.CREDENTIALS_REFUSED),
        (IB.venue, Reason.VENUE_UNAVAILABLE),
    }
    assert all(cause.message in alert.message for cause in alert.venue_causes)
    await five.ib_adapter.start()


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
    # A router that has never seen either of them says so, too.
    await five.router.kill()
    await five.router.start()
    with pytest.raises(Unavailable) as unseen:
        await five.client.submit(fills_now("nowhere-3"))
    assert {cause.venue for cause in unseen.value.venue_causes} == {ALPACA.venue, IB.venue}
    for adapter in five.adapters:
        await adapter.start()
    await five.open_for_entries()
    taken = await five.client.submit_and_wait(fills_now("nowhere-1"), 10)
    assert [p.venue for p in taken.placements] == [ALPACA.venue]
