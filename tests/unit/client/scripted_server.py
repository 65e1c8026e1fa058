"""A real BrokerService whose answers a test lays down, by the name of the RPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import Message

from tests.unit.client.small_server import SmallBroker, abort

UNARY = (
    "GetCapabilities",
    "GetPosition",
    "PreviewOrder",
    "ReplaceOrder",
    "CancelAllOrders",
    "ClosePosition",
    "ExerciseOption",
    "DoNotExercise",
    "ListActivities",
    "GetQuotes",
    "GetBars",
    "ListOptionContracts",
    "GetOptionSnapshots",
    "GetMarketClock",
    "GetMarketCalendar",
)


class ScriptedBroker(SmallBroker):
    """Gives the next of `replies[name]`, a status among them as an error; keeps the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: dict[str, list[Any]] = {}
        self.requests: list[Any] = []
        self.streamed: list[Any] = []
        self.stream_end: Any = None
        self.streams_open = 0

    async def answer(self, name: str, request: Any, context: Any) -> Message:
        copy = type(request)()
        copy.CopyFrom(request)
        self.requests.append(copy)
        reply = self.replies[name].pop(0)
        if type(reply).__name__ == "Status":
            await abort(context, reply)
        return reply  # type: ignore[no-any-return]

    async def StreamQuotes(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.requests.append(request)
        self.streams_open += 1
        try:
            for reply in self.streamed:
                yield reply
            if self.stream_end is not None:
                await abort(context, self.stream_end)
        finally:
            self.streams_open -= 1


def _serve(name: str) -> Any:
    async def method(self: ScriptedBroker, request: Any, context: Any) -> Message:
        return await self.answer(name, request, context)

    return method


for _name in UNARY:
    setattr(ScriptedBroker, _name, _serve(_name))
