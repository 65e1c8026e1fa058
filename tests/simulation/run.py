"""One schedule from its seed to its findings, in a loop and a world of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import json
import logging
import random
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from services.common.domain.order import Order
from services.common.domain.order_status import OrderStatus
from tests.simulation.checkers.absence import AbsenceChecker
from tests.simulation.checkers.exposure import ExposureChecker
from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.checkers.foreign import mark_foreign
from tests.simulation.checkers.gate import GateChecker
from tests.simulation.checkers.in_place import as_there, check_chains, revised_in_place
from tests.simulation.checkers.intent import IntentChecker
from tests.simulation.checkers.settlement import check_settlement
from tests.simulation.checkers.telling import check_told
from tests.simulation.evidence import (
    Stranger,
    account_of,
    check_alarms,
    check_failovers,
    check_journal,
    check_quarantine,
    journal_digest,
    multipliers_of,
    records_of,
    standing_of,
)
from tests.simulation.faults.kinds import heal, strike
from tests.simulation.operating import Operator
from tests.simulation.quiet import Quiet
from tests.simulation.router_process import RouterProcess
from tests.simulation.schedule import Schedule, kind_name, make_schedule
from tests.simulation.trader import Trader
from tests.simulation.venues.kinds import kind_of
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.watcher import Watcher
from tests.simulation.world import World

_SETTLE_MAX_S = 300.0
# What faults do that an adapter must not live on with: killed, no disk, another's credentials.
_ENDS_AN_ADAPTER = ("fault", "the disk is full", "unauthorized")


@dataclass(slots=True)
class Outcome:
    """What came of a schedule. `digest` is the same for the same seed, always.

    `faults` counts those that struck, by kind; `in_doubt` the placements that nobody can say
    anything of, by the kind of their venue.
    """

    seed: int
    findings: list[Finding] = field(default_factory=list)
    digest: str = ""
    orders: int = 0
    executions: int = 0
    in_doubt: Counter[str] = field(default_factory=Counter)
    failovers: int = 0
    venues: tuple[str, ...] = ()
    faults: Counter[str] = field(default_factory=Counter)
    virtual_s: float = 0.0
    steps: int = 0
    story: list[str] = field(default_factory=list)


def run_seed(seed: int, *, verbose: bool = False) -> Outcome:
    """Act the schedule of a seed and check it. With `verbose` the product's log is shown."""
    return run_schedule(make_schedule(seed), verbose=verbose)


def run_schedule(schedule: Schedule, *, verbose: bool = False) -> Outcome:
    """Act a schedule and check it."""
    outcome = Outcome(schedule.seed, venues=schedule.venues)
    # alpaca-py and others draw from the module's own generator.
    random.seed(schedule.seed)
    with tempfile.TemporaryDirectory(prefix="tandem-simulation-") as folder, no_collector():
        loop = VirtualLoop()
        asyncio.set_event_loop(loop)  # ib_insync asks the policy for its loop, also inside of one
        acting = Acting(schedule, outcome, Path(folder))
        try:
            with logs(shown=verbose):
                loop.run_until_complete(acting.act())
        except Exception as error:  # noqa: BLE001 - a run that breaks is a finding of its seed
            shown = "".join(traceback.format_exception(error))
            outcome.findings.append(Finding(Kind.BROKEN, shown, loop.time()))
        finally:
            outcome.steps, outcome.virtual_s = loop.steps, loop.time()
            for unhandled in loop.unhandled:
                outcome.findings.append(Finding(Kind.NOISE, f"unhandled: {unhandled}"))
            acting.close()
            with logs(shown=False):
                loop.close()
            asyncio.set_event_loop(None)
    return outcome


