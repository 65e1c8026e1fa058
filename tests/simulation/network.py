"""The network between nodes: seeded delays, partitions, cuts; and what a crash looks like outside.

A connection is a pair of ends that give each other messages, in order and each once, until it is
lost. Nothing is dropped out of the middle, as in TCP: a partition holds everything back and lets
it through, late, when it is healed; a cut loses what is under way and ends the connection on both
sides.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.incarnation import CURRENT, Incarnation

_FIN = object()
_RESET = object()


@dataclass(slots=True)
class Route:
    """The way between two nodes, both directions alike; delays in seconds."""

    names: frozenset[str]
    low_s: float = 0.0005
    high_s: float = 0.01
    is_down: bool = False
    healed: asyncio.Event = field(default_factory=asyncio.Event)


class End:
    """One end of a connection. Its callbacks run in its owner's context.

    `attach` says who receives; what came before is kept until then. `lost` is called once, with
    an empty text if the other side closed in order, else with the reason.
    """

    def __init__(self, network: Network, route: Route, owner: Incarnation | None) -> None:
        self.owner = owner
        self.peer: End = self
        self.is_lost = False
        self._network = network
        self._route = route
        self._context = Context() if owner is None else owner.context()
        self._receive: Callable[[Any], None] | None = None
        self._on_lost: Callable[[str], None] | None = None
        self._queue: deque[Any] = deque()
        self._early: list[Any] = []
        self._last_arrival = 0.0
        self._held = 0
        self._closing = False
        self._is_cut = False

    @property
    def has_ended(self) -> bool:
        """Whether what is sent here goes nowhere."""
        return self.is_lost or self._closing

    def attach(self, receive: Callable[[Any], None], lost: Callable[[str], None]) -> None:
        """Take messages and the end of the connection from now on."""
        self._receive, self._on_lost = receive, lost
        early, self._early = self._early, []
        for item in early:
            self._deliver(item)

    def send(self, message: Any) -> None:
        """Put a message on its way; for nothing if the connection has ended."""
        if not self.has_ended:
            self.peer._expect(message)

    def close(self) -> None:
        """End it in order: what was sent before arrives."""
        self._end(_FIN)

    def abort(self) -> None:
        """End it with a reset; what was sent before is still on its way."""
        self._end(_RESET)

    def _end(self, how: object) -> None:
        if not self.has_ended:
            self._closing = True
            self.peer._expect(how)
            self._network.forget(self)

    def cut(self, reason: str) -> None:
        """The connection is gone, what was under way to this end with it."""
        self._queue.clear()
        self._held = 0
        self._is_cut = True
        delay_s = self._network.delay_s(self._route)
        self._network.loop.call_later(delay_s, self._lose, reason, context=self._context)

    def heal(self) -> None:
        """The partition is over: what was held back comes now."""
        held, self._held = self._held, 0
        for _ in range(held):
            self._schedule()

    def _expect(self, item: Any) -> None:
        if not self._is_cut:
            self._queue.append(item)
            self._schedule()

    def _schedule(self) -> None:
        loop = self._network.loop
        arrival = max(loop.time() + self._network.delay_s(self._route), self._last_arrival)
        self._last_arrival = arrival
        loop.call_at(arrival, self._arrive, context=self._context)

    def _arrive(self) -> None:
        """The next one in order is here, unless the way is closed."""
        if self._route.is_down:
            self._held += 1
        elif self._queue:
            self._deliver(self._queue.popleft())

    def _deliver(self, item: Any) -> None:
        if self.has_ended:
            return
        if self._receive is None:
            self._early.append(item)
        elif item is _FIN:
            self._lose("")
        elif item is _RESET:
            self._lose("connection reset by peer")
        else:
            self._receive(item)

    def _lose(self, reason: str) -> None:
        if self.has_ended:
            return
        if self._on_lost is None:
            self._early.append(_RESET if reason else _FIN)
            return
        self.is_lost = True
        self._network.forget(self)
        self._on_lost(reason)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who takes connections at an address, and as whom."""

    accept: Callable[[End], None]
    owner: Incarnation | None


