"""Nothing of an exception's text reaches a client; known errors become their statuses here.

grpc.aio answers an uncaught exception with UNKNOWN and its text, secrets included. This layer
answers with what the translator says, or with INTERNAL and an incident id; class, text and
traceback go to the log under the same id.
"""

import secrets
from collections.abc import Callable
from typing import Any

import grpc
import structlog
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    code_pb2,
    status_pb2,
)
from grpc_status import rpc_status

from services.common.runtime.errors import DeadlineExpiredError, MalformedRequestError
from services.common.runtime.interceptors.calls import (
    Continuation,
    Handler,
    LayerInterceptor,
    Proceed,
    RpcCall,
    leaf_of,
    wrap_handler,
)

ErrorTranslator = Callable[[Exception], status_pb2.Status | None]
"""Gives the status for an error that it knows, None for others. It must not block."""

_log = structlog.stdlib.get_logger(__name__)


def random_incident_id() -> str:
    """Sixteen hexadecimal digits from the system's randomness."""
    return secrets.token_hex(8)


class SanitiseInterceptor(LayerInterceptor):
    """Turns every exception of a handler into a status that is fit for a client.

    - CancelledError and an abort that has been sent go on untouched.
    - What `translate` knows is answered as it says, details included. A task group's sole error
      is looked at in place of its group.
    - The runtime's own errors follow: a request that can't be read is INVALID_ARGUMENT, an
      expired default deadline DEADLINE_EXCEEDED.
    - All else, a failing translator and an answer that can't be serialised included, is INTERNAL
      with an incident id.
    """

    def __init__(
        self,
        translate: ErrorTranslator | None = None,
        new_incident_id: Callable[[], str] = random_incident_id,
    ) -> None:
        self._translate = translate
        self._new_incident_id = new_incident_id

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method.lstrip("/")
        codec = _reader(handler), _writer(handler.response_serializer)

        async def around(call: RpcCall, proceed: Proceed) -> Any:
            return await self.around(call, lambda: _encoded(handler, call, proceed))

        return wrap_handler(handler, method, around, codec)

    async def around(self, call: RpcCall, proceed: Proceed) -> Any:
        try:
            if isinstance(call.request, _Unreadable):
                raise MalformedRequestError(call.method)
            return await proceed()
        except Exception as error:
            if _belongs_to_transport(error):
                raise
            if call.context.done():
                # The status is out already; grpc.aio only logs what follows it.
                _log.exception("error_after_abort", rpc=call.method)
                raise
            await self._abort(call, leaf_of(error))

    async def _abort(self, call: RpcCall, error: Exception) -> None:
        status = self._translated(error) or _own_status(error) or self._incident(call, error)
        grpc_status: grpc.Status = rpc_status.to_status(status)  # type: ignore[no-untyped-call]
        await call.context.abort_with_status(grpc_status)

    def _translated(self, error: Exception) -> status_pb2.Status | None:
        if self._translate is None:
            return None
        try:
            status = self._translate(error)
        except Exception:  # noqa: BLE001 - logged; the error itself is still to be answered
            _log.exception("error_translator_failed", error_class=type(error).__qualname__)
            return None
        if status is not None and status.code not in _FAILURES:
            _log.error("error_translator_gave_no_failure", code=status.code)
            return None
        return status

    def _incident(self, call: RpcCall, error: Exception) -> status_pb2.Status:
        incident_id = self._new_incident_id()
        _log.error("internal_error", rpc=call.method, incident_id=incident_id, exc_info=error)
        message = f"internal error, incident {incident_id}"
        return status_pb2.Status(code=code_pb2.INTERNAL, message=message)


_FAILURES = {code for code in code_pb2.Code.values() if code != code_pb2.OK}


def _belongs_to_transport(error: Exception) -> bool:
    # AbortError: the status is sent. InternalError and a stopped server: a write found the peer
    # or the server gone; there is nobody to answer, and grpc.aio handles both without a reply.
    return isinstance(error, grpc.aio.BaseError) and not isinstance(error, grpc.aio.UsageError)


def _own_status(error: Exception) -> status_pb2.Status | None:
    if isinstance(error, MalformedRequestError):
        message = "the request is not a message of this method's type"
        return status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=message)
    if isinstance(error, DeadlineExpiredError):
        message = "deadline exceeded; what was asked for may still take effect"
        return status_pb2.Status(code=code_pb2.DEADLINE_EXCEEDED, message=message)
    return None


class _Unreadable:
    """Stands for a request that its deserialiser refused."""


class _Wire(bytes):
    """A response that is serialised already."""


def _reader(handler: Handler) -> Callable[[bytes], Any]:
    """Read requests so that a failure arises inside the layer.

    grpc.aio reads a single request before all interceptors, whom a failure would pass by; a
    streamed one is read inside of the handler.
    """

    def read(raw: bytes) -> Any:
        try:
            return handler.request_deserializer(raw) if handler.request_deserializer else raw
        except Exception as error:
            if handler.request_streaming:
                raise MalformedRequestError("streamed request") from error
            _log.info("unreadable_request", request_bytes=len(raw), exc_info=True)
            return _Unreadable()

    return read


def _writer(serialise: Callable[[Any], bytes] | None) -> Callable[[Any], bytes]:
    """Serialise a response unless that has been done inside the layer."""

    def write(response: Any) -> bytes:
        if isinstance(response, _Wire) or serialise is None:
            return bytes(response)
        return serialise(response)

    return write


async def _encoded(handler: Handler, call: RpcCall, proceed: Proceed) -> Any:
    """Serialise a single response inside the layer: grpc.aio would do it after all of them."""
    response = await proceed()
    discarded = call.context.code() not in (None, grpc.StatusCode.OK)
    if handler.response_streaming or handler.response_serializer is None or discarded:
        return response
    return _Wire(handler.response_serializer(response))
