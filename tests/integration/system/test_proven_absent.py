"""What a broker provably never took goes to the next one, through deaths of any process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tandem_client import OrderStatus, Reason

from stack.programs import ALPACA, IB
from tests.integration.system.quintet import Settling
from tests.integration.system.trio import fills_now

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settling]:
    """One for the module."""
    async with Settling.running(tmp_path_factory.mktemp("settling")) as settling:
        yield settling


@pytest_asyncio.fixture(loop_scope="module")
async def five(running: Settling) -> AsyncIterator[Settling]:
    """Both brokers open for entries before a test, the books compared with both after it."""
    await running.open_for_entries()
    yield running
    await running.venue.clear_faults()
    await running.open_for_entries()
    await running.books_agree()


async def lose(five: Settling, client_order_id: str) -> None:
    """Submit an order of which Alpaca answers an error page, and knows nothing."""
    await five.venue.spoil_submit("status", of=client_order_id, status=500, body="html")
    doubted = await five.client.submit(fills_now(client_order_id))
    assert doubted.status is OrderStatus.IN_DOUBT


async def goes_to_ib(five: Settling, client_order_id: str) -> None:
    """The order ends at IB, once, and Alpaca never has it."""
    filled = await five.becomes(client_order_id, OrderStatus.FILLED)
    first, second = filled.placements
    assert (first.venue, first.status) == (ALPACA.venue, OrderStatus.UNPLACED)
    assert first.cause is not None
    assert first.cause.reason is Reason.PLACEMENT_FENCED
    assert second.venue == IB.venue
    assert await five.venue.placed(client_order_id) == []
    assert len(await five.ib.placed(client_order_id)) == 1


async def test_an_order_that_alpaca_never_took_is_filled_at_ib_and_told(five: Settling) -> None:
    before = (await five.client.status()).failover_count
    await lose(five, "never")
    await goes_to_ib(five, "never")
    status = await five.client.status()
    assert (status.failover_count, status.in_doubt_count) == (before + 1, 0)


async def test_a_router_that_dies_in_doubt_goes_on_after_its_restart(five: Settling) -> None:
    await lose(five, "router-dies")
    await five.router.kill()
    await five.router.start()
    await goes_to_ib(five, "router-dies")


async def test_an_adapter_that_dies_in_doubt_proves_it_after_its_restart(five: Settling) -> None:
    await lose(five, "adapter-dies")
    await five.adapter.kill()
    await five.adapter.start()
    await goes_to_ib(five, "adapter-dies")


async def test_while_alpaca_is_away_the_doubt_stays_and_others_go_to_ib(five: Settling) -> None:
    await lose(five, "held-up")
    await five.adapter.kill()
    await five.is_open(ALPACA.venue, wanted=False)
    other = await five.client.submit_and_wait(fills_now("other"), 20)
    assert (other.status, other.placements[-1].venue) == (OrderStatus.FILLED, IB.venue)
    assert (await five.order("held-up")).status is OrderStatus.IN_DOUBT
    await five.adapter.start()
    await goes_to_ib(five, "held-up")
