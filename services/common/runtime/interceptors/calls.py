"""One wrapper for RPC handlers of all four arities.

grpc.aio has four kinds of handlers, two styles for streams (async generator, or coroutine with
`context.write`), and a different path for each. Here every handler becomes a coroutine, so that a
layer is written once, as `around(call, proceed)`: whatever it sets, catches or measures holds
from the call's first step to its last, in the call's own task and context.
"""

import abc
import inspect
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from services.common.runtime.errors import sole_leaf

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
    Context = grpc.aio.ServicerContext[Any, Any]
else:  # generic in their stubs only
    Handler = grpc.RpcMethodHandler
    Context = grpc.aio.ServicerContext
Proceed = Callable[[], Awaitable[Any]]
Codec = tuple[Callable[[bytes], Any] | None, Callable[[Any], bytes] | None]
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]


@dataclass(frozen=True, slots=True)
class RpcCall:
    """One incoming call.

    `method` is fully qualified without a leading slash, `request` is None if requests are
    streamed, `streaming` is true unless the call is one request and one response.
    """

    method: str
    request: Any
    context: Context
    streaming: bool


Around = Callable[[RpcCall, Proceed], Awaitable[Any]]


class LayerInterceptor(grpc.aio.ServerInterceptor, abc.ABC):
    """An interceptor that is one layer around every handler.

    Handlers must be coroutines or async generators: a thread-pool handler has no context
    variables, no cancellation and no bound, so it is refused.
    """

    @abc.abstractmethod
    async def around(self, call: RpcCall, proceed: Proceed) -> Any:
        """Run `proceed` once and return what it returns (None for streamed responses)."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        return wrap_handler(handler, handler_call_details.method.lstrip("/"), self.around)


def wrap_handler(
    handler: Handler,
    method: str,
    around: Around,
    codec: Codec | None = None,
) -> Handler:
    """Give a handler of the same arity whose behaviour runs inside `around`.

    `codec` (deserialiser, serialiser) replaces the handler's own.
    """
    behaviour = _as_coroutine(handler, method)
    streaming = bool(handler.request_streaming or handler.response_streaming)

    async def wrapped(request: Any, context: Context) -> Any:
        message = None if handler.request_streaming else request
        call = RpcCall(method, message, context, streaming)
        return await around(call, lambda: behaviour(request, context))

    deserialise, serialise = codec or (handler.request_deserializer, handler.response_serializer)
    make = _FACTORIES[bool(handler.request_streaming), bool(handler.response_streaming)]
    return make(wrapped, request_deserializer=deserialise, response_serializer=serialise)


def status_code_of(call: RpcCall, error: BaseException | None) -> grpc.StatusCode:
    """The code with which the call ends, seen from a layer outside of the sanitising one."""
    if error is None or isinstance(error, grpc.aio.AbortError):
        code = call.context.code()
        return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.OK
    if call.context.done():
        return call.context.code()
    if call.context.time_remaining() == 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    # What is left: the task was canceled, or a write found the client gone.
    return grpc.StatusCode.CANCELLED


def leaf_of(error: Exception) -> Exception:
    """The sole error of a group, if it is an ordinary one; else the error itself."""
    leaf = sole_leaf(error)
    return leaf if isinstance(leaf, Exception) else error


_FACTORIES: dict[tuple[bool, bool], Callable[..., Handler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}

_ATTRIBUTES = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def _as_coroutine(handler: Handler, method: str) -> Callable[[Any, Context], Awaitable[Any]]:
    arity = bool(handler.request_streaming), bool(handler.response_streaming)
    behaviour: Callable[[Any, Context], Any] = getattr(handler, _ATTRIBUTES[arity])
    if inspect.iscoroutinefunction(behaviour):
        return behaviour
    if not inspect.isasyncgenfunction(behaviour):
        raise TypeError(f"{method}: handlers must be coroutines or async generators")

    async def write_all(request: Any, context: Context) -> None:
        # Closing the generator here and now runs its clean-up in the call's own context.
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                await context.write(response)

    return write_all
