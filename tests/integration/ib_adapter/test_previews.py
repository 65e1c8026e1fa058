"""Previews and instructions through the gateway, against the simulated Gateway."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.adapter.port import OrderQuery
from services.common.domain.amounts import Money
from services.common.domain.errors import (
    InvalidRequest,
    ReadFailed,
)
from services.common.domain.executions import Fee, Side
from services.common.domain.order_status import OrderStatus
from services.ib_adapter.preview_ids import PREVIEW_REF
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    SPY,
    A,
    eventually,
    fault,
    limit,
    orders_there,
    rig,
    settings_for,
)
from tests.integration.ib_adapter.test_families import bracket

Simulated = tuple[SimulatedIbGateway, int]
S = OrderStatus


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


async def test_a_preview_gives_ibs_margins_and_commission_and_sends_nothing(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        preview = await built.gateway.preview(limit(A, Side.SELL, "8.50"))
        assert preview.initial_margin_change == usd("40000")
        assert preview.maintenance_margin_change == usd("40000")
        assert preview.fees == (Fee("commission", usd("1"), estimated=True),)
        assert preview.cash_effect == usd("850")
        assert not preview.estimated, "they are IB's own"
        assert orders_there(simulated) == []
        assert built.sink.reports() == []
        assert await built.gateway.orders(OrderQuery()) == []


async def test_a_preview_leaves_no_id_used_and_its_number_to_no_order(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.preview(limit(A, Side.SELL, "8.50"))
        used = built.send_log.high_water
        assert used > 0
        assert await built.send_log.find(A) is None
        report = await built.gateway.submit(limit(A, Side.BUY, "0.05"), built.check)
        assert report.status is S.ACCEPTED
        assert built.send_log.high_water > used
    assert len(orders_there(simulated)) == 1


async def test_what_ib_would_object_to_is_a_warning_or_an_error(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        dear = await built.gateway.preview(limit(A, Side.BUY, "401", qty="9999", instrument=SPY))
        assert any("AVAILABLE FUNDS" in warning for warning in dear.warnings), dear
        with_exits = await built.gateway.preview(bracket())
        assert any("exits" in warning for warning in with_exits.warnings)
        with pytest.raises(InvalidRequest):
            await built.gateway.preview(limit(A, Side.BUY, "0.001", instrument=SPY))


async def test_a_preview_without_an_answer_is_an_error(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        fault(simulated, "drop_request", method="placeOrder", ends="hang")
        with pytest.raises(ReadFailed):
            await built.gateway.preview(limit(A, Side.SELL, "8.50"))
        assert built.gateway.session_id


async def test_a_refused_preview_is_an_error_with_ibs_word(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        fault(simulated, "error", method="placeOrder", code=201, text="no such thing")
        with pytest.raises(ReadFailed, match="no such thing"):
            await built.gateway.preview(limit(A, Side.SELL, "8.50"))


async def test_a_preview_that_is_worked_as_an_order_is_canceled(ib: Simulated, log: Path) -> None:
    """A Gateway that overlooks the flag: the order is canceled, whoever sees it."""
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        wire = built.gateway._parts.session.wire()
        place = wire._client.placeOrder

        def overlooked(order_id: int, contract: Any, order: Any) -> None:
            order.whatIf = False
            place(order_id, contract, order)

        wire._client.placeOrder = overlooked
        with pytest.raises(ReadFailed):
            await built.gateway.preview(limit(A, Side.BUY, "0.05"))
        del wire._client.placeOrder
        await eventually(lambda: orders_there(simulated)[0]["status"] == "canceled")
        [order] = orders_there(simulated)
        assert order["client_order_id"] == PREVIEW_REF


async def test_an_order_is_never_written_as_a_preview(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        wire = built.gateway._parts.session.wire()
        parcel = built.gateway._parts.entry._packing.orders(limit(A, Side.BUY, "0.05"), "")
        with pytest.raises(ValueError, match="in place of a preview"):
            wire.what_if(900, parcel.contract, parcel.orders[0])
        await built.gateway.orders(OrderQuery())
        assert orders_there(simulated) == []
