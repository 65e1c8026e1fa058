"""IB in the simulation: the simulated Gateway's protocol code, and the real gateway towards it.

ib_insync opens its socket on the running loop, so nothing stands between the two but the network.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from services.common.adapter.capabilities import Capabilities
from services.common.adapter.pacer import Pacer
from services.common.domain.order_terms import OrderType, TimeInForce
from services.ib_adapter.assembly import Surroundings, build_gateway
from services.ib_adapter.gateway import IbGateway
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.settings import IbSettings
from simulators.control.request_log import RequestEntry
from simulators.ib_gateway.server import GatewayServer
from simulators.ib_gateway.settings import IB_VENUE, SIMULATED_ACCOUNT, IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build
from tests.simulation.adapter_process import SETTLING_S, AdapterProcess, token
from tests.simulation.incarnation import Incarnation
from tests.simulation.venue_process import VenueProcess
from tests.simulation.venues.ib_wire import WrittenOrders
from tests.simulation.venues.kind import VenueKind

CLIENT_ID: Final = 17
_HOST: Final = "127.0.0.1"

# Waits of production made shorter, so that more happens in a schedule's few minutes.
_SETTINGS: dict[str, Any] = {
    "connection": {
        "connect_timeout_s": 5.0,
        "answer_timeout_s": 5.0,
        "heartbeat_s": 3.0,
        "round_trip_s": 3.0,
        "backoff_max_s": 4.0,
        "probe_interval_s": 10.0,
    },
    "orders": {"silence_s": 15.0},
    "settling_s": SETTLING_S,
}


class IbAdapter(AdapterProcess[IbSettings, IbGateway]):
    """One life of an ib_adapter."""

    def make_settings(self) -> IbSettings:
        return IbSettings(
            **self.common_settings(),
            send_log_path=Path(self.wiring.disk.folder / "sends.db"),
            host=_HOST,
            port=self.wiring.venue.port,
            client_id=CLIENT_ID,
            account_number=SIMULATED_ACCOUNT,
            **_SETTINGS,
        )

    def make_gateway(self, settings: IbSettings, pacer: Pacer) -> IbGateway:
        wiring = self.wiring
        wiring.sockets.taps[wiring.venue.port] = partial(
            WrittenOrders, wiring.places, wiring.changes
        )
        send_log = SendLog.open(
            settings.send_log_path, wiring.clock, self.store_pool().run, vfs=wiring.disk.vfs
        )
        around = Surroundings(
            clock=wiring.clock,
            sink=self.feed,
            pacer=pacer,
            send_log=send_log,
            random=wiring.rng,
            new_session_id=lambda: token(wiring.rng),
            current_epoch=self._current_epoch,
        )
        return build_gateway(settings, around)

    def probe_interval_s(self, settings: IbSettings) -> float:
        return settings.connection.probe_interval_s

    def capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=(OrderType.MARKET, OrderType.LIMIT),
            times_in_force=(TimeInForce.DAY, TimeInForce.GTC),
            enforces_unique_ids=False,
            fractional_quantities=False,
        )

    def _current_epoch(self) -> int:
        seen = self.store.seen
        return 0 if seen is None else seen.epoch


def _build(name: str, port: int, seed: int) -> VenueProcess[SimulatedIbGateway]:
    settings = IbGatewaySettings(seed=seed, venue=replace(IB_VENUE, partial_fills=True))
    simulated = build(settings, asyncio.get_running_loop().time)
    return VenueProcess(name, port, Incarnation(name), simulated)


async def _serve(venue: VenueProcess[SimulatedIbGateway]) -> None:
    frontend = venue.simulated.frontend
    async with frontend.running(), GatewayServer(frontend, _HOST).listening(venue.port):
        await frontend.stopping.wait()


def _reads_orders(entry: RequestEntry) -> bool:
    """The first of the three lists that are read one after the other."""
    return entry.method == "reqExecutions" and entry.outcome == "ok"


IB: Final = VenueKind(
    _build,
    _serve,
    IbAdapter,
    _reads_orders,
    keeps_send_log=True,
    tells_expiry=False,
    changes_in_place=True,
)
