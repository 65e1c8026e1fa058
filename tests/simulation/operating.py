"""An operator who sets the trading state, and does not rest until it is set."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import grpc

from services.common.contract.pb import events_pb2, operations_service_pb2_grpc
from services.common.contract.pb import operations_service_pb2 as pb
from tests.simulation.checkers.gate import GateChecker
from tests.simulation.local_grpc.channel import LocalChannel
from tests.simulation.network import Network
from tests.simulation.router_process import OPERATIONS_PORT


class Operator:
    """To be made and run as an incarnation. One change after the other, each until it is made."""

    def __init__(self, network: Network, rng: random.Random, gate: GateChecker) -> None:
        self._rng = rng
        self._gate = gate
        channel = LocalChannel(network, OPERATIONS_PORT, rng=rng)
        self._stub: Any = operations_service_pb2_grpc.OperationsServiceStub(channel)
        self._wanted: asyncio.Queue[str] = asyncio.Queue()

    def want(self, state: str) -> None:
        """Ask for a state: ACTIVE, REDUCING or HALTED."""
        self._wanted.put_nowait(state)

    async def run(self) -> None:
        """Until canceled."""
        while True:
            state = await self._wanted.get()
            self._gate.asked(state)
            while not await self._set(state):
                await asyncio.sleep(self._rng.uniform(0.1, 1.0))
            self._gate.set(state)

    async def _set(self, state: str) -> bool:
        request = pb.SetTradingStateRequest(
            state=events_pb2.TradingState.Value(f"TRADING_STATE_{state}"), reason="a fault"
        )
        try:
            await self._stub.SetTradingState(request, timeout=5.0)
        except grpc.aio.AioRpcError:
            return False
        return True
