"""Fences of single orders: what a bench asks of an adapter as a router would."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import types_pb2
from tests.conformance.answers import Answer, fence_words
from tests.conformance.hearing import PATIENCE_S
from tests.conformance.requests import Requests
from tests.conformance.scene import Ticket

_POLL_S = 0.02


class Fencing(Requests):
    """The part of a bench that fences orders off."""

    adapter: Any
    """The stub of `AdapterService`."""

    @abstractmethod
    def note(self, step: str) -> None:
        """Tell the story what was seen."""

    @abstractmethod
    async def ready(self) -> types_pb2.Venue:
        """Wait until orders can be sent."""

    @abstractmethod
    async def call(self, method: Callable[..., Awaitable[Any]], request: Any) -> Answer:
        """Make a call; what it came to."""

    async def fence_order(self, ticket: Ticket, **changed: Any) -> Answer:
        """Fence a placement off, waiting as long as it is said to settle, or until the server is
        in sync; tells the outcome."""
        ends_at = time.monotonic() + PATIENCE_S.get()
        asked = {"session_id": self.session_id, **changed}
        while True:
            answer = await self.try_fence_order(ticket, **asked)
            if not await self.may_settle(answer) or time.monotonic() > ends_at:
                break
        self.note(f"fence order: {fence_words(answer)}")
        return answer

    async def try_fence_order(self, ticket: Ticket, **changed: Any) -> Answer:
        """Ask once, without a step."""
        fields = {
            "account_id": self.account_id,
            "placement_id": ticket.current_id,
            "session_id": self.session_id,
            "fence": self.fence(),
            **changed,
        }
        request = adapter_pb.FenceOrderRequest(**fields)
        request.attempted_at.GetCurrentTime()
        return await self.call(self.adapter.FenceOrder, request)

    async def may_settle(self, answer: Answer) -> bool:
        """Whether to ask again, and if so after the wait for it."""
        if answer.has_failed or answer.reply.outcome != adapter_pb.FENCE_OUTCOME_UNKNOWN:
            return False
        if answer.reply.HasField("retry_after_s"):
            await asyncio.sleep(max(answer.reply.retry_after_s, _POLL_S))
            return True
        before = self.session_id
        await self.ready()
        return self.session_id != before
