"""What venues say, one word at a time: what counts, what is kept, and that nothing is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.domain.amounts import Money
from services.common.domain.errors import Reason, Unavailable
from services.common.domain.executions import ExecSource, ExecType, Execution, Fee, Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import OrderReport
from services.router.books.entries import BookedExecution
from services.router.journal.records import TradingState
from tests.unit.domain.orders import execution, instrument, spec
from tests.unit.router.harness import Running, router, virtual
from tests.unit.router.scripted_port import refuses, report

PLACED = "o-1~al~1.0"


def word(status: OrderStatus, signal: Signal, cum: str = "0", **changes: object) -> OrderReport:
    made = report(replace(spec(), client_order_id=PLACED), status, signal, cum)
    made = replace(made, venue="alpaca", venue_order_id=f"v-{PLACED}")
    return replace(made, **changes)  # type: ignore[arg-type]


def fill(exec_id: str, qty: str, cum: str | None, **changes: object) -> Execution:
    made = execution(exec_id, qty, cum, venue_order_id=f"v-{PLACED}")
    return replace(made, **changes)  # type: ignore[arg-type]


def kept(running: Running) -> Iterator[str]:
    return (q.record.reason for q in running.core.books.quarantine.values())


@virtual
async def test_a_word_on_the_wrong_terms_is_quarantined_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        before = (await running.submit(spec())).order
        wrong: tuple[dict[str, Any], ...] = (
            {"instrument": instrument("SPY241115P00300000"), "venue_order_id": "v-a"},
            {"side": Side.BUY, "venue_order_id": "v-b"},
            {"order_qty": Decimal(11), "venue_order_id": "v-c"},
            {"venue_order_id": "v-another"},
        )
        for changes in wrong:
            running.core.intake.take_report(word(OrderStatus.FILLED, Signal.FILLED, **changes))
        assert running.order().order == before
        assert len(running.core.books.quarantine) == 4


@virtual
async def test_misfits_of_two_orders_without_a_venue_id_are_both_kept(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        for name in ("o-1", "o-2"):
            await running.submit(spec(client_order_id=name, order_qty=Decimal(1)))
        for placed in ("o-1~al~1.0", "o-2~al~1.0"):
            running.core.intake.take_report(
                word(
                    OrderStatus.ACCEPTED,
                    Signal.ACKNOWLEDGED,
                    client_id=placed,
                    venue_order_id="",
                    side=Side.BUY,
                )
            )
        assert len(running.core.books.quarantine) == 2


@virtual
async def test_a_correction_of_what_was_busted_is_kept_and_changes_nothing(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_execution(fill("e-1", "4", "4"))
        for exec_id, kind in (("e-2", ExecType.BUST), ("e-3", ExecType.CORRECT)):
            told = fill(exec_id, "4", "4", exec_type=kind, exec_ref_id="e-1")
            running.core.intake.take_execution(told)
            running.core.intake.take_execution(told)
        assert len(running.core.books.quarantine) == 1
        assert running.order().order.cum_qty == 0


@virtual
async def test_a_strangers_fill_is_kept_once_under_both_of_its_ids(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        stranger = fill("e-1", "4", "4", client_id="by-hand", venue_order_id="v-x")
        running.core.intake.take_execution(stranger)
        queried = replace(stranger, exec_id="2024::e-1", source=ExecSource.QUERY)
        running.core.intake.take_execution(queried)
        assert len(running.core.books.quarantine) == 1


@virtual
async def test_a_fill_that_differs_from_the_booked_one_is_kept_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_execution(fill("e-1", "4", "4"))
        running.core.intake.take_execution(fill("e-1", "4", "4", last_px=Decimal("8.60")))
        assert len(list(kept(running))) == 1
        assert running.order().order.avg_px == Decimal("8.50")


@virtual
async def test_fills_in_any_order_and_number_are_booked_once_each(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        fills = [fill("e-1", "4", "4"), fill("e-2", "3", "7"), fill("e-3", "3", "10")]
        for told in (fills[2], fills[0], fills[2], fills[1], fills[0], fills[1]):
            running.core.intake.take_execution(told)
        assert running.order().order.status is OrderStatus.FILLED
        assert [b.execution.exec_id for b in running.core.books.executions] == ["e-3", "e-1", "e-2"]
        assert not running.core.books.quarantine


@virtual
async def test_a_fee_that_comes_after_its_fill_is_booked_told_and_replayed(tmp_path: Path) -> None:
    """Some brokers tell the commission later, and a recovery tells fill and fee together again."""
    fees = (Fee("COMMISSION", Money(Decimal("0.65"), "USD")),)
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        for told in (fill("e-1", "4", "4"), fill("e-2", "6", "10")):
            running.core.intake.take_execution(told)
        costed = fill("e-1", "4", "4", fees=fees)
        for told in (costed, costed, fill("e-1", "4", "4")):
            running.core.intake.take_execution(told)
        books = running.core.books
        assert [b.execution.fees for b in books.executions] == [fees, ()]
        assert [e.fees for e in running.order().order.executions] == [fees, ()]
        recent = (*running.core.watching._recent, *running.core.watching._pending)
        told_fees = [e.told.execution.fees for e in recent if isinstance(e.told, BookedExecution)]
        assert told_fees == [(), (), fees]
        assert [p.qty for p in books.held("main")] == [-10]
        assert not books.quarantine
    async with router(tmp_path / "j.db") as again:
        assert [b.execution.fees for b in again.core.books.executions] == [fees, ()]


@virtual
async def test_another_fee_than_the_booked_one_is_kept_and_changes_nothing(tmp_path: Path) -> None:
    fees = (Fee("COMMISSION", Money(Decimal("0.65"), "USD")),)
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        for charged in (fees, (Fee("COMMISSION", Money(Decimal(7), "USD")),)):
            running.core.intake.take_execution(fill("e-1", "4", "4", fees=charged))
        assert [b.execution.fees for b in running.core.books.executions] == [fees]
        assert len(list(kept(running))) == 1


@virtual
async def test_a_late_fill_of_a_canceled_order_is_booked_flagged_and_alarmed(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_report(word(OrderStatus.CANCELED, Signal.CANCELED))
        assert running.order().order.status is OrderStatus.CANCELED
        running.core.intake.take_execution(fill("e-1", "4", "4"))
        assert [e.late for e in running.order().order.executions] == [True]
        assert "LATE_FILL" in running.kinds()
        assert [p.qty for p in running.core.books.held("main")] == [-4]


@virtual
async def test_an_overfill_is_booked_alarmed_and_reduces_the_account(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_execution(fill("e-1", "12", "12"))
        assert running.order().order.cum_qty == 12
        assert "OVERFILL" in running.kinds()
        assert running.core.books.trading_state("main") is TradingState.REDUCING


@virtual
async def test_an_order_that_was_called_not_sent_and_shows_up_reduces_the_account(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.answer = refuses(Unavailable(Reason.RATE_LIMITED, "429"))
        with pytest.raises(Unavailable):
            await running.submit(spec())
        running.core.intake.take_report(word(OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED))
        assert running.order().order.status is OrderStatus.ACCEPTED
        assert "VENUE_CONTRADICTION" in running.kinds()
        assert running.core.books.trading_state("main") is TradingState.REDUCING
        assert ("main", "o-1") in running.core.books.open_orders


@virtual
async def test_an_end_that_the_venue_takes_back_reopens_the_order(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_report(word(OrderStatus.CANCELED, Signal.CANCELED))
        assert not running.order().order.leaves_qty
        running.core.intake.take_report(word(OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED))
        assert running.order().order.status is OrderStatus.CANCELED, "this may be old news"
        running.core.intake.take_report(word(OrderStatus.ACCEPTED, Signal.REOPENED))
        assert running.order().order.status is OrderStatus.ACCEPTED
        assert running.order().order.leaves_qty == 10
        assert "VENUE_CONTRADICTION" in running.kinds()
        assert running.core.books.trading_state("main") is TradingState.REDUCING
        assert ("main", "o-1") in running.core.books.open_orders


@virtual
async def test_a_fill_without_our_id_finds_its_order_by_the_venues_id(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_execution(fill("e-1", "4", "4", client_id=""))
        assert running.order().order.cum_qty == 4
        assert not running.core.books.quarantine


@virtual
async def test_a_strange_id_is_never_matched_by_the_venues_id(tmp_path: Path) -> None:
    """NautilusTrader #4247: a reused venue id put a fill on the wrong order."""
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_execution(fill("e-1", "4", "4", client_id="by-hand"))
        assert running.order().order.cum_qty == 0
        assert len(running.core.books.quarantine) == 1


@virtual
async def test_a_word_from_another_venue_or_account_is_not_ours(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await running.submit(spec())
        for changes in ({"venue": "second"}, {"account_id": "other"}):
            running.core.intake.take_execution(fill("e-1", "4", "4", **changes))
            running.core.intake.take_report(word(OrderStatus.CANCELED, Signal.CANCELED, **changes))
        assert running.order().order.cum_qty == 0
        assert running.order().order.status is OrderStatus.ACCEPTED
        assert len(running.core.books.quarantine) == 4


@virtual
async def test_older_news_of_less_takes_nothing_back(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        intake = running.core.intake
        intake.take_report(word(OrderStatus.PARTIALLY_FILLED, Signal.ACKNOWLEDGED, "7"))
        intake.take_report(word(OrderStatus.PARTIALLY_FILLED, Signal.ACKNOWLEDGED, "4"))
        order = running.order().order
        assert order.missing_fills(order.placements[0]) == 7
