"""A cancel that is answered by a code that leaves it open: the order is read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown
from services.common.domain.order_status import OrderStatus
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import A, eventually, fault, resting, rig, settings_for

Simulated = tuple[SimulatedIbGateway, int]


async def test_a_cancel_that_is_left_open_and_was_taken_is_told_as_canceled(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port, orders={"silence_s": 0.5}), log) as built:
        await built.gateway.submit(resting(), built.check)
        fault(simulated, "error", method="cancelOrder", code=10328, text="?", when="after")
        report = await built.gateway.cancel(A, built.check)
        assert report.status in (OrderStatus.CANCELED, OrderStatus.PENDING_CANCEL)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)


async def test_a_cancel_that_is_left_open_and_was_lost_is_in_doubt(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port, orders={"silence_s": 0.5}), log) as built:
        await built.gateway.submit(resting(), built.check)
        fault(simulated, "error", method="cancelOrder", code=10328, text="?", when="before")
        with pytest.raises(OutcomeUnknown):
            await built.gateway.cancel(A, built.check)
        assert built.sink.last_status(A) is OrderStatus.ACCEPTED
