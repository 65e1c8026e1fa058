"""Promises 1 to 3: durable before it is sent, one order per id, and doubt is doubt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import (
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from tests.unit.adapter.recording_vfs import RecordingVfs
from tests.unit.domain.orders import spec
from tests.unit.router.harness import router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, refuses, report

NO_ANSWER = OutcomeUnknown("no answer came")


# -- promise 1: intent before effect --


@virtual
async def test_the_journal_is_synced_before_the_order_is_sent(tmp_path: Path) -> None:
    vfs = RecordingVfs()
    port = ScriptedPort("alpaca", log=vfs.log)
    async with router(tmp_path / "j.db", ports={"alpaca": port}, vfs=vfs.name) as running:
        vfs.log.clear()
        await running.submit(spec())
        before = vfs.log[: vfs.log.index(("send", "o-1~al~1.0"))]
        writes = [i for i, (what, name) in enumerate(before) if what == "write"]
        syncs = [i for i, (what, name) in enumerate(before) if what == "sync"]
        assert writes, "nothing was written before the send"
        assert max(syncs, default=-1) > max(writes), "the last write was not synced"


@virtual
async def test_nothing_is_sent_and_nobody_is_told_when_the_sync_fails(tmp_path: Path) -> None:
    vfs = RecordingVfs()
    async with router(tmp_path / "j.db", vfs=vfs.name, crash=True) as running:
        vfs.sync_fails = True
        with pytest.raises(Unavailable) as refused:
            await running.submit(spec())
        assert refused.value.reason is Reason.JOURNAL_UNAVAILABLE
        assert running.alpaca.sent == []
        assert running.stops, "the process must stop"
        with pytest.raises(TandemError):
            await running.submit(spec(client_order_id="o-9"))
        vfs.sync_fails = False  # lets the test close its files


@virtual
async def test_many_orders_share_one_sync(tmp_path: Path) -> None:
    vfs = RecordingVfs()
    async with router(tmp_path / "j.db", vfs=vfs.name) as running:
        vfs.log.clear()
        orders = [spec(client_order_id=f"o-{i}", order_qty=Decimal(1)) for i in range(20)]
        await asyncio.gather(*map(running.submit, orders))
        assert len(running.alpaca.sent) == 20
        assert vfs.log.count(("sync", "j.db-wal")) < 10


# -- promise 2: one identity --


@virtual
async def test_the_same_id_with_the_same_content_is_one_order(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        same = replace(spec(), order_qty=Decimal("10.0"))
        entries = await asyncio.gather(*(running.submit(s) for s in (spec(), same, spec())))
        assert {entry.order.content_hash for entry in entries} == {spec().content_hash()}
        await running.submit(spec())
        assert len(running.alpaca.sent) == 1


@virtual
async def test_the_same_id_with_other_content_is_refused(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        with pytest.raises(Refused) as refused:
            await running.submit(spec(order_qty=Decimal(9)))
        assert refused.value.reason is Reason.CLIENT_ORDER_ID_REUSED
        assert len(running.alpaca.sent) == 1


@virtual
async def test_a_time_out_does_not_release_the_id(tmp_path: Path) -> None:
    """OpenAlgo #1991: a timeout released the reservation and the retry placed a second order."""
    async with router(tmp_path / "j.db") as running:
        running.alpaca.hold = asyncio.Event()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await running.submit(spec())
        running.alpaca.hold.set()
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert len(running.alpaca.sent) == 1


@virtual
async def test_an_id_is_the_same_order_after_a_restart(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        before = await running.submit(spec())
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        again = await running.submit(spec())
        assert again.order == before.order
        assert len(port.sent) == 1
        with pytest.raises(Refused):
            await running.submit(spec(limit_price=Decimal(1)))


# -- promise 3: only evidence ends an order --


@virtual
async def test_an_unanswered_send_is_in_doubt_and_is_sent_nowhere_else(tmp_path: Path) -> None:
    """NautilusTrader #4288: a timeout booked as a rejection silently doubled the exposure."""
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(NO_ANSWER)
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.IN_DOUBT
        await asyncio.sleep(3600)
        assert running.order().order.status is OrderStatus.IN_DOUBT
        assert (len(running.alpaca.sent), len(running.second.sent)) == (1, 0)
        assert (await running.submit(spec())).order.status is OrderStatus.IN_DOUBT
        assert len(running.alpaca.sent) == 1


@virtual
async def test_a_doubt_ends_when_the_venue_is_found_to_have_the_order(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:

        def lost(order: OrderSpec) -> TandemError:
            known = report(order, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
            running.alpaca.knows[order.client_order_id] = replace(known, venue="alpaca")
            return NO_ANSWER

        running.alpaca.answer = lost
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert len(running.alpaca.sent) == 1


@virtual
async def test_an_order_cut_off_by_the_routers_death_is_in_doubt_not_sent_again(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca", hold=asyncio.Event())
    async with router(tmp_path / "j.db", ports={"alpaca": port}, crash=True) as running:
        waiting = asyncio.ensure_future(running.submit(spec()))
        await until(lambda: port.sent)
    waiting.cancel()
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await asyncio.sleep(600)
        assert running.order().order.status is OrderStatus.IN_DOUBT
        assert len(port.sent) == 1
        late = report(port.sent[0], OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        port.knows["o-1~al~1.0"] = replace(late, venue="alpaca")
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)
