"""Replaces: what an order on other terms would be is judged as an order is."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.order_terms import OrderChange, TimeInForce
from services.router.journal.records import TradingState, TradingStateSet
from tests.unit.router.harness import router, share_order, until, virtual
from tests.unit.router.test_replacing import change


@virtual
async def test_what_is_larger_than_the_position_is_no_exit_in_reducing(tmp_path: Path) -> None:
    """Sold while flat; then a share is held, and the price is to be made marketable."""
    async with router(tmp_path / "j.db") as running:
        port = running.alpaca
        await running.submit(share_order(side=Side.SELL, limit_price=Decimal(600)))
        one = share_order(client_order_id="buy", order_qty=Decimal(1), limit_price=Decimal(600))
        await running.submit(one)
        port.fill("buy~al~1.0", "e-b", "1", "1", px="580")
        await until(lambda: list(running.core.books.held("main")))
        running.core.journal.record(TradingStateSet("", TradingState.REDUCING, "test", "me"))
        with pytest.raises(Refused) as refused:
            await change(running, OrderChange(limit_price=Decimal(580)))
        assert refused.value.reason is Reason.TRADING_REDUCING
        assert port.replaced == []
        await change(running, OrderChange(order_qty=Decimal(1)), "r-2")  # no more than is held


@virtual
async def test_a_change_that_does_not_fit_the_order_names_what_was_asked_for(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(share_order(extended_hours=True))
        with pytest.raises(InvalidRequest) as invalid:
            await change(running, OrderChange(time_in_force=TimeInForce.GTC))
        assert invalid.value.field == "time_in_force"
