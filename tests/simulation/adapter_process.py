"""An adapter as a node: everything of its `bootstrap` but sockets, threads and signals."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.alpaca_adapter.assembly import Surroundings, build_gateway
from services.alpaca_adapter.settings import AlpacaSettings
from services.common.adapter.adapter_servicer import AdapterServicer
from services.common.adapter.broker_servicer import BrokerServicer
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.pacer import Pacer
from services.common.contract.pb import adapter_service_pb2_grpc, broker_service_pb2_grpc
from services.common.contract.status import translate
from services.common.domain.order_spec import OrderType, TimeInForce
from services.common.runtime.clock import Clock
from services.common.runtime.interceptors import server_interceptors
from simulators.alpaca.settings import SIMULATED_ACCOUNT_NUMBER, SIMULATED_KEY, SIMULATED_SECRET
from tests.simulation.disk import Disk
from tests.simulation.local_grpc.server import LocalServer
from tests.simulation.network import Network
from tests.simulation.venue_process import VenueProcess
from tests.simulation.venue_wire import Leaves, VenueWire
from tests.simulation.virtual_pool import VirtualPool

ACCOUNT_ID = "main"

# Waits of production made shorter, so that more happens in a schedule's few minutes.
_SETTINGS: dict[str, Any] = {
    "rest": {"read_timeout_s": 5.0, "total_timeout_s": 8.0},
    "sync": {"backoff_max_s": 4.0, "silence_s": 15.0},
    "settling_s": 5.0,
}


@dataclass(frozen=True, slots=True)
class AdapterWiring:
    """What one life of an adapter is given; `rng` is the only randomness.

    `leaves` is told of each request to the venue.
    """

    name: str
    tag: str
    port: int
    venue: VenueProcess
    network: Network
    disk: Disk
    clock: Clock
    rng: random.Random
    leaves: Leaves


class AdapterProcess:
    """One life of an adapter. To be made and run as its incarnation.

    Raises what keeps the real process from starting.
    """

    def __init__(self, wiring: AdapterWiring) -> None:
        self._wiring = wiring
        settings = self._settings()
        clock, rng = wiring.clock, wiring.rng
        disk = wiring.disk
        store_pool = VirtualPool(1, slot_wait_s=5.0, rng=rng, delay_s=lambda: disk.delay_s)
        self.store = FenceStore.open(
            settings.fence_store_path, clock, store_pool.run, vfs=wiring.disk.vfs
        )
        self.feed = EventFeed(clock, new_feed_id=partial(_token, rng))
        pacer = Pacer(clock, settings.pacing.terms())
        self.gateway = build_gateway(settings, self._surroundings(settings, pacer))
        desk = OrderDesk(
            self.gateway, self.store, pacer, clock, wait_max_s=settings.pacing.wait_max_s
        )
        layers = server_interceptors(clock, settings.default_deadline_s, translate=translate)
        server = LocalServer(wiring.network, layers)
        broker = BrokerServicer(
            self.gateway,
            desk,
            self.feed,
            self.store,
            clock,
            settings,
            _capabilities,
            server_version="simulated",
        )
        adapter = AdapterServicer(self.gateway, self.store, settling_s=settings.settling_s)
        broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(broker, server)  # type: ignore[arg-type]
        adapter_service_pb2_grpc.add_AdapterServiceServicer_to_server(adapter, server)  # type: ignore[arg-type]
        server.start(wiring.port)
        self._probe_interval_s = settings.rest.probe_interval_s

    async def run(self) -> None:
        """Keep the session; returns or raises when the real process would end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.gateway.run())
            tasks.create_task(self._probe())

    async def _probe(self) -> None:
        while True:
            await self.gateway.status()
            await asyncio.sleep(self._probe_interval_s)

    def _settings(self) -> AlpacaSettings:
        wiring = self._wiring
        return AlpacaSettings(
            account_id=ACCOUNT_ID,
            venue=wiring.name,
            account_tag=wiring.tag,
            fence_store_path=Path(wiring.disk.folder / "fence.db"),
            api_key=SecretStr(SIMULATED_KEY),
            secret_key=SecretStr(SIMULATED_SECRET),
            account_number=SIMULATED_ACCOUNT_NUMBER,
            base_url=f"http://127.0.0.1:{wiring.venue.port}",
            **_SETTINGS,
        )

    def _surroundings(self, settings: AlpacaSettings, pacer: Pacer) -> Surroundings:
        wiring = self._wiring
        venue = wiring.venue
        wire = VenueWire(venue.simulated.frontend, wiring.network, venue.life, wiring.leaves)
        rest = settings.rest
        pool = VirtualPool(rest.slots, slot_wait_s=rest.slot_wait_s, rng=wiring.rng)
        return Surroundings(
            clock=wiring.clock,
            run_blocking=pool.run,
            sink=self.feed,
            pacer=pacer,
            data_pacer=Pacer(wiring.clock, settings.data_pacing.terms()),
            random=wiring.rng,
            new_session_id=partial(_token, wiring.rng),
            mount=lambda session: session.mount("http://", wire),
        )


def _capabilities() -> Capabilities:
    return Capabilities(
        order_types=(OrderType.MARKET, OrderType.LIMIT),
        times_in_force=(TimeInForce.DAY, TimeInForce.GTC),
        enforces_unique_ids=True,
        fractional_quantities=True,
    )


def _token(rng: random.Random) -> str:
    return f"{rng.getrandbits(64):016x}"
