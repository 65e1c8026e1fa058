"""Every single-answer call has a deadline, and what is called for it can read the rest.

A call without a deadline would wait for ever on a venue that hangs. Streams are exempt: they live
until one side ends them.
"""

import asyncio
from typing import Any

from services.common.runtime.clock import Clock
from services.common.runtime.deadlines import deadline_scope
from services.common.runtime.errors import DeadlineExpiredError
from services.common.runtime.interceptors.calls import LayerInterceptor, Proceed, RpcCall


class DeadlineInterceptor(LayerInterceptor):
    """Keeps the caller's deadline for `remaining_s()`, or gives the call `default_deadline_s`.

    grpc.aio cancels the handler when the caller's own deadline passes. When the default one
    passes, the handler is canceled here and DeadlineExpiredError raised: work that must be
    finished belongs to a task of its own, not to the handler.
    """

    def __init__(self, clock: Clock, default_deadline_s: float) -> None:
        if default_deadline_s <= 0:
            raise ValueError("default_deadline_s must be positive")
        self._clock = clock
        self._default_deadline_s = default_deadline_s

    async def around(self, call: RpcCall, proceed: Proceed) -> Any:
        # None without a deadline. grpc measures it on the wall clock: it is read once, here.
        asked_s: float | None = call.context.time_remaining()
        if asked_s is not None:
            with deadline_scope(self._clock, asked_s):
                return await proceed()
        if call.streaming:
            return await proceed()
        with deadline_scope(self._clock, self._default_deadline_s):
            return await self._limited(call, proceed)

    async def _limited(self, call: RpcCall, proceed: Proceed) -> Any:
        try:
            async with asyncio.timeout(self._default_deadline_s) as limit:
                return await proceed()
        except TimeoutError as error:
            if not limit.expired():
                raise  # the handler's own
            raise DeadlineExpiredError(call.method) from error
