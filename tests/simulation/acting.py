"""A schedule is acted: the world comes up, orders and faults are let loose, all is healed again."""

from __future__ import annotations

import asyncio
from contextvars import Context
from pathlib import Path
from typing import Final

from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.evidence import known_of
from tests.simulation.faults.kinds import heal, strike
from tests.simulation.faults.strike import Strike
from tests.simulation.following import Following
from tests.simulation.judging import Judging
from tests.simulation.operating import Operator
from tests.simulation.outcome import Outcome
from tests.simulation.planned import PlannedFault, Schedule
from tests.simulation.progress import BOUNDARIES, FILLED, TAKEN, Passing
from tests.simulation.quiet import Quiet
from tests.simulation.trader import Trader
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.watcher import Watcher
from tests.simulation.world import ROUTER, World

_SETTLE_MAX_S: Final = 300.0
_SLEEPS_S: Final = 60.0
_AWAKE_S: Final = 30.0
_LOOKS_AGAIN_EVERY: Final = 5
"""Of so many schedules one is looked at twice, which takes a third longer."""
_AT_THE_VENUE: Final = frozenset({BOUNDARIES[TAKEN], BOUNDARIES[FILLED]})
_NOBODYS: Final = ("net.cut_trader", "net.partition_trader", "operator.", "market.")
"""Faults that are at no venue: any order may be hit."""


