"""Promises 8 to 10: each fill once, the journal is the state, the gate and the fence hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from services.common.domain.errors import (
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import VenueState
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.journal import codec
from services.router.journal.records import TradingState, TradingStateSet
from services.router.journal.store import Entry, check_chain
from tests.unit.adapter.recording_vfs import RecordingVfs
from tests.unit.domain.orders import spec
from tests.unit.router.harness import closing, held_short, router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, refuses

# -- promise 8: each execution once --


@virtual
async def test_a_fill_told_twice_and_read_again_is_booked_once(tmp_path: Path) -> None:
    """LEAN Alpaca #61: one fill replayed as three."""
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        port.fill("o-1~al~1.0", "e-1", "4", "4")
        port.news.put_nowait(port.fills[0])
        port.news.put_nowait(replace(port.fills[0], exec_id="20241104::e-1"))
        await until(lambda: running.order().order.cum_qty == 4)
        port.news.put_nowait(None)  # a gap: everything is read again
        await asyncio.sleep(30)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await asyncio.sleep(30)
        assert running.order().order.cum_qty == 4
        assert len(running.core.books.executions) == 1
        assert [p.qty for p in running.core.books.held("main")] == [-4]


@virtual
async def test_a_fill_during_a_gap_is_recovered(tmp_path: Path) -> None:
    """LEAN IB #249: fills during an outage were never recovered."""
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        port.reachable = False
        port.news.put_nowait(None)
        await asyncio.sleep(10)
        port.fill("o-1~al~1.0", "e-1", "10", "10")
        port.news.get_nowait()  # the stream never tells of it
        port.reachable = True
        await until(lambda: running.order().order.status is OrderStatus.FILLED)


@virtual
async def test_strangers_and_misfits_are_quarantined_not_booked(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        port.fill("o-1~al~1.0", "e-1", "4", "4", px="8.49")  # worse than the limit
        stranger = replace(port.fills[0], exec_id="e-2", client_id="by-hand", venue_order_id="v-x")
        port.news.put_nowait(stranger)
        port.news.put_nowait(stranger)
        await until(lambda: len(running.core.books.quarantine) == 2)
        await asyncio.sleep(10)
        assert len(running.core.books.quarantine) == 2
        assert running.order().order.cum_qty == 0
        assert list(running.core.books.held("main")) == []
        assert running.kinds().count("QUARANTINED") == 2
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await asyncio.sleep(10)
        assert len(running.core.books.quarantine) == 2


# -- promise 9: the journal is the system --


@virtual
async def test_replay_gives_the_live_state_and_sends_nothing(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await held_short(running)
        await running.submit(closing())
        await running.core.desk.cancel("main", "o-2")
        live = running.core.books
        snapshot = (digest(live), live.orders, live.positions)
        await running.core.journal.durable()
        fold = replay(tmp_path / "j.db")
        assert (digest(fold), fold.orders, fold.positions) == snapshot
    sent = len(port.sent)
    async with router(tmp_path / "j.db", ports={"alpaca": port}):
        await asyncio.sleep(60)
        assert len(port.sent) == sent


def replay(path: Path) -> Books:
    """A second fold of the same file, read beside the writer."""
    rows = apsw.Connection(str(path)).execute("SELECT seq, data, hash FROM entries ORDER BY seq")
    books = Books()
    for entry in check_chain(Entry(*row) for row in rows):
        books.apply(*codec.decode(entry.data))
    return books


@virtual
async def test_a_watcher_is_told_nothing_before_it_is_durable(tmp_path: Path) -> None:
    vfs = RecordingVfs()
    async with router(tmp_path / "j.db", vfs=vfs.name, crash=True) as running:
        subscription = running.core.watching.subscribe("")
        vfs.sync_fails = True
        with pytest.raises(Unavailable):
            await running.submit(spec())
        assert await subscription.next(1.0) is None
        vfs.sync_fails = False  # lets the test close its files


# -- promise 10, as far as the trading state goes --


@virtual
async def test_the_gate_holds_over_a_restart_and_is_asked_again_before_the_send(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        waiting = asyncio.ensure_future(running.submit(spec()))
        while "o-1" not in {key[1] for key in running.core.books.orders}:
            await asyncio.sleep(0)
        halted = TradingStateSet("", TradingState.HALTED, "test", "me")
        running.core.journal.record(halted)
        with pytest.raises(Unavailable, match="HALTED"):
            await waiting
        assert port.sent == []
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        with pytest.raises(Refused) as refused:
            await running.submit(spec(client_order_id="o-2"))
        assert refused.value.reason is Reason.TRADING_HALTED


# -- fencing --


@virtual
async def test_a_router_that_was_overtaken_stops_at_once(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(Refused(Reason.STALE_EPOCH, "epoch 9 was seen"))
        with pytest.raises(TandemError):
            await running.submit(spec(venue_pin="alpaca"))
        assert running.stops
        assert running.second.sent == []


@virtual
async def test_a_claim_names_a_head_that_is_on_disk(tmp_path: Path) -> None:
    """An adapter keeps the head it has seen: one that a crash takes back looks like a restore."""
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        journal, link = running.core.journal, running.core.links["main", "alpaca"]
        journal.record(TradingStateSet("", TradingState.ACTIVE, "not durable yet", "me"))
        assert link.claim().head_seq == journal.head.seq - 1
        await journal.durable()
        assert (link.claim().head_seq, link.claim().head_hash) == (
            journal.head.seq,
            journal.head.hash,
        )


@virtual
async def test_nothing_is_sent_to_a_venue_before_it_was_fenced(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", fence_error=Unavailable(Reason.VENUE_UNAVAILABLE, "not yet"))
    async with router(tmp_path / "j.db", ports={"alpaca": port}, wait_ready=False) as running:
        with pytest.raises(Unavailable):
            await running.submit(spec())
        assert port.sent == []
        port.fence_error = None
        await until(lambda: running.core.links["main", "alpaca"].view().takes_entries)
        await running.submit(spec())
        assert port.claims[-1].epoch == running.core.books.epoch


@virtual
async def test_a_drained_venue_takes_no_entries(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", state=VenueState.DRAINED)
    async with router(tmp_path / "j.db", ports={"alpaca": port}, wait_ready=False) as running:
        await asyncio.sleep(5)
        with pytest.raises(Unavailable, match="DRAINED"):
            await running.submit(spec())
