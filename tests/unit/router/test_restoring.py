"""A journal restored from a copy: it halts, reads every venue, and takes in what it lacks.

The copy is made while orders go on at scripted venues; the same venues are then read by a router
on the copy.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from services.common.domain.errors import ReadFailed, Reason, Refused, Unavailable
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import OrderReport, VenuePosition
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.journal.records import TradingState, TradingStateSet
from services.router.journal.replay import read_back
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, accepts, refuses


def copy_journal(source: Path, target: Path) -> None:
    """By SQLite's backup, and by the library that has it open: another would break its locks."""
    original, copy = apsw.Connection(str(source)), apsw.Connection(str(target))
    with copy.backup("main", original, "main") as backup:
        backup.step()
    copy.close()
    original.close()


def shows_its_terms(spec: OrderSpec) -> OrderReport:
    """The venue takes the order, and shows all that was asked for."""
    return replace(
        accepts(spec),
        order_type=spec.order_type,
        time_in_force=spec.time_in_force,
        limit_price=spec.limit_price,
        position_intent=spec.position_intent,
    )


def venue(name: str) -> ScriptedPort:
    return ScriptedPort(name, shows_its_terms)


def ended(port: ScriptedPort, placement_id: str, status: OrderStatus, signal: Signal) -> None:
    """The venue lists it among those that have ended, and no more among the open ones."""
    port.ended.append(replace(port.knows.pop(placement_id), status=status, signal=signal))


def holds(port: ScriptedPort, qty: str) -> None:
    port.held = [VenuePosition(port.name, "main", spec().single, Decimal(qty))]


async def all_read(running: Running) -> None:
    await until(lambda: not running.core.books.restores)


