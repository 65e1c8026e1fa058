"""One log line per call: method, peer, code, duration and whose order it was about."""

from typing import Any

import grpc
import structlog

from services.common.runtime.clock import Clock
from services.common.runtime.interceptors.calls import (
    LayerInterceptor,
    Proceed,
    RpcCall,
    status_code_of,
)
from services.common.runtime.interceptors.subjects import subjects

_FAULTS = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS})
# Probes come every few seconds and would bury the orders.
_QUIET_SERVICES = ("grpc.health.", "grpc.reflection.")

_log = structlog.stdlib.get_logger(__name__)


class AccessLogInterceptor(LayerInterceptor):
    """Logs each call when it ends, and binds its ids to all lines logged while it runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def around(self, call: RpcCall, proceed: Proceed) -> Any:
        started = self._clock.monotonic()
        fields = dict(subjects(call.request))
        with structlog.contextvars.bound_contextvars(rpc=call.method, **fields):
            try:
                result = await proceed()
            except BaseException as error:
                self._write(call, started, status_code_of(call, error))
                raise
            self._write(call, started, status_code_of(call, None))
            return result

    def _write(self, call: RpcCall, started: float, code: grpc.StatusCode) -> None:
        if code in _FAULTS:
            level = "error"
        elif call.method.startswith(_QUIET_SERVICES):
            level = "debug"
        else:
            level = "info"
        getattr(_log, level)(
            "rpc",
            peer=call.context.peer(),
            code=code.name,
            duration_s=round(self._clock.monotonic() - started, 6),
        )
