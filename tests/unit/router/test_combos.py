"""Multi-leg orders: covered inside, closed where they are held, filled leg by leg."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Reason, Refused, TandemError, Unavailable
from services.common.domain.executions import Side
from services.common.domain.instruments import OptionContract
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderLeg,
    PositionIntent,
)
from services.common.domain.reports import OrderReport
from services.router.routing.legs import naked_leg
from tests.unit.domain.orders import execution, spec
from tests.unit.router.harness import Running, router, until, virtual
from tests.unit.router.scripted_port import PLACED, accepts, refuses, word

P400, P390 = parse_occ("SPY241115P00400000"), parse_occ("SPY241115P00390000")
LATER = parse_occ("SPY241220P00390000")
I = PositionIntent  # noqa: E741 - short, since a table of legs is read at a glance


def leg(contract: OptionContract, intent: PositionIntent, ratio: int = 1) -> OrderLeg:
    return OrderLeg(contract, intent.side, intent, ratio)


def spread(*legs: OrderLeg, qty: str = "2", price: str = "-1.50", order: str = "o-1") -> OrderSpec:
    return replace(
        spec(client_order_id=order),
        instrument=OptionCombo(legs),
        side=Side.BUY,
        position_intent=None,
        order_qty=Decimal(qty),
        limit_price=Decimal(price),
        order_class=OrderClass.MULTI_LEG,
    )


CREDIT = spread(leg(P400, I.SELL_TO_OPEN), leg(P390, I.BUY_TO_OPEN))


def fills(
    running: Running, contract: OptionContract, qty: str, px: str, venue_order_id: str = ""
) -> None:
    """The venue fills a leg, which is an order of its own there."""
    order = running.order().order
    combo = order.spec.instrument
    assert isinstance(combo, OptionCombo)
    side = next(one.side for one in combo.legs if one.contract == contract)
    made = replace(
        execution(f"e-{contract.key}-{len(order.executions)}", qty, qty),
        venue="alpaca",
        account_id="main",
        client_id=PLACED,
        venue_order_id=venue_order_id or f"leg-{contract.key}",
        instrument=contract,
        side=side,
        last_px=Decimal(px),
    )
    running.alpaca.news.put_nowait(made)


async def opened(running: Running) -> None:
    """Two spreads, filled."""
    await running.submit(CREDIT)
    fills(running, P400, "2", "8.50")
    fills(running, P390, "2", "7.00")
    await until(lambda: running.order().order.status is OrderStatus.FILLED)


@virtual
async def test_a_unit_is_filled_when_every_leg_is(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(CREDIT)
        fills(running, P400, "2", "8.50")
        await until(lambda: running.order().order.executions)
        order = running.order().order
        assert (order.cum_qty, order.leaves_qty, order.avg_px) == (0, 2, None)
        fills(running, P390, "2", "7.00")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        order = running.order().order
        assert (order.cum_qty, order.leaves_qty, order.avg_px) == (2, 0, Decimal("-1.5"))
        held = {p.instrument.key: p.qty for p in running.core.books.held("main")}
        assert held == {P400.key: -2, P390.key: 2}
        assert running.kinds() == []


@virtual
async def test_filled_by_the_venues_word_waits_for_every_leg(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(CREDIT)
        filled = replace(
            word(running.alpaca, OrderStatus.FILLED, Signal.FILLED, "2"),
            instrument=CREDIT.instrument,
            side=None,
            order_qty=Decimal(2),
        )
        running.alpaca.knows[PLACED] = filled
        running.alpaca.news.put_nowait(filled)
        fills(running, P400, "2", "8.50")
        await until(lambda: running.order().order.executions)
        assert running.order().order.status is not OrderStatus.FILLED
        fills(running, P390, "2", "7.00")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        assert running.kinds() == []


@virtual
async def test_more_of_a_leg_than_was_asked_for_is_an_overfill(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(CREDIT)
        fills(running, P400, "3", "8.50")
        await until(lambda: running.order().order.executions)
        assert "OVERFILL" in running.kinds()


@virtual
async def test_what_is_no_leg_is_kept_aside(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(CREDIT)
        stranger = replace(
            execution("e-1", "1", "1"), venue="alpaca", client_id=PLACED, instrument=LATER
        )
        running.alpaca.news.put_nowait(stranger)
        await until(lambda: "QUARANTINED" in running.kinds())
        assert running.order().order.executions == ()


@virtual
async def test_the_legs_of_our_order_are_no_strangers(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(CREDIT)
        parent = running.alpaca.knows[PLACED]
        child = replace(
            parent, client_id="uuid", venue_order_id="leg-1", parent=parent.venue_order_id
        )
        running.alpaca.news.put_nowait(child)
        stranger = replace(child, venue_order_id="leg-2", parent="somebody else's")
        running.alpaca.news.put_nowait(stranger)
        await until(lambda: running.kinds())
        assert len(running.core.books.quarantine) == 1


@pytest.mark.parametrize(
    ("legs", "naked"),
    [
        ([leg(P400, I.SELL_TO_OPEN), leg(P390, I.BUY_TO_OPEN)], None),
        ([leg(P400, I.SELL_TO_OPEN), leg(LATER, I.BUY_TO_OPEN)], None),
        ([leg(LATER, I.SELL_TO_OPEN), leg(P390, I.BUY_TO_OPEN)], LATER),
        ([leg(P400, I.SELL_TO_OPEN, 2), leg(P390, I.BUY_TO_OPEN)], P400),
        ([leg(P400, I.SELL_TO_OPEN), leg(parse_occ("SPY241115C00390000"), I.BUY_TO_OPEN)], P400),
        ([leg(P400, I.SELL_TO_OPEN), leg(parse_occ("QQQ241115P00390000"), I.BUY_TO_OPEN)], P400),
        ([leg(P400, I.SELL_TO_OPEN), leg(P390, I.BUY_TO_CLOSE)], P400),
        ([leg(P400, I.SELL_TO_CLOSE), leg(P390, I.BUY_TO_CLOSE)], None),
        (
            [
                leg(P400, I.SELL_TO_OPEN),
                leg(LATER, I.SELL_TO_OPEN),
                leg(P390, I.BUY_TO_OPEN),
                leg(parse_occ("SPY241220P00380000"), I.BUY_TO_OPEN),
            ],
            None,
        ),
    ],
)
def test_each_short_leg_needs_a_long_one_that_lives_as_long(
    legs: list[OrderLeg], naked: OptionContract | None
) -> None:
    assert naked_leg(OptionCombo(tuple(legs))) == naked


@virtual
async def test_a_naked_leg_is_refused_unless_the_account_allows_it(tmp_path: Path) -> None:
    ratio = spread(leg(P400, I.SELL_TO_OPEN, 2), leg(P390, I.BUY_TO_OPEN))
    async with router(tmp_path / "j.db") as running:
        with pytest.raises(Refused) as refused:
            await running.submit(ratio)
        assert refused.value.reason is Reason.NO_COVER
        assert running.alpaca.sent == []
    async with router(tmp_path / "k.db", allow_uncovered=True) as running:
        await running.submit(ratio)


@virtual
async def test_a_spread_is_closed_where_it_is_held_and_once(tmp_path: Path) -> None:
    closing = spread(
        leg(P400, I.BUY_TO_CLOSE), leg(P390, I.SELL_TO_CLOSE), price="1.20", order="o-2"
    )
    async with router(tmp_path / "j.db", "second", "alpaca") as running:
        await running.submit(replace(CREDIT, venue_pin="alpaca"))
        fills(running, P400, "2", "8.50")
        fills(running, P390, "2", "7.00")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        await running.submit(closing)
        assert [o.client_order_id for o in running.alpaca.sent] == [PLACED, "o-2~al~1.0"]
        assert running.second.sent == []
        with pytest.raises(Refused) as refused:
            await running.submit(replace(closing, client_order_id="o-3"))
        assert refused.value.reason is Reason.INSUFFICIENT_QTY


@virtual
async def test_a_leg_that_contradicts_the_books_is_named(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await opened(running)
        with pytest.raises(Refused) as refused:
            await running.submit(
                spread(leg(P390, I.SELL_TO_OPEN), leg(LATER, I.BUY_TO_OPEN), order="o-2")
            )
        assert refused.value.reason is Reason.INTENT_MISMATCH
        assert "order.legs[0].position_intent" in refused.value.message


@virtual
async def test_too_many_contracts_of_a_leg_with_a_ratio_are_an_overfill(tmp_path: Path) -> None:
    ratio = spread(leg(P400, I.SELL_TO_OPEN), leg(P390, I.BUY_TO_OPEN, 2), qty="1")
    async with router(tmp_path / "j.db") as running:
        await running.submit(ratio)
        fills(running, P390, "3", "7.00")
        await until(lambda: running.order().order.executions)
        assert "OVERFILL" in running.kinds()


@virtual
async def test_between_two_legs_of_a_ratio_there_is_no_net_price(tmp_path: Path) -> None:
    ratio = spread(leg(P400, I.SELL_TO_OPEN), leg(P390, I.BUY_TO_OPEN, 2), qty="2")
    async with router(tmp_path / "j.db") as running:
        await running.submit(ratio)
        fills(running, P400, "1", "8.00")
        fills(running, P390, "3", "1.00")
        await until(lambda: len(running.order().order.executions) == 2)
        assert running.order().order.avg_px is None


@virtual
async def test_fills_of_two_legs_under_one_venue_order_id_are_two(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(CREDIT)
        for contract in (P400, P390):
            fills(running, contract, "2", "8.50", venue_order_id="v-1")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        assert len(running.order().order.executions) == 2
        assert running.kinds() == []


@virtual
async def test_an_end_with_one_leg_filled_is_not_believed_and_told(tmp_path: Path) -> None:
    """The parent of two legs counts whole units, so it says that nothing was filled."""
    async with router(tmp_path / "j.db") as running:
        await running.submit(CREDIT)
        fills(running, P400, "2", "8.50")
        await until(lambda: running.order().order.executions)
        ended = word(running.alpaca, OrderStatus.CANCELED, Signal.CANCELED, "0")
        ended = replace(ended, instrument=None, side=None)
        running.alpaca.knows[PLACED] = ended
        running.alpaca.news.put_nowait(ended)
        await until(lambda: running.alerts("FILLS_MISSING"), within_s=180)
        assert running.order().order.is_open
        fills(running, P390, "2", "7.00")
        await until(lambda: not running.order().order.is_open)
        assert running.order().order.status is OrderStatus.FILLED


@virtual
async def test_a_leg_whose_fill_was_not_told_is_fetched(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(CREDIT)
        fills(running, P400, "2", "8.50")
        await until(lambda: running.order().order.executions)
        known = running.order().order.executions[-1]
        other = replace(known, exec_id="e-leg", instrument=P390, side=Side.BUY)
        running.alpaca.fills.append(replace(other, venue_order_id="leg-2"))
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        assert running.kinds() == []


def told_leg(running: Running, parent: str) -> OrderReport:
    """The venue's word on a leg, under an id of its own."""
    placed = accepts(running.alpaca.sent[-1])
    return replace(
        placed,
        venue="alpaca",
        client_id="uuid",
        venue_order_id="leg-1",
        parent=parent,
        instrument=P400,
        side=Side.SELL,
    )


