"""A call behind client interceptors: they run in a task of their own, then the call itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import Any

import grpc

from tests.simulation.local_grpc.calls import CANCELED_HERE

Start = Callable[[Any, Any], Any]


class _Intercepted:
    """Passes on to the call that the interceptors gave, once they have."""

    def __init__(
        self, layers: Sequence[Any], method: str, start: Start, details: Any, request: Any
    ) -> None:
        self._method = method
        self._start = start
        work = self._through(tuple(layers), details, request)
        self._starting = asyncio.get_running_loop().create_task(work)

    async def _through(self, layers: Sequence[Any], details: Any, request: Any) -> Any:
        if not layers:
            return self._start(request, details)

        async def proceed(details: Any, request: Any) -> Any:
            return await self._through(layers[1:], details, request)

        return await getattr(layers[0], self._method)(proceed, details, request)

    def _call(self) -> Any:
        """The call itself, None while there is none or if there will be none."""
        starting = self._starting
        if not starting.done() or starting.cancelled() or starting.exception() is not None:
            return None
        return starting.result()

    def cancel(self) -> bool:
        if not self._starting.done():
            return self._starting.cancel()
        call = self._call()
        return call is not None and bool(call.cancel())

    def done(self) -> bool:
        call = self._call()
        return self._starting.done() if call is None else bool(call.done())

    def cancelled(self) -> bool:
        call = self._call()
        return self._starting.cancelled() if call is None else bool(call.cancelled())

    async def code(self) -> grpc.StatusCode:
        try:
            call = await self._starting
        except asyncio.CancelledError:
            return grpc.StatusCode.CANCELLED
        code: grpc.StatusCode = await call.code()
        return code

    async def details(self) -> str:
        try:
            call = await self._starting
        except asyncio.CancelledError:
            return CANCELED_HERE
        return str(await call.details())

    async def trailing_metadata(self) -> Any:
        call = await self._starting
        return await call.trailing_metadata()


class InterceptedUnary(_Intercepted):
    """A call with one response."""

    def __init__(self, layers: Sequence[Any], start: Start, details: Any, request: Any) -> None:
        super().__init__(layers, "intercept_unary_unary", start, details, request)

    def __await__(self) -> Generator[Any, None, Any]:
        call = yield from self._starting.__await__()
        return (yield from call.__await__())


class InterceptedStream(_Intercepted):
    """A call with many responses. As with grpc.aio, a read that was canceled is the last one."""

    def __init__(self, layers: Sequence[Any], start: Start, details: Any, request: Any) -> None:
        super().__init__(layers, "intercept_unary_stream", start, details, request)
        self._responses = self._all()

    async def _all(self) -> AsyncIterator[Any]:
        call = await self._starting
        async for response in call:
            yield response

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._responses

    async def read(self) -> Any:
        try:
            return await anext(self._responses)
        except StopAsyncIteration:
            return grpc.aio.EOF
