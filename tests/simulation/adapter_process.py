"""An adapter as a node: everything of its `bootstrap` but sockets, threads and signals."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from services.common.adapter.adapter_servicer import AdapterServicer
from services.common.adapter.broker_servicer import BrokerServicer
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.pacer import Pacer
from services.common.adapter.port import VenueGateway
from services.common.adapter.settings import AdapterSettings
from services.common.contract.pb import adapter_service_pb2_grpc, broker_service_pb2_grpc
from services.common.contract.status import translate
from services.common.runtime.clock import Clock
from services.common.runtime.interceptors import server_interceptors
from tests.simulation.byte_sockets import ByteSockets
from tests.simulation.disk import Disk
from tests.simulation.local_grpc.server import LocalServer
from tests.simulation.network import Network
from tests.simulation.venue_process import VenueProcess
from tests.simulation.virtual_pool import VirtualPool

ACCOUNT_ID = "main"
SETTLING_S = 5.0
"""How long a venue may take to show what it was sent, as the schedules' adapters are set."""
Places = Callable[[str, str], None]
"""Told of a placement_id, and of its number on the wire if it has one, as it leaves for a venue."""
_SLOT_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class AdapterWiring:
    """What one life of an adapter is given; `rng` is the only randomness.

    `changes` is told of each order that is written of once more: by the id that the venue has for
    it, or by its placement_id.
    """

    name: str
    tag: str
    port: int
    venue: VenueProcess[Any]
    network: Network
    sockets: ByteSockets
    disk: Disk
    clock: Clock
    rng: random.Random
    places: Places
    changes: Callable[[str], None] = lambda _: None


class RunningGateway(VenueGateway, Protocol):
    """A gateway that keeps a session."""

    async def run(self) -> None: ...


S = TypeVar("S", bound=AdapterSettings)
G = TypeVar("G", bound=RunningGateway)


class AdapterProcess(ABC, Generic[S, G]):
    """One life of an adapter. To be made and run as its incarnation.

    What is the broker's own comes from the subclass. Raises what keeps the real process from
    starting.
    """

    def __init__(self, wiring: AdapterWiring) -> None:
        self.wiring = wiring
        settings = self.make_settings()
        clock = wiring.clock
        self.store = FenceStore.open(
            settings.fence_store_path, clock, self.store_pool().run, vfs=wiring.disk.vfs
        )
        self.feed = EventFeed(clock, new_feed_id=partial(token, wiring.rng))
        pacer = Pacer(clock, settings.pacing.terms())
        self.gateway = self.make_gateway(settings, pacer)
        desk = OrderDesk(
            self.gateway, self.store, pacer, clock, wait_max_s=settings.pacing.wait_max_s
        )
        self._serve(settings, desk)
        self._probe_interval_s = self.probe_interval_s(settings)

    @abstractmethod
    def make_settings(self) -> S:
        """The settings of this life, see `common_settings`."""

    @abstractmethod
    def make_gateway(self, settings: S, pacer: Pacer) -> G:
        """The gateway, with all that only this broker's adapter stands on."""

    @abstractmethod
    def probe_interval_s(self, settings: S) -> float:
        """How often the venue is asked how it is."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the adapter says that it can do."""

    def common_settings(self) -> dict[str, Any]:
        """The settings that every adapter has."""
        return {
            "account_id": ACCOUNT_ID,
            "venue": self.wiring.name,
            "account_tag": self.wiring.tag,
            "fence_store_path": Path(self.wiring.disk.folder / "fence.db"),
        }

    def store_pool(self) -> VirtualPool:
        """A thread for a store on the adapter's disk."""
        disk = self.wiring.disk
        return VirtualPool(
            1, slot_wait_s=_SLOT_WAIT_S, rng=self.wiring.rng, delay_s=lambda: disk.delay_s
        )

    async def run(self) -> None:
        """Keep the session; returns or raises when the real process would end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.gateway.run())
            tasks.create_task(self._probe())

    def _serve(self, settings: S, desk: OrderDesk) -> None:
        wiring = self.wiring
        layers = server_interceptors(wiring.clock, settings.default_deadline_s, translate=translate)
        server = LocalServer(wiring.network, layers)
        broker = BrokerServicer(
            self.gateway,
            desk,
            self.feed,
            self.store,
            wiring.clock,
            settings,
            self.capabilities,
            server_version="simulated",
        )
        adapter = AdapterServicer(
            self.gateway,
            desk,
            self.store,
            account_tag=settings.account_tag,
            settling_s=settings.settling_s,
        )
        broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(broker, server)  # type: ignore[arg-type]
        adapter_service_pb2_grpc.add_AdapterServiceServicer_to_server(adapter, server)  # type: ignore[arg-type]
        server.start(wiring.port)

    async def _probe(self) -> None:
        while True:
            await self.gateway.status()
            await asyncio.sleep(self._probe_interval_s)


def token(rng: random.Random) -> str:
    """An id that none had before."""
    return f"{rng.getrandbits(64):016x}"
