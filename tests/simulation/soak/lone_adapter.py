"""Where an adapter stands without a router: its simulated venue, and a trader's machine."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from services.common.runtime.clock import LoopClock
from tests.simulation.adapter_process import AdapterProcess, AdapterWiring
from tests.simulation.byte_sockets import ByteSockets
from tests.simulation.disk import Disk
from tests.simulation.incarnation import Incarnation
from tests.simulation.network import Network
from tests.simulation.node import Node
from tests.simulation.venue_process import Simulated, VenueProcess
from tests.simulation.venues.kind import VenueKind
from tests.simulation.virtual_loop import VirtualLoop

ADAPTER: Final = "adapter"
TRADER: Final = "trader"
TAG: Final = "v0"
ADAPTER_PORT: Final = 50051
_EPOCH: Final = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

S = TypeVar("S", bound=Simulated)
A = TypeVar("A", bound=AdapterProcess[Any, Any])


class LoneAdapter(Generic[S, A]):
    """Built inside the running loop; `start` brings it up, `close` gives back what is outside.

    All randomness comes from `seed`, each part having its own stream.
    """

    def __init__(
        self,
        seed: int,
        folder: Path,
        kind: VenueKind,
        simulated: S,
        make: Callable[[AdapterWiring], A],
        *,
        run: str,
        venue: str,
        venue_port: int,
    ) -> None:
        """Args: run: names the streams of randomness of this sort of run."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._stream = f"{seed}/{run}"
        self._kind = kind
        self.clock = LoopClock(loop, _EPOCH)
        self.network = Network(self.rng("network"), {ADAPTER_PORT: ADAPTER, venue_port: venue})
        sockets = loop.sockets = ByteSockets(self.network)
        self.trader = Incarnation(TRADER)
        self.simulated = simulated
        self.venue = VenueProcess(venue, venue_port, Incarnation(venue), simulated)
        wiring = AdapterWiring(
            venue,
            TAG,
            ADAPTER_PORT,
            self.venue,
            self.network,
            sockets,
            Disk(folder, ADAPTER, self.rng("disk")),
            self.clock,
            self.rng("adapter"),
            self.placed,
        )
        self.adapter = Node(
            ADAPTER, self.network, wiring.disk, lambda: make(wiring), AdapterProcess.run
        )

    def placed(self, order_ref: str, order_id: str) -> None:
        """An order was written to the venue."""

    def rng(self, stream: str) -> random.Random:
        """A stream of randomness of its own."""
        return random.Random(f"{self._stream}/{stream}")

    def start(self) -> None:
        """Start venue and adapter."""
        serving = self.venue.life.spawn(self._kind.serve(self.venue), "serve")
        serving.add_done_callback(must_not_fail)
        self.adapter.start()

    def close(self) -> None:
        """Give back what is outside of the loop."""
        self.adapter.disk.close()


def must_not_fail(task: asyncio.Task[Any]) -> None:
    """What a run itself is made of is not to fail: it ends with a finding."""
    if not task.cancelled() and task.exception() is not None:
        asyncio.get_running_loop().call_exception_handler({"message": f"{task!r}"})
