"""One client of the adapter: its calls, fenced as a router's are, and what answers prove."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

import grpc

from services.common.contract.convert import (
    change_to_wire,
    instrument_to_wire,
    spec_to_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import adapter_service_pb2_grpc, broker_service_pb2_grpc
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.status import from_rpc_error
from services.common.domain.errors import Effect, Reason, TandemError
from services.common.domain.instruments import OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderChange
from tests.simulation.adapter_process import ACCOUNT_ID
from tests.simulation.local_grpc.channel import LocalChannel
from tests.simulation.network import Network
from tests.simulation.soak.lone_adapter import ADAPTER_PORT

_READ_S: Final = 15.0
_PAGE: Final = 500
_JOURNAL_ID: Final = "soak"


class Proof(Enum):
    """What an answer to a send proves."""

    TAKEN = "taken"
    REJECTED = "rejected"
    NO_EFFECT = "no effect"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a send; `order` is the contract's message, if there is one."""

    proof: Proof
    text: str
    order: Any = None
    reason: Reason = Reason.UNSPECIFIED


class Client:
    """Reads raise TandemError; sends never raise, what went wrong is in the answer."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self._rng = rng
        channel = LocalChannel(network, ADAPTER_PORT, rng=rng)
        self.broker: Any = broker_service_pb2_grpc.BrokerServiceStub(channel)
        self._adapter: Any = adapter_service_pb2_grpc.AdapterServiceStub(channel)
        self._epoch = 0
        self._sends = 0
        self.session_id = ""
        self.methods: frozenset[str] = frozenset()

    @property
    def expected_session_id(self) -> str:
        """The session that a send names: the one that was last heard of."""
        return self.session_id

    # -- leading -----------------------------------------------------------------------------

    async def lead(self) -> None:
        """Take the adapter for a new epoch, and ask what it serves."""
        self._epoch += 1
        request = adapter_pb.FenceRequest(fence=self._fence())
        reply = await self.read(self._adapter.Fence, request)
        self.session_id = reply.session_id
        served = await self.read(self.broker.GetCapabilities, pb.GetCapabilitiesRequest())
        self.methods = frozenset(served.venues[0].methods)

    def _fence(self) -> pb.Fence:
        self._sends += 1
        return pb.Fence(
            journal_id=_JOURNAL_ID,
            generation=1,
            epoch=max(self._epoch, 1),
            head_sequence=self._sends,
            head_hash=hashlib.sha256(str(self._sends).encode()).digest(),
        )

    # -- sends -------------------------------------------------------------------------------

    async def submit(self, spec: OrderSpec) -> Answer:
        """Send an order in the session that was last heard of."""
        request = pb.SubmitOrderRequest(
            account_id=ACCOUNT_ID,
            order=spec_to_wire(spec),
            fence=self._fence(),
            expected_session_id=self.expected_session_id,
        )
        return await self._send(self.broker.SubmitOrder, request)

    async def fence_order(self, placement_id: str, attempted_at: datetime | None = None) -> Any:
        """Ask for the proof that it is there, or never will be. Raises TandemError."""
        request = adapter_pb.FenceOrderRequest(
            account_id=ACCOUNT_ID,
            placement_id=placement_id,
            fence=self._fence(),
            attempted_at=None if attempted_at is None else timestamp_to_wire(attempted_at),
        )
        return await self.read(self._adapter.FenceOrder, request)

    async def exercise(self, client_order_id: str, contract: OptionContract) -> Answer:
        """Ask for the exercise of all that is held of a contract."""
        request = pb.ExerciseOptionRequest(
            account_id=ACCOUNT_ID,
            client_order_id=client_order_id,
            instrument=instrument_to_wire(contract),
            fence=self._fence(),
            expected_session_id=self.expected_session_id,
        )
        return await self._send(self.broker.ExerciseOption, request)

    async def cancel(self, placement_id: str) -> Answer:
        """Ask for an order's end."""
        request = pb.CancelOrderRequest(
            account_id=ACCOUNT_ID, client_order_id=placement_id, fence=self._fence()
        )
        return await self._send(self.broker.CancelOrder, request)

    async def replace(self, placement_id: str, revision_id: str, change: OrderChange) -> Answer:
        """Ask for other terms, under an id of their own."""
        request = change_to_wire(change)
        request.account_id = ACCOUNT_ID
        request.client_order_id, request.replace_id = placement_id, revision_id
        request.fence.CopyFrom(self._fence())
        request.expected_session_id = self.expected_session_id
        return await self._send(self.broker.ReplaceOrder, request)

    async def cancel_all(self) -> Answer:
        """Ask for the end of all orders."""
        request = pb.CancelAllOrdersRequest(account_id=ACCOUNT_ID, fence=self._fence())
        return await self._send(self.broker.CancelAllOrders, request)

    async def _send(self, method: Any, request: Any) -> Answer:
        timeout_s = self._rng.choice((4.0, 15.0, 15.0, 30.0))
        try:
            reply = await method(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            known = from_rpc_error(error, mutation=True)
            text = f"{error.code().name}/{known.reason.value}: {known.message}"
            proof = Proof.NO_EFFECT if known.effect is Effect.NONE else Proof.NOTHING
            return Answer(proof, text, reason=known.reason)
        order = getattr(reply, "order", None)
        if order is not None and not order.venue_order_id:
            return Answer(Proof.REJECTED, f"rejected: {order.cause.message}", order)
        return Answer(Proof.TAKEN, "taken", order)

    # -- reads -------------------------------------------------------------------------------

    async def read(self, method: Any, request: Any) -> Any:
        """One read, once. Raises TandemError."""
        try:
            return await method(request, timeout=_READ_S)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, mutation=False) from error

    async def read_on(self, method: Any, request: Any) -> Any:
        """One read, again and again until it succeeds."""
        return await self._on(lambda: self.read(method, request))

    async def pages_on(self, method: Any, request: Any, name: str) -> list[Any]:
        """A whole list, again and again until it succeeds."""
        found: list[Any] = await self._on(lambda: self.pages(method, request, name))
        return found

    async def _on(self, reads: Callable[[], Awaitable[Any]]) -> Any:
        while True:
            try:
                return await reads()
            except TandemError as error:
                wait_s = self._rng.uniform(0.5, 3.0)
                await asyncio.sleep(max(wait_s, min(error.retry_after_s or 0.0, 30.0)))

    async def pages(self, method: Any, request: Any, name: str) -> list[Any]:
        """A whole list. Raises TandemError."""
        found: list[Any] = []
        request.page.page_size, request.page.page_token = _PAGE, ""
        while True:
            reply = await self.read(method, request)
            found += getattr(reply, name)
            if not reply.next_page_token:
                return found
            request.page.page_token = reply.next_page_token

    async def order(self, client_id: str = "", venue_order_id: str = "") -> Any:
        """A look-up of one order: the contract's GetOrderResponse. Raises TandemError."""
        request = pb.GetOrderRequest(
            account_id=ACCOUNT_ID, client_order_id=client_id, venue_order_id=venue_order_id
        )
        return await self.read(self.broker.GetOrder, request)
