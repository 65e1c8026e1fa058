"""One fault about to happen: where, with what randomness, and what it reaches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final

from simulators.control.control import SimulatorControl
from simulators.control.faults import Fault
from tests.simulation.catalogue import kind_name
from tests.simulation.checkers.foreign import is_foreign
from tests.simulation.planned import PlannedFault
from tests.simulation.world import World, adapter_of

LATE_S: Final = (60.0, 120.0, 300.0, 3_600.0, 21_600.0, 86_400.0)
"""How late an order may be taken that is late for long: a minute to a day."""


class Strike:
    """One fault about to happen. `on_strike` is called each time that it meets somebody.

    What is laid for a request or an event has met nobody yet, nor has what counts steps; `look`
    tells of the former, from time to time. `await_number` is set if it counts an order's awaits,
    `lands_at_s` if what it has met takes effect then.
    """

    def __init__(
        self,
        world: World,
        fault: PlannedFault,
        on_strike: Callable[[Strike], None] = lambda _: None,
    ) -> None:
        self.world = world
        self.fault = fault
        self.on_strike = on_strike
        self.venue = fault.venue
        self.rng = random.Random(f"{fault.salt}/{fault.kind}")
        self.kind = fault.kind
        self.has_happened = True
        self.is_awaited = False
        self.await_number = 0
        self.late_s = 0.0
        self.lands_at_s: float | None = None
        self._armed: list[Fault] = []
        self._met = 0

    @property
    def has_struck(self) -> bool:
        """Whether anything came of it, by now: a fault that lies in wait may find nobody."""
        if self._armed:
            return any(fault.struck for fault in self._armed)
        return self.has_happened

    @property
    def is_laid(self) -> bool:
        """Whether it lies in wait at a simulator, and may still meet somebody."""
        return any(fault.left != 0 for fault in self._armed)

    def look(self) -> None:
        """Tell if what was laid has met somebody since the last look."""
        met = sum(fault.struck for fault in self._armed)
        if met > self._met:
            self._met = met
            if self.late_s:
                self.lands_at_s = asyncio.get_running_loop().time() + self.late_s
            self.on_strike(self)

    def lands_after(self, seconds: float) -> None:
        """What it meets takes effect so much later, when all else has long been well again."""
        self.late_s = seconds

    def awaits(self) -> Callable[[], None]:
        """It has not happened yet; what is to be called when it does."""
        self.has_happened, self.is_awaited = False, True

        def happens() -> None:
            self.has_happened = True
            self.on_strike(self)

        return happens

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

    def order(self, match: dict[str, str], times: int = 1, **action: Any) -> None:
        """The same for requests that are about an order: the one that it is aimed at, if any."""
        self.request(match | self._whose(), times, **action)

    def event(self, kind: str, times: int = 1, event: str = "*") -> None:
        """Add a fault of stream events to the simulator, of the order that it is aimed at."""
        if event == "*" and self.fault.client_order_id and self.rng.random() < 0.5:
            event = self._fill_event  # which is never the first
        match = {"event": event} | self._whose()
        self.arm({"place": "event", "match": match, "times": times, "action": {"kind": kind}})

    def misreport(self, wrong: str) -> None:
        """Add a false word of a fill to the simulator, of the order that it is aimed at."""
        match = {"event": self._fill_event} | self._whose()
        action = {"kind": "misreport", "wrong": wrong}
        self.arm({"place": "event", "match": match, "action": action})

    @property
    def _fill_event(self) -> str:
        """What the venue calls the event of a fill."""
        return "execDetails" if kind_name(self.venue) == "ib" else "*fill"

    def _whose(self) -> dict[str, str]:
        aimed_at = self.fault.client_order_id
        return {"client_order_id_prefix": f"{aimed_at}~"} if aimed_at else {}

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
