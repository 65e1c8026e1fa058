"""Adopted orders: their fills once each, their owner's terms, and what we may do with them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import InvalidRequest, NotFound, Reason, Refused
from services.common.domain.executions import ExecSource, ExecType, Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange, PositionIntent
from services.router.api.requests import require_clients_own
from services.router.books.digest import digest
from services.router.journal import codec
from services.router.journal.records import (
    AlertRaised,
    ExecutionBooked,
    OrderAdopted,
    QuarantineClosed,
    TradingState,
)
from services.router.journal.store import Entry
from services.router.routing.revising import Asked
from tests.unit.domain.orders import spec
from tests.unit.router.harness import closing, held_short, router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort
from tests.unit.router.strangers import (
    ADOPTED,
    adopt,
    dismiss,
    quarantined,
    tell,
)
from tests.unit.router.test_adopting import found
from tests.unit.router.test_books import replay

# -- adopted --


@virtual
async def test_an_adopted_order_brings_its_fills_and_each_counts_once(tmp_path: Path) -> None:
    """Those before the adoption, those after it, and none again by a recovery."""
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        tell(running)
        port.fill("by-hand", "e-1", "2", "2")
        port.fill("by-hand", "e-2", "3", "5")
        await quarantined(running, 3)
        entry = await adopt(running)
        closed = entry.closed
        assert closed is not None
        assert (closed.adopted, closed.client_order_id, closed.actor) == (True, ADOPTED, "me")
        assert not list(running.core.books.quarantine.open())
        order = running.order(ADOPTED).order
        assert (order.external, order.cum_qty, order.leaves_qty) == (True, 5, 5)
        assert [p.qty for p in running.core.books.held("main")] == [-5]
        port.fill("by-hand", "e-3", "5", "10")
        port.news.put_nowait(replace(port.fills[0], exec_id="q-1", source=ExecSource.QUERY))
        await until(lambda: running.order(ADOPTED).order.status is OrderStatus.FILLED)
        port.news.put_nowait(None)  # a gap: everything is read again
        await asyncio.sleep(30)
        assert [p.qty for p in running.core.books.held("main")] == [-10]
        assert [b.client_order_id for b in running.core.books.executions] == [ADOPTED] * 3
        assert running.kinds().count("ORDER_ADOPTED") == 1
        live = digest(running.core.books)
        await running.core.journal.durable()
        assert digest(replay(tmp_path / "j.db")) == live
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as again:
        await asyncio.sleep(30)
        assert [p.qty for p in again.core.books.held("main")] == [-10]
        assert port.sent == []


@virtual
async def test_what_was_taken_back_before_the_adoption_does_not_count(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running)
        for exec_id, qty, cum in (("e-1", "4", "4"), ("e-2", "2", "6")):
            running.alpaca.fill("by-hand", exec_id, qty, cum)
        bust = replace(
            running.alpaca.fills[0], exec_id="b-1", exec_type=ExecType.BUST, exec_ref_id="e-1"
        )
        running.alpaca.news.put_nowait(bust)
        await quarantined(running, 4)
        await adopt(running)
        assert running.order(ADOPTED).order.cum_qty == 2
        assert [p.qty for p in running.core.books.held("main")] == [-2]
        assert not list(running.core.books.quarantine.open())


@virtual
async def test_an_adoption_is_one_commit(tmp_path: Path) -> None:
    """A death in between would leave an order in the books without its fills."""
    async with router(tmp_path / "j.db") as running:
        tell(running)
        running.alpaca.fill("by-hand", "e-1", "2", "2")
        await quarantined(running, 2)
        await running.core.journal.durable()
        store, batches = running.core.journal._store, []
        append = store.append

        def note(entries: Sequence[Entry], epoch: int) -> None:
            batches.append([type(codec.decode(entry.data)[2]) for entry in entries])
            append(entries, epoch)

        store.append = note  # type: ignore[method-assign]
        await adopt(running)
        await running.core.journal.durable()
        kinds = [OrderAdopted, AlertRaised, ExecutionBooked, QuarantineClosed, QuarantineClosed]
        assert batches[0] == kinds


@virtual
async def test_fills_from_before_our_time_are_fetched_once_the_order_is_adopted(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running, status=OrderStatus.PARTIALLY_FILLED, cum_qty=Decimal(4))
        await quarantined(running)
        running.alpaca.fill("by-hand", "e-1", "4", "4")
        running.alpaca.news.get_nowait()  # nobody tells of it
        await adopt(running)
        await until(lambda: running.order(ADOPTED).order.cum_qty == 4, within_s=1)


@virtual
async def test_adopting_twice_is_adopting_once(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running)
        await quarantined(running)
        first, head = await adopt(running), running.core.journal.head
        assert await adopt(running) == first
        assert running.core.journal.head == head
        with pytest.raises(Refused, match=f"adopted as {ADOPTED}"):
            dismiss(running)
        with pytest.raises(NotFound):
            await adopt(running, "order:main:alpaca:nobody")


@virtual
async def test_an_execution_that_does_not_fit_stays_until_its_order_says_why(
    tmp_path: Path,
) -> None:
    """Its owner may change the price before the order's news comes."""
    async with router(tmp_path / "j.db") as running:
        tell(running)
        running.alpaca.fill("by-hand", "e-1", "4", "4", px="8.40")  # worse than the limit
        await quarantined(running, 2)
        await adopt(running)
        [left] = running.core.books.quarantine.open()
        assert "beyond the limit" in left.record.reason
        with pytest.raises(Refused, match="beyond the limit"):
            await adopt(running, left.record.quarantine_id)
        tell(running, limit_price=Decimal("8.40"), order_qty=Decimal(12))
        await until(lambda: not list(running.core.books.quarantine.open()))
        order = running.order(ADOPTED).order
        assert (order.cum_qty, order.asked_qty) == (4, 12)
        assert order.spec.limit_price == Decimal("8.40")


