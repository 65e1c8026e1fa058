"""Where a soak happens: a simulated Alpaca, the real adapter for it, and a trader's machine."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from services.alpaca_adapter.settings import AlpacaSettings
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.settings import PacingSettings
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce
from services.common.runtime.clock import LoopClock
from simulators.alpaca.settings import AlpacaSettings as SimulatorSettings
from simulators.alpaca.simulated import SimulatedAlpaca, build
from simulators.venue.settings import VenueSettings
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulation.adapter_process import AdapterProcess, AdapterWiring
from tests.simulation.byte_sockets import ByteSockets
from tests.simulation.disk import Disk
from tests.simulation.incarnation import Incarnation
from tests.simulation.network import Network
from tests.simulation.node import Node
from tests.simulation.venue_process import VenueProcess
from tests.simulation.venues.alpaca import ALPACA, AlpacaAdapter
from tests.simulation.virtual_loop import VirtualLoop

VENUE: Final = "alpaca"
ADAPTER: Final = "alpaca_adapter"
TRADER: Final = "trader"
TAG: Final = "v0"
ADAPTER_PORT: Final = 50051
# More than Alpaca's basic plan, so that a soak has more orders in its day.
_REQUESTS_PER_MIN: Final = 400
# Beyond the longest that a fault keeps a request at the venue before it takes effect.
_SETTLING_S: Final = 15.0
_VENUE_PORT: Final = 8081
_EPOCH: Final = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
# Wednesday: on the third day contracts expire, and a night, a weekend's start and a Monday follow.
OPENING: Final = datetime(2024, 11, 13, 10, 0, tzinfo=NEW_YORK)


class SoakAdapter(AlpacaAdapter):
    """The adapter with all that it can do."""

    def make_settings(self) -> AlpacaSettings:
        pacing = PacingSettings(limit=_REQUESTS_PER_MIN)
        changed = {"pacing": pacing, "settling_s": _SETTLING_S}
        return super().make_settings().model_copy(update=changed)

    def capabilities(self) -> Capabilities:
        return replace(
            super().capabilities(),
            order_types=tuple(OrderType),
            times_in_force=tuple(TimeInForce),
            order_classes=tuple(OrderClass),
        )


class Stand:
    """Built inside the running loop; `start` brings it up, `close` gives back what is outside.

    All randomness comes from `seed`, each part having its own stream.
    """

    def __init__(self, seed: int, folder: Path, opening: datetime = OPENING) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._seed = seed
        self.clock = LoopClock(loop, _EPOCH)
        ports = {ADAPTER_PORT: ADAPTER, _VENUE_PORT: VENUE}
        self.network = Network(self.rng("network"), ports)
        self.sockets = loop.sockets = ByteSockets(self.network)
        self.trader = Incarnation(TRADER)
        self.simulated = _simulated(seed, opening)
        self.venue = VenueProcess(VENUE, _VENUE_PORT, Incarnation(VENUE), self.simulated)
        self.adapter = self._adapter(folder)

    def rng(self, stream: str) -> random.Random:
        """A stream of randomness of its own."""
        return random.Random(f"{self._seed}/soak/{stream}")

    def start(self) -> None:
        """Start venue and adapter."""
        serving = self.venue.life.spawn(ALPACA.serve(self.venue), "serve")
        serving.add_done_callback(_must_not_fail)
        self.adapter.start()

    def close(self) -> None:
        """Give back what is outside of the loop."""
        self.adapter.disk.close()

    def _adapter(self, folder: Path) -> Node[SoakAdapter]:
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
            lambda *_: None,
        )
        make = partial(SoakAdapter, wiring)
        return Node(ADAPTER, self.network, wiring.disk, make, AdapterProcess.run)


def _simulated(seed: int, opening: datetime) -> SimulatedAlpaca:
    settings = SimulatorSettings(
        seed=seed,
        cash=Decimal(2_000_000),
        options_level=3,
        start=opening,
        rate_limit_per_min=_REQUESTS_PER_MIN,
        venue=VenueSettings(partial_fills=True, skip_closed=True),
    )
    return build(settings, asyncio.get_running_loop().time)


def _must_not_fail(serving: asyncio.Task[Any]) -> None:
    """Simulators are not to fail: the run ends as broken."""
    if serving.exception() is not None:
        asyncio.get_running_loop().call_exception_handler({"message": f"{serving!r}"})
