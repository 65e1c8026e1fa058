"""Where a night happens: a simulated Gateway, the real adapter for it, and a trader's machine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from services.common.adapter.capabilities import Capabilities
from services.common.domain.order_terms import OrderType, TimeInForce
from services.ib_adapter.settings import IbSettings
from simulators.ib_gateway.settings import IB_VENUE, IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulation.nights.writes import Writes
from tests.simulation.soak.lone_adapter import LoneAdapter
from tests.simulation.venues.ib import IB, IbAdapter

VENUE: Final = "ib"
_VENUE_PORT: Final = 4002
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


class Stand(LoneAdapter[SimulatedIbGateway, NightAdapter]):
    """The simulated Gateway, and what is written to it."""

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(
            seed,
            folder,
            IB,
            _simulated(seed),
            NightAdapter,
            run="night",
            venue=VENUE,
            venue_port=_VENUE_PORT,
        )
        self.writes = Writes(self.simulated, asyncio.get_running_loop().time)

    @property
    def session_id(self) -> str:
        """The session of the adapter's present life, empty while it has none."""
        process = self.adapter.process
        return process.gateway.session_id if process is not None and self.adapter.is_up else ""

    def placed(self, order_ref: str, order_id: str) -> None:
        self.writes.take(order_ref, order_id, self.session_id)


def _simulated(seed: int) -> SimulatedIbGateway:
    settings = IbGatewaySettings(
        seed=seed,
        cash=Decimal(2_000_000),
        start=EVENING,
        venue=replace(IB_VENUE, partial_fills=True),
    )
    return build(settings, asyncio.get_running_loop().time)
