"""What was true of an order before, and is told late: it is looked up, and contradicts nobody."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.router.routing.revising import Asked
from tests.unit.domain.orders import spec
from tests.unit.router.harness import router, until, virtual
from tests.unit.router.scripted_port import PLACED, ScriptedPort, takes_replace, word


@virtual
async def test_a_cancel_asked_before_a_rejection_and_told_after_it_is_no_contradiction(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        port = running.alpaca
        pending = word(port, OrderStatus.PENDING_CANCEL, Signal.PENDING_CANCEL)
        port.news.put_nowait(word(port, OrderStatus.REJECTED, Signal.REJECTED))
        await until(lambda: running.order().order.status is OrderStatus.REJECTED)
        port.news.put_nowait(pending)
        await asyncio.sleep(30)
        assert running.order().order.status is OrderStatus.REJECTED
        assert "VENUE_CONTRADICTION" not in running.kinds()
        port.news.put_nowait(word(port, OrderStatus.PENDING_CANCEL, Signal.PENDING_CANCEL))
        await until(lambda: "VENUE_CONTRADICTION" in running.kinds())  # it is so at a look-up too
        assert running.order().order.is_open


@virtual
async def test_the_quantity_before_a_change_told_late_is_looked_up(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=takes_replace)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        before = port.knows[PLACED]
        less = OrderChange(order_qty=Decimal(4))
        await running.core.desk.replace("main", "o-1", Asked("r-1", less))
        port.news.put_nowait(replace(before, client_id="o-1~al~1.1", venue_order_id=""))
        await asyncio.sleep(30)
        assert running.kinds() == []
        assert running.order().order.leaves_qty == 4
