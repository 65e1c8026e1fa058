"""A gRPC server without gRPC: the real servicers and the real interceptors on simulated frames."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import grpc

from tests.simulation.incarnation import ON_ORDER_PATH
from tests.simulation.local_grpc.context import LocalContext
from tests.simulation.local_grpc.frames import Begin, Cancel, ClientFrame, Ping, Pong
from tests.simulation.local_grpc.keepalive import Keepalive
from tests.simulation.network import End, Network

_log = logging.getLogger(__name__)
_OF_ORDERS = ("/SubmitOrder", "/ReplaceOrder", "/CancelOrder")


@dataclass(frozen=True, slots=True)
class _Details(grpc.HandlerCallDetails):
    method: str
    invocation_metadata: Any


class LocalServer:
    """Takes what the generated `add_…Servicer_to_server` functions give; serves after `start`.

    `on_begin` is told of each call that has arrived, before anything is done for it.
    """

    def __init__(
        self,
        network: Network,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        on_begin: Callable[[Begin], None] = lambda _: None,
    ) -> None:
        self.on_begin = on_begin
        self._network = network
        self._interceptors = tuple(interceptors)
        self._handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[Any]) -> None:
        """Part of grpc.aio.Server; the registered handlers below say the same and more."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Any]
    ) -> None:
        for name, handler in method_handlers.items():
            self._handlers[f"/{service_name}/{name}"] = handler

    def start(self, port: int) -> None:
        """Serve at a port of the simulated network, as the incarnation that calls this."""
        self._network.listen(port, self._accept)

    def _accept(self, end: End) -> None:
        _Connection(self, end)

    async def handler_of(self, begin: Begin) -> Any:
        """The handler of a call with all layers around it; None if there is no such method."""
        return await self._layered(self._interceptors, _Details(begin.method, begin.metadata))

    async def _layered(self, layers: Sequence[Any], details: grpc.HandlerCallDetails) -> Any:
        if not layers:
            return self._handlers.get(details.method)

        async def proceed(details: grpc.HandlerCallDetails) -> Any:
            return await self._layered(layers[1:], details)

        return await layers[0].intercept_service(proceed, details)


class _Connection:
    """One client's connection: a task for each of its calls."""

    def __init__(self, server: LocalServer, end: End) -> None:
        self._server = server
        self._end = end
        self._calls: dict[int, tuple[LocalContext, asyncio.Task[None]]] = {}
        self._keepalive = Keepalive(lambda: end.send(Ping()), self._silent)
        end.attach(self._received, self._lost)

    def _received(self, frame: ClientFrame) -> None:
        self._keepalive.heard()
        match frame:
            case Begin():
                self._begin(frame)
            case Cancel():
                self._cancel(frame.stream_id)
            case Ping():
                self._end.send(Pong())

    def _begin(self, frame: Begin) -> None:
        loop = asyncio.get_running_loop()
        self._server.on_begin(frame)
        context = LocalContext(frame, self._end)
        path = copy_context()
        path.run(ON_ORDER_PATH.set, frame.method.endswith(_OF_ORDERS))
        serving = _serve(self._server, frame, context)
        task = loop.create_task(serving, name=frame.method, context=path)
        self._calls[frame.stream_id] = context, task
        task.add_done_callback(lambda _: self._calls.pop(frame.stream_id, None))
        if frame.timeout_s is not None:
            # The client's own clock tells it the same; here only the handler has to end.
            loop.call_later(frame.timeout_s, self._cancel, frame.stream_id)

    def _silent(self, reason: str) -> None:
        self._end.abort()
        self._lost(reason)

    def _lost(self, reason: str) -> None:
        self._keepalive.stop()
        for stream_id in list(self._calls):
            self._cancel(stream_id)

    def _cancel(self, stream_id: int) -> None:
        if stream_id in self._calls:
            context, task = self._calls[stream_id]
            context.client_closed = True
            task.cancel()


async def _serve(server: LocalServer, begin: Begin, context: LocalContext) -> None:
    """Run one call to its status, as grpc.aio does: what it lets out is never raised here."""
    try:
        handler = await server.handler_of(begin)
        if handler is None:
            context.send_status(grpc.StatusCode.UNIMPLEMENTED, "Method not found!", ())
        else:
            await _run(handler, begin, context)
    except grpc.aio.AbortError:
        return
    except asyncio.CancelledError:
        return
    except Exception as error:  # noqa: BLE001 - grpc.aio makes a status of it, so do we
        _log.exception("unexpected error in %s", begin.method)
        if not context.status_sent:
            code = context.code() or grpc.StatusCode.UNKNOWN
            text = f"Unexpected {type(error)}: {error}"
            context.send_status(code, text, context.trailing_metadata())
    finally:
        context.finished()


async def _run(handler: Any, begin: Begin, context: LocalContext) -> None:
    deserialise, context.serialise = handler.request_deserializer, handler.response_serializer
    request = begin.message if deserialise is None else deserialise(begin.message)
    if handler.response_streaming:
        await _stream(handler.unary_stream, request, context)
    else:
        await _answer(handler.unary_unary, request, context)


async def _answer(
    behaviour: Callable[[Any, Any], Awaitable[Any]], request: Any, context: LocalContext
) -> None:
    response = await behaviour(request, context)
    context.raise_for_end()
    if context.code() in (None, grpc.StatusCode.OK):
        await context.write(response)
    _end(context)


async def _stream(
    behaviour: Callable[[Any, Any], Any], request: Any, context: LocalContext
) -> None:
    if inspect.iscoroutinefunction(behaviour):
        await behaviour(request, context)
    else:
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                await context.write(response)
    context.raise_for_end()
    _end(context)


def _end(context: LocalContext) -> None:
    code = context.code() or grpc.StatusCode.OK
    context.send_status(code, context.details(), context.trailing_metadata())
