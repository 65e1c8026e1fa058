"""Follows a schedule as it is acted: every checker that must see each step hangs here.

Checkers are told of what venues do, of what leaves the router and the adapters, and of what changes
in the router's books; the progress of each order is put together of the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

from services.common.domain.order import Order
from services.common.domain.order_status import OrderStatus
from simulators.venue.orders import OrderEvent
from tests.simulation.adapter_process import SETTLING_S
from tests.simulation.checkers.absence import AbsenceChecker
from tests.simulation.checkers.doubts import Doubts
from tests.simulation.checkers.exposure import ExposureChecker
from tests.simulation.checkers.finding import Finding
from tests.simulation.checkers.foreign import is_foreign
from tests.simulation.checkers.gate import GateChecker
from tests.simulation.checkers.intent import IntentChecker
from tests.simulation.progress import Progress
from tests.simulation.router_process import RouterProcess
from tests.simulation.trader import Trader
from tests.simulation.venues.kinds import kind_of
from tests.simulation.world import World

_LOOK_EVERY_S = 0.5


class Following:
    """Made before anything is started; `after_step` is to be called after each step of the loop."""

    def __init__(self, world: World, trader: Trader) -> None:
        self._world = world
        self._trader = trader
        self._now_s = now_s = asyncio.get_running_loop().time
        self.progress = Progress(now_s)
        self.exposure = ExposureChecker(self._asked_qty, now_s, self._is_late)
        self.intent = IntentChecker(world.router.disk.holds, self._send_logs(), now_s)
        self.absence = AbsenceChecker(now_s, self.in_place())
        self.gate = GateChecker(self.is_exit, now_s)
        self.doubts = Doubts()
        self.written_s: dict[tuple[str, str], float] = {}
        self.appeared_s: dict[tuple[str, str], float] = {}
        self.recorded_s: dict[int, float] = {}
        self.lied_about: set[str] = set()
        self._numbers: dict[tuple[str, str], str] = {}
        self._router: RouterProcess | None = None
        self._seen_seq = 0
        self._durable_seq = 0
        self._seen: dict[str, Order] = {}
        self._not_durable: list[tuple[int, str]] = []
        self._listen()

    def _listen(self) -> None:
        world = self._world
        for venue in world.venues.values():
            for heard in (
                self.exposure.venue_event,
                self.absence.venue_event,
                self._venue_event,
            ):
                venue.simulated.venue.subscribe(partial(heard, venue.name))
        world.on_absent = self.absence.said_absent
        world.on_all_open = self.absence.said_all_open
        world.on_all_executions = self.absence.said_all_executions
        world.on_request = self._requested
        world.on_send = self._leaves_router
        world.on_place = self._leaves_adapter
        world.on_change = self._changes

    # -- what is known of orders ---------------------------------------------------------------

    def is_exit(self, client_order_id: str) -> bool:
        """Whether the trader closes a position with it."""
        return bool(self._trader.asked[client_order_id].closes)

    def in_place(self) -> list[str]:
        """The venues that change an order in place."""
        return [name for name in self._world.venues if kind_of(name).changes_in_place]

    def findings(self) -> Iterator[Finding]:
        """All that was seen on the way."""
        for checker in (self.exposure, self.intent, self.gate, self.absence):
            yield from checker.findings

    def _asked_qty(self, client_order_id: str) -> Decimal | None:
        order = self._trader.asked.get(client_order_id)
        return None if order is None else Decimal(order.asked_qty)

    def _is_late(self, venue: str, placement_id: str) -> bool:
        """Whether the venue has had longer than it is given to settle."""
        written_s = self.written_s.get((venue, placement_id))
        return written_s is not None and self._now_s() - written_s > SETTLING_S

    def _send_logs(self) -> dict[str, Callable[[bytes], bool]]:
        """Per venue whose adapter keeps one: whether a text is on that adapter's disk."""
        return {
            name: node.disk.holds
            for name, node in self._world.adapters.items()
            if kind_of(name).keeps_send_log
        }

    # -- what happens --------------------------------------------------------------------------

    def _requested(self, operation: str, client_order_id: str) -> None:
        known = self._trader.asked.get(client_order_id)
        if known is not None:
            submit = "exit" if known.closes else "entry"
            name = submit if operation == "submit" else operation
            self.progress.requested(client_order_id, name)

    def _leaves_router(self, operation: str, placement_id: str, venue: str) -> None:
        if operation == "submit":
            self.intent.leaves_router(placement_id)
            self.gate.leaves_router(placement_id)
        self.progress.leaves_router(_order_of(placement_id), placement_id, venue)

    def _leaves_adapter(self, venue: str, placement_id: str, number: str) -> None:
        self.intent.leaves_adapter(venue, placement_id, number)
        self.written_s[venue, placement_id] = self._now_s()
        self._numbers[venue, number] = placement_id
        self.progress.leaves_adapter(_order_of(placement_id))

    def _changes(self, venue: str, order_id: str) -> None:
        placement_id = self._numbers.get((venue, order_id), "")
        for order in self._world.venues[venue].simulated.venue.desk:
            if order.venue_order_id == order_id:
                placement_id = order.client_order_id
        self.progress.leaves_adapter(_order_of(placement_id))

    def _venue_event(self, venue: str, event: OrderEvent) -> None:
        if not is_foreign(event.order):
            placement_id = event.order.client_order_id
            self.appeared_s.setdefault((venue, placement_id), self._now_s())
            is_fill = event.booking is not None
            self.progress.venue_event(_order_of(placement_id), is_fill=is_fill)

    def after_step(self) -> None:
        """See what the router has recorded."""
        router = self._world.router.process
        if router is None:
            return
        if router is not self._router:  # what was not on the disk yet is not, and is numbered anew
            self._router, self._seen_seq = router, self._durable_seq
            self._not_durable.clear()
        journal = router.core.journal
        if journal.head.seq > self._seen_seq:
            for seq in range(self._seen_seq + 1, journal.head.seq + 1):
                self.recorded_s[seq] = self._now_s()
            self._seen_seq = journal.head.seq
            self._look_at_orders(router)
        if journal.durable_head.seq > self._durable_seq:
            self._durable_seq = journal.durable_head.seq
            self._tell_durable()

    def _look_at_orders(self, router: RouterProcess) -> None:
        for (_, client_order_id), entry in router.core.books.orders.items():
            order, before = entry.order, self._seen.get(client_order_id)
            if before is order:
                continue  # orders are values: what has changed is another one
            self._seen[client_order_id] = order
            self.exposure.router_order(
                client_order_id, order.asked_qty, order.cum_qty, order.leaves_qty
            )
            if before is None or _asks_more(before, order):
                self._not_durable.append((entry.seq, client_order_id))
            elif before.placements != order.placements or before.executions != order.executions:
                is_fill = len(before.executions) < len(order.executions)
                self.progress.recorded(client_order_id, is_fill=is_fill)

    def _tell_durable(self) -> None:
        durable = [known for known in self._not_durable if known[0] <= self._durable_seq]
        self._not_durable = [known for known in self._not_durable if known[0] > self._durable_seq]
        for _, client_order_id in durable:
            self.progress.journaled(client_order_id)

    async def watch_doubts(self) -> None:
        """See from time to time what is in doubt, and which venues answer; until canceled."""
        while True:
            self._look_at_doubts()
            await asyncio.sleep(_LOOK_EVERY_S)

    def _look_at_doubts(self) -> None:
        router = self._world.router
        if router.process is None or not router.is_up:
            self.doubts.look(self._now_s(), None, ())
            return
        core = router.process.core
        in_doubt = {
            (placement.venue, placement.placement_id)
            for key in core.books.open_orders
            for placement in core.books.orders[key].order.placements
            if placement.status is OrderStatus.IN_DOUBT
        }
        answering = [name for (_, name), link in core.links.items() if link.view().takes_entries]
        self.doubts.look(self._now_s(), in_doubt, answering)


def _order_of(placement_id: str) -> str:
    return placement_id.partition("~")[0]


def _asks_more(before: Order, order: Order) -> bool:
    """Whether something new is about to be sent for it."""
    sent = len(before.placements), before.cancel_requested
    return sent != (len(order.placements), order.cancel_requested)