@virtual
async def test_legs_told_before_the_answer_are_no_strangers(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        port = running.alpaca
        port.hold = asyncio.Event()
        waiting = asyncio.ensure_future(running.submit(CREDIT))
        await until(lambda: port.sent)
        port.news.put_nowait(told_leg(running, accepts(port.sent[-1]).venue_order_id))
        port.news.put_nowait(replace(told_leg(running, "a stranger's"), venue_order_id="leg-2"))
        await asyncio.sleep(1)
        assert running.kinds() == []
        port.hold.set()
        await waiting
        await until(lambda: running.kinds())
        assert list(running.core.books.quarantine) == ["order:main:alpaca:leg-2"]


@virtual
async def test_legs_of_an_order_that_was_not_sent_are_strangers(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        port = running.alpaca
        port.hold = asyncio.Event()
        port.answer = refuses(Unavailable(Reason.RATE_LIMITED, "429"))
        waiting = asyncio.ensure_future(running.submit(CREDIT))
        await until(lambda: port.sent)
        port.news.put_nowait(told_leg(running, "v-9"))
        await asyncio.sleep(1)
        port.hold.set()
        with pytest.raises(TandemError):
            await waiting
        assert "EXTERNAL_ORDER" in running.kinds()


@virtual
async def test_legs_of_an_order_filled_before_its_answer_are_no_strangers(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        port = running.alpaca
        port.hold = asyncio.Event()
        waiting = asyncio.ensure_future(running.submit(CREDIT))
        await until(lambda: port.sent)
        fills(running, P400, "2", "8.50")
        fills(running, P390, "2", "7.00")
        await until(lambda: not running.order().order.is_open)
        port.news.put_nowait(told_leg(running, accepts(port.sent[-1]).venue_order_id))
        await asyncio.sleep(1)
        port.hold.set()
        await waiting
        assert running.kinds() == []