class Network:
    """All routes, listeners and connections. `rng` gives all delays.

    A port belongs to one node for good (`nodes`), as if each node were a machine of one service.
    """

    def __init__(self, rng: random.Random, nodes: Mapping[int, str]) -> None:
        self.loop = asyncio.get_running_loop()
        self._rng = rng
        self._nodes = dict(nodes)
        self._routes: dict[frozenset[str], Route] = {}
        self._listeners: dict[int, Listener] = {}
        self._ends: dict[End, None] = {}

    # -- faults ------------------------------------------------------------------------------

    def route(self, one: str, other: str) -> Route:
        """The way between two nodes."""
        names = frozenset((one, other))
        if names not in self._routes:
            self._routes[names] = Route(names)
        return self._routes[names]

    def partition(self, one: str, other: str) -> None:
        """Let nothing through between two nodes until `heal`."""
        route = self.route(one, other)
        route.is_down = True
        route.healed.clear()

    def heal(self, one: str, other: str) -> None:
        """Let everything through again, what was held back first."""
        self._heal(self.route(one, other))

    def _heal(self, route: Route) -> None:
        if not route.is_down:
            return
        route.is_down = False
        route.healed.set()
        for end in list(self._ends):
            if end._route is route:
                end.heal()

    def cut(self, one: str, other: str) -> int:
        """Reset every connection between two nodes; answers with how many."""
        route = self.route(one, other)
        ends = [end for end in self._ends if end._route is route]
        for end in ends:
            end.cut("connection reset by peer")
        return len(ends) // 2

    def close_ports(self, incarnation: Incarnation) -> None:
        """Let others listen where it did; its connections stay."""
        for port, listener in list(self._listeners.items()):
            if listener.owner is incarnation:
                del self._listeners[port]

    def crash(self, incarnation: Incarnation) -> None:
        """The system's part of a crash: its ports close, its peers are told after all it sent."""
        self.close_ports(incarnation)
        for end in [end for end in self._ends if end.owner is incarnation]:
            end.abort()

    def heal_all(self) -> None:
        """End every partition."""
        for route in list(self._routes.values()):
            self._heal(route)

    def delay_s(self, route: Route) -> float:
        """How long the next message takes: mostly short, sometimes a multiple of it."""
        if self._rng.random() < 0.02:
            return self._rng.uniform(route.high_s, 20 * route.high_s)
        return self._rng.uniform(route.low_s, route.high_s)

    # -- connections -------------------------------------------------------------------------

    def listen(self, port: int, accept: Callable[[End], None]) -> None:
        """Take connections at a port as whoever calls this. OSError if it is taken."""
        owner = CURRENT.get()
        if owner is not None and owner.frozen:
            return  # it died in the middle of this very step
        if port in self._listeners:
            raise OSError(f"port {port} is in use")
        self._listeners[port] = Listener(accept, owner)

    def unlisten(self, port: int) -> None:
        """Take no more connections there."""
        self._listeners.pop(port, None)

    async def connect(self, port: int) -> End:
        """Connect from the current node. ConnectionRefusedError if nobody listens there."""
        owner = CURRENT.get()
        route = self.route("" if owner is None else owner.node, self._nodes[port])
        await self.passage(route)
        listener = self._listeners.get(port)
        if listener is None:
            await self.passage(route)
            raise ConnectionRefusedError(f"connect to port {port}: connection refused")
        near, far = End(self, route, owner), End(self, route, listener.owner)
        near.peer, far.peer = far, near
        self._ends[near] = self._ends[far] = None
        self.loop.call_soon(listener.accept, far, context=far._context)
        await self.passage(route)
        return near

    async def passage(self, route: Route) -> None:
        """Wait as long as one message takes, partitions included."""
        await asyncio.sleep(self.delay_s(route))
        while route.is_down:
            await route.healed.wait()

    def forget(self, end: End) -> None:
        """The end has ended; what its peer still gets comes by itself."""
        self._ends.pop(end, None)
