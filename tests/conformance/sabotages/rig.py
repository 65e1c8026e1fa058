"""The whole Alpaca adapter in this process, before a simulated Alpaca on sockets: real gateway,
real servicers, real gRPC. A sabotage is put around or into it."""

from __future__ import annotations

import asyncio
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from opentelemetry.metrics import NoOpMeter

from services.alpaca_adapter.assembly import Surroundings, build_gateway
from services.alpaca_adapter.settings import AlpacaSettings
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
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from services.common.runtime.health import HealthBoard
from services.common.runtime.shutdown import Lifecycle, ShutdownLimits
from simulators.alpaca.server import alpaca_app
from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from simulators.alpaca.settings import AlpacaSettings as SimulatorSettings
from simulators.alpaca.simulated import build
from simulators.control.server import ControlServer
from simulators.listening import Listener
from tests.conformance.sabotages.sabotage import Sabotage
from tests.conformance.server import Role, Server, Stand
from tests.conformance.venues.alpaca_control import AlpacaControl
from tests.ports import free_port

_TAG: Final = "sim"
_QUICK: Final[dict[str, Any]] = {
    "rest": {
        "connect_timeout_s": 1.0,
        "read_timeout_s": 0.8,
        "total_timeout_s": 0.8,
        "read_deadline_s": 1.5,
        "probe_timeout_s": 0.5,
    },
    "sync": {
        "backoff_min_s": 0.05,
        "backoff_max_s": 0.1,
        "silence_s": 0.5,
        "late_event_s": 0.1,
        "overlap_s": 5.0,
    },
    "settling_s": 0.3,
    "pacing": {"limit": 100_000},
    "data_pacing": {"limit": 100_000},
    "drain_s": 0.0,
}


@asynccontextmanager
async def sabotaged_stand(sabotage: Sabotage, alone: bool) -> AsyncIterator[Stand]:
    """An adapter with this bug, and its simulator."""
    assert not alone, "no sabotage needs it"
    folder = Path(tempfile.mkdtemp(prefix="tandem-sabotage-"))
    async with AsyncExitStack() as owned:
        owned.callback(shutil.rmtree, folder, ignore_errors=True)
        owned.enter_context(sabotage.patch())
        port, control_port = await _simulator(owned)
        adapter = InProcess(sabotage, folder, f"127.0.0.1:{port}")
        await adapter.start()
        owned.push_async_callback(adapter.kill)
        control = AlpacaControl(f"127.0.0.1:{control_port}")
        owned.push_async_callback(control.close)
        server = Server(adapter.address, "main", Role.ADAPTER, fenced=True, account_tag=_TAG)
        yield Stand(server, "alpaca", _TAG, control, adapter)


async def _simulator(owned: AsyncExitStack) -> tuple[int, int]:
    settings = SimulatorSettings(cash=Decimal(10_000_000), options_level=3, rate_limit_per_min=0)
    simulated, listener = build(settings, time.monotonic), Listener("127.0.0.1")
    owned.push_async_callback(listener.close)
    await owned.enter_async_context(simulated.frontend.running())
    port = await listener.listen(alpaca_app(simulated.frontend), 0)
    return port, await listener.listen(ControlServer(simulated.control).app(), 0)


class InProcess:
    """Implements `ServerProcess` for the adapter in this process, that of Alpaca unless a subclass
    makes another one. Killed, it is only closed: what it had made durable is what it has
    afterwards. `venue` is where its simulator is, host:port."""

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

    def _settings(self) -> Any:
        return AlpacaSettings(
            listen=self.address,
            account_id="main",
            account_tag=_TAG,
            fence_store_path=self._folder / f"fence{self._forgotten}.sqlite",
            api_key=SIMULATED_KEY,  # type: ignore[arg-type]
            secret_key=SIMULATED_SECRET,  # type: ignore[arg-type]
            base_url=f"http://{self._venue}",
            **_QUICK,
        )

    def _capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=tuple(OrderType),
            times_in_force=tuple(TimeInForce),
            order_classes=tuple(OrderClass),
            enforces_unique_ids=True,
            fractional_quantities=True,
        )

    def _store(self, lifecycle: Lifecycle, settings: Any) -> FenceStore:
        pool = open_store_pool(lifecycle, "fence store", settings.fence_write_timeout_s)
        store = FenceStore.open(settings.fence_store_path, lifecycle.clock, pool.run, routed=True)
        lifecycle.on_close("fence store", awaitable(store.close))
        return store

    def _gateway(self, host: Host, settings: Any) -> Any:
        rest, clock = settings.rest, host.lifecycle.clock
        pool = BlockingPool(rest.slots, slot_wait_s=rest.slot_wait_s, name="sabotaged")
        host.lifecycle.on_close("requests", partial(pool.close, rest.total_timeout_s))
        gateway = build_gateway(
            settings,
            Surroundings(
                clock=clock,
                run_blocking=pool.run,
                sink=self._sabotage.sink(host.sink),
                pacer=host.pacer,
                data_pacer=make_pacer(clock, settings.data_pacing),
                random=random.SystemRandom(),
                new_session_id=partial(secrets.token_hex, 8),
            ),
        )
        host.lifecycle.on_close("gateway", gateway.close)
        return gateway
