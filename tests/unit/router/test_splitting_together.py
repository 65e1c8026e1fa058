"""Exits over two holders among each other, position closes, and the death of the router."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from services.common.domain.errors import (
    Cause,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from services.router.routing.closing import CloseAsked, closing_order
from tests.unit.domain.orders import NOW, instrument
from tests.unit.router.harness import router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, accepts, refuses
from tests.unit.router.test_splitting import (
    FIRST,
    NOT_TAKEN,
    SECOND,
    held,
    sale,
    sent,
    statuses,
    turns_up,
)


@virtual
async def test_exits_that_come_together_never_take_more_than_is_held(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "7")
        orders = [sale(str(qty), f"exit-{qty}") for qty in (9, 5, 4, 3, 2, 1)]
        answers = await asyncio.gather(*map(running.submit, orders), return_exceptions=True)
        refused = [a for a in answers if isinstance(a, Refused)]
        assert refused
        assert {a.reason for a in refused} == {Reason.INSUFFICIENT_QTY}
        assert len(refused) < len(orders)
        for port, most in ((running.alpaca, 6), (running.second, 7)):
            assert sum(part.order_qty for part in port.sent) <= most
            for number, part in enumerate(port.sent):
                qty = str(part.order_qty)
                port.fill(part.client_order_id, f"{port.name}-{number}", qty, qty)
        await until(lambda: not running.core.books.open_orders)
        assert all(p.qty >= 0 for p in running.core.books.held("main"))


@virtual
async def test_two_clients_that_close_the_same_position_cannot_turn_it_over(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        orders = [sale("12", "one"), sale("12", "two")]
        answers = await asyncio.gather(*map(running.submit, orders), return_exceptions=True)
        (refused,) = (a for a in answers if isinstance(a, Refused))
        assert refused.reason is Reason.INSUFFICIENT_QTY
        assert [qty for _, qty in sent(running)] == [6, 6]


@virtual
async def test_a_position_at_two_venues_is_closed_by_one_order(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "7")
        await running.submit(sale("2", "open"))
        asked = CloseAsked("exit", instrument("SPY"), None, OrderType.MARKET, TimeInForce.DAY)
        books = running.core.books
        order = closing_order(asked, "main", books, allow_uncovered=False)
        assert order.order_qty == 11
        await running.submit(order)
        assert sent(running)[1:] == [(FIRST, 4), (SECOND, 7)]
        assert closing_order(asked, "main", books, allow_uncovered=False) == order


@virtual
async def test_a_close_that_nobody_took_opens_nothing_when_it_is_sent_again_later(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j") as running:
        await held(running, "6")
        asked = CloseAsked("exit", instrument("SPY"), None, OrderType.MARKET, TimeInForce.DAY)
        books = running.core.books
        order = closing_order(asked, "main", books, allow_uncovered=False)
        running.alpaca.answer = refuses(NOT_TAKEN)
        with pytest.raises(Unavailable):
            await running.submit(order)
        running.alpaca.answer = accepts
        await running.submit(sale("6", "other"))
        running.alpaca.fill("other~al~1.0", "x", "6", "6")
        await until(lambda: not list(books.held("main")))
        again = closing_order(asked, "main", books, allow_uncovered=False)
        assert again == order
        with pytest.raises(Refused) as refused:
            await running.submit(again)
        assert refused.value.reason is Reason.INTENT_MISMATCH


@virtual
async def test_a_close_of_shares_from_before_it_said_so_is_the_same_close(tmp_path: Path) -> None:
    async with router(tmp_path / "j") as running:
        await held(running, "6")
        asked = CloseAsked("exit", instrument("SPY"), None, OrderType.MARKET, TimeInForce.DAY)
        books = running.core.books
        order = closing_order(asked, "main", books, allow_uncovered=False)
        assert order.position_intent is PositionIntent.SELL_TO_CLOSE
        before = replace(order, position_intent=None)
        await running.submit(before)
        assert closing_order(asked, "main", books, allow_uncovered=False) == before


@virtual
async def test_a_router_that_dies_between_the_sends_repeats_neither(tmp_path: Path) -> None:
    ports = {name: ScriptedPort(name) for name in ("alpaca", "second")}
    async with router(tmp_path / "j", ports=ports, crash=True) as running:
        await held(running, "6", "6")
        ports["second"].hold = asyncio.Event()
        asking = asyncio.create_task(running.submit(sale()))
        await until(
            lambda: statuses(running)[:1] == [OrderStatus.ACCEPTED] and ports["second"].sent
        )
        asking.cancel()
    ports["second"].hold = None
    async with router(tmp_path / "j", ports=ports) as running:
        assert statuses(running)[1] is OrderStatus.IN_DOUBT
        again = await running.submit(sale())
        assert (again.order.status, again.order.leaves_qty) == (OrderStatus.IN_DOUBT, 10)
        assert sent(running) == [(FIRST, 6), (SECOND, 4)]
        turns_up(ports["second"])
        await until(lambda: running.order("exit").order.status is OrderStatus.ACCEPTED)


@virtual
async def test_an_alert_says_what_a_venue_had_against_its_part(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        running.second.answer = refuses(Refused(Reason.STALE_SESSION, "reconnected"))
        shown = (await running.submit(sale())).order
        assert shown.cause == Cause(Reason.STALE_SESSION, "reconnected")
        (alert,) = running.alerts("PART_NOT_PLACED")
        assert alert.message == (
            f"4 of 10 are not worked: second did not take {SECOND} (reconnected)"
        )
        assert shown.placements[0].attempted_at == shown.placements[1].attempted_at > NOW
