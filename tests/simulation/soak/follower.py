"""Follows the adapter's events to the end: watches on after cuts, lists after restarts."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any, Final

import grpc

from services.common.contract.convert import duration_to_wire, timestamp_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.status import from_rpc_error
from services.common.domain.errors import Reason, TandemError
from tests.simulation.adapter_process import ACCOUNT_ID
from tests.simulation.soak.client import Client
from tests.simulation.soak.view import View

_HEARTBEAT_S: Final = 5.0
_SILENCE_S: Final = 12.0
_OVERLAP: Final = timedelta(minutes=5)
_PAUSE_S: Final = (0.05, 1.0)


class Follower:
    """Keeps a view up to date. `counts` tells how often the stream ended, and why.

    The venue session that it hears of is told to the client, whose sends name it.
    """

    def __init__(self, client: Client, view: View, rng: random.Random) -> None:
        self._client = client
        self._view = view
        self._rng = rng
        self._token = ""
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Until canceled."""
        while True:
            try:
                if not self._token:
                    await self._list()
                await self._watch()
            except TandemError as error:
                self.counts[error.reason.value] += 1
                if error.reason in (Reason.TOKEN_EXPIRED, Reason.FENCE_NOT_TAKEN):
                    self._token = ""
            except TimeoutError:
                self.counts["silence"] += 1
            self._client.session_id = ""
            await asyncio.sleep(self._rng.uniform(*_PAUSE_S))

    async def _list(self) -> None:
        """Where to begin: what was changed since the last word, and what was open by it."""
        await self._client.lead()
        broker, view = self._client.broker, self._view
        began = await self._client.read(
            broker.ListOrders,
            pb.ListOrdersRequest(account_id=ACCOUNT_ID, filter=pb.ORDER_FILTER_OPEN),
        )
        after = timestamp_to_wire(view.latest - _OVERLAP) if view.orders else None
        listed = await self._client.pages(
            broker.ListOrders, pb.ListOrdersRequest(account_id=ACCOUNT_ID, after=after), "orders"
        )
        executions = await self._client.pages(
            broker.ListExecutions,
            pb.ListExecutionsRequest(account_id=ACCOUNT_ID, after=after),
            "executions",
        )
        for execution in executions:
            view.take_execution(execution, "")
        for order in [*listed, *began.orders]:
            view.take_order(order)
        await self._look_up_open({order.venue_order_id for order in listed})
        self._token = began.watch_token

    async def _look_up_open(self, listed: set[str]) -> None:
        for order in self._view.open_orders():
            if order.venue_order_id not in listed:
                found = await self._client.order(venue_order_id=order.venue_order_id)
                if found.lookup == pb.ORDER_LOOKUP_FOUND:
                    self._view.take_order(found.order)

    async def _watch(self) -> None:
        call = self._client.broker.WatchEvents(
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
                    self.counts["end"] += 1
                    return
                self._take(reply.event)
                self._token = reply.event.token
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, mutation=False) from error
        finally:
            call.cancel()

    def _take(self, event: Any) -> None:
        match event.WhichOneof("kind"):
            case "order":
                self._view.take_order(event.order)
            case "execution":
                self._view.take_execution(event.execution, event.token.partition(".")[0])
            case "activity":
                self._view.take_activity(event.activity)
            case "heartbeat":
                self._client.session_id = event.heartbeat.session_id
            case "venue_status":
                self._client.session_id = event.venue_status.session_id
