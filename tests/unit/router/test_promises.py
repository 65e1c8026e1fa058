"""The promises that the router keeps by itself, each with the incident or rule it answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from services.common.domain.errors import (
    Cause,
    Effect,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec, PositionIntent
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import VenuePosition, VenueState
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.journal import codec
from services.router.journal.records import TradingState, TradingStateSet
from services.router.journal.store import Entry, check_chain
from tests.unit.adapter.recording_vfs import RecordingVfs
from tests.unit.domain.orders import instrument, spec
from tests.unit.router.harness import Running, router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, accepts, refuses, report

NOT_SENT = Unavailable(Reason.RATE_LIMITED, "the venue said 429")
NO_ANSWER = OutcomeUnknown("no answer came")


def closing(**changes: object) -> OrderSpec:
    made = spec(
        client_order_id="o-2",
        side=Side.BUY,
        position_intent=PositionIntent.BUY_TO_CLOSE,
        limit_price=Decimal("9.00"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def held_short(running: Running, qty: str = "10", venue: str = "alpaca") -> None:
    """Sell puts to open at a venue, and have them filled."""
    await running.submit(spec(client_order_id="open", venue_pin=venue))
    port = running.ports[venue]
    placed = port.sent[-1].client_order_id
    port.fill(placed, "e-open", qty, qty)
    await until(lambda: running.core.books.held("main") and running.order("open").order.cum_qty)


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


# -- promise 4: failover needs proof --


@virtual
async def test_an_entry_that_was_provably_not_sent_goes_to_the_next_venue(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(NOT_SENT)
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert [p.placement_id for p in entry.order.placements] == ["o-1~al~1.0", "o-1~sd~2.0"]
        assert running.core.books.failover_count == 1
        assert "FAILOVER" in running.kinds()


@virtual
async def test_a_rejection_for_the_orders_sake_does_not_fail_over(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:

        def rejects(order: OrderSpec) -> object:
            made = report(order, OrderStatus.REJECTED, Signal.REJECTED)
            return replace(made, cause=Cause(Reason.INSUFFICIENT_BUYING_POWER, "no money"))

        running.alpaca.answer = rejects  # type: ignore[assignment]
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.REJECTED
        assert running.second.sent == []


@virtual
async def test_an_order_that_the_stream_has_shown_does_not_fail_over(tmp_path: Path) -> None:
    """Evidence beats the word "not sent"."""
    async with router(tmp_path / "j.db", "alpaca", "second") as running:

        def shown_then_denied(order: OrderSpec) -> TandemError:
            known = report(order, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
            running.core.intake.take_report(replace(known, venue="alpaca"))
            return NOT_SENT

        running.alpaca.answer = shown_then_denied
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert running.second.sent == []


@virtual
async def test_when_every_venue_says_no_effect_the_order_is_kept_unplaced(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        for port in running.ports.values():
            port.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable) as refused:
            await running.submit(spec())
        assert refused.value.reason is Reason.ALL_VENUES_UNAVAILABLE
        assert [c.venue for c in refused.value.venue_causes] == ["alpaca", "second"]
        assert {c.effect for c in refused.value.venue_causes} == {Effect.NONE}
        assert running.order().order.status is OrderStatus.UNPLACED
        running.alpaca.answer = accepts
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert running.alpaca.sent[-1].client_order_id == "o-1~al~3.0"


@virtual
async def test_a_venue_that_is_down_names_its_cause(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        with pytest.raises(Unavailable, match="alpaca"):
            await running.submit(spec())
        assert running.alpaca.sent == []


# -- promise 6: unknown is not empty --


@virtual
async def test_an_account_that_cannot_be_read_gives_no_cover(tmp_path: Path) -> None:
    """NautilusTrader #4228: a failed query was read as an empty list."""
    async with router(tmp_path / "j.db") as running:

        async def unreadable() -> object:
            raise ReadFailed("alpaca: 500")

        running.alpaca.positions = unreadable  # type: ignore[method-assign, assignment]
        with pytest.raises(Unavailable, match="cover can't be shown"):
            await running.submit(spec())
        assert running.alpaca.sent == []


# -- promise 7: exits to the holder, cover with what it covers --


@virtual
async def test_an_exit_goes_to_the_holder_although_another_venue_is_preferred(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await held_short(running, venue="second")
        await running.submit(closing())
        assert running.second.sent[-1].client_order_id == "o-2~sd~1.0"
        assert running.alpaca.sent == []


@virtual
async def test_an_exit_never_fails_over(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await held_short(running)
        running.alpaca.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable):
            await running.submit(closing())
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        with pytest.raises(Refused) as refused:
            await running.submit(closing(client_order_id="o-3"))
        assert refused.value.reason is Reason.HOLDER_UNAVAILABLE
        assert running.second.sent == []


@virtual
async def test_two_exits_cannot_turn_a_position_over(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_short(running)
        await running.submit(closing(order_qty=Decimal(6)))
        with pytest.raises(Refused) as refused:
            await running.submit(closing(client_order_id="o-3", order_qty=Decimal(5)))
        assert refused.value.reason is Reason.INSUFFICIENT_QTY
        with pytest.raises(Refused) as refused:
            await running.submit(closing(client_order_id="o-4", order_qty=Decimal(11)))
        assert refused.value.reason is Reason.WOULD_CROSS_ZERO


@virtual
async def test_a_covered_call_goes_only_where_the_shares_are(tmp_path: Path) -> None:
    call = instrument("SPY241115C00600000")
    order = spec(instrument=call, order_qty=Decimal(1), limit_price=Decimal(1))
    shares = VenuePosition("second", "main", instrument("SPY"), Decimal(100))
    ports = {"alpaca": ScriptedPort("alpaca"), "second": ScriptedPort("second", held=[shares])}
    async with router(tmp_path / "j.db", ports=ports) as running:
        await running.submit(order)
        assert [p.client_order_id for p in running.second.sent] == ["o-1~sd~1.0"]
        with pytest.raises(Refused) as refused:  # the first one's cover is taken
            await running.submit(replace(order, client_order_id="o-2"))
        assert refused.value.reason is Reason.NO_COVER
        running.second.reachable = False
        running.second.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "second"].view().ready)
        with pytest.raises(Refused) as refused:
            await running.submit(replace(order, client_order_id="o-3"))
        assert refused.value.reason is Reason.COVER_ELSEWHERE
        assert running.alpaca.sent == []


@virtual
async def test_cash_behind_one_short_put_is_not_behind_another(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", cash="45000")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec(order_qty=Decimal(1)))
        with pytest.raises(Refused) as refused:
            await running.submit(spec(client_order_id="o-2", order_qty=Decimal(1)))
        assert refused.value.reason is Reason.NO_COVER
        assert len(port.sent) == 1


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