@virtual
async def test_orders_that_the_copy_lacks_are_adopted_with_their_fills(tmp_path: Path) -> None:
    port = venue("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        running.alpaca.cash = "100000000"
        await running.submit(spec(client_order_id="before"))
        await running.core.journal.durable()
        copy_journal(tmp_path / "j.db", tmp_path / "copy.db")
        await running.submit(spec(client_order_id="works"))
        await running.submit(spec(client_order_id="filled"))
        await running.submit(spec(client_order_id="ended"))
        port.fill("filled~al~1.0", "e-1", "10", "10")
        port.fill("works~al~1.0", "e-2", "4", "4")
        await until(lambda: len(running.core.books.executions) == 2)
        lost = digest(running.core.books)
    ended(port, "ended~al~1.0", OrderStatus.CANCELED, Signal.CANCELED)
    ended(port, "filled~al~1.0", OrderStatus.FILLED, Signal.FILLED)
    ended(port, "before~al~1.0", OrderStatus.CANCELED, Signal.CANCELED)
    holds(port, "-14")
    sent = len(port.sent)

    async with router(tmp_path / "copy.db", ports={"alpaca": port}, generation=2) as running:
        await all_read(running)
        books = running.core.books
        assert digest(books) != lost
        shown = {key[1]: e.order.status for key, e in books.orders.items()}
        assert shown == {
            "before": OrderStatus.CANCELED,
            "ended": OrderStatus.CANCELED,
            "filled": OrderStatus.FILLED,
            "works": OrderStatus.PARTIALLY_FILLED,
        }
        (position,) = books.held("main")
        assert position.qty == -14
        assert list(books.quarantine.values()) == []
        assert running.kinds().count("ORDER_ADOPTED") == 3
        assert running.alerts("RESTORE_DIFFERS") == []
        with pytest.raises(Refused) as halted:
            await running.submit(spec(client_order_id="new"))
        assert halted.value.reason is Reason.TRADING_HALTED

        # A client that asks again gets its order, and nothing is sent a second time.
        running.core.journal.record(TradingStateSet("", TradingState.ACTIVE, "looked", "me"))
        again = await running.submit(spec(client_order_id="works"))
        assert again.order.status is OrderStatus.PARTIALLY_FILLED
        assert len(port.sent) == sent
        await running.core.desk.cancel("main", "works")
        assert port.canceled == ["works~al~1.0"]
        replayed = Books()
        await running.core.journal.durable()
        for head, at, record in read_back(running.core._store.entries()):
            replayed.apply(head.seq, at, record)
        assert digest(replayed) == digest(books)


@virtual
async def test_a_router_that_did_not_know_of_the_restore_reads_as_well(tmp_path: Path) -> None:
    """The generation was not raised: the adapter has seen more of the journal than there is."""
    port = venue("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        copy_journal(tmp_path / "j.db", tmp_path / "copy.db")
        await running.submit(spec(client_order_id="later"))
    async with router(tmp_path / "copy.db", ports={"alpaca": port}, wait_ready=False) as running:
        await until(lambda: running.alerts("RESTORE_READ"))
        assert running.order("later").order.status is OrderStatus.ACCEPTED
        assert running.core.books.trading_state("main") is TradingState.HALTED


@virtual
async def test_nothing_is_open_before_every_venue_was_read(tmp_path: Path) -> None:
    """What may be live at a venue that can't be read must not be sent to the other."""
    ports = {"alpaca": venue("alpaca"), "second": venue("second")}
    async with router(tmp_path / "j.db", ports=ports) as running:
        copy_journal(tmp_path / "j.db", tmp_path / "copy.db")
        await running.submit(spec(venue_pin="second"))
    ports["second"].reachable = False
    async with router(tmp_path / "copy.db", ports=ports, generation=2, wait_ready=False) as running:
        books = running.core.books
        await until(lambda: books.to_be_read("main") == ["second"])
        running.core.journal.record(TradingStateSet("", TradingState.ACTIVE, "hasty", "me"))
        with pytest.raises(Refused) as halted:
            await running.submit(spec(venue_pin=""))
        assert halted.value.reason is Reason.TRADING_HALTED
    async with router(tmp_path / "copy.db", ports=ports, wait_ready=False) as running:
        books = running.core.books
        await asyncio.sleep(10)
        assert books.to_be_read("main") == ["second"], "a restart forgets nothing"
        ports["second"].reachable = True
        await all_read(running)
        running.core.journal.record(TradingStateSet("", TradingState.ACTIVE, "looked", "me"))
        again = await running.submit(spec(venue_pin=""))
        assert [p.placement_id for p in again.order.placements] == ["o-1~sd~1.0"]
        assert len(ports["alpaca"].sent) == 0


@virtual
async def test_a_reading_that_fails_is_done_again(tmp_path: Path) -> None:
    port = venue("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        copy_journal(tmp_path / "j.db", tmp_path / "copy.db")
        await running.submit(spec())
    real, failures = port.orders, [ReadFailed("429"), ReadFailed("500")]

    async def fails(**named: object) -> object:
        if failures:
            raise failures.pop()
        return await real()

    port.orders = fails  # type: ignore[method-assign, assignment]
    async with router(tmp_path / "copy.db", ports={"alpaca": port}, generation=2) as running:
        assert failures == []
        assert running.order().order.status is OrderStatus.ACCEPTED


@virtual
async def test_an_order_that_is_listed_nowhere_is_found_by_its_fill(tmp_path: Path) -> None:
    port = venue("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        copy_journal(tmp_path / "j.db", tmp_path / "copy.db")
        await running.submit(spec())
        port.fill("o-1~al~1.0", "e-1", "10", "10")
        await until(lambda: running.core.books.executions)
    known = port.knows["o-1~al~1.0"]
    port.knows["o-1~al~1.0"] = replace(
        known, status=OrderStatus.FILLED, signal=Signal.FILLED, cum_qty=Decimal(10)
    )

    async def nothing(**named: object) -> list[object]:
        return []

    port.orders = port.open_orders = nothing  # type: ignore[method-assign, assignment]
    async with router(tmp_path / "copy.db", ports={"alpaca": port}, generation=2) as running:
        assert running.order().order.status is OrderStatus.FILLED


@pytest.mark.parametrize("slow", ["alpaca", "second"])
@virtual
async def test_a_placement_that_the_copy_lacks_joins_its_order(tmp_path: Path, slow: str) -> None:
    """The copy has the order with its first venue, which refused it; the second one has it."""
    ports = {"alpaca": venue("alpaca"), "second": venue("second")}
    async with router(tmp_path / "j.db", ports=ports) as running:
        ports["alpaca"].hold = asyncio.Event()
        sending = asyncio.ensure_future(running.submit(spec()))
        await until(lambda: ports["alpaca"].sent)
        copy_journal(tmp_path / "j.db", tmp_path / "copy.db")
        ports["alpaca"].answer = refuses(Unavailable(Reason.VENUE_UNAVAILABLE, "503"))
        ports["alpaca"].hold.set()
        await sending
        assert "o-1~sd~2.0" in ports["second"].knows
    ports[slow].reachable = False
    async with router(tmp_path / "copy.db", ports=ports, generation=2, wait_ready=False) as running:
        await asyncio.sleep(10)
        ports[slow].reachable = True
        await all_read(running)
        order = running.order().order
        statuses = {p.placement_id: p.status for p in order.placements}
        assert statuses == {
            "o-1~al~1.0": OrderStatus.UNPLACED,
            "o-1~sd~2.0": OrderStatus.ACCEPTED,
        }
        assert ports["second"].canceled == []
        assert order.asked_qty == 10
        assert not order.is_exceeded


@virtual
async def test_what_is_not_ours_goes_where_strangers_go(tmp_path: Path) -> None:
    port = venue("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        copy_journal(tmp_path / "j.db", tmp_path / "copy.db")
        await running.submit(spec())
    for client_id in ("by-hand", "o-9~zz~1.0"):  # another Tandem's tag
        port.knows[client_id] = replace(
            port.knows["o-1~al~1.0"], client_id=client_id, venue_order_id=f"v-{client_id}"
        )
    async with router(tmp_path / "copy.db", ports={"alpaca": port}, generation=2) as running:
        assert {key[1] for key in running.core.books.orders} == {"o-1"}
        assert len(list(running.core.books.quarantine.values())) == 2


@virtual
async def test_a_position_that_does_not_follow_from_what_was_read_is_alarmed(
    tmp_path: Path,
) -> None:
    """As at a venue that lists today only: what was filled yesterday is told by its position."""
    port = venue("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        port.fill("o-1~al~1.0", "e-1", "10", "10")
        await until(lambda: running.core.books.executions)
        copy_journal(tmp_path / "j.db", tmp_path / "copy.db")
    holds(port, "-3")
    async with router(tmp_path / "copy.db", ports={"alpaca": port}, generation=2) as running:
        (alert,) = running.alerts("RESTORE_DIFFERS")
        assert "holds -3 of" in alert.message
        assert "by the books -10" in alert.message
