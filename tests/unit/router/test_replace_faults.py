"""Replaces that go wrong at the venue: nothing is sent twice, and nothing stays unsettled."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import (
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import LookupResult, OrderReport
from services.router.journal.records import TradingState
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, until, virtual
from tests.unit.router.scripted_port import (
    PLACED,
    OnReplace,
    ScriptedPort,
    fails_replace,
    takes_replace,
    word,
)
from tests.unit.router.test_replacing import ANEW, CHEAPER, MORE, REVISED, change

NOT_SENT = fails_replace(Unavailable(Reason.RATE_LIMITED, "429"))
NO_ANSWER = fails_replace(OutcomeUnknown("no answer"))


def ends(port: ScriptedPort, placed: str = PLACED, cum: str = "0") -> None:
    """The venue ends what it has under this id, and its stream says so."""
    port.knows[placed] = replace(
        port.knows[placed],
        status=OrderStatus.CANCELED,
        signal=Signal.CANCELED,
        raw_status="canceled",
        cum_qty=Decimal(cum),
    )
    port.news.put_nowait(port.knows[placed])


def fails_first_look_up(port: ScriptedPort, of: str) -> None:
    """The first look-up of a placement fails; later ones don't."""
    real = port.find_order
    failures: list[str] = []

    async def find_order(placement_id: str) -> LookupResult:
        if placement_id == of and not failures:
            failures.append(placement_id)
            raise ReadFailed("a 500")
        return await real(placement_id)

    port.find_order = find_order  # type: ignore[method-assign]


def revised_as(**told: object) -> OnReplace:
    """The venue takes the revision and shows it so."""

    def answer(
        port: ScriptedPort, placement_id: str, revision_id: str, terms: OrderChange
    ) -> OrderReport:
        made = takes_replace(port, placement_id, revision_id, terms)
        port.knows[revision_id] = replace(made, **told)  # type: ignore[arg-type]
        return port.knows[revision_id]

    return answer


def raced(qty: str, status: OrderStatus, signal: Signal) -> OnReplace:
    """A fill races the replace, the old order ends so, and the revision works on in full."""

    def answer(
        port: ScriptedPort, placement_id: str, revision_id: str, terms: OrderChange
    ) -> OrderReport:
        port.fill(placement_id, "e-1", qty, qty)
        made = takes_replace(port, placement_id, revision_id, terms)
        old = port.knows[placement_id]
        port.knows[placement_id] = replace(old, status=status, signal=signal, cum_qty=Decimal(qty))
        return made

    return answer


def shows_old_late(
    port: ScriptedPort, placement_id: str, revision_id: str, terms: OrderChange
) -> OrderReport:
    """The venue takes the revision, and does not show yet that the old order is replaced."""
    old = port.knows[placement_id]
    made = takes_replace(port, placement_id, revision_id, terms)
    port.knows[placement_id] = old
    return made


async def filled_by_four(running: Running) -> None:
    await running.submit(spec())
    running.alpaca.fill(PLACED, "e-1", "4", "4")
    await until(lambda: running.order().order.cum_qty)


# -- a revision that was called "not sent" -------------------------------------------------


@virtual
async def test_order_replaced_by_somebody_else_is_not_sent_again(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=NOT_SENT)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        with pytest.raises(Unavailable):
            await change(running)
        port.news.put_nowait(word(port, OrderStatus.REPLACED, Signal.REPLACED))
        await until(lambda: running.order().order.status is OrderStatus.IN_DOUBT)
        await asyncio.sleep(60)
        assert running.order().order.status is OrderStatus.IN_DOUBT
        assert running.order().order.leaves_qty == 10
        await running.submit(spec())
        assert len(port.sent) == 1
        assert "ORDER_IN_DOUBT" in running.kinds()


@virtual
async def test_revision_that_was_sent_after_all_is_looked_up_until_found(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=NOT_SENT)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        with pytest.raises(Unavailable):
            await change(running)
        takes_replace(port, PLACED, REVISED, CHEAPER)
        fails_first_look_up(port, REVISED)
        port.news.put_nowait(port.knows[PLACED])
        await asyncio.sleep(60)
        assert running.order().order.status is OrderStatus.ACCEPTED
        assert running.order().order.terms.limit_price == Decimal("8.40")


@virtual
async def test_revision_rejected_and_then_in_force_is_looked_up_until_found(
    tmp_path: Path,
) -> None:
    def rejects(
        port: ScriptedPort, placement_id: str, revision_id: str, terms: OrderChange
    ) -> OrderReport:
        made = takes_replace(port, placement_id, revision_id, terms)
        return replace(made, status=OrderStatus.REJECTED, signal=Signal.REJECTED)

    port = ScriptedPort("alpaca", on_replace=rejects)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        fails_first_look_up(port, REVISED)
        with contextlib.suppress(Refused):
            await change(running)
        await asyncio.sleep(60)
        assert running.order().order.status is OrderStatus.ACCEPTED
        assert "VENUE_CONTRADICTION" in running.kinds()


@virtual
async def test_revision_shown_live_after_not_sent_is_looked_up_and_alarmed(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=NOT_SENT)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        with pytest.raises(Unavailable):
            await change(running)
        revision = shows_old_late(port, PLACED, REVISED, CHEAPER)
        port.news.put_nowait(revision)
        await asyncio.sleep(60)
        assert "VENUE_CONTRADICTION" in running.kinds()
        assert running.order().order.leaves_sum == 20


