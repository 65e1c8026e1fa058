"""What a standby answers on the operations port, call by call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.errors import Effect, Reason, Unavailable
from services.router.api.standby import StandbyOperations

METHODS = pb.DESCRIPTOR.services_by_name["OperationsService"].methods
STREAMS = {method.name for method in METHODS if method.server_streaming}
NAMES = [method.name for method in METHODS]


class Behind:
    """Answers each call with its name."""

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES:
            raise AttributeError(name)

        async def unary(request: object, context: object) -> str:
            return name

        async def stream(request: object, context: object) -> AsyncIterator[str]:
            yield name

        return stream if name in STREAMS else unary


async def answer(front: StandbyOperations, name: str) -> Any:
    called = getattr(front, name)(object(), object())
    if name not in STREAMS:
        return await called
    return await anext(called)


@pytest.mark.parametrize("name", NAMES)
async def test_all_but_who_it_is_has_to_wait_for_the_take_over(name: str) -> None:
    leads = False
    front = StandbyOperations(Behind(), lambda: leads)
    if name != "GetFleet":
        with pytest.raises(Unavailable) as refused:
            await answer(front, name)
        assert (refused.value.reason, refused.value.effect) == (Reason.NOT_LEADER, Effect.NONE)
    leads = name != "GetFleet"
    assert await answer(front, name) == name
