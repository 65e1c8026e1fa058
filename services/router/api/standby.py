"""What a standby answers on the operations port: who it is, and of all else that it does not lead.

The servicer behind it is the one that serves after the take-over, on the same port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.errors import Reason, Unavailable

_ASKABLE: Final = frozenset({"GetFleet"})
_RETRY_AFTER_S: Final = 1.0

Unary = Callable[[Any, Any], Awaitable[Any]]
Stream = Callable[[Any, Any], AsyncIterator[Any]]


class StandbyOperations:
    """Gives `behind` all calls once `leads` says so, and GetFleet before that, too.

    Whatever else is asked before is UNAVAILABLE / NOT_LEADER, effect NONE.
    """

    def __init__(self, behind: object, leads: Callable[[], bool]) -> None:
        for method in pb.DESCRIPTOR.services_by_name["OperationsService"].methods:
            call = getattr(behind, method.name)
            if method.name not in _ASKABLE:
                guard = _guarded_stream if method.server_streaming else _guarded
                call = guard(call, leads)
            setattr(self, method.name, call)


def _require_lead(leads: Callable[[], bool]) -> None:
    if not leads():
        raise Unavailable(
            Reason.NOT_LEADER,
            "this router is a standby: another one leads",
            retry_after_s=_RETRY_AFTER_S,
        )


def _guarded(call: Unary, leads: Callable[[], bool]) -> Unary:
    async def guarded(request: Any, context: Any) -> Any:
        _require_lead(leads)
        return await call(request, context)

    return guarded


def _guarded_stream(call: Stream, leads: Callable[[], bool]) -> Stream:
    async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
        _require_lead(leads)
        async for item in call(request, context):
            yield item

    return guarded
