"""The health of a process as a map of named components, published as grpc.health.v1.

The name "" and each gRPC service follow the process: NOT_SERVING until it is ready and again when
it drains. Components (an upstream such as "venue.alpaca", a store, a stream) have a state of
their own that doesn't touch the others: one venue's outage is not the router's.

The servicer is ours, since the package's own holds a lock while it writes to a watcher, so that
one watcher that stops reading stops every change of state; it also lacks List.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common.runtime.clock import Clock

SERVICE_NAME = "grpc.health.v1.Health"

_log = structlog.stdlib.get_logger(__name__)


class Health(Enum):
    """Whether a component can do its work."""

    SERVING = "serving"
    NOT_SERVING = "not_serving"


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One component's state, why, and since when (aware, UTC, of the last change of status)."""

    status: Health
    reason: str
    since: datetime


WireStatus = health_pb2.HealthCheckResponse.ServingStatus

_WIRE: dict[Health, "WireStatus"] = {
    Health.SERVING: health_pb2.HealthCheckResponse.SERVING,
    Health.NOT_SERVING: health_pb2.HealthCheckResponse.NOT_SERVING,
}


class HealthBoard:
    """Holds what is well and tells it to checkers and watchers.

    Setters return at once and never wait for a watcher; a watcher that is slow misses states in
    between and gets the last one. Must be used on the event loop's thread.
    """

    def __init__(self, clock: Clock, services: Iterable[str]) -> None:
        self._clock = clock
        self._services = ("", *services)
        self._ready = False
        self._draining = False
        self._closed = False
        self._changed = asyncio.Event()
        self._components: dict[str, ComponentHealth] = {}
        for name in self._services:
            self._put(name, Health.NOT_SERVING, "starting")

    @property
    def ready(self) -> bool:
        """Whether the process as a whole is SERVING."""
        return self._ready and not self._draining

    def snapshot(self) -> Mapping[str, ComponentHealth]:
        """All components as they are now, the process itself under ""."""
        return dict(self._components)

    def set_ready(self, services: Iterable[str] | None = None) -> None:
        """Make the process and its services (or only those named) SERVING, unless it drains."""
        if self._draining:
            return
        self._ready = True
        for name in self._services if services is None else ("", *services):
            self._put(name, Health.SERVING, "ready")

    def set_not_ready(self, reason: str, services: Iterable[str] | None = None) -> None:
        """Make the process and its services (or only the services named) NOT_SERVING."""
        if services is None:
            self._ready = False
        for name in self._services if services is None else services:
            self._put(name, Health.NOT_SERVING, reason)

    def set_component(self, name: str, status: Health, reason: str) -> None:
        """Set one component's state; `reason` is for people and must hold no secret."""
        if name in self._services:
            raise ValueError(f"{name!r} follows the process and can't be set by itself")
        if not self._draining:
            self._put(name, status, reason)

    def set_draining(self) -> None:
        """Make everything NOT_SERVING for good; later settings are ignored."""
        self._draining = True
        for name in list(self._components):
            self._put(name, Health.NOT_SERVING, "draining")

    def close(self) -> None:
        """End all watches, so that a server's stop doesn't wait for them."""
        self._closed = True
        self._wake()

    def attach(self, server: grpc.aio.Server) -> None:
        """Publish this board on a server; one board may be on several."""
        servicer = _HealthServicer(self)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]

    def _put(self, name: str, status: Health, reason: str) -> None:
        before = self._components.get(name)
        changed = before is None or before.status is not status
        since = self._clock.now() if before is None or changed else before.since
        self._components[name] = ComponentHealth(status, reason, since)
        if changed and before is not None:
            _log.info("health_changed", component=name, status=status.value, reason=reason)
        if changed:
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _wire_status(self, name: str) -> "WireStatus | None":
        component = self._components.get(name)
        return None if component is None else _WIRE[component.status]


class _HealthServicer(health_pb2_grpc.HealthServicer):
    def __init__(self, board: HealthBoard) -> None:
        self._board = board

    async def Check(self, request: Any, context: Any) -> Any:
        status = self._board._wire_status(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown component")
        return health_pb2.HealthCheckResponse(status=status)

    async def List(self, request: Any, context: Any) -> Any:
        statuses = {
            name: health_pb2.HealthCheckResponse(status=_WIRE[component.status])
            for name, component in self._board.snapshot().items()
        }
        return health_pb2.HealthListResponse(statuses=statuses)

    async def Watch(self, request: Any, context: Any) -> None:
        last: WireStatus | None = None
        while True:
            changed = self._board._changed
            status = self._board._wire_status(request.service)
            if status is None:
                status = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            if status != last:
                await context.write(health_pb2.HealthCheckResponse(status=status))
                last = status
            if self._board._closed:
                return
            await changed.wait()
