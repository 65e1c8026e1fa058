"""An adapter obeys one router: the newest that has called Fence, and nobody else."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from tandem_client import (
    Effect,
    Reason,
    Refused,
    TandemClient,
    TandemError,
    TradingState,
    Unavailable,
)

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import operations_service_pb2 as operations_pb
from services.common.contract.pb.operations_service_pb2_grpc import OperationsServiceStub
from tests.integration.system.parts import Part, eventually
from tests.integration.system.plain import failure, put_order, stub, submit
from tests.integration.system.trio import (
    ACCOUNT,
    VENUE,
    Programs,
    Trio,
    fills_now,
    is_router_up,
    rests,
)
from tests.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def own_fence(trio: Trio) -> pb.Fence:
    """The fence that the router carries now."""
    async with grpc.aio.insecure_channel(trio.operations_address) as channel:
        fleet = await OperationsServiceStub(channel).GetFleet(operations_pb.GetFleetRequest())
    return pb.Fence(
        journal_id=fleet.journal_id,
        generation=fleet.generation,
        epoch=fleet.epoch,
        head_sequence=fleet.head_sequence,
        head_hash=fleet.head_hash,
    )


async def test_a_change_without_a_fence_is_refused(trio: Trio) -> None:
    async with stub(trio.adapter_address) as adapter:
        sent = await failure(adapter.SubmitOrder, submit(put_order("past-the-router")))
        canceled = await failure(
            adapter.CancelOrder, pb.CancelOrderRequest(account_id=ACCOUNT, client_order_id="any")
        )
        status = await adapter.GetStatus(pb.GetStatusRequest(account_id=ACCOUNT))
    for told in (sent, canceled):
        assert (told.code, told.reason, told.effect) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "FENCE_REQUIRED",
            "EFFECT_NONE",
        )
    assert len(status.venues) == 1  # reads need none
    assert await trio.venue.submits_like("past-the-router") == []


async def test_a_fence_that_is_not_the_routers_own_is_refused(trio: Trio) -> None:
    await trio.router.kill()
    await trio.router.start()  # its second epoch: now there is an older one
    session_id = (await trio.open_for_entries()).session_id
    own = await own_fence(trio)
    older, beside, unheard_of = pb.Fence(), pb.Fence(), pb.Fence()
    for fence in (older, beside, unheard_of):
        fence.CopyFrom(own)
    older.epoch -= 1
    beside.journal_id = "00000000-0000-4000-8000-000000000000"
    unheard_of.epoch += 1

    refused = []
    async with stub(trio.adapter_address) as adapter:
        for fence in (older, beside, unheard_of):
            order = put_order("not-fenced~sim~1.0")
            request = submit(order, fence=fence, expected_session_id=session_id)
            told = await failure(adapter.SubmitOrder, request)
            refused.append((told.reason, told.effect))
    assert refused == [
        ("STALE_EPOCH", "EFFECT_NONE"),
        ("STALE_EPOCH", "EFFECT_NONE"),
        ("FENCE_NOT_TAKEN", "EFFECT_NONE"),
    ]
    assert await trio.venue.submits("not-fenced") == []
    assert (await trio.client.submit_and_wait(fills_now("own-fence"), 10)).ended


@asynccontextmanager
async def router_on_a_copy(trio: Trio, folder: Path) -> AsyncIterator[TandemClient]:
    """A second router, on a copy of the first one's journal as it is now."""
    ports = replace(trio.programs.ports, router=free_port(), operations=free_port())
    (folder / "router").mkdir()
    copy_journal(trio.programs.folder / "router", folder / "router")
    part = Part(Programs(ports, folder).router(), folder / "logs", is_router_up)
    try:
        await part.start()
        async with TandemClient(f"127.0.0.1:{ports.router}", deadline_s=20.0) as client:
            yield client
        assert await part.stop() == 0
    finally:
        await part.end()


def copy_journal(source: Path, target: Path) -> None:
    """By SQLite's own backup, as docs/operations.md says."""
    with (
        closing(sqlite3.connect(source / "journal.sqlite")) as original,
        closing(sqlite3.connect(target / "journal.sqlite")) as copy,
    ):
        original.backup(copy)


async def overtaken(trio: Trio, folder: Path, name: str) -> None:
    """Let a newer router take the venue and trade there: the older one stops."""
    async with router_on_a_copy(trio, folder) as newer:
        await eventually(newer.status, lambda status: status.venues[0].ready)
        with pytest.raises(TandemError) as refused:
            await trio.client.submit(rests(f"stale-{name}"))
        assert refused.value.effect is Effect.NONE
        assert await trio.router.ended() == 1
        assert "is older than what was taken" in "\n".join(trio.router.child.tail())
        assert await trio.venue.submits(f"stale-{name}") == []
        for number in range(3):  # so that its journal gets longer than the older one's
            order = await newer.submit(rests(f"newer-{name}-{number}"))
            assert len(await trio.venue.submits(order.client_order_id)) == 1
            await newer.cancel(order.client_order_id)


async def is_halted(trio: Trio, token: str) -> None:
    alert = await trio.first_alert(token, "JOURNAL_BEHIND")
    assert alert.venue == VENUE
    state = (await trio.client.status()).trading_state
    assert state is not None
    assert (state.state, state.actor) == (TradingState.HALTED, "tandem")


async def test_a_newer_router_takes_the_venue_and_the_older_one_stops_and_halts(
    trio: Trio, tmp_path: Path
) -> None:
    token = await trio.client.watch_token()
    await overtaken(trio, tmp_path, "behind")
    await trio.router.start()
    await is_halted(trio, token)

    # Taken up on purpose it still waits for a person's word, and then goes on.
    assert await trio.router.stop() == 0
    trio.router.program = trio.programs.router(TANDEM_ROUTER_JOURNAL_GENERATION="2")
    await trio.router.start()
    with pytest.raises(Refused) as halted:
        await trio.client.submit(fills_now("taken-up"))
    assert halted.value.reason is Reason.TRADING_HALTED
    await trio.open_for_entries()
    await trio.operations.set_trading_state(TradingState.ACTIVE, reason="looked", actor="test")
    assert (await trio.client.submit_and_wait(fills_now("taken-up"), 10)).ended


async def test_a_journal_that_grew_beside_what_the_venue_has_seen_halts_as_well(
    trio: Trio, tmp_path: Path
) -> None:
    token = await trio.client.watch_token()
    await overtaken(trio, tmp_path, "beside")
    await trio.adapter.kill()
    await trio.router.start()
    for number in range(20):  # longer than the newer one's: its length tells nothing any more
        with pytest.raises(Unavailable):
            await trio.client.submit(rests(f"unplaced-{number}"))
    await trio.adapter.start()
    await is_halted(trio, token)