@virtual
async def test_old_terms_that_are_in_force_again_count_before_the_revision_is_gone(
    tmp_path: Path,
) -> None:
    """A venue may show a change as taken, and refuse it afterwards."""
    port = ScriptedPort("alpaca", on_replace=takes_replace)
    less = OrderChange(order_qty=Decimal(4))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running, less)
        await until(lambda: running.order().order.leaves_qty == 4)
        old = replace(
            port.knows[PLACED], status=OrderStatus.ACCEPTED, signal=Signal.REOPENED, replaced_by=""
        )
        port.knows[PLACED] = old
        port.news.put_nowait(old)
        await until(lambda: running.order().order.leaves_qty == 10)
        refused = replace(port.knows[REVISED], status=OrderStatus.REJECTED, signal=Signal.REJECTED)
        port.knows[REVISED] = refused
        port.news.put_nowait(refused)
        await asyncio.sleep(60)
        order = running.order().order
        assert (order.status, order.leaves_qty, order.terms.order_qty) == (
            OrderStatus.ACCEPTED,
            10,
            10,
        )
        assert "VENUE_CONTRADICTION" in running.kinds()
        assert not running.core.books.quarantine


# -- more works than is left ----------------------------------------------------------------


@virtual
@pytest.mark.parametrize(
    ("qty", "status", "signal"),
    [
        ("10", OrderStatus.FILLED, Signal.FILLED),
        ("4", OrderStatus.CANCELED, Signal.CANCELED),
    ],
)
async def test_revision_that_outlives_its_order_is_excess(
    tmp_path: Path, qty: str, status: OrderStatus, signal: Signal
) -> None:
    port = ScriptedPort("alpaca", on_replace=raced(qty, status, signal))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        await asyncio.sleep(120)
        assert REVISED in port.canceled
        assert running.order().order.leaves_qty == 10
        assert "REPLACE_EXCESS" in running.kinds()


@virtual
async def test_late_fill_of_what_was_canceled_ends_what_took_its_place(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        port = running.alpaca
        await filled_by_four(running)
        waiting = asyncio.ensure_future(change(running))
        await until(lambda: port.canceled)
        ends(port, cum="4")
        await waiting
        port.fill(PLACED, "e-2", "6", "10")
        await asyncio.sleep(120)
        assert ANEW in port.canceled
        assert "REPLACE_EXCESS" in running.kinds()
        assert running.core.books.trading_state("main") is TradingState.REDUCING


# -- one change at a time -------------------------------------------------------------------


@virtual
async def test_replace_waits_for_the_old_orders_word(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=shows_old_late)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        ends(port, REVISED)
        ended = OrderStatus.CANCELED
        await until(lambda: running.order().order.placement(REVISED).status is ended)  # type: ignore[union-attr]
        with pytest.raises(Refused) as refused:
            await change(running, MORE, "r-2")
        assert refused.value.reason is Reason.CHANGE_IN_PROGRESS


# -- what is pending is asked for -----------------------------------------------------------


@virtual
async def test_swallowed_cancel_of_a_replace_does_not_stay_pending(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        port = running.alpaca
        port.swallows_cancels = True
        await filled_by_four(running)
        with pytest.raises(OutcomeUnknown):
            await change(running)
        await asyncio.sleep(60)
        assert running.order().order.status is OrderStatus.PARTIALLY_FILLED
        assert port.canceled == [PLACED]


@virtual
async def test_cancel_of_a_replace_that_stays_pending_is_alarmed(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await filled_by_four(running)
        with pytest.raises(OutcomeUnknown):
            await change(running)
        await asyncio.sleep(120)
        assert running.order().order.status is OrderStatus.PENDING_CANCEL
        assert running.kinds() == ["CANCEL_OVERDUE"]


@virtual
async def test_pending_replace_ends_when_the_order_is_shown_working(tmp_path: Path) -> None:
    def pends(
        port: ScriptedPort, placement_id: str, revision_id: str, terms: OrderChange
    ) -> OrderReport:
        made = takes_replace(port, placement_id, revision_id, terms)
        word(port, OrderStatus.PENDING_REPLACE, Signal.PENDING_REPLACE)
        return made

    port = ScriptedPort("alpaca", on_replace=pends)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        # The exchange refuses the revision while nobody listens.
        port.knows[REVISED] = replace(
            port.knows[REVISED], status=OrderStatus.REJECTED, signal=Signal.REJECTED
        )
        word(port, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        port.session_id = "session-2"
        port.news.put_nowait(None)
        await asyncio.sleep(120)
        assert running.order().order.status is OrderStatus.ACCEPTED


# -- odd quantities -------------------------------------------------------------------------


@virtual
async def test_quantity_of_nothing_does_not_end_a_revision(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=revised_as(order_qty=Decimal(0)))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        assert running.order().order.leaves_qty == 10


@virtual
async def test_revision_filled_without_a_quantity_is_filled_as_told(tmp_path: Path) -> None:
    def races(
        port: ScriptedPort, placement_id: str, revision_id: str, terms: OrderChange
    ) -> OrderReport:
        port.fill(placement_id, "e-1", "4", "4")
        return revised_as(order_qty=None)(port, placement_id, revision_id, terms)  # type: ignore[return-value]

    port = ScriptedPort("alpaca", on_replace=races)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        port.swallows_cancels = True
        port.fill(REVISED, "e-2", "6", "6")
        port.knows[REVISED] = replace(
            port.knows[REVISED],
            status=OrderStatus.FILLED,
            signal=Signal.FILLED,
            cum_qty=Decimal(6),
        )
        port.news.put_nowait(port.knows[REVISED])
        await asyncio.sleep(120)
        assert running.order().order.status is OrderStatus.FILLED


# -- a revision of which nobody knows -------------------------------------------------------
