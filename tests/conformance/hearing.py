"""What the event stream of a server tells while a card acts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2, orders_pb2, types_pb2
from tests.conformance.scene import Ticket

PATIENCE_S: Final = ContextVar("PATIENCE_S", default=20.0)
"""How long anything is waited for, in seconds; a run against a server that is known to be wrong
needs less of it."""
_POLL_S: Final = 0.01
_ENDED: Final = frozenset(
    {
        types_pb2.ORDER_STATUS_FILLED,
        types_pb2.ORDER_STATUS_CANCELED,
        types_pb2.ORDER_STATUS_REJECTED,
        types_pb2.ORDER_STATUS_EXPIRED,
        types_pb2.ORDER_STATUS_REPLACED,
    }
)

T = TypeVar("T")


class Hearing:
    """Reads `WatchEvents` in the background, until closed; keeps all that was heard, in order."""

    def __init__(self, broker: Any, account_id: str) -> None:
        self._broker = broker
        self._account_id = account_id
        self._task: asyncio.Task[None] | None = None
        self.heard: list[events_pb2.Event] = []
        self.ended_by: grpc.aio.AioRpcError | None = None

    async def open(self, resume_token: str = "") -> None:
        """Begin to listen, and wait for the first sign of life."""
        await self.close()
        self.ended_by = None
        before = len(self.heard)
        self._task = asyncio.create_task(self._listen(resume_token), name="hearing")
        await eventually(lambda: len(self.heard) > before or self.ended_by, "a first event")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def token(self) -> str:
        """Resume from here to hear what comes after."""
        return next((event.token for event in reversed(self.heard) if event.token), "")

    def orders(self, ticket: Ticket, after: int = 0) -> list[orders_pb2.Order]:
        """What was told of an order, oldest first."""
        return [
            event.order
            for event in self.heard[after:]
            if event.HasField("order") and is_of(event.order, ticket)
        ]

    def executions(self, ticket: Ticket, after: int = 0) -> list[orders_pb2.Execution]:
        """The executions that were told of it, each as often as it was told."""
        return [
            event.execution
            for event in self.heard[after:]
            if event.HasField("execution") and is_of(event.execution, ticket)
        ]

    def kinds(self, kind: str, after: int = 0) -> list[Any]:
        """All events of a kind: position, activity, venue_status, alert, …"""
        return [getattr(e, kind) for e in self.heard[after:] if e.HasField(kind)]  # type: ignore[arg-type]

    async def _listen(self, resume_token: str) -> None:
        request = pb.WatchEventsRequest(
            account_id=self._account_id,
            resume_token=resume_token,
            heartbeat_interval=Duration(seconds=1),
        )
        try:
            async for answer in self._broker.WatchEvents(request):
                self.heard.append(answer.event)
        except grpc.aio.AioRpcError as error:
            self.ended_by = error


def is_of(record: orders_pb2.Order | orders_pb2.Execution, ticket: Ticket) -> bool:
    """Whether a record is about an order, under whichever of its ids."""
    own = (
        record.spec.client_order_id
        if isinstance(record, orders_pb2.Order)
        else (record.client_order_id)
    )
    return (
        ticket.client_id in (own, record.placement_id)
        or own == ticket.base
        or record.placement_id.startswith(f"{ticket.base}~")
    )


def has_ended(order: orders_pb2.Order) -> bool:
    """Whether it is over."""
    return order.status in _ENDED


def once(executions: list[orders_pb2.Execution]) -> list[orders_pb2.Execution]:
    """Each execution once, as it stands: one is told again under its id when its fees are known,
    a correction is in the place of what it corrects, and a bust leaves nothing."""
    kept = {execution.exec_id: execution for execution in executions}
    for execution in list(kept.values()):
        if execution.exec_type in (orders_pb2.EXEC_TYPE_CORRECT, orders_pb2.EXEC_TYPE_BUST):
            kept.pop(execution.exec_ref_id, None)
        if execution.exec_type == orders_pb2.EXEC_TYPE_BUST:
            kept.pop(execution.exec_id, None)
    return list(kept.values())


async def eventually(ask: Callable[[], T], what: str) -> T:
    """The first true answer; AssertionError that names `what` when patience ends."""
    patience_s = PATIENCE_S.get()
    ends_at = time.monotonic() + patience_s
    while not (answer := ask()):
        assert time.monotonic() < ends_at, f"waited {patience_s:g} s for {what}; still {answer!r}"
        await asyncio.sleep(_POLL_S)
    return answer
