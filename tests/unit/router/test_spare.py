"""What is promised to something else is not for sale: longs behind shorts, exercised contracts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import OptionContract
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from services.router.journal.records import Instruction, InstructionIntended
from services.router.routing.closing import CloseAsked, closing_order
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, share_order, until, virtual
from tests.unit.router.scripted_port import ScriptedPort
from tests.unit.router.test_combos import LATER, P390, P400, I, fills, leg, opened, spread
from tests.unit.router.test_instructing import EXERCISE, held_long, instruct

QQQ = parse_occ("QQQ241115P00300000")


def selling(contract: OptionContract, qty: str = "2", order: str = "o-2") -> OrderSpec:
    return spec(
        client_order_id=order,
        instrument=contract,
        side=Side.SELL,
        order_qty=Decimal(qty),
        position_intent=PositionIntent.SELL_TO_CLOSE,
        limit_price=Decimal(7),
    )


async def bought(running: Running, contract: OptionContract, qty: str) -> None:
    """More long contracts, by an order of their own."""
    order = spec(
        client_order_id="more",
        instrument=contract,
        side=Side.BUY,
        order_qty=Decimal(qty),
        position_intent=PositionIntent.BUY_TO_OPEN,
        limit_price=Decimal(8),
    )
    await running.submit(order)
    port = running.alpaca
    known = port.knows["more~al~1.0"]
    port.knows["more~al~1.0"] = replace(known, side=Side.BUY, instrument=contract)
    port.fill("more~al~1.0", "e-more", qty, qty, px="7.00")
    await until(lambda: running.order("more").order.cum_qty)


@virtual
async def test_a_long_leg_is_not_sold_while_its_short_one_stands(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await opened(running)
        with pytest.raises(Refused) as refused:
            await running.submit(selling(P390))
        assert refused.value.reason is Reason.INSUFFICIENT_QTY
    async with router(tmp_path / "k.db", allow_uncovered=True) as running:
        await opened(running)
        await running.submit(selling(P390))


@virtual
async def test_a_long_leg_is_not_closed_away(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await opened(running)
        asked = CloseAsked("c-1", P390, None, OrderType.MARKET, TimeInForce.DAY)
        with pytest.raises(Refused) as refused:
            closing_order(asked, "main", running.core.books, allow_uncovered=False)
        assert refused.value.reason is Reason.INSUFFICIENT_QTY


@virtual
async def test_longs_beyond_what_the_shorts_need_are_for_sale(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await opened(running)
        await bought(running, LATER, "3")  # lives longer, so that it may cover as well
        with pytest.raises(Refused):
            await running.submit(selling(LATER, "4"))
        await running.submit(selling(LATER, "3"))
        with pytest.raises(Refused):
            await running.submit(selling(P390, "1", "o-3"))


@virtual
async def test_a_combo_takes_no_long_leg_away(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await opened(running)
        away = spread(leg(P390, I.SELL_TO_CLOSE), leg(QQQ, I.BUY_TO_OPEN), order="o-2")
        with pytest.raises(Refused) as refused:
            await running.submit(away)
        assert refused.value.reason is Reason.NO_COVER
        # Another one that lives as long may take its place, one that does not may not.
        await running.submit(
            spread(leg(P390, I.SELL_TO_CLOSE), leg(LATER, I.BUY_TO_OPEN), order="o-3")
        )


@virtual
async def test_a_short_put_with_its_own_cash_needs_no_long(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec(instrument=P400, order_qty=Decimal(2)))
        running.alpaca.fill("o-1~al~1.0", "e-1", "2", "2")
        await until(lambda: running.order().order.cum_qty)
        await bought(running, P390, "2")
        await running.submit(selling(P390))


@virtual
async def test_a_long_leg_stays_while_the_short_one_is_still_to_fill(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spread(leg(P400, I.SELL_TO_OPEN), leg(P390, I.BUY_TO_OPEN)))
        fills(running, P390, "2", "7.00")
        await until(lambda: running.order().order.executions)
        with pytest.raises(Refused):
            await running.submit(selling(P390))


@pytest.mark.parametrize("kind", list(Instruction))
def test_a_long_leg_is_not_exercised_or_let_go(tmp_path: Path, kind: Instruction) -> None:
    @virtual
    async def run() -> None:
        async with router(tmp_path / "j.db") as running:
            await opened(running)
            with pytest.raises(Refused) as refused:
                await instruct(running, InstructionIntended("main", "x-1", kind, "", P390, None))
            assert refused.value.reason is Reason.NO_COVER
            assert running.alpaca.instructed == []

    run()


@virtual
async def test_contracts_are_sold_or_exercised_but_not_both(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_long(running)
        await running.submit(selling(spec().single, "8", "s-1"))  # type: ignore[arg-type]
        await instruct(running)
        for again in (
            replace(EXERCISE, client_order_id="x-2"),
            replace(EXERCISE, client_order_id="x-2", qty=None),
        ):
            with pytest.raises(Refused) as refused:
                await instruct(running, again)
            assert refused.value.reason is Reason.INSUFFICIENT_QTY
        with pytest.raises(Refused):
            await running.submit(selling(spec().single, "1", "s-2"))  # type: ignore[arg-type]


@virtual
async def test_what_may_be_exercised_is_not_sold_but_may_be_told_again(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_exercise=OutcomeUnknown("no answer"))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await held_long(running, "2")
        assert await instruct(running) is OrderStatus.IN_DOUBT
        with pytest.raises(Refused):
            await running.submit(selling(spec().single))  # type: ignore[arg-type]
        again = replace(EXERCISE, client_order_id="x-2")
        assert await instruct(running, again) is OrderStatus.IN_DOUBT


@virtual
async def test_an_instructions_id_is_no_orders(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_long(running)
        await instruct(running)
        with pytest.raises(Refused) as refused:
            await running.submit(share_order(client_order_id="x-1"))
        assert refused.value.reason is Reason.CLIENT_ORDER_ID_REUSED
        assert await instruct(running) is OrderStatus.ACCEPTED


@virtual
async def test_only_longs_that_live_as_long_are_needed(tmp_path: Path) -> None:
    december = parse_occ("SPY241220P00380000")
    async with router(tmp_path / "j.db") as running:
        await running.submit(spread(leg(LATER, I.SELL_TO_OPEN), leg(december, I.BUY_TO_OPEN)))
        fills(running, LATER, "2", "8.50")
        fills(running, december, "2", "7.00")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        await bought(running, P390, "2")
        with pytest.raises(Refused):
            await running.submit(selling(december))
        await running.submit(selling(P390))


@virtual
async def test_shorts_that_are_being_bought_back_with_their_longs_need_no_others(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await opened(running)
        await bought(running, P390, "1")
        back = spread(leg(P400, I.BUY_TO_CLOSE), leg(P390, I.SELL_TO_CLOSE), order="o-2")
        await running.submit(back)
        await running.submit(selling(P390, "1", "o-3"))


@virtual
async def test_a_short_put_that_is_bought_back_frees_no_longs_of_others(tmp_path: Path) -> None:
    p410 = parse_occ("SPY241115P00410000")
    async with router(tmp_path / "j.db") as running:
        await opened(running)
        await running.submit(spec(client_order_id="put", instrument=p410, order_qty=Decimal(2)))
        running.alpaca.fill("put~al~1.0", "e-put", "2", "2")
        await until(lambda: running.order("put").order.cum_qty)
        with pytest.raises(Refused) as refused:
            await running.submit(
                spread(leg(p410, I.BUY_TO_CLOSE), leg(P390, I.SELL_TO_CLOSE), order="o-2")
            )
        assert refused.value.reason is Reason.NO_COVER
