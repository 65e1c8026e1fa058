"""A desk over a fake gateway and a real store: what the desk's tests are about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk, Terms
from services.common.adapter.pacer import Pacer
from services.common.domain.errors import (
    Effect,
    Reason,
    TandemError,
)
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, TimeInForce
from services.common.domain.reports import OrderReport
from services.common.runtime.clock import SystemClock
from tests.conformance.fakes.venue_gateway import FakeVenueGateway
from tests.unit.adapter.recording_vfs import RecordingVfs

CLOCK = SystemClock()
ID = "a~t~1.0"


def order(client_order_id: str = ID, qty: str = "2") -> OrderSpec:
    return OrderSpec(
        client_order_id,
        Equity("SPY"),
        Side.BUY,
        Decimal(qty),
        OrderType.LIMIT,
        TimeInForce.DAY,
        limit_price=Decimal(400),
    )


@dataclass
class Desk:
    """A desk over a fake gateway and a real store, with a router's claim taken."""

    desk: OrderDesk
    gateway: FakeVenueGateway
    store: FenceStore
    pacer: Pacer
    vfs: RecordingVfs
    terms: Terms

    def submit(
        self, spec: OrderSpec | None = None, terms: Terms | None = None
    ) -> asyncio.Task[OrderReport]:
        work = self.desk.submit(spec or order(), terms or self.terms)
        return asyncio.create_task(work)

    async def refusal(self, terms: Terms, spec: OrderSpec | None = None) -> Reason:
        with pytest.raises(TandemError) as refused:
            await self.desk.submit(spec or order(), terms)
        assert refused.value.effect is Effect.NONE
        assert self.gateway.sent == []
        return refused.value.reason

    def use_up_the_budget(self) -> None:
        self.pacer.throttled(reset_in_s=60.0)


Change = Callable[[Desk], Awaitable[object]]


async def take_higher(world: Desk) -> None:
    claim = world.terms.claim
    assert claim is not None
    await world.store.take(replace(claim, epoch=claim.epoch + 1))


async def begin_session(world: Desk) -> None:
    world.gateway.begin_session()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30.0):
        while not condition():
            await asyncio.sleep(0.001)
