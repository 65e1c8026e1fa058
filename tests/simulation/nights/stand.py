"""Where a night happens: a simulated Gateway, the real adapter for it, and a trader's machine."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from services.common.adapter.capabilities import Capabilities
from services.common.domain.order_terms import OrderType, TimeInForce
from services.common.runtime.clock import LoopClock
from services.ib_adapter.settings import IbSettings
from simulators.ib_gateway.settings import IB_VENUE, IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulation.adapter_process import AdapterProcess, AdapterWiring
from tests.simulation.byte_sockets import ByteSockets
from tests.simulation.disk import Disk
from tests.simulation.incarnation import Incarnation
from tests.simulation.network import Network
from tests.simulation.nights.writes import Writes
from tests.simulation.node import Node
from tests.simulation.soak.stand import ADAPTER, ADAPTER_PORT, TAG, TRADER
from tests.simulation.venue_process import VenueProcess
from tests.simulation.venues.ib import IB, IbAdapter
from tests.simulation.virtual_loop import VirtualLoop

VENUE: Final = "ib"
_VENUE_PORT: Final = 4002
_EPOCH: Final = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
# Wednesday afternoon: the next trading day is the next day, and nothing held expires that night.
EVENING: Final = datetime(2024, 11, 13, 15, 30, tzinfo=NEW_YORK)
# Beyond the longest that a fault keeps a request at the Gateway before it takes effect.
SETTLING_S: Final = 25.0


class NightAdapter(IbAdapter):
    """The adapter with the settling time that the faults of a night ask for."""

    def make_settings(self) -> IbSettings:
        return super().make_settings().model_copy(update={"settling_s": SETTLING_S})

    def capabilities(self) -> Capabilities:
        return replace(
            super().capabilities(),
            order_types=tuple(OrderType),
            times_in_force=tuple(TimeInForce),
        )


class Stand:
    """Built inside the running loop; `start` brings it up, `close` gives back what is outside.

    All randomness comes from `seed`, each part having its own stream.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._seed = seed
        self.clock = LoopClock(loop, _EPOCH)
        self.network = Network(self.rng("network"), {ADAPTER_PORT: ADAPTER, _VENUE_PORT: VENUE})
        self.sockets = loop.sockets = ByteSockets(self.network)
        self.trader = Incarnation(TRADER)
        self.simulated = _simulated(seed)
        self.venue = VenueProcess(VENUE, _VENUE_PORT, Incarnation(VENUE), self.simulated)
        self.writes = Writes(self.simulated, loop.time)
        self.adapter = self._adapter(folder)

    @property
    def session_id(self) -> str:
        """The session of the adapter's present life, empty while it has none."""
        process = self.adapter.process
        return process.gateway.session_id if process is not None and self.adapter.is_up else ""

    def rng(self, stream: str) -> random.Random:
        """A stream of randomness of its own."""
        return random.Random(f"{self._seed}/night/{stream}")

    def start(self) -> None:
        """Start venue and adapter."""
        serving = self.venue.life.spawn(IB.serve(self.venue), "serve")
        serving.add_done_callback(must_not_fail)
        self.adapter.start()

    def close(self) -> None:
        """Give back what is outside of the loop."""
        self.adapter.disk.close()

    def _adapter(self, folder: Path) -> Node[NightAdapter]:
        wiring = AdapterWiring(
            VENUE,
            TAG,
            ADAPTER_PORT,
            self.venue,
            self.network,
            self.sockets,
            Disk(folder, ADAPTER, self.rng("disk")),
            self.clock,
            self.rng("adapter"),
            lambda order_ref, order_id: self.writes.take(order_ref, order_id, self.session_id),
        )
        make = partial(NightAdapter, wiring)
        return Node(ADAPTER, self.network, wiring.disk, make, AdapterProcess.run)


def _simulated(seed: int) -> SimulatedIbGateway:
    settings = IbGatewaySettings(
        seed=seed,
        cash=Decimal(2_000_000),
        start=EVENING,
        venue=replace(IB_VENUE, partial_fills=True),
    )
    return build(settings, asyncio.get_running_loop().time)


def must_not_fail(task: asyncio.Task[Any]) -> None:
    """What the night itself is made of is not to fail: it ends with a finding."""
    if not task.cancelled() and task.exception() is not None:
        asyncio.get_running_loop().call_exception_handler({"message": f"{task!r}"})
