"""Hedges: when one may be sent, for how much, and how it stands beside what it hedges."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.domain.errors import Effect, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.router.journal.records import TradingState, TradingStateSet
from services.router.risk.gate import Role
from services.router.routing.revising import Asked
from tests.unit.domain.orders import instrument
from tests.unit.router.folded import Folded
from tests.unit.router.harness import Running, router, share_order, until, virtual
from tests.unit.router.test_cover import facts
from tests.unit.router.test_plan import BOTH, BTO, DOWN, STO, names, plan, put, refusal, stock, view

NOBODY = (
    view("alpaca", ready=False, takes_entries=False),
    view("second", ready=False, takes_entries=False),
)


def hedge(qty: str = "10", side: Side = Side.SELL, **changes: Any) -> OrderSpec:
    given = {"venue_pin": "second", "hedge": True, **changes}
    return stock(side, qty, "hedge", **given)


def long(qty: str = "10", venue: str = "alpaca") -> Folded:
    fold = Folded()
    fold.held(stock(Side.BUY, qty, "held"), venue)
    return fold


def test_a_hedge_is_an_entry_at_its_venue_while_the_holder_is_away() -> None:
    planned = plan(hedge(), long(), DOWN)
    assert planned.role is Role.ENTRY
    assert (names(planned), planned.children) == (["second"], ())
    assert refusal(hedge(hedge=False), long(), DOWN) is Reason.WOULD_CROSS_ZERO


def test_short_puts_are_hedged_by_long_ones() -> None:
    fold = Folded()
    fold.held(put(STO, "10", "held"))
    order = put(BTO, "10", "hedge", venue_pin="second", hedge=True)
    assert names(plan(order, fold, DOWN)) == ["second"]
    assert refusal(replace(order, hedge=False), fold, DOWN) is Reason.INTENT_MISMATCH


def test_a_hedge_by_short_calls_needs_cover_like_any_other() -> None:
    fold = Folded()
    call = put(BTO, "1", "held", instrument=instrument("SPY241115C00600000"))
    fold.held(call)
    sold = replace(call, position_intent=STO, side=Side.SELL, client_order_id="hedge")
    order = replace(sold, venue_pin="second", hedge=True)
    given = {"second": facts("1000000")}
    assert refusal(order, fold, DOWN, facts=given) is Reason.NO_COVER
    assert names(plan(order, fold, DOWN, allow_uncovered=True)) == ["second"]


def test_a_holder_that_can_take_an_exit_gets_that() -> None:
    late = (view("alpaca", takes_entries=False), view("second"))
    for views in (BOTH, late):
        assert refusal(hedge(), long(), views) is Reason.INTENT_MISMATCH


def test_what_nobody_holds_is_not_hedged() -> None:
    assert refusal(hedge(), Folded(), DOWN) is Reason.INTENT_MISMATCH
    assert refusal(hedge(side=Side.BUY), long(), DOWN) is Reason.INTENT_MISMATCH


def test_a_venue_hedges_nothing_of_its_own() -> None:
    fold = long("10", "second")
    fold.held(stock(Side.BUY, "10", "held-2"), "alpaca")
    assert refusal(hedge(), fold, DOWN) is Reason.INTENT_MISMATCH


def test_a_hedge_needs_a_venue_that_can_take_it() -> None:
    assert refusal(hedge(), long(), NOBODY) is Reason.HOLDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("signal", "left"),
    [(None, 4), (Signal.ACKNOWLEDGED, 4), (Signal.DOUBTED, 4), (Signal.REJECTED, 10)],
)
def test_what_an_open_exit_may_still_take_is_not_hedged(signal: Signal | None, left: int) -> None:
    fold = long()
    fold.order(stock(Side.SELL, "6", "exit"), signal=signal)
    assert names(plan(hedge(str(left)), fold, DOWN)) == ["second"]
    assert refusal(hedge(str(left + 1)), fold, DOWN) is Reason.WOULD_CROSS_ZERO


def test_what_is_hedged_is_not_hedged_again() -> None:
    fold = long()
    first = replace(hedge("6"), client_order_id="first")
    placed = fold.order(first, "second", Signal.DOUBTED)
    assert names(plan(hedge("4"), fold, DOWN)) == ["second"]
    assert refusal(hedge("5"), fold, DOWN) is Reason.WOULD_CROSS_ZERO
    fold.fill(placed, "2")
    assert refusal(hedge("5"), fold, DOWN) is Reason.WOULD_CROSS_ZERO
    fold.fill(placed, "4")
    assert names(plan(hedge("4"), fold, DOWN)) == ["second"]
    assert refusal(hedge("5"), fold, DOWN) is Reason.WOULD_CROSS_ZERO


def test_shares_that_stand_behind_short_calls_are_not_hedged() -> None:
    fold = long("150")
    call = put(STO, "1", "call", instrument=instrument("SPY241115C00600000"))
    fold.held(replace(call, limit_price=Decimal(1)))
    assert names(plan(hedge("50"), fold, DOWN)) == ["second"]
    assert refusal(hedge("51"), fold, DOWN) is Reason.WOULD_CROSS_ZERO


# -- at the desk --


async def holder_away(running: Running) -> None:
    """10 shares are held at alpaca, which then can't be reached."""
    await running.submit(share_order(client_order_id="held", venue_pin="alpaca"))
    running.alpaca.fill("held~al~1.0", "e-1", "10", "10")
    await until(lambda: list(running.core.books.held("main")))
    running.alpaca.reachable = False
    running.alpaca.news.put_nowait(None)
    link = running.core.links["main", "alpaca"]
    await until(lambda: not link.view().ready)


