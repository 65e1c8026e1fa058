"""A whole adapter in this process, before a simulated venue on sockets: real gateway, real
servicers, real gRPC. A sabotage is put around or into it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from opentelemetry.metrics import NoOpMeter

from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.hosting import (
    ADAPTER,
    BROKER,
    Host,
    ShownFeed,
    awaitable,
    make_pacer,
    open_store_pool,
    serve,
)
from services.common.adapter.meters import AdapterMeters
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce
from services.common.runtime.clock import SystemClock
from services.common.runtime.health import HealthBoard
from services.common.runtime.shutdown import Lifecycle, ShutdownLimits
from tests.conformance.control import VenueControl
from tests.conformance.sabotages.sabotage import Sabotage
from tests.conformance.server import Role, Server, Stand
from tests.ports import free_port

TAG: Final = "sim"

# Brings a simulated venue up, until the stack is left; its port and that of its control.
Simulator = Callable[[AsyncExitStack], Awaitable[tuple[int, int]]]


class ClosedControl(VenueControl, Protocol):
    """What controls a simulated venue, until it is closed."""

    async def close(self) -> None:
        """Control it no more."""


@asynccontextmanager
async def sabotaged(
    sabotage: Sabotage,
    venue: str,
    simulator: Simulator,
    adapter_of: Callable[[Sabotage, Path, str], InProcess],
    control_of: Callable[[str], ClosedControl],
) -> AsyncIterator[Stand]:
    """An adapter with this bug, and its simulator."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-sabotage-"))
    async with AsyncExitStack() as owned:
        owned.callback(shutil.rmtree, folder, ignore_errors=True)
        owned.enter_context(sabotage.patch())
        port, control_port = await simulator(owned)
        adapter = adapter_of(sabotage, folder, f"127.0.0.1:{port}")
        await adapter.start()
        owned.push_async_callback(adapter.kill)
        control = control_of(f"127.0.0.1:{control_port}")
        owned.push_async_callback(control.close)
        server = Server(adapter.address, "main", Role.ADAPTER, fenced=True, account_tag=TAG)
        yield Stand(server, venue, TAG, control, adapter)


class InProcess(ABC):
    """Implements `ServerProcess` for an adapter in this process. Killed, it is only closed: what it
    had made durable is what it has afterwards. `venue` is where its simulator is, host:port."""

    enforces_unique_ids: bool
    fractional_quantities: bool

    def __init__(self, sabotage: Sabotage, folder: Path, venue: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._sabotage = sabotage
        self._folder = folder
        self._venue = venue
        self._starts = 0
        self._lifecycle: Lifecycle | None = None

    async def start(self) -> None:
        """Serve."""
        self._starts += 1
        clock = SystemClock()
        limits = ShutdownLimits(drain_s=0.0, closer_s=2.0, overall_s=10.0)
        lifecycle = self._lifecycle = Lifecycle("sabotaged-adapter", clock, limits)
        settings = self._settings()
        board = HealthBoard(clock, [BROKER, ADAPTER])
        feed = EventFeed(clock)
        host = Host(
            lifecycle,
            settings,
            self._store(lifecycle, settings),
            board,
            feed,
            ShownFeed(feed, board, settings.venue),
            make_pacer(clock, settings.pacing),
            AdapterMeters(NoOpMeter("sabotages"), settings.venue),
        )
        gateway = self._sabotage.gateway(self._gateway(host, settings))
        await serve(host, gateway, self._capabilities, probe_interval_s=30.0)

    async def kill(self) -> None:
        """End it."""
        if self._lifecycle is not None:
            lifecycle, self._lifecycle = self._lifecycle, None
            await lifecycle.shut_down(drain=False)

    async def stop(self) -> None:
        """End it."""
        await self.kill()

    async def forget(self) -> None:
        """Take its files away."""
        await asyncio.to_thread(shutil.rmtree, self._folder)
        self._folder.mkdir()

    @property
    def _forgotten(self) -> int:
        """How often its files were forgotten."""
        return self._starts if self._sabotage.forgets else 0

    @abstractmethod
    def _settings(self) -> Any:
        """The adapter's settings."""

    @abstractmethod
    def _gateway(self, host: Host, settings: Any) -> Any:
        """The gateway, closed with the host's lifecycle."""

    def _capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=tuple(OrderType),
            times_in_force=tuple(TimeInForce),
            order_classes=tuple(OrderClass),
            enforces_unique_ids=self.enforces_unique_ids,
            fractional_quantities=self.fractional_quantities,
        )

    def _store(self, lifecycle: Lifecycle, settings: Any) -> FenceStore:
        pool = open_store_pool(lifecycle, "fence store", settings.fence_write_timeout_s)
        store = FenceStore.open(settings.fence_store_path, lifecycle.clock, pool.run, routed=True)
        lifecycle.on_close("fence store", awaitable(store.close))
        return store
