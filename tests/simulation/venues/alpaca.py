"""Alpaca in the simulation: the simulated one's protocol code, and the real gateway towards it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from pydantic import SecretStr

from services.alpaca_adapter.assembly import Surroundings, build_gateway
from services.alpaca_adapter.gateway import AlpacaGateway
from services.alpaca_adapter.settings import AlpacaSettings
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.pacer import Pacer
from services.common.domain.order_terms import OrderType, TimeInForce
from simulators.alpaca import settings as simulated_settings
from simulators.alpaca.server import alpaca_app
from simulators.alpaca.simulated import SimulatedAlpaca, build
from simulators.control.request_log import RequestEntry
from simulators.venue.settings import VenueSettings
from tests.simulation.adapter_process import SETTLING_S, AdapterProcess, Places, token
from tests.simulation.incarnation import Incarnation
from tests.simulation.venue_process import VenueProcess
from tests.simulation.venues.alpaca_wire import VenueWire
from tests.simulation.venues.kind import VenueKind
from tests.simulation.virtual_pool import VirtualPool

_ORDERS: Final = "/v2/orders"

# Waits of production made shorter, so that more happens in a schedule's few minutes.
_SETTINGS: dict[str, Any] = {
    "rest": {"read_timeout_s": 5.0, "total_timeout_s": 8.0},
    "sync": {"backoff_max_s": 4.0, "silence_s": 15.0},
    "settling_s": SETTLING_S,
}


class AlpacaAdapter(AdapterProcess[AlpacaSettings, AlpacaGateway]):
    """One life of an alpaca_adapter."""

    def make_settings(self) -> AlpacaSettings:
        return AlpacaSettings(
            **self.common_settings(),
            api_key=SecretStr(simulated_settings.SIMULATED_KEY),
            secret_key=SecretStr(simulated_settings.SIMULATED_SECRET),
            account_number=simulated_settings.SIMULATED_ACCOUNT_NUMBER,
            base_url=f"http://127.0.0.1:{self.wiring.venue.port}",
            **_SETTINGS,
        )

    def make_gateway(self, settings: AlpacaSettings, pacer: Pacer) -> AlpacaGateway:
        wiring, venue = self.wiring, self.wiring.venue
        leaves = _written(wiring.places, wiring.changes)
        wire = VenueWire(venue.simulated.frontend, wiring.network, venue.life, leaves)
        rest = settings.rest
        pool = VirtualPool(rest.slots, slot_wait_s=rest.slot_wait_s, rng=wiring.rng)
        around = Surroundings(
            clock=wiring.clock,
            run_blocking=pool.run,
            sink=self.feed,
            pacer=pacer,
            data_pacer=Pacer(wiring.clock, settings.data_pacing.terms()),
            random=wiring.rng,
            new_session_id=lambda: token(wiring.rng),
            mount=lambda session: session.mount("http://", wire),
        )
        return build_gateway(settings, around)

    def probe_interval_s(self, settings: AlpacaSettings) -> float:
        return settings.rest.probe_interval_s

    def capabilities(self) -> Capabilities:
        return Capabilities(
            order_types=(OrderType.MARKET, OrderType.LIMIT),
            times_in_force=(TimeInForce.DAY, TimeInForce.GTC),
            enforces_unique_ids=True,
            fractional_quantities=True,
        )


def _written(places: Places, changes: Callable[[str], None]) -> Callable[[str, str, bytes], None]:
    """Tells of each request that asks for an order under which id it does, and of those that ask
    for a change or the end of one."""

    def leaves(method: str, path: str, body: bytes) -> None:
        if method == "POST" and path.endswith("/orders"):
            places(str(json.loads(body)["client_order_id"]), "")
        elif method in ("PATCH", "DELETE") and "/orders/" in path:
            changes(path.rpartition("/")[2])

    return leaves


def _build(name: str, port: int, seed: int) -> VenueProcess[SimulatedAlpaca]:
    settings = simulated_settings.AlpacaSettings(seed=seed, venue=VenueSettings(partial_fills=True))
    simulated = build(settings, asyncio.get_running_loop().time)
    return VenueProcess(name, port, Incarnation(name), simulated)


async def _serve(venue: VenueProcess[SimulatedAlpaca]) -> None:
    app = alpaca_app(venue.simulated.frontend)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", venue.port).start()
    venue.simulated.frontend.start()


def _reads_orders(entry: RequestEntry) -> bool:
    lists_all = entry.path == _ORDERS and entry.query.get("status") == "all"
    return lists_all and entry.outcome == "200"


ALPACA: Final = VenueKind(_build, _serve, AlpacaAdapter, _reads_orders)