def sale(qty: str = "10", name: str = "hedge", **changes: Any) -> OrderSpec:
    given = {"venue_pin": "second", "hedge": True, **changes}
    return share_order(client_order_id=name, side=Side.SELL, order_qty=Decimal(qty), **given)


@virtual
async def test_a_hedge_is_booked_as_one_and_both_are_closed_each_at_its_venue(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await holder_away(running)
        with pytest.raises(Refused) as leaving:
            await running.submit(sale(name="exit", hedge=False, venue_pin=""))
        assert leaving.value.reason is Reason.HOLDER_UNAVAILABLE
        answer = await running.submit(sale())
        assert (answer.order.status, answer.order.spec.hedge) == (OrderStatus.ACCEPTED, True)
        (sent,) = running.second.sent
        assert (sent.client_order_id, sent.hedge) == ("hedge~sd~1.0", False)
        running.second.fill("hedge~sd~1.0", "e-2", "10", "10")
        await until(lambda: len(list(running.core.books.held("main"))) == 2)
        assert [p.qty for p in running.core.books.held("main")] == [10, -10]
        running.alpaca.reachable = True
        link = running.core.links["main", "alpaca"]
        await until(lambda: link.view().takes_entries)
        for name, side, venue in (("out", Side.SELL, "alpaca"), ("back", Side.BUY, "second")):
            order = share_order(client_order_id=name, side=side)
            assert [p.venue for p in (await running.submit(order)).order.placements] == [venue]


@virtual
async def test_two_who_hedge_the_same_position_hedge_it_once(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await holder_away(running)
        orders = [sale(name="one"), sale(name="two")]
        answers = await asyncio.gather(*map(running.submit, orders), return_exceptions=True)
        (refused,) = (a for a in answers if isinstance(a, Refused))
        assert (refused.reason, refused.effect) == (Reason.WOULD_CROSS_ZERO, Effect.NONE)
        assert len(running.second.sent) == 1


@virtual
async def test_a_hedge_grows_no_further_than_what_it_hedges(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await holder_away(running)
        await running.submit(sale("6"))

        async def grown(qty: int) -> None:
            asked = Asked(f"to-{qty}", OrderChange(order_qty=Decimal(qty)))
            await running.core.desk.replace("main", "hedge", asked)

        with pytest.raises(Refused) as refused:
            await grown(11)
        assert refused.value.reason is Reason.WOULD_CROSS_ZERO
        await grown(9)
        assert running.order("hedge").order.leaves_qty == 9
        running.alpaca.reachable = True
        link = running.core.links["main", "alpaca"]
        await until(lambda: link.view().takes_entries)
        with pytest.raises(Refused) as late:
            await grown(10)
        assert late.value.reason is Reason.INTENT_MISMATCH


@virtual
async def test_what_only_reduces_is_no_hedge(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await holder_away(running)
        running.core.journal.record(
            TradingStateSet("main", TradingState.REDUCING, "by test", "test")
        )
        with pytest.raises(Refused) as refused:
            await running.submit(sale())
        assert refused.value.reason is Reason.TRADING_REDUCING
        assert running.second.sent == []
