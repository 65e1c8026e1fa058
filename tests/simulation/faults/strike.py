"""One fault about to happen: where, with what randomness, and what it reaches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from simulators.control.control import SimulatorControl
from simulators.control.faults import Fault
from tests.simulation.checkers.foreign import is_foreign
from tests.simulation.schedule import PlannedFault
from tests.simulation.world import World, adapter_of


class Strike:
    """One fault about to happen."""

    def __init__(self, world: World, fault: PlannedFault) -> None:
        self.world = world
        self.venue = fault.venue
        self.rng = random.Random(f"{fault.salt}/{fault.kind}")
        self.kind = fault.kind
        self.has_happened = True
        self._armed: list[Fault] = []

    @property
    def has_struck(self) -> bool:
        """Whether anything came of it, by now: a fault that lies in wait may find nobody."""
        if self._armed:
            return any(fault.struck for fault in self._armed)
        return self.has_happened

    @property
    def control(self) -> SimulatorControl:
        """The control of the venue that it hits."""
        control: SimulatorControl = self.world.venues[self.venue].simulated.control
        return control

    @property
    def adapter(self) -> str:
        """The node of that venue's adapter."""
        return adapter_of(self.venue)

    def later(self, delay_s: float, then: Callable[[], object]) -> None:
        """Do something later, as nobody in particular."""
        asyncio.get_running_loop().call_later(delay_s, then)

    def arm(self, fault: dict[str, Any]) -> None:
        """Add a fault to the simulator; it has struck when it has met a victim."""
        self._armed.append(self.control.add_fault(fault))

    def request(self, match: dict[str, str], times: int = 1, **action: Any) -> None:
        """Add a fault of requests to the simulator."""
        self.arm({"match": match, "times": times, "action": action})

    def event(self, kind: str, times: int = 1) -> None:
        """Add a fault of stream events to the simulator."""
        self.arm({"place": "event", "times": times, "action": {"kind": kind}})

    def some_order(self, *, is_open: bool) -> str | None:
        """An order of ours at the venue, live or ended without having filled, if there is one."""
        found = [
            order.venue_order_id
            for order in self.control.venue.desk
            if not is_foreign(order)
            and order.is_open is is_open
            and order.cum_qty < order.asked.order_qty
        ]
        return self.rng.choice(found) if found else None

    def ends(self) -> str:
        """How a connection without an answer ends."""
        return self.rng.choice(("close", "reset", "hang"))
