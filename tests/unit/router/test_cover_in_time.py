"""Cover and holdings while other orders come and go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import (
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import Balance, VenuePosition
from tests.unit.domain.orders import instrument, spec
from tests.unit.router.harness import router, share_order, until, virtual
from tests.unit.router.scripted_port import ScriptedPort

NOT_SENT = Unavailable(Reason.RATE_LIMITED, "the venue said 429")


# -- cover, while other orders come and go --


@virtual
async def test_orders_that_come_together_share_no_cover(tmp_path: Path) -> None:
    """All read the same statement; each is decided against what the others have reserved."""
    port = ScriptedPort("alpaca", cash="120000")  # three puts
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        orders = [spec(client_order_id=f"o-{i}", order_qty=Decimal(1)) for i in range(8)]
        outcomes = await asyncio.gather(*map(running.submit, orders), return_exceptions=True)
        assert len(port.sent) == 3
        refused = [error.reason for error in outcomes if isinstance(error, TandemError)]
        assert refused == [Reason.NO_COVER] * 5


@virtual
async def test_exits_that_come_together_share_no_position(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(share_order())
        running.alpaca.fill("o-1~al~1.0", "e-1", "10", "10", px="8.50")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        sale = share_order(side=Side.SELL, order_qty=Decimal(4))
        sales = [replace(sale, client_order_id=f"s-{i}") for i in range(5)]
        outcomes = await asyncio.gather(*map(running.submit, sales), return_exceptions=True)
        assert len(running.alpaca.sent) == 1 + 2
        refused = [error.reason for error in outcomes if isinstance(error, TandemError)]
        assert refused == [Reason.INSUFFICIENT_QTY] * 3


@virtual
async def test_shares_older_than_our_books_are_not_sold_from_under_a_call(tmp_path: Path) -> None:
    shares = VenuePosition("alpaca", "main", instrument("SPY"), Decimal(150))
    port = ScriptedPort("alpaca", held=[shares])
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        call = instrument("SPY241115C00600000")
        await running.submit(spec(instrument=call, order_qty=Decimal(1), limit_price=Decimal(1)))
        sale = share_order(client_order_id="s-1", side=Side.SELL, order_qty=Decimal(51))
        with pytest.raises(Refused) as refused:
            await running.submit(sale)
        assert refused.value.reason is Reason.NO_COVER
        await running.submit(replace(sale, client_order_id="s-2", order_qty=Decimal(50)))
        assert len(port.sent) == 2


@virtual
async def test_a_fill_while_the_account_is_read_makes_it_be_read_again(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", cash="80000")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec(order_qty=Decimal(1)))
        reads: list[int] = []
        read = port.positions

        async def filled_meanwhile() -> object:
            reads.append(len(reads))
            if len(reads) == 1:
                port.fill("o-1~al~1.0", "e-1", "1", "1")
                await until(lambda: running.order().order.cum_qty == 1)
                port.cash = "40000"  # and the cash is gone with something else
            return await read()

        port.positions = filled_meanwhile  # type: ignore[method-assign, assignment]
        with pytest.raises(Refused) as refused:
            await running.submit(spec(client_order_id="o-2", order_qty=Decimal(1)))
        assert refused.value.reason is Reason.NO_COVER
        assert len(reads) == 2


@virtual
async def test_an_exit_is_not_held_up_by_an_account_that_cannot_be_read(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        port = running.alpaca
        port.held = [VenuePosition("alpaca", "main", instrument("SPY"), Decimal(100))]
        await running.submit(share_order(order_qty=Decimal(150)))
        port.fill("o-1~al~1.0", "e-1", "150", "150", px="8.50")
        call = instrument("SPY241115C00600000")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        await running.submit(spec(client_order_id="c-1", instrument=call, order_qty=Decimal(1)))

        async def hangs() -> object:
            await asyncio.sleep(86_400)
            raise AssertionError

        port.positions = hangs  # type: ignore[method-assign, assignment]
        sale = share_order(client_order_id="s-1", side=Side.SELL, order_qty=Decimal(50))
        async with asyncio.timeout(1):
            await running.submit(sale)


@virtual
async def test_a_slow_backup_does_not_hold_up_an_order_for_the_preferred_venue(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:

        async def slow() -> Balance:
            await asyncio.sleep(9)
            raise ReadFailed("too late anyway")

        running.second.balance = slow  # type: ignore[method-assign]
        began = asyncio.get_running_loop().time()
        entry = await running.submit(spec(order_qty=Decimal(1)))
        assert [p.venue for p in entry.order.placements] == ["alpaca"]
        assert asyncio.get_running_loop().time() - began < 2


@virtual
@pytest.mark.parametrize("wanted", [{"venue_pin": "second"}, {"venue_preference": "second"}, {}])
async def test_a_slow_venue_is_waited_for_where_the_order_needs_it(
    tmp_path: Path, wanted: dict[str, str]
) -> None:
    """Pinned there, preferred there, or without cover at the venue that answers at once."""
    cash = "1000000" if wanted else "0"
    ports = {"alpaca": ScriptedPort("alpaca", cash=cash), "second": ScriptedPort("second")}
    async with router(tmp_path / "j.db", ports=ports) as running:
        answer = ports["second"].balance

        async def slow() -> Balance:
            await asyncio.sleep(3)
            return await answer()

        ports["second"].balance = slow  # type: ignore[method-assign]
        entry = await running.submit(spec(order_qty=Decimal(1), **wanted))
        assert [p.venue for p in entry.order.placements] == ["second"]


@virtual
async def test_an_order_whose_caller_has_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.hold = asyncio.Event()
        for number in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await running.submit(share_order(client_order_id=f"o-{number}"))
        running.alpaca.hold.set()
        desk = running.core.desk
        await until(lambda: not desk._working)
        assert desk._unplaced == {}
