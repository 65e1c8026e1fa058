"""A simulated Alpaca as a node of the simulation: its own protocol code, its stream on a port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from simulators.alpaca.server import alpaca_app
from simulators.alpaca.settings import AlpacaSettings
from simulators.alpaca.simulated import SimulatedAlpaca, build
from simulators.venue.settings import VenueSettings
from tests.simulation.incarnation import Incarnation


@dataclass(frozen=True, slots=True)
class VenueProcess:
    """One venue: the oracle. It never crashes; what it does wrong, faults make it do."""

    name: str
    port: int
    life: Incarnation
    simulated: SimulatedAlpaca


def build_venue(name: str, port: int, seed: int) -> VenueProcess:
    """Build one whose clock is the running loop's."""
    settings = AlpacaSettings(seed=seed, venue=VenueSettings(partial_fills=True))
    simulated = build(settings, asyncio.get_running_loop().time)
    return VenueProcess(name, port, Incarnation(name), simulated)


async def serve_venue(venue: VenueProcess) -> None:
    """Serve its stream and let its market time pass; to be run as the venue."""
    app = alpaca_app(venue.simulated.frontend)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", venue.port).start()
    venue.simulated.frontend.start()
