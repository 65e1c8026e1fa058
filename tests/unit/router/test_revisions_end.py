"""Revisions of which nobody knows, or that came to nothing late: what ends them, and what not."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Refused, TandemError
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import LookupResult
from tests.unit.domain.orders import spec
from tests.unit.router.harness import router, until, virtual
from tests.unit.router.scripted_port import PLACED, ScriptedPort, refuses_replace, word
from tests.unit.router.test_replace_faults import NO_ANSWER, ends
from tests.unit.router.test_replacing import REVISED, change


@virtual
async def test_revision_that_lost_to_a_fill_and_is_turned_down_late_is_no_contradiction(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca", on_replace=refuses_replace)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        with contextlib.suppress(Refused):
            await change(running)
        port.fill(PLACED, "e-1", "10", "10")
        port.news.put_nowait(word(port, OrderStatus.FILLED, Signal.FILLED, "10"))
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        pending = replace(
            port.knows[PLACED],
            client_id=REVISED,
            venue_order_id="v-revised",
            status=OrderStatus.ACCEPTED,
            signal=Signal.ACKNOWLEDGED,
            cum_qty=Decimal(0),
        )
        port.knows[REVISED] = pending
        port.news.put_nowait(pending)
        turned_down = replace(pending, status=OrderStatus.REJECTED, signal=Signal.REJECTED)
        real, later = port.find_order, asyncio.get_running_loop().call_later

        async def find_order(placement_id: str) -> LookupResult:
            if placement_id == REVISED:
                later(0.5, port.knows.__setitem__, REVISED, turned_down)
            return await real(placement_id)

        port.find_order = find_order  # type: ignore[method-assign]
        await asyncio.sleep(60)
        assert port.knows[REVISED] is turned_down
        assert "VENUE_CONTRADICTION" not in running.kinds()
        assert running.order().order.status is OrderStatus.FILLED


@virtual
@pytest.mark.parametrize("qty", ["0", "10"])
async def test_revision_that_nobody_knows_ends_with_its_order(tmp_path: Path, qty: str) -> None:
    port = ScriptedPort("alpaca", on_replace=NO_ANSWER)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        if qty == "0":
            ends(port)
        else:
            port.fill(PLACED, "e-1", qty, qty)
            port.news.put_nowait(word(port, OrderStatus.FILLED, Signal.FILLED, qty))
        await asyncio.sleep(5)
        assert running.order().order.status is OrderStatus.IN_DOUBT  # no look-up is proof
        port.proves_absence = True
        await asyncio.sleep(60)
        order = running.order().order
        assert order.status is (OrderStatus.CANCELED if qty == "0" else OrderStatus.FILLED)
        assert not order.is_open
        revision = order.placement(REVISED)
        assert revision is not None
        assert revision.cause is not None
        assert "absent, by script" in revision.cause.message


@virtual
async def test_revision_that_nobody_knows_stays_in_doubt_if_its_order_was_replaced(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca", on_replace=NO_ANSWER)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        port.news.put_nowait(word(port, OrderStatus.REPLACED, Signal.REPLACED))
        await asyncio.sleep(600)
        assert running.order().order.status is OrderStatus.IN_DOUBT
        port.proves_absence = True  # then somebody else has replaced it
        await asyncio.sleep(60)
        assert running.order().order.status is OrderStatus.REPLACED
        assert not running.order().order.is_open
        with contextlib.suppress(TandemError):
            await running.submit(spec())
        assert len(port.sent) == 1