class Acting:
    """Brings a world up, lets trader and faults loose, heals, waits for quiet, checks."""

    def __init__(self, schedule: Schedule, outcome: Outcome, folder: Path) -> None:
        self._schedule = schedule
        self._outcome = outcome
        self._folder = folder
        self._made: World | None = None

    async def act(self) -> None:
        """The whole of it."""
        schedule = self._schedule
        self._loop = asyncio.get_running_loop()
        world = self._made = World(schedule.seed, schedule.venues, self._folder)
        self._trader = world.trader.run(Trader, schedule, world.network, world.rng("trader"))
        self._watch()
        self._watcher = world.trader.run(Watcher, world.network, world.rng("watcher"))
        world.start()
        world.trader.spawn(self._watcher.run(), "watcher")
        operator = world.trader.run(Operator, world.network, world.rng("operator"), self._gate)
        world.want_trading_state = operator.want
        world.trader.spawn(operator.run(), "operator")
        trading = world.trader.spawn(self._trader.run(), "trader")
        strikes = []
        for fault in schedule.faults:
            await self._until(fault.at_s)
            self._tell(f"fault {fault.kind} {fault.venue}")
            strikes.append(strike(world, fault))
        await self._until(schedule.heal_at_s)
        self._tell("all faults end")
        heal(world)
        self._outcome.faults.update(made.kind for made in strikes if made.has_struck)
        await trading
        await self._quiet()
        self._check()

    def close(self) -> None:
        """Give back what is outside of the loop."""
        if self._made is not None:
            self._made.close()

    @property
    def _world(self) -> World:
        assert self._made is not None
        return self._made

    def _watch(self) -> None:
        """Let the checkers see every step."""
        world = self._world
        self._exposure = ExposureChecker(self._asked_qty, self._loop.time)
        self._intent = IntentChecker(world.router.disk.holds, self._send_logs(), self._loop.time)
        self._absence = AbsenceChecker(self._loop.time, self._in_place())
        for venue in world.venues.values():
            for checker in (self._exposure, self._absence):
                venue.simulated.venue.subscribe(partial(checker.venue_event, venue.name))
        world.on_absent = self._absence.said_absent
        world.on_all_open = self._absence.said_all_open
        world.on_all_executions = self._absence.said_all_executions
        self._gate = GateChecker(self._is_exit, self._loop.time)
        world.on_submit = self._on_submit
        world.on_place = self._intent.leaves_adapter
        self._seen_seq = 0
        self._seen_orders: dict[str, Order] = {}
        assert isinstance(self._loop, VirtualLoop)
        self._loop.after_step = self._after_step

    def _send_logs(self) -> dict[str, Callable[[bytes], bool]]:
        """Per venue whose adapter keeps one: whether a text is on that adapter's disk."""
        return {
            name: node.disk.holds
            for name, node in self._world.adapters.items()
            if kind_of(name).keeps_send_log
        }

    def _in_place(self) -> list[str]:
        """The venues that change an order in place."""
        return [name for name in self._world.venues if kind_of(name).changes_in_place]

    def _after_step(self) -> None:
        router = self._world.router.process
        if router is None or router.core.journal.head.seq == self._seen_seq:
            return
        self._seen_seq = router.core.journal.head.seq
        for (_, client_order_id), entry in router.core.books.orders.items():
            order = entry.order
            if self._seen_orders.get(client_order_id) is order:
                continue  # orders are values: what has changed is another one
            self._seen_orders[client_order_id] = order
            self._exposure.router_order(
                client_order_id, order.asked_qty, order.cum_qty, order.leaves_qty
            )

    def _on_submit(self, placement_id: str) -> None:
        self._intent.leaves_router(placement_id)
        self._gate.leaves_router(placement_id)

    def _is_exit(self, client_order_id: str) -> bool:
        return bool(self._trader.asked[client_order_id].closes)

    def _asked_qty(self, client_order_id: str) -> Decimal | None:
        order = self._trader.asked.get(client_order_id)
        return None if order is None else Decimal(order.asked_qty)

    async def _quiet(self) -> None:
        """Wait until nothing changes any more and every venue was read since; not for ever."""
        quiet = Quiet(self._world)
        until = self._loop.time() + _SETTLE_MAX_S
        while self._loop.time() < until:
            if quiet.look(self._loop.time()):
                return
            await asyncio.sleep(1.0)
        self._found(Kind.UNFINISHED, f"not quiet {_SETTLE_MAX_S:g} s after the last fault")

    # -- the end -----------------------------------------------------------------------------

    def _check(self) -> None:
        outcome, world = self._outcome, self._world
        outcome.findings += [
            *self._exposure.findings,
            *self._intent.findings,
            *self._gate.findings,
            *self._absence.findings,
        ]
        ledgers = {
            name: mark_foreign(venue.simulated.control.ledger(with_entries=True))
            for name, venue in world.venues.items()
        }
        outcome.orders = sum(len(ledger["orders"]) for ledger in ledgers.values())
        outcome.executions = sum(len(ledger["executions"]) for ledger in ledgers.values())
        router = world.router.process
        if router is None:
            self._found(Kind.UNFINISHED, f"the router is down: {world.router.exits[-1:]}")
            return
        books = router.core.books
        outcome.in_doubt.update(
            kind_name(placement.venue)
            for entry in books.orders.values()
            for placement in entry.order.placements
            if entry.order.placement_status(placement) is OrderStatus.IN_DOUBT
        )
        account = account_of(books)
        in_place = self._in_place()
        outcome.findings += check_chains(account, in_place)
        outcome.findings += check_settlement(
            ledgers,
            as_there(account, in_place),
            multipliers_of(books),
            [name for name in world.venues if not kind_of(name).tells_expiry],
            revised_in_place(account, in_place),
        )
        self._check_router(router, ledgers)
        self._digest(ledgers, router)
        self._narrate(router)

    def _check_router(self, router: RouterProcess, ledgers: dict[str, Any]) -> None:
        outcome, core = self._outcome, router.core
        outcome.findings += check_journal(core, router.journal_store)
        records = records_of(list(router.journal_store.entries()))
        outcome.findings += check_alarms(records, self._exposure.venue_faults)
        outcome.findings += check_failovers(records, core.books.failover_count, self._is_exit)
        outcome.failovers = core.books.failover_count
        outcome.findings += check_told(self._watcher.told, standing_of(core.books))
        outcome.findings += check_quarantine(core.books, _strangers(ledgers))
        outcome.findings += [
            Finding(Kind.NOISE, f"{client_order_id}: {answer}", at_s)
            for at_s, client_order_id, answer in self._trader.answers
            if answer.startswith("INTERNAL")
        ]
        for node in self._world.nodes.values():
            for why in node.exits:
                if why != "fault":
                    self._tell(f"{node.name} ended: {why.replace(str(self._folder), '')}")
        for node in self._world.adapters.values():
            outcome.findings += [
                Finding(Kind.NOISE, f"{node.name} ended by itself: {why}")
                for why in node.exits
                if not any(word in why for word in _ENDS_AN_ADAPTER)
            ]

    def _digest(self, ledgers: dict[str, Any], router: RouterProcess) -> None:
        made = hashlib.sha256(json.dumps(ledgers, sort_keys=True).encode())
        for venue in self._world.venues.values():
            made.update(msgspec.json.encode(venue.simulated.control.requests()))
        entries = list(router.journal_store.entries())
        made.update(journal_digest(entries, router.core.books).encode())
        made.update(repr(self._trader.answers).encode())
        self._outcome.digest = made.hexdigest()

    def _narrate(self, router: RouterProcess) -> None:
        for at_s, client_order_id, answer in self._trader.answers:
            self._outcome.story.append(f"{at_s:9.3f} {client_order_id}: {answer}")
        self._outcome.story.sort()
        for (_, client_order_id), entry in router.core.books.orders.items():
            order = entry.order
            placed = ", ".join(f"{p.placement_id} {p.status.value}" for p in order.placements)
            self._outcome.story.append(
                f"   at end {client_order_id}: {order.status.value}, {order.cum_qty} of "
                f"{order.spec.order_qty} filled [{placed}]"
            )

    def _found(self, kind: Kind, text: str) -> None:
        self._outcome.findings.append(Finding(kind, text, self._loop.time()))

    def _tell(self, text: str) -> None:
        self._outcome.story.append(f"{self._loop.time():9.3f} {text}")

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(at_s - self._loop.time(), 0.0))


def _strangers(ledgers: dict[str, Any]) -> dict[str, Stranger]:
    """The orders that nobody sent through the router, by the venues' ids."""
    return {
        order["venue_order_id"]: Stranger(
            order["status"], order["cum_qty"] == "0" and order["leaves_qty"] == "0"
        )
        for ledger in ledgers.values()
        for order in ledger["orders"]
        if order["by_hand"]
    }


@contextlib.contextmanager
def no_collector() -> Iterator[None]:
    """No garbage collection meanwhile.

    Finalisers at the collector's pleasure would make two runs differ.

    What was there before is frozen meanwhile: looking through all of it would take longer than
    the run.
    """
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        with logs(shown=False):
            gc.collect()
        gc.unfreeze()
        gc.enable()


@contextlib.contextmanager
def logs(*, shown: bool) -> Iterator[None]:
    """Show the product's log meanwhile, or nothing of it."""
    before = structlog.get_config()
    if shown:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    else:
        quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
        structlog.configure(wrapper_class=quiet, processors=[_drop])
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        structlog.configure(**before)


def _drop(*_: object) -> Any:
    raise structlog.DropEvent
