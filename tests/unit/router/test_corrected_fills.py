"""Corrected and busted fills in the books: positions follow, a person is told, replay agrees."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from services.common.domain.executions import ExecType, Execution, Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import PositionIntent
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.books.entries import BookedExecution
from services.router.journal.records import TradingState
from tests.unit.domain.orders import execution, spec
from tests.unit.router.harness import Running, router, virtual
from tests.unit.router.test_books import replay
from tests.unit.router.test_intake import PLACED, fill, word

CLOSED = "o-2~al~1.0"


def correct(exec_id: str, of: str, qty: str, cum: str, px: str) -> Execution:
    revision = {"exec_type": ExecType.CORRECT, "exec_ref_id": of, "last_px": Decimal(px)}
    return fill(exec_id, qty, cum, **revision)


def bust(exec_id: str, of: str) -> Execution:
    return fill(exec_id, "4", None, exec_type=ExecType.BUST, exec_ref_id=of)


def closing_fill() -> Execution:
    return execution(
        "c-1",
        "4",
        "4",
        client_id=CLOSED,
        side=Side.BUY,
        last_px=Decimal(5),
        venue_order_id=f"v-{CLOSED}",
    )


async def held(running: Running) -> None:
    """Short 10: four at 8.50, six at 8.60; then four are bought back at 5."""
    await running.submit(spec())
    for told in (fill("e-1", "4", "4"), fill("e-2", "6", "10", last_px=Decimal("8.60"))):
        running.core.intake.take_execution(told)
    running.core.intake.take_report(word(OrderStatus.FILLED, Signal.FILLED, "10"))
    closing = spec(
        client_order_id="o-2",
        side=Side.BUY,
        order_qty=Decimal(4),
        position_intent=PositionIntent.BUY_TO_CLOSE,
    )
    await running.submit(closing)
    running.core.intake.take_execution(closing_fill())


async def agrees(running: Running, path: Path) -> Books:
    await running.core.journal.durable()
    fold = replay(path)
    assert digest(fold) == digest(running.core.books)
    assert fold.positions == running.core.books.positions
    return running.core.books


@virtual
async def test_a_correction_moves_the_position_as_if_it_had_come_at_first(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held(running)
        [before] = running.core.books.held("main")
        assert before.realized_pnl == (Decimal("8.50") - 5) * 4 * 100
        running.core.intake.take_execution(correct("e-1b", "e-1", "4", "4", "8.80"))
        books = await agrees(running, tmp_path / "j.db")
        [after] = books.held("main")
        assert (after.qty, after.realized_pnl) == (-6, (Decimal("8.80") - 5) * 4 * 100)
        assert after.avg_entry_price == Decimal("8.60")
        assert running.order().order.avg_px == Decimal("8.68")
        [alert] = running.alerts("EXECUTION_CORRECTED")
        assert PLACED in alert.message
        assert books.trading_state("main") is TradingState.ACTIVE
        assert not books.quarantine


@virtual
async def test_a_bust_of_a_closed_order_takes_its_part_of_the_position_away(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held(running)
        running.core.intake.take_execution(bust("b-1", "e-1"))
        books = await agrees(running, tmp_path / "j.db")
        [after] = books.held("main")
        assert (after.qty, after.realized_pnl) == (-2, (Decimal("8.60") - 5) * 4 * 100)
        order = running.order().order
        assert (order.status, order.cum_qty, order.is_open) == (OrderStatus.FILLED, 6, False)


@virtual
async def test_what_is_told_again_or_late_moves_nothing(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        words = [
            correct("e-1c", "e-1b", "4", "4", "8.90"),
            fill("e-1", "4", "4"),
            correct("e-1b", "e-1", "4", "4", "8.80"),
        ]
        for told in (*words, *words):
            running.core.intake.take_execution(told)
        books = await agrees(running, tmp_path / "j.db")
        [position] = books.held("main")
        assert [(lot.qty, lot.px) for lot in position.lots] == [(-4, Decimal("8.90"))]
        assert not books.quarantine


@virtual
async def test_watchers_are_told_of_the_correction_and_what_it_corrects(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held(running)
        running.core.intake.take_execution(correct("e-1b", "e-1", "4", "4", "8.80"))
        recent = (*running.core.watching._recent, *running.core.watching._pending)
        told = [e.told.execution for e in recent if isinstance(e.told, BookedExecution)]
        assert (told[-1].exec_id, told[-1].exec_type, told[-1].exec_ref_id) == (
            "e-1b",
            ExecType.CORRECT,
            "e-1",
        )
