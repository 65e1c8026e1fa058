"""The whole product in one loop: trader, router, adapters and venues as nodes of one network."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.simulation.adapter_process import AdapterProcess, AdapterWiring
from tests.simulation.byte_sockets import ByteSockets
from tests.simulation.checkers.absence import Listing
from tests.simulation.clocks import NodeClock
from tests.simulation.disk import Disk
from tests.simulation.incarnation import CURRENT, Incarnation
from tests.simulation.network import Network
from tests.simulation.node import Node
from tests.simulation.router_process import (
    BROKER_PORT,
    OPERATIONS_PORT,
    AdapterAddress,
    RouterProcess,
    RouterWiring,
    forever,
)
from tests.simulation.venue_process import VenueProcess
from tests.simulation.venues.kinds import kind_of
from tests.simulation.virtual_loop import VirtualLoop

ROUTER = "router"
TRADER = "trader"
_ADAPTER_PORT = 50051
_VENUE_PORT = 8081
Adapter = AdapterProcess[Any, Any]


def adapter_of(venue: str) -> str:
    """The name of the node on which a venue's adapter runs."""
    return f"{venue}_adapter"


class World:
    """Built inside the running loop; `start` brings it up, `close` gives back what is outside.

    All randomness comes from `seed`, each part having its own stream. `on_request` is told of each
    (operation, client_order_id) that reaches the router, `on_send` of each (operation, placement,
    venue) that leaves it, `on_place` of each (venue, placement, number on the wire) that leaves an
    adapter, `on_change` of each (venue, the venue's id or number) that is written of again,
    `on_absent` and the next two of what adapters tell; `want_trading_state` reaches the operator.
    """

    def __init__(self, seed: int, venues: Sequence[str], folder: Path) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._seed = seed
        self._folder = folder
        self.clocks = {name: NodeClock(loop) for name in [ROUTER, *map(adapter_of, venues)]}
        self.network = Network(self.rng("network"), self._ports(venues))
        self.sockets = loop.sockets = ByteSockets(self.network)
        self.on_place: Callable[[str, str, str], None] = lambda *_: None
        self.on_change: Callable[[str, str], None] = lambda *_: None
        self.on_request: Callable[[str, str], None] = lambda *_: None
        self.on_send: Callable[[str, str, str], None] = lambda *_: None
        self.on_absent: Callable[[str, str, float], None] = lambda *_: None
        self.on_all_open: Callable[[str, Collection[str], float], None] = lambda *_: None
        self.on_all_executions: Callable[[Listing], None] = lambda _: None
        self.want_trading_state: Callable[[str], None] = lambda _: None
        self.trader = Incarnation(TRADER)
        self.venues = {
            name: kind_of(name).build(name, _VENUE_PORT + i, seed) for i, name in enumerate(venues)
        }
        self.adapters = {
            name: self._adapter(i, venue) for i, (name, venue) in enumerate(self.venues.items())
        }
        self.router = self._router()

    @property
    def nodes(self) -> dict[str, Node[RouterProcess] | Node[Adapter]]:
        """The nodes that can crash, by name."""
        return {ROUTER: self.router} | {node.name: node for node in self.adapters.values()}

    def rng(self, stream: str) -> random.Random:
        """A stream of randomness of its own."""
        return random.Random(f"{self._seed}/{stream}")

    def start(self) -> None:
        """Start everything."""
        for venue in self.venues.values():
            serving = venue.life.spawn(kind_of(venue.name).serve(venue), f"serve {venue.name}")
            serving.add_done_callback(self._venue_ended)
        for node in self.nodes.values():
            node.start()

    def _venue_ended(self, serving: asyncio.Task[None]) -> None:
        """Simulators are not to fail: the run ends as broken."""
        if serving.exception() is not None:
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": f"{serving!r}"})

    def close(self) -> None:
        """Give back what is outside of the loop."""
        for node in self.nodes.values():
            node.disk.close()

    @staticmethod
    def _ports(venues: Sequence[str]) -> dict[int, str]:
        ports = {BROKER_PORT: ROUTER, OPERATIONS_PORT: ROUTER}
        for i, name in enumerate(venues):
            ports[_ADAPTER_PORT + i] = adapter_of(name)
            ports[_VENUE_PORT + i] = name
        return ports

    def _disk(self, node: str) -> Disk:
        return Disk(self._folder, node, self.rng(f"disk {node}"))

    def _adapter(self, i: int, venue: VenueProcess[Any]) -> Node[Adapter]:
        name = adapter_of(venue.name)
        wiring = AdapterWiring(
            venue.name,
            f"v{i}",
            _ADAPTER_PORT + i,
            venue,
            self.network,
            self.sockets,
            self._disk(name),
            self.clocks[name],
            self.rng(name),
            lambda placement_id, number: self.on_place(venue.name, placement_id, number),
            lambda order_id: self.on_change(venue.name, order_id),
        )
        make = partial(kind_of(venue.name).adapter, wiring)
        return Node(name, self.network, wiring.disk, make, AdapterProcess.run)

    def _sends(self, operation: str, order_id: str, venue: str) -> None:
        """Of a router whose place was taken nothing is told: no adapter takes anything of it."""
        if not self.router.is_replaced(CURRENT.get()):
            self.on_send(operation, order_id, venue)

    def _router(self) -> Node[RouterProcess]:
        addresses = [
            AdapterAddress(name, f"v{i}", _ADAPTER_PORT + i) for i, name in enumerate(self.venues)
        ]
        wiring = RouterWiring(
            addresses,
            self.network,
            self._disk(ROUTER),
            self.clocks[ROUTER],
            self.rng(ROUTER),
            exits=lambda reason: self.router.exit(reason),
            requested=lambda *request: self.on_request(*request),
            sends=self._sends,
            told_absent=lambda *told: self.on_absent(*told),
            told_all_open=lambda *told: self.on_all_open(*told),
            told_all_executions=lambda told: self.on_all_executions(told),
        )
        make = partial(RouterProcess, wiring)
        return Node(ROUTER, self.network, wiring.disk, make, _run_router)


async def _run_router(process: RouterProcess) -> None:
    await process.start()
    await forever()
