"""How a schedule is acted: each strike with an order of its own, and others beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from tandem_client import TERMINAL, Order, OrderSpec, OrderStatus, Side

from tests.crash.schedule import VENUES, Schedule, Strike
from tests.crash.stand import BROKERS, Stand
from tests.crash.trader import ASK, BID, Trader
from tests.crash.traps import Trap, is_sprung, set_trap, take_away

ENTRY_QTY: Final = 12
_POLL_S: Final = 0.01
_SPRUNG_S: Final = 5.0
_RECOVERED_S: Final = 12.0
"""How long after an act its trap may still be met, by what follows of it."""


@dataclass(slots=True)
class Acting:
    """Acts one schedule at a stand. `hit` are the strikes that struck, `missed` the others."""

    schedule: Schedule
    stand: Stand
    trader: Trader
    note: Callable[[str], None]
    hit: list[Strike] = field(default_factory=list)
    missed: list[Strike] = field(default_factory=list)
    _traps: int = 0

    async def run(self) -> None:
        """Return when everything was asked for, and canceled."""
        await self._open_market()
        await self.stand.ready()
        for adapter, venue in VENUES.items():  # something is held everywhere, to be sold
            entry = self._id(f"entry-{adapter}")
            await self.trader.submit(self.trader.spec(entry, Side.BUY, ENTRY_QTY, venue))
            await self.trader.until(entry, lambda order: order.ended)
        for strike in self.schedule.strikes:
            await self._strike(strike)
        await self.stand.ready()
        await self._cancel_all()

    async def _open_market(self) -> None:
        quote = {"symbol": self.schedule.symbol, "bid": BID, "ask": ASK}
        for role in BROKERS:
            await self.stand.controls[role].call("POST", "/quotes", quote)

    async def _cancel_all(self) -> None:
        """Whatever still works is canceled: nothing is left for schedules to come."""
        async with asyncio.TaskGroup() as tasks:
            for client_order_id in list(self.trader.wanted):
                tasks.create_task(self._cancel_if_open(client_order_id))

    async def _cancel_if_open(self, client_order_id: str) -> None:
        order = await self.trader.order(client_order_id)
        if order is not None and not order.ended:
            await self.trader.cancel(client_order_id)

    # -- a strike ----------------------------------------------------------------------------

    async def _strike(self, strike: Strike) -> None:
        """Strike, with another order if it did not come to that: on a slow machine an adapter may
        have refused the first for being late."""
        for again in ("", "b", "c"):
            await self.stand.ready()
            tried = replace(strike, client_order_id=f"{strike.client_order_id}{again}")
            if await self._try(tried):
                self.hit.append(strike)
                return
        self.missed.append(strike)

    async def _try(self, strike: Strike) -> bool:
        """Act among traps, and others beside it, until whoever was struck is back."""
        acts: dict[str, Callable[[Strike], Awaitable[bool]]] = {
            "submit": self._submit,
            "replace": self._replace,
            "cancel": self._cancel,
            "fill": self._fill,
            "recovery": self._recovery,
        }
        self.note(f"-- {strike.pair.name}, {strike.client_order_id} at {strike.venue}")
        beside = asyncio.create_task(self._beside(strike))
        try:
            return await acts[strike.pair.act](strike)
        finally:
            await beside

    async def _with_traps(self, strike: Strike, act: Awaitable[object], *traps: Trap) -> bool:
        """Act among traps; afterwards each has struck, or is taken away. Whether the last did."""
        for trap in traps:
            set_trap(self.stand.traps, trap)
        within_s = _RECOVERED_S if strike.pair.act == "recovery" else _SPRUNG_S
        waking = [asyncio.create_task(self._wake(trap, strike.nap_s, within_s)) for trap in traps]
        try:
            await act
        finally:
            struck = [await task for task in waking]
        if not struck[-1]:
            self.note(f"{strike.pair.point} was not passed")
        return struck[-1]

    async def _wake(self, trap: Trap, nap_s: float, within_s: float) -> bool:
        """Wait for a trap to strike, and wake whom it put to sleep; False if it does not."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + within_s
        while not is_sprung(self.stand.traps, trap.number):
            if loop.time() > ends_at and take_away(self.stand.traps, trap.number):
                return False
            await asyncio.sleep(_POLL_S)
        self.note(f"struck: {trap.fault} {trap.victim} at {trap.point}")
        if trap.fault == "stop":
            await asyncio.sleep(nap_s)
            self.stand.wake(trap.victim)
            self.note(f"{trap.victim} woken")
        return True

    def _trap(self, point: str, of: str, victim: str, fault: str) -> Trap:
        self._traps += 1
        number = self.schedule.seed * 100 + self._traps
        return Trap(number, point, of, victim, fault)

    def _trap_of(self, strike: Strike) -> Trap:
        pair = strike.pair
        return self._trap(pair.point, strike.client_order_id, pair.victim, pair.fault)

    # -- the acts: whether they have hit ------------------------------------------------------

    async def _submit(self, strike: Strike) -> bool:
        side, qty = (Side.SELL, 2) if strike.is_exit else (Side.BUY, 5)
        spec = self.trader.spec(strike.client_order_id, side, qty, strike.venue)
        if strike.is_exit:
            spec = replace(spec, venue_pin=strike.venue, venue_preference="")
        return await self._with_traps(strike, self.trader.submit(spec), self._trap_of(strike))

    async def _replace(self, strike: Strike) -> bool:
        if await self._resting(strike) is None:
            return False
        act = self.trader.replace(strike.client_order_id, 7, "81")
        return await self._with_traps(strike, act, self._trap_of(strike))

    async def _cancel(self, strike: Strike) -> bool:
        if await self._resting(strike) is None:
            return False
        act = self.trader.cancel(strike.client_order_id)
        return await self._with_traps(strike, act, self._trap_of(strike))

    async def _fill(self, strike: Strike) -> bool:
        order = await self._resting(strike)
        if order is None:
            return False
        act = self._fill_in_parts(order, strike)
        return await self._with_traps(strike, act, self._trap_of(strike))

    async def _fill_in_parts(self, order: Order, strike: Strike) -> None:
        control = self.stand.controls[strike.adapter]
        for qty in ("2", "4"):
            asked = {"order": order.placement_id, "qty": qty, "px": "80"}
            await control.call("POST", "/fill", asked)

    async def _recovery(self, strike: Strike) -> bool:
        """First somebody dies before anything is sent; while the router asks what became of the
        order, and has it fenced off, the strike comes. A router that was in the send looks up; one
        that finds a placement in its journal has it fenced at once."""
        spec = self.trader.spec(strike.client_order_id, Side.BUY, 5, strike.venue)
        point, victim = "router.send.before", "router"
        if strike.pair.point.startswith("router.lookup"):
            point, victim = "adapter.write.before", strike.adapter
        first = self._trap(point, strike.client_order_id, victim, "kill")
        act = self.trader.submit(spec)
        return await self._with_traps(strike, act, first, self._trap_of(strike))

    async def _resting(self, strike: Strike) -> Order | None:
        """An order that rests at the strike's venue; None if it did not come to that."""
        spec = self.trader.spec(strike.client_order_id, Side.BUY, 6, strike.venue, rests=True)
        await self.trader.submit(replace(spec, venue_pin=strike.venue, venue_preference=""))
        order = await self.trader.until(
            strike.client_order_id, lambda order: order.status in _PLAIN
        )
        return None if order is None or order.ended else order

    # -- what goes on beside it --------------------------------------------------------------

    async def _beside(self, strike: Strike) -> None:
        """Other orders while the strike comes: an entry that is changed and canceled, an exit."""
        name = strike.client_order_id.rpartition("-")[2]
        rests, leaves = self._id(f"rests-{name}"), self._id(f"leaves-{name}")
        await self._submit_beside(
            self.trader.spec(rests, Side.BUY, 3, strike.venue, rests=True),
            self.trader.spec(leaves, Side.SELL, 1, strike.venue),
        )
        await self.trader.replace(rests, 4, "82")
        await self.trader.cancel(rests)

    async def _submit_beside(self, *specs: OrderSpec) -> None:
        async with asyncio.TaskGroup() as tasks:
            for spec in specs:
                tasks.create_task(self.trader.submit(spec))

    def _id(self, name: str) -> str:
        return f"{self.schedule.prefix}{name}"


_PLAIN: Final = TERMINAL | {OrderStatus.ACCEPTED}
