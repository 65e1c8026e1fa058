"""Where a soak happens: a simulated Alpaca, the real adapter for it, and a trader's machine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from services.alpaca_adapter.settings import AlpacaSettings
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.settings import PacingSettings
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce
from simulators.alpaca.settings import AlpacaSettings as SimulatorSettings
from simulators.alpaca.simulated import SimulatedAlpaca, build
from simulators.venue.settings import VenueSettings
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulation.soak.lone_adapter import LoneAdapter
from tests.simulation.venues.alpaca import ALPACA, AlpacaAdapter

VENUE: Final = "alpaca"
# More than Alpaca's basic plan, so that a soak has more orders in its day.
_REQUESTS_PER_MIN: Final = 400
# Beyond the longest that a fault keeps a request at the venue before it takes effect.
_SETTLING_S: Final = 15.0
_VENUE_PORT: Final = 8081
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


class Stand(LoneAdapter[SimulatedAlpaca, SoakAdapter]):
    """The simulated Alpaca, whose market is at `opening` when it starts."""

    def __init__(self, seed: int, folder: Path, opening: datetime = OPENING) -> None:
        super().__init__(
            seed,
            folder,
            ALPACA,
            _simulated(seed, opening),
            SoakAdapter,
            run="soak",
            venue=VENUE,
            venue_port=_VENUE_PORT,
        )


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