@virtual
async def test_a_word_that_cannot_be_true_of_an_adopted_order_waits_for_a_person(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running)
        await quarantined(running)
        await adopt(running)
        tell(running, side=Side.BUY)
        await quarantined(running, 2)
        tell(running, limit_price=Decimal(9))  # news of it closes nothing
        await until(lambda: running.order(ADOPTED).order.spec.limit_price == 9)
        [left] = running.core.books.quarantine.open()
        assert "is a BUY" in left.record.reason
        with pytest.raises(Refused, match="dismiss it"):
            await adopt(running, left.record.quarantine_id)


@virtual
async def test_the_order_of_an_execution_alone_is_looked_up(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        shown_as = found(status=OrderStatus.FILLED, signal=Signal.FILLED, cum_qty=Decimal(10))
        running.alpaca.knows["by-hand"] = shown_as
        running.alpaca.fill("by-hand", "e-1", "10", "10")
        await quarantined(running)
        [execution_id] = running.core.books.quarantine
        await adopt(running, execution_id)
        assert running.order(ADOPTED).order.status is OrderStatus.FILLED
        assert not list(running.core.books.quarantine.open())


@virtual
async def test_an_execution_whose_order_nobody_shows_cannot_be_adopted(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running)
        running.alpaca.fill("by-hand", "e-1", "10", "10")
        stranger = replace(running.alpaca.fills[0], venue_order_id="v-9", client_id="gone")
        running.core.intake.take_execution(stranger)
        [execution_id] = [i for i in running.core.books.quarantine if ":v-9:" in i]
        with pytest.raises(Refused, match="does not show"):
            await adopt(running, execution_id)


@virtual
async def test_a_word_on_an_order_of_ours_can_only_be_dismissed(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        tell(running, client_id="o-1~al~1.0", venue_order_id="v-o-1~al~1.0", side=Side.BUY)
        await quarantined(running)
        [misfit] = running.core.books.quarantine
        with pytest.raises(Refused, match="the books have"):
            await adopt(running, misfit)
        assert dismiss(running, misfit).closed is not None
        assert running.order().order.status is OrderStatus.ACCEPTED


@virtual
async def test_an_order_of_ours_that_the_journal_lost_comes_back_under_its_own_id(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running, client_id="lost~al~1.0")
        await quarantined(running)
        await adopt(running)
        order = running.order("lost").order
        assert (order.external, order.placements[0].placement_id) == (False, "lost~al~1.0")


@virtual
async def test_a_lost_placement_of_a_known_order_is_no_order_to_adopt(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        before = (await running.submit(spec())).order
        tell(running, client_id="o-1~al~7.0")
        await quarantined(running)
        with pytest.raises(Refused, match="the books have o-1"):
            await adopt(running)
        assert running.order().order == before


@virtual
async def test_what_an_owner_fills_beyond_his_terms_is_alarmed_and_stops_nobody(
    tmp_path: Path,
) -> None:
    """He may have changed the quantity, and the fill was told first."""
    async with router(tmp_path / "j.db") as running:
        tell(running)
        await quarantined(running)
        await adopt(running)
        running.alpaca.fill("by-hand", "e-1", "12", "12")
        await until(lambda: running.order(ADOPTED).order.cum_qty == 12)
        assert "OVERFILL" in running.kinds()
        assert running.core.books.trading_state("main") is TradingState.ACTIVE


# -- what can be done with an adopted order --


@virtual
async def test_an_adopted_order_is_canceled_at_its_venue_and_never_changed_or_sent(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        tell(running)
        await quarantined(running)
        await adopt(running)
        change = Asked("r-1", OrderChange(limit_price=Decimal(9)), None)
        with pytest.raises(Refused, match="owner") as refused:
            await running.core.desk.replace("main", ADOPTED, change)
        assert refused.value.reason is Reason.NOT_PERMITTED
        with pytest.raises(Refused) as reused:
            await running.submit(spec(client_order_id=ADOPTED))
        assert reused.value.reason is Reason.CLIENT_ORDER_ID_REUSED
        with pytest.raises(InvalidRequest):
            require_clients_own("external-x", running.core.books, "main")
        entry = await running.core.desk.cancel("main", ADOPTED)
        assert entry.order.status is OrderStatus.PENDING_CANCEL
        assert port.canceled == ["external~main~alpaca~v-7"]
        ended = {"status": OrderStatus.CANCELED, "signal": Signal.CANCELED}
        tell(running, **ended)
        await until(lambda: running.order(ADOPTED).order.status is OrderStatus.CANCELED)
        assert (port.sent, port.replaced) == ([], [])


@virtual
async def test_a_venue_that_lets_only_the_owner_cancel_is_heard(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running)
        await quarantined(running)
        await adopt(running)
        running.alpaca.cancel_error = Refused(Reason.NOT_PERMITTED, "only its owner can")
        with pytest.raises(Refused, match="only its owner"):
            await running.core.desk.cancel("main", ADOPTED)
        assert running.order(ADOPTED).order.status is OrderStatus.ACCEPTED
        assert running.order(ADOPTED).order.cancel_requested


@virtual
async def test_a_strangers_exit_is_not_free_for_ours_in_quarantine_or_adopted(
    tmp_path: Path,
) -> None:
    """Two exits of all that is held would turn the position over."""
    async with router(tmp_path / "j.db") as running:
        await held_short(running)
        buy = {"side": Side.BUY, "position_intent": PositionIntent.BUY_TO_CLOSE}
        tell(running, **buy, order_qty=Decimal(6))
        await quarantined(running)
        for step in (None, adopt):
            if step is not None:
                await step(running)
            with pytest.raises(Refused) as refused:
                await running.submit(closing(client_order_id="too-many", order_qty=Decimal(5)))
            assert refused.value.reason is Reason.INSUFFICIENT_QTY
        await running.submit(closing(order_qty=Decimal(4)))
