"""Orders whose answer is lost or refused: sent once, looked up, and one order for one id."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.errors import (
    OutcomeUnknown,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import Lookup, VenueState
from simulators.alpaca.settings import AlpacaSettings as SimulatorSettings
from simulators.venue.settings import VenueSettings
from tests.integration.alpaca_adapter.rig import (
    eventually,
    limit,
    rig,
    settings_for,
)
from tests.integration.alpaca_adapter.simulated import A, fault, orders_there, posts
from tests.ports import free_port
from tests.simulators.process import RunningAlpaca, alpaca_in_thread

# -- one identity -------------------------------------------------------------------------------


async def test_the_same_order_again_is_the_same_order(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        first = await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        await eventually(it.sink.executions)
        again = await it.gateway.submit(limit(A, Side.SELL, "8.500"), it.check)
        assert again.venue_order_id == first.venue_order_id
        assert again.status is OrderStatus.FILLED
        assert len(orders_there(alpaca)) == 1


async def test_another_order_under_a_used_id_is_refused(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        with pytest.raises(Refused) as error:
            await it.gateway.submit(limit(A, Side.SELL, "21"), it.check)
        assert error.value.reason is Reason.CLIENT_ORDER_ID_REUSED
        assert len(orders_there(alpaca)) == 1


@pytest.mark.parametrize("checked", ["first", "last"])
async def test_a_resend_that_its_own_first_attempt_leaves_no_money_for_is_the_first_order(
    checked: str,
) -> None:
    venue = VenueSettings(unique_client_order_ids=checked)
    with alpaca_in_thread(SimulatorSettings(cash=Decimal(41_000), venue=venue)) as alpaca:
        async with rig(settings_for(alpaca.url)) as it:
            fault(alpaca, "POST", kind="drop_reply")
            with pytest.raises(OutcomeUnknown):
                await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
            found = await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
            assert found.status is OrderStatus.ACCEPTED
            assert len(orders_there(alpaca)) == 1


# -- no definite answer -------------------------------------------------------------------------


LOST = [
    {"kind": "drop_reply", "ends": "close"},
    {"kind": "drop_reply", "ends": "reset"},
    {"kind": "drop_reply", "ends": "hang"},
    {"kind": "status", "status": 504, "when": "after"},
    {"kind": "status", "status": 500, "when": "after", "body": "html"},
    {"kind": "status", "status": 302, "when": "after"},
    {"kind": "status", "status": 200, "when": "after", "body": "empty"},
    {"kind": "body", "body": "half"},
    {"kind": "body", "body": "html"},
    {"kind": "body", "body": "empty"},
    {"kind": "delay", "delay_after_s": 3.0},
]


@pytest.mark.parametrize("action", LOST, ids=str)
async def test_an_order_whose_answer_is_lost_is_in_doubt_sent_once_and_then_found(
    alpaca: RunningAlpaca, action: dict[str, Any]
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        fault(alpaca, "POST", **action)
        with pytest.raises(OutcomeUnknown):
            await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        found = await it.gateway.find_order(client_id=A)
        assert found.lookup is Lookup.FOUND
        await eventually(it.sink.executions)
        assert posts(alpaca) == 1
        assert len(orders_there(alpaca)) == 1


async def test_an_order_in_doubt_is_proven_when_the_stream_shows_it(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        fault(alpaca, "POST", kind="delay", delay_after_s=3.0)
        with pytest.raises(OutcomeUnknown):
            await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        await eventually(lambda: it.sink.reports(A))
        assert not it.gateway._parts.unproven.is_open(A)


async def test_an_order_that_never_arrived_is_in_doubt_and_then_absent(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        fault(alpaca, "POST", kind="drop_request")
        with pytest.raises(OutcomeUnknown):
            await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        assert (await it.gateway.find_order(client_id=A)).lookup is Lookup.ABSENT
        assert orders_there(alpaca) == []


async def test_a_429_has_no_effect_and_is_not_sent_again(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        fault(alpaca, "POST", kind="status", status=429)
        with pytest.raises(Unavailable) as error:
            await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        assert error.value.reason is Reason.RATE_LIMITED
        assert error.value.retry_after_s is not None
        assert posts(alpaca) == 1
        assert orders_there(alpaca) == []


async def test_a_venue_that_is_gone_has_no_effect() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with rig(settings_for(url), in_sync=False) as it:
        with pytest.raises(Unavailable) as error:
            await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        assert error.value.reason is Reason.VENUE_NOT_READY
        status = await it.gateway.status()
        assert (status.state, status.ready) == (VenueState.DOWN, False)