class Acting:
    """Brings a world up, lets trader and faults loose, heals, waits for quiet, checks."""

    def __init__(self, schedule: Schedule, outcome: Outcome, folder: Path) -> None:
        self._schedule = schedule
        self._outcome = outcome
        self._folder = folder
        self._made: World | None = None
        self._strikes: list[Strike] = []
        self._laid: list[Strike] = []
        self._noted: set[Strike] = set()
        self._healed = False

    async def act(self) -> None:
        """The whole of it."""
        schedule, loop = self._schedule, asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        world = self._world = self._made = World(schedule.seed, schedule.venues, self._folder)
        trader = world.trader.run(Trader, schedule, world.network, world.rng("trader"))
        following = self._following = Following(world, trader)
        following.progress.on_pass = self._passed
        loop.after_step = self._after_step
        watcher = world.trader.run(Watcher, world.network, world.rng("watcher"))
        trading = self._start(trader, watcher)
        await self._let_faults_loose()
        self._tell("all faults end")
        self._healed = True
        heal(world)
        self._outcome.faults.update(made.kind for made in self._strikes if made.has_struck)
        await trading
        await self._quiet()
        await self._let_late_ones_land()
        if schedule.seed % _LOOKS_AGAIN_EVERY == 0:
            await self._look_again()
        Judging(schedule, world, following, trader, watcher, self._outcome, self._folder).judge()

    def _start(self, trader: Trader, watcher: Watcher) -> asyncio.Task[None]:
        world = self._world
        world.start()
        world.trader.spawn(watcher.run(), "watcher")
        operator = world.trader.run(
            Operator, world.network, world.rng("operator"), self._following.gate
        )
        world.want_trading_state = operator.want
        world.trader.spawn(operator.run(), "operator")
        world.trader.spawn(self._following.watch_doubts(), "doubts")
        return world.trader.spawn(trader.run(), "trader")

    def close(self) -> None:
        """Give back what is outside of the loop."""
        if self._made is not None:
            self._made.close()

    # -- faults --------------------------------------------------------------------------------

    async def _let_faults_loose(self) -> None:
        for fault in self._schedule.faults:
            if not fault.boundary:
                await self._until(fault.at_s)
                self._strike(fault)
        await self._until(self._schedule.heal_at_s)

    def _passed(self, passing: Passing) -> None:
        """An order has come to a boundary: what is aimed at it strikes, before anything else."""
        self._outcome.operations[passing.operation, passing.boundary] += 1
        if self._healed:
            return
        aimed_at = passing.client_order_id, passing.operation, passing.boundary
        for fault in self._schedule.faults:
            if (fault.client_order_id, fault.operation, fault.boundary) != aimed_at:
                continue
            if passing.boundary in _AT_THE_VENUE:  # no venue is changed while it tells of a change
                self._loop.call_soon(self._strike_at, fault, passing, context=Context())
            else:
                self._strike_at(fault, passing)

    def _strike_at(self, fault: PlannedFault, passing: Passing) -> None:
        if not self._healed:
            self._strike(fault, passing)

    def _strike(self, fault: PlannedFault, passing: Passing | None = None) -> None:
        self._tell(f"fault {fault.kind} {fault.venue} {fault.boundary} {fault.client_order_id}")
        made = strike(self._world, fault, lambda met: self._note(met, passing))
        self._strikes.append(made)
        if made.is_laid:
            self._laid.append(made)

    def _note(self, made: Strike, aimed: Passing | None) -> None:
        """Count where a fault has struck, the first time that it does."""
        if made in self._noted:
            return
        self._noted.add(made)
        if made.kind.startswith("stream.wrong_"):
            self._following.lied_about.add(made.fault.client_order_id)
        if made.await_number:
            where = "router" if ".router" in made.kind else "adapter"
            self._outcome.awaits[where, made.await_number] += 1
        fault, progress = made.fault, self._following.progress
        is_late = made.is_awaited or made in self._laid
        passing = None if is_late else aimed
        if passing is None and made in self._laid and fault.client_order_id:
            passing = progress.of_order(fault.client_order_id)
        if passing is None:
            anywhere = fault.kind.startswith(_NOBODYS) or ".router" in fault.kind
            passing = progress.latest("" if anywhere else fault.venue)
        if passing is not None:
            self._outcome.hits[fault.kind, passing.boundary] += 1

    def _after_step(self) -> None:
        self._following.after_step()
        if self._laid and not self._healed:
            for made in self._laid:
                made.look()

    # -- the end -------------------------------------------------------------------------------

    async def _quiet(self) -> None:
        """Wait until nothing changes any more and every venue was read since; not for ever."""
        quiet = Quiet(self._world)
        until = self._loop.time() + _SETTLE_MAX_S
        while self._loop.time() < until:
            if quiet.look(self._loop.time()):
                return
            await asyncio.sleep(1.0)
        text = f"not quiet {_SETTLE_MAX_S:g} s after the last fault"
        self._outcome.findings.append(Finding(Kind.UNFINISHED, text, self._loop.time()))

    async def _let_late_ones_land(self) -> None:
        """Wait for orders that are under way for long; our machines sleep through most of it."""
        for made in sorted(self._laid, key=lambda one: one.lands_at_s or 0.0):
            if made.lands_at_s is None:
                continue
            left_s = made.lands_at_s - self._loop.time()
            if left_s > _SLEEPS_S:
                self._tell(f"all sleep for {left_s - _AWAKE_S:.0f} s")
                for node in self._world.nodes.values():
                    node.sleep(left_s - _AWAKE_S)
            await self._until(made.lands_at_s + 1.0)
            await self._quiet()

    async def _look_again(self) -> None:
        """Cut all connections of router and adapters: everything is looked up and read once more,
        and what is known of orders is as before."""
        world, router = self._world, self._world.router.process
        before = None if router is None else known_of(router.core.books)
        for venue, node in world.adapters.items():
            world.network.cut(node.name, venue)
            world.network.cut(ROUTER, node.name)
            world.venues[venue].simulated.control.disconnect_streams()
        await self._quiet()
        after = None if router is None else known_of(router.core.books)
        for changed in sorted((after or set()) ^ (before or set())):
            text = f"a second look has changed something: {changed}"
            self._outcome.findings.append(Finding(Kind.WRONG, text, self._loop.time()))

    def _tell(self, text: str) -> None:
        self._outcome.story.append(f"{self._loop.time():9.3f} {text}")

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(at_s - self._loop.time(), 0.0))
