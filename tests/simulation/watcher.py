"""Somebody who follows the router's events from beginning to end, through every cut and restart."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import Any, Final

import grpc

from services.common.contract.convert import duration_to_wire, instrument_from_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import broker_service_pb2_grpc, types_pb2
from tests.simulation.adapter_process import ACCOUNT_ID
from tests.simulation.checkers.telling import Told
from tests.simulation.local_grpc.channel import LocalChannel
from tests.simulation.network import Network
from tests.simulation.router_process import BROKER_PORT

_HEARTBEAT_S: Final = 3.0
_SILENCE_S: Final = 8.0


class Watcher:
    """Lists, watches, and after each end of the stream watches on from its last token."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self._rng = rng
        channel = LocalChannel(network, BROKER_PORT, rng=rng)
        self._stub: Any = broker_service_pb2_grpc.BrokerServiceStub(channel)
        self._token = ""
        self._listed: set[tuple[str, str]] = set()
        self.told = Told()

    async def run(self) -> None:
        """Until canceled."""
        while True:
            try:
                await self._watch()
            except grpc.aio.AioRpcError as error:
                self.told.ends.append(error.code().name)
            except TimeoutError:
                self.told.ends.append("silence")
            await asyncio.sleep(self._rng.uniform(0.05, 2.0))

    async def _watch(self) -> None:
        if not self._token:
            await self._list()
        call = self._stub.WatchEvents(
            pb.WatchEventsRequest(
                account_id=ACCOUNT_ID,
                resume_token=self._token,
                heartbeat_interval=duration_to_wire(_HEARTBEAT_S),
            )
        )
        try:
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    reply = await call.read()
                if reply is grpc.aio.EOF:
                    self.told.ends.append("end")
                    return
                self._take(reply.event)
                self._token = reply.event.token
        finally:
            call.cancel()

    async def _list(self) -> None:
        """Where to begin: the lists as they are, and the token of the first of them."""
        orders = await self._stub.ListOrders(
            pb.ListOrdersRequest(account_id=ACCOUNT_ID), timeout=_SILENCE_S
        )
        executions = await self._stub.ListExecutions(
            pb.ListExecutionsRequest(account_id=ACCOUNT_ID), timeout=_SILENCE_S
        )
        for order in orders.orders:
            self._take_order(order)
        # One that came between the two lists is told by the stream again.
        self._listed = {(e.venue, e.exec_id) for e in executions.executions}
        self.told.executions = sorted(self._listed)
        self._token = orders.watch_token

    def _take_order(self, order: Any) -> None:
        status = types_pb2.OrderStatus.Name(order.status).removeprefix("ORDER_STATUS_")
        cum_qty = Decimal(order.cum_qty.value or 0)
        self.told.orders[order.spec.client_order_id] = (status, cum_qty)

    def _take(self, event: Any) -> None:
        told = self.told
        match event.WhichOneof("kind"):
            case "execution":
                key = (event.execution.venue, event.execution.exec_id)
                costed = key in told.executions and event.execution.fees  # told again with its fees
                if key not in self._listed and not costed:
                    told.executions.append(key)
            case "order":
                self._take_order(event.order)
            case "position":
                held = (
                    event.position.venue,
                    instrument_from_wire(event.position.instrument, "").key,
                )
                told.positions[held] = Decimal(event.position.qty.value)
            case _:
                return
        told.sequences.append(event.sequence)
