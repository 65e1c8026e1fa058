"""What stays where it is: working orders at their venue, cover with what it covers, exits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Cause, Effect, OutcomeUnknown, Reason, Unavailable
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import OrderReport, VenuePosition
from tests.unit.domain.orders import instrument, spec
from tests.unit.router.harness import (
    Running,
    closing,
    held_short,
    router,
    share_order,
    takes_entries,
    until,
    virtual,
)
from tests.unit.router.scripted_port import Answer, ScriptedPort, accepts, refuses, report

CALL = spec(
    instrument=instrument("SPY241115C00600000"), order_qty=Decimal(1), limit_price=Decimal(1)
)
"""Covered by 100 shares, of which only alpaca has any."""
PUTS = spec(order_qty=Decimal(1))
"""Covered by 40,000 in cash, which only alpaca has."""
LOST: Answer = refuses(OutcomeUnknown("no answer"))
NOT_SENT: Answer = refuses(Unavailable(Reason.VENUE_UNAVAILABLE, "not connected"))
covered = pytest.mark.parametrize("order", [CALL, PUTS], ids=["call", "put"])


def rejects_as_blocked(order: OrderSpec) -> OrderReport:
    """A rejection for the venue's own sake, after which another venue may try."""
    rejected = report(order, OrderStatus.REJECTED, Signal.REJECTED)
    return replace(rejected, cause=Cause(Reason.ACCOUNT_BLOCKED, "blocked"))


def cover_at_alpaca() -> dict[str, ScriptedPort]:
    shares = VenuePosition("alpaca", "main", instrument("SPY"), Decimal(100))
    return {
        "alpaca": ScriptedPort("alpaca", held=[shares], cash="40000"),
        "second": ScriptedPort("second", cash="39999"),
    }


def reconnects(running: Running, venue: str = "alpaca") -> None:
    running.core.links["main", venue]._set_session("session-2")


async def taken_to_the_disk(running: Running, placed: str) -> None:
    """Wait until the order is planned; it is not sent before the disk has it."""
    await until(lambda: placed in running.core.books.by_placement, step_s=0.0001)


@virtual
async def test_an_order_that_works_stays_at_its_venue_while_that_is_down(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await running.submit(share_order())
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await until(lambda: not takes_entries(running))
        again = await running.submit(share_order())
        assert again.order.status is OrderStatus.ACCEPTED
        await running.core.desk.cancel("main", "o-1")
        await asyncio.sleep(600)
        (placement,) = running.order().order.placements
        assert (placement.venue, placement.status) == ("alpaca", OrderStatus.ACCEPTED)
        assert running.second.sent == running.alpaca.canceled == []
        other = await running.submit(share_order(client_order_id="o-2"))
        assert other.order.placements[-1].venue == "second"
        running.alpaca.reachable = True
        await until(lambda: running.alpaca.canceled)
        running.alpaca.fill("o-1~al~1.0", "e-1", "10", "10")  # it had been filled before
        await until(lambda: running.order().order.status is OrderStatus.FILLED)


@covered
def test_a_covered_order_goes_nowhere_else_if_its_venue_is_lost_before_the_send(
    tmp_path: Path, order: OrderSpec
) -> None:
    @virtual
    async def run() -> None:
        async with router(tmp_path / "j", ports=cover_at_alpaca()) as running:
            asking = asyncio.create_task(running.submit(order))
            await taken_to_the_disk(running, "o-1~al~1.0")
            reconnects(running)
            with pytest.raises(Unavailable) as nowhere:
                await asking
            assert nowhere.value.effect is Effect.NONE
            assert nowhere.value.venue_causes[0].reason is Reason.STALE_SESSION
            assert running.alpaca.sent == running.second.sent == []
            assert running.order().order.status is OrderStatus.UNPLACED

    run()


@covered
@pytest.mark.parametrize("answer", [NOT_SENT, rejects_as_blocked], ids=["not sent", "rejected"])
def test_a_covered_order_that_its_venue_does_not_take_goes_nowhere_else(
    tmp_path: Path, order: OrderSpec, answer: Answer
) -> None:
    @virtual
    async def run() -> None:
        async with router(tmp_path / "j", ports=cover_at_alpaca()) as running:
            running.alpaca.answer = answer
            await asyncio.gather(running.submit(order), return_exceptions=True)
            assert len(running.alpaca.sent) == 1
            assert running.second.sent == []
            assert not running.order().order.is_open

    run()


@covered
def test_a_covered_order_that_is_proven_absent_goes_nowhere_else(
    tmp_path: Path, order: OrderSpec
) -> None:
    @virtual
    async def run() -> None:
        async with router(tmp_path / "j", ports=cover_at_alpaca()) as running:
            running.alpaca.answer = LOST
            await running.submit(order)
            running.alpaca.proves_absence = True
            await until(lambda: running.order().order.status is OrderStatus.UNPLACED)
            await asyncio.sleep(60)
            assert running.second.sent == []
            assert len(running.order().order.placements) == 1

    run()


@virtual
async def test_an_exit_goes_nowhere_else_if_its_holder_is_lost_before_the_send(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held_short(running)
        asking = asyncio.create_task(running.submit(closing()))
        await taken_to_the_disk(running, "o-2~al~1.0")
        reconnects(running)
        with pytest.raises(Unavailable) as nowhere:
            await asking
        assert nowhere.value.effect is Effect.NONE
        assert running.second.sent == []
        assert [s.client_order_id for s in running.alpaca.sent] == ["open~al~1.0"]


@virtual
async def test_an_exit_in_doubt_that_is_proven_absent_frees_what_it_reserved(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held_short(running)
        running.alpaca.answer = LOST
        await running.submit(closing())
        running.alpaca.answer = accepts
        running.alpaca.proves_absence = True
        await until(lambda: running.order("o-2").order.status is OrderStatus.UNPLACED)
        assert running.second.sent == []
        again = await running.submit(closing(client_order_id="o-3"))
        assert again.order.placements[-1].venue == "alpaca"
