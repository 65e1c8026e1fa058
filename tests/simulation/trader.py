"""The trader: sends a schedule's orders through the contract, again and again if it has to.

It behaves as the contract allows a client to: an order whose outcome it does not know, or that no
venue took, it sends again under the same id with the same content.
"""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import Any, Final

import grpc

from services.common.contract.convert import decimal_to_wire, spec_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import broker_service_pb2_grpc, types_pb2
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from tests.simulation.adapter_process import ACCOUNT_ID
from tests.simulation.local_grpc.channel import LocalChannel
from tests.simulation.network import Network
from tests.simulation.planned import PlannedOrder, Schedule
from tests.simulation.router_process import BROKER_PORT

_TRIES_MAX: Final = 6
_ENTRY_WAIT_S: Final = 40.0
_AGAIN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    }
)


class Trader:
    """Acts one schedule's orders; to be made and run as the trader's incarnation.

    `asked` are the orders that were sent at least once. `answers` tells what came back, in order.
    """

    def __init__(self, schedule: Schedule, network: Network, rng: random.Random) -> None:
        self._schedule = schedule
        self._rng = rng
        channel = LocalChannel(network, BROKER_PORT, rng=rng)
        self._stub: Any = broker_service_pb2_grpc.BrokerServiceStub(channel)
        self.asked: dict[str, PlannedOrder] = {}
        self.answers: list[tuple[float, str, str]] = []

    async def run(self) -> None:
        """Return when every order has been seen to."""
        async with asyncio.TaskGroup() as tasks:
            for order in self._schedule.orders:
                tasks.create_task(self._see_to(order), name=order.client_order_id)

    async def _see_to(self, order: PlannedOrder) -> None:
        await self._until(order.at_s)
        if order.closes and not await self._has_filled(order.closes):
            return
        self.asked[order.client_order_id] = order
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._submit(order))
            for at_s in order.again_at_s:
                tasks.create_task(self._again(order, at_s))
            if order.cancel_at_s:
                tasks.create_task(self._cancel(order))
            if order.replace_at_s:
                tasks.create_task(self._replace(order))

    async def _again(self, order: PlannedOrder, at_s: float) -> None:
        await self._until(at_s)
        await self._submit(order)

    async def _submit(self, order: PlannedOrder) -> None:
        request = pb.SubmitOrderRequest(account_id=ACCOUNT_ID, order=spec_to_wire(spec_of(order)))
        await self._persist(order, self._stub.SubmitOrder, request)

    async def _cancel(self, order: PlannedOrder) -> None:
        await self._until(order.cancel_at_s)
        request = pb.CancelOrderRequest(
            account_id=ACCOUNT_ID, client_order_id=order.client_order_id
        )
        await self._persist(order, self._stub.CancelOrder, request)

    async def _replace(self, order: PlannedOrder) -> None:
        await self._until(order.replace_at_s)
        request = pb.ReplaceOrderRequest(
            account_id=ACCOUNT_ID,
            client_order_id=order.client_order_id,
            replace_id="r-1",
            limit_price=decimal_to_wire(Decimal(order.replace_limit)),
        )
        if order.replace_qty:
            request.order_qty.value = str(order.replace_qty)
        await self._persist(order, self._stub.ReplaceOrder, request)

    async def _persist(self, order: PlannedOrder, method: Any, request: Any) -> None:
        """Call until there is a definite answer, or patience ends."""
        for _ in range(_TRIES_MAX):
            try:
                reply = await method(request, timeout=order.timeout_s)
            except grpc.aio.AioRpcError as error:
                self._note(order, f"{error.code().name}: {error.details()}")
                if error.code() not in _AGAIN:
                    return
            else:
                self._note(order, types_pb2.OrderStatus.Name(reply.order.status))
                return
            await asyncio.sleep(self._rng.uniform(0.1, 4.0))

    async def _has_filled(self, client_order_id: str) -> bool:
        """Wait until an entry shows a fill; False if it takes too long."""
        request = pb.GetOrderRequest(account_id=ACCOUNT_ID, client_order_id=client_order_id)
        until = asyncio.get_running_loop().time() + _ENTRY_WAIT_S
        while asyncio.get_running_loop().time() < until:
            try:
                reply = await self._stub.GetOrder(request, timeout=5.0)
            except grpc.aio.AioRpcError:
                pass  # asked again below
            else:
                if Decimal(reply.order.cum_qty.value or "0") > 0:
                    return True
            await asyncio.sleep(1.0)
        return False

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(at_s - asyncio.get_running_loop().time(), 0.0))

    def _note(self, order: PlannedOrder, answer: str) -> None:
        at_s = asyncio.get_running_loop().time()
        self.answers.append((at_s, order.client_order_id, answer))


def spec_of(order: PlannedOrder) -> OrderSpec:
    """The order as the contract's domain has it."""
    return OrderSpec(
        client_order_id=order.client_order_id,
        instrument=_instrument(order.symbol),
        side=Side[order.side],
        order_qty=Decimal(order.qty),
        order_type=OrderType.LIMIT if order.limit else OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        limit_price=Decimal(order.limit) if order.limit else None,
        position_intent=PositionIntent[order.intent] if order.intent else None,
        venue_pin=order.pin,
    )


def _instrument(symbol: str) -> Instrument:
    return parse_occ(symbol) if len(symbol) > 6 else Equity(symbol)
