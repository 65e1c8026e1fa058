"""A venue that does not answer, or answers nonsense: nothing is guessed, nothing is sent twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tandem_client import (
    Effect,
    OrderFilter,
    OrderStatus,
    Reason,
    Refused,
    TradingState,
    Unavailable,
    VenueState,
)

from tests.integration.system.parts import eventually
from tests.integration.system.trio import (
    TOTAL_TIMEOUT_S,
    VENUE,
    Trio,
    exit_now,
    fills_now,
    rests,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

_AFTER: dict[str, Any] = {"when": "after"}


@pytest.mark.parametrize(
    ("name", "kind", "action"),
    [
        ("closed", "drop_reply", {"ends": "close"}),
        ("reset", "drop_reply", {"ends": "reset"}),
        ("gateway-time-out", "status", {"status": 504, **_AFTER}),
        ("html", "status", {"status": 500, "body": "html", **_AFTER}),
        ("half", "body", {"body": "half"}),
        ("too-many-after-all", "status", {"status": 503, "body": "empty", **_AFTER}),
    ],
)
async def test_an_order_whose_answer_is_lost_is_found_and_not_sent_again(
    trio: Trio, name: str, kind: str, action: dict[str, Any]
) -> None:
    await trio.venue.spoil_submit(kind, of=name, **action)
    answer = await trio.client.submit(fills_now(name))
    assert answer.status is not OrderStatus.REJECTED
    await trio.becomes(name, OrderStatus.FILLED)
    assert len((await trio.client.submit(fills_now(name))).placements) == 1
    assert len(await trio.venue.submits(name)) == len(await trio.venue.placed(name)) == 1


async def test_a_reply_that_never_comes_is_waited_for_no_longer_than_the_limit(trio: Trio) -> None:
    await trio.venue.spoil_submit("drop_reply", of="hung", ends="hang")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await trio.client.submit(fills_now("hung"))
    assert TOTAL_TIMEOUT_S * 0.9 < loop.time() - began < TOTAL_TIMEOUT_S + 20
    await trio.becomes("hung", OrderStatus.FILLED)
    assert len(await trio.venue.submits("hung")) == 1


async def test_an_error_page_without_effect_is_a_doubt_that_stays(trio: Trio) -> None:
    """The venue has nothing, and nobody can know that yet: absence is no proof."""
    token = await trio.client.watch_token()
    await trio.venue.spoil_submit("status", of="nobody-knows", status=500, body="html")
    doubted = await trio.client.submit(rests("nobody-knows"))
    assert (doubted.status, doubted.leaves_qty) == (OrderStatus.IN_DOUBT, 1)
    assert doubted.cause is not None
    assert "500" in doubted.cause.message

    alert = await trio.first_alert(token)
    assert (alert.kind, alert.client_order_id) == ("ORDER_IN_DOUBT", "nobody-knows")
    assert (await trio.client.status()).in_doubt_count == 1
    in_doubt = (await trio.client.orders(OrderFilter.IN_DOUBT).all()).items
    assert [order.client_order_id for order in in_doubt] == ["nobody-knows"]
    assert (await trio.client.submit(rests("nobody-knows"))).status is OrderStatus.IN_DOUBT
    # A look-up or two later it is as doubtful as before.
    looked_up = await trio.venue.lookups("nobody-knows")
    await eventually(
        lambda: trio.venue.lookups("nobody-knows"), lambda now: len(now) > len(looked_up) + 1
    )
    assert (await trio.order("nobody-knows")).status is OrderStatus.IN_DOUBT
    assert len(await trio.venue.submits("nobody-knows")) == 1


async def test_too_many_requests_has_no_effect_and_says_when_to_come_again(trio: Trio) -> None:
    await trio.venue.spoil_submit("status", of="too-many", status=429)
    with pytest.raises(Unavailable) as refused:
        await trio.client.submit(fills_now("too-many"))
    error = refused.value
    assert (error.reason, error.effect) == (Reason.ALL_VENUES_UNAVAILABLE, Effect.NONE)
    (cause,) = error.venue_causes
    assert (cause.venue, cause.reason, cause.effect) == (VENUE, Reason.RATE_LIMITED, Effect.NONE)
    assert error.retry_after_s is not None
    assert error.retry_after_s > 0
    assert await trio.venue.placed("too-many") == []
    assert (await trio.order("too-many")).status is OrderStatus.UNPLACED

    # The adapter now keeps away from the venue for as long as it was told; a new one doesn't know.
    await trio.adapter.kill()
    await trio.adapter.start()
    await trio.open_for_entries()
    filled = await trio.client.submit_and_wait(fills_now("too-many"), 10)
    assert filled.status is OrderStatus.FILLED
    sent = [entry["client_order_id"] for entry in await trio.venue.submits("too-many")]
    assert sent == [placement.placement_id for placement in filled.placements]
    assert len(sent) == 2


async def test_a_venue_that_stands_still_is_down_and_takes_no_entries(trio: Trio) -> None:
    await trio.client.submit_and_wait(fills_now("held"), 10)
    trio.simulator.freeze()
    venue = await trio.closed_for_entries()
    assert (venue.state, venue.ready) == (VenueState.DOWN, False)
    assert venue.reason
    with pytest.raises(Unavailable) as entry:
        await trio.client.submit(fills_now("frozen"))
    assert (entry.value.reason, entry.value.effect) == (Reason.ALL_VENUES_UNAVAILABLE, Effect.NONE)
    trio.simulator.thaw()
    await trio.open_for_entries()
    filled = await trio.client.submit_and_wait(fills_now("frozen"), 10)
    assert filled.status is OrderStatus.FILLED
    assert len(await trio.venue.submits("frozen")) == 1


async def test_a_venue_that_is_gone_is_named_with_its_reason_and_used_when_it_is_back(
    running: Trio,
) -> None:
    """The last one here: the new venue knows nothing of what the old one had."""
    trio = running
    await trio.simulator.kill()
    venue = await trio.closed_for_entries()
    assert venue.state is not VenueState.UP
    assert venue.reason
    with pytest.raises(Unavailable) as entry:
        await trio.client.submit(fills_now("entry"))
    assert (entry.value.reason, entry.value.effect) == (Reason.ALL_VENUES_UNAVAILABLE, Effect.NONE)
    assert [cause.venue for cause in entry.value.venue_causes] == [VENUE]
    with pytest.raises(Refused) as leaving:
        await trio.client.submit(exit_now("exit"))
    assert (leaving.value.reason, leaving.value.effect) == (Reason.HOLDER_UNAVAILABLE, Effect.NONE)

    trio.simulator.program = trio.programs.simulator(seed=2)
    await trio.simulator.start()
    await trio.open_for_entries()
    state = (await trio.client.status()).trading_state
    assert state is not None
    assert state.state is TradingState.ACTIVE
    assert (await trio.client.submit_and_wait(fills_now("entry"), 10)).status is OrderStatus.FILLED
    assert len(await trio.venue.submits("entry")) == 1
