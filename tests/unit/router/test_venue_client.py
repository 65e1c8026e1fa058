"""The port over gRPC against a real adapter: what each failure proves, and what it doesn't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import (
    Effect,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderChange, OrderType, TimeInForce
from services.common.domain.reports import Lookup
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.server import open_channel
from services.router.routing.venue import Claim, Pulse
from services.router.routing.venue_client import ClientSettings, VenueClient
from tests.conformance.fakes.scripts import OnSubmit
from tests.ports import free_port
from tests.unit.adapter import served

ID = served.ID
CLAIM = Claim("j1", 1, 1, 10, bytes(32))
PATIENT = ClientSettings(
    send_timeout_s=20.0, read_timeout_s=20.0, heartbeat_s=1.0, silence_max_s=20.0
)
HASTY = replace(PATIENT, send_timeout_s=0.5)  # where the venue never answers
ORDER = OrderSpec(
    ID,
    Equity("SPY"),
    Side.BUY,
    Decimal(2),
    OrderType.LIMIT,
    TimeInForce.DAY,
    limit_price=Decimal(400),
)


@dataclass
class Reached:
    """An adapter that was fenced, and the client to it."""

    client: VenueClient
    venue: served.Served


@asynccontextmanager
async def client_to(address: str, settings: ClientSettings = PATIENT) -> AsyncIterator[VenueClient]:
    channel = open_channel(address, margin_s=0.1, default_timeout_s=20.0)
    try:
        yield VenueClient("main", "fake", channel, settings)
    finally:
        await channel.close()


@asynccontextmanager
async def reached(tmp_path: Path, settings: ClientSettings = PATIENT) -> AsyncIterator[Reached]:
    pool = BlockingPool(1, slot_wait_s=5.0, name="test")
    address = f"127.0.0.1:{free_port()}"
    async with served.serve(served.settings(tmp_path, listen=address), pool) as venue:
        venue.gateway.begin_session()
        async with client_to(address, settings) as client:
            await client.fence(CLAIM)
            yield Reached(client, venue)
    await pool.close(1.0)


async def submit(it: Reached, script: OnSubmit | None = None, **changes: object) -> object:
    if script is not None:
        it.venue.gateway.on_submit(ID, script)
    order = replace(ORDER, **changes)  # type: ignore[arg-type]
    return await it.client.submit(order, CLAIM, it.venue.gateway.session_id)


@pytest.mark.parametrize(
    ("script", "status"),
    [(OnSubmit.ACCEPT, OrderStatus.ACCEPTED), (OnSubmit.REJECT, OrderStatus.REJECTED)],
)
async def test_the_venues_word_comes_back_as_a_report(
    tmp_path: Path, script: OnSubmit, status: OrderStatus
) -> None:
    async with reached(tmp_path) as it:
        it.venue.gateway.on_submit(ID, script)
        report = await it.client.submit(ORDER, CLAIM, it.venue.gateway.session_id)
        assert (report.status, report.client_id, report.venue) == (status, ID, "fake")
        assert report.instrument == ORDER.instrument


@pytest.mark.parametrize(
    ("script", "effect"),
    [
        (OnSubmit.NOT_SENT, Effect.NONE),
        (OnSubmit.DOUBT_TAKEN, Effect.UNKNOWN),
        (OnSubmit.DOUBT_LOST, Effect.UNKNOWN),
        (OnSubmit.FAULT, Effect.UNKNOWN),
        (OnSubmit.HANG_AFTER_WRITE, Effect.UNKNOWN),
        (OnSubmit.HANG_BEFORE_WRITE, Effect.UNKNOWN),
    ],
)
async def test_only_the_adapters_own_word_proves_that_nothing_happened(
    tmp_path: Path, script: OnSubmit, effect: Effect
) -> None:
    hangs = script in (OnSubmit.HANG_AFTER_WRITE, OnSubmit.HANG_BEFORE_WRITE)
    async with reached(tmp_path, HASTY if hangs else PATIENT) as it:
        with pytest.raises(TandemError) as failed:
            await submit(it, script)
        assert failed.value.effect is effect
        assert isinstance(failed.value, OutcomeUnknown) is (effect is Effect.UNKNOWN)
        it.venue.gateway.release(ID)


async def test_an_adapter_that_was_never_reached_got_nothing(tmp_path: Path) -> None:
    async with client_to(f"127.0.0.1:{free_port()}") as client:
        with pytest.raises(Unavailable) as failed:
            await client.submit(ORDER, CLAIM, "session-1")
        assert failed.value.effect is Effect.NONE
        with pytest.raises(ReadFailed):
            await client.open_orders()
        with pytest.raises(TandemError):
            await client.fence(CLAIM)


async def test_a_connection_cut_under_a_send_is_a_doubt(tmp_path: Path) -> None:
    """Whatever was sent by then may have arrived."""
    async with reached(tmp_path) as it:
        it.venue.gateway.on_submit(ID, OnSubmit.HANG_AFTER_WRITE)
        call = asyncio.ensure_future(submit(it))
        while ID not in it.venue.gateway.sent:
            await asyncio.sleep(0.01)
        await it.client._channel.close(grace=0)
        with pytest.raises((OutcomeUnknown, asyncio.CancelledError)):
            await call
        it.venue.gateway.release(ID)


async def test_a_stale_session_and_a_stale_epoch_are_told_apart(tmp_path: Path) -> None:
    async with reached(tmp_path) as it:
        with pytest.raises(TandemError) as failed:
            await it.client.submit(ORDER, CLAIM, "another session")
        assert (failed.value.reason, failed.value.effect) == (Reason.STALE_SESSION, Effect.NONE)
        later = replace(CLAIM, epoch=2)
        fenced = await it.client.fence(later)
        assert fenced.previous == CLAIM
        session = it.venue.gateway.session_id
        for claim in (CLAIM, replace(CLAIM, generation=0)):
            with pytest.raises(TandemError) as failed:
                await it.client.submit(ORDER, claim, session)
            assert (failed.value.reason, failed.value.effect) == (Reason.STALE_EPOCH, Effect.NONE)
            with pytest.raises(TandemError) as failed:
                await it.client.cancel(ID, claim, session)
            assert failed.value.reason is Reason.STALE_EPOCH
            with pytest.raises(TandemError) as failed:
                await it.client.fence(claim)
            assert failed.value.reason is Reason.STALE_EPOCH
        assert it.venue.gateway.sent == []


async def test_a_change_does_not_leave_after_its_time(tmp_path: Path) -> None:
    async with reached(tmp_path) as it:
        await submit(it)
        revision = ID.removesuffix("0") + "1"
        change, session_id = OrderChange(limit_price=Decimal(401)), it.venue.gateway.session_id
        with pytest.raises(TandemError) as refused:
            await it.client.replace(
                ID, revision, change, CLAIM, session_id, not_after=datetime(2020, 1, 1, tzinfo=UTC)
            )
        assert (refused.value.reason, refused.value.effect) == (
            Reason.NOT_AFTER_PASSED,
            Effect.NONE,
        )


async def test_look_ups_say_found_absent_unknown_or_fail(tmp_path: Path) -> None:
    async with reached(tmp_path) as it:
        assert (await it.client.find_order(ID)).lookup is Lookup.ABSENT
        await submit(it)
        found = await it.client.find_order(ID)
        assert found.lookup is Lookup.FOUND
        assert found.report is not None
        assert [r.client_id for r in await it.client.open_orders()] == [ID]
        it.venue.gateway.lookup_unknown = "outside the window"
        assert (await it.client.find_order(ID)).lookup is Lookup.UNKNOWN
        it.venue.gateway.lookup_unknown = ""
        it.venue.gateway.read_failure = ReadFailed("500")
        for read in (
            it.client.find_order(ID),
            it.client.open_orders(),
            it.client.executions(),
            it.client.positions(),
            it.client.balance(),
        ):
            with pytest.raises(ReadFailed):
                await read


async def test_lists_are_read_to_their_end(tmp_path: Path) -> None:
    async with reached(tmp_path) as it:
        await submit(it, order_qty=Decimal(600))
        for _ in range(520):  # a page has 500
            it.venue.gateway.fill(ID, Decimal(1), Decimal(400))
        assert len(await it.client.executions()) == 520
        assert len(await it.client.executions(placement_id=ID)) == 520


async def test_a_cancel_of_what_the_venue_does_not_know_is_not_found(tmp_path: Path) -> None:
    async with reached(tmp_path) as it:
        with pytest.raises(NotFound):
            await it.client.cancel(ID, CLAIM, it.venue.gateway.session_id)
        await submit(it)
        report = await it.client.cancel(ID, CLAIM, it.venue.gateway.session_id)
        assert report.status is OrderStatus.PENDING_CANCEL


async def test_the_stream_begins_with_the_session_and_tells_in_order(tmp_path: Path) -> None:
    async with reached(tmp_path) as it:
        news = it.client.watch()
        assert await anext(news) == Pulse(it.venue.gateway.session_id)
        await submit(it)
        it.venue.gateway.fill(ID, Decimal(1), Decimal(400))
        told = [type(await anext(news)).__name__ for _ in range(3)]
        assert told == ["OrderReport", "Execution", "OrderReport"]
        it.venue.feed.drain()
        assert [type(item) async for item in news if type(item) is not Pulse] == []


async def test_a_stream_that_falls_silent_is_a_failed_read(tmp_path: Path) -> None:
    """A half-open connection says nothing, and would say nothing for ever."""
    server = await asyncio.start_server(_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with client_to(f"127.0.0.1:{port}", replace(PATIENT, silence_max_s=1.5)) as client:
        with pytest.raises(ReadFailed):
            async with asyncio.timeout(30):
                await anext(client.watch())
    server.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
