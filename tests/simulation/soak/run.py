"""One soak from its seed to its findings."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from services.common.contract.convert import instrument_from_wire
from services.common.contract.pb import broker_service_pb2 as pb
from simulators.venue import trading_calendar as calendar
from simulators.venue.orders import OrderEvent
from tests.simulation.adapter_process import ACCOUNT_ID
from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.soak.acting import FINDINGS_MAX, act_run
from tests.simulation.soak.client import Client
from tests.simulation.soak.compare import Figures, Truth, compare
from tests.simulation.soak.faults import Troubles
from tests.simulation.soak.follower import Follower
from tests.simulation.soak.market import Market
from tests.simulation.soak.orders import Desk
from tests.simulation.soak.reader import Reader
from tests.simulation.soak.stand import OPENING, Stand
from tests.simulation.soak.sync import Sync
from tests.simulation.soak.trader import Trader
from tests.simulation.soak.view import View
from tests.simulation.virtual_loop import VirtualLoop

_TIDY_S: Final = 60.0
_TIDY_ALL_EACH: Final = 30
_SYNC_MAX_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A soak: its seed, and how long and how densely. Seconds are virtual; means are averages."""

    seed: int
    trading_s: float
    order_mean_s: float = 5.0
    fault_gap_s: tuple[float, float] = (2.0, 8.0)
    compare_each_s: float = 7200.0
    opening: datetime = OPENING


@dataclass(slots=True)
class Result:
    """What came of it. `digest` is the same for the same plan, always."""

    plan: Plan
    findings: list[Finding] = field(default_factory=list)
    digest: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def soak(
    plan: Plan, *, verbose: bool = False, tell: Callable[[str], None] = lambda _: None
) -> Result:
    """Act a soak and compare. `tell` hears how it goes on."""
    result = Result(plan)
    result.seconds = act_run(
        plan.seed,
        lambda folder: Soak(plan, result, folder, tell),
        result.findings,
        name="soak",
        verbose=verbose,
    )
    return result


class Soak:
    """Brings the stand up, lets trader, market and troubles loose, heals, waits, compares."""

    def __init__(
        self, plan: Plan, result: Result, folder: Path, tell: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._result = result
        self._folder = folder
        self._tell = tell
        self._stand: Stand | None = None
        self._histories: dict[str, list[str]] = {}

    async def act(self) -> None:
        """The whole of it."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self._build()
        trading_s = self._plan.trading_s
        while trading_s > 0 and not self._result.findings:
            part_s = min(trading_s, self._plan.compare_each_s)
            await self._trade(part_s)
            trading_s -= part_s
            await self._compare(books_are_told=False)
        if not self._result.findings:
            await self._next_day()
            await self._compare(books_are_told=True)
        self._count()

    def close(self) -> None:
        """Give back what is outside of the loop."""
        if self._stand is not None:
            self._stand.close()

    def _build(self) -> None:
        plan = self._plan
        stand = self._stand = Stand(plan.seed, self._folder, plan.opening)
        self._now: Callable[[], float] = self._loop.time
        self._view = View(self._now)
        stand.simulated.venue.subscribe(self._record)
        trader = stand.trader
        self._client = trader.run(Client, stand.network, stand.rng("client"))
        self._follower = Follower(self._client, self._view, stand.rng("follower"))
        self._market = Market(stand, stand.rng("market"))
        desk = Desk(stand.rng("orders"), self._market.quote, self._view.held, self._view.open_sides)
        self._trader = Trader(self._client, self._view, desk, plan.order_mean_s)
        self._troubles = Troubles(stand, stand.rng("faults"), plan.fault_gap_s)
        venue = stand.simulated.venue
        self._reader = Reader(self._client, venue, stand.rng("reader"), self._now)
        self._sync = Sync(stand, self._client, self._trader)
        stand.start()
        trader.spawn(self._follower.run(), "follower")
        trader.spawn(self._trader.run(), "trader")
        trader.spawn(self._reader.run(), "reader")
        for work in (self._market.run(), self._troubles.run(), self._tidy()):
            self._loop.create_task(work)

    def _record(self, event: OrderEvent) -> None:
        """Keep an order's history at the venue, should it be asked for."""
        order = event.order
        text = (
            f"{self._now():10.3f} venue: {event.kind.value}: {order.status.value} {order.cum_qty}"
        )
        self._histories.setdefault(order.venue_order_id, []).append(text)

    async def _tidy(self) -> None:
        """Give back what is done with: the collector is off, and would come when it likes."""
        for minutes in itertools.count(1):
            await asyncio.sleep(_TIDY_S)
            self._loop.forget_done_tasks()
            gc.collect(2 if minutes % _TIDY_ALL_EACH == 0 else 1)

    async def _trade(self, seconds: float) -> None:
        for part in (self._market, self._trader, self._troubles):
            part.resume()
        await asyncio.sleep(seconds)
        for part in (self._market, self._trader):
            part.pause()
        self._troubles.heal()

    async def _next_day(self) -> None:
        """Let a night pass: day orders end, and what happened to options is listed."""
        assert self._stand is not None
        control = self._stand.simulated.control
        control.set_clock(calendar.next_open(control.venue.now))
        await asyncio.sleep(_TIDY_S)

    async def _compare(self, *, books_are_told: bool) -> None:
        """`books_are_told`: option events are in the activities, which takes them a night."""
        assert self._stand is not None
        if not await self._sync.wait(_SYNC_MAX_S):
            self._found(Kind.UNFINISHED, f"not in sync {_SYNC_MAX_S:g} s after the last fault")
        figures = await self._ask()
        control = self._stand.simulated.control
        truth = Truth(control.ledger(), self._histories)
        view, placements = self._view, self._trader.placements
        found = compare(
            truth, view, placements, figures, self._now(), books_are_told=books_are_told
        )
        self._result.findings += found[:FINDINGS_MAX]
        for text in self._reader.wrong:
            self._found(Kind.LOSS, text)
        for text in self._trader.noise:
            self._found(Kind.NOISE, text)
        for why in self._stand.adapter.exits:
            if why != "fault":
                self._found(Kind.NOISE, f"the adapter ended by itself: {why}")
        self._tell(
            f"{self._now() / 3600:6.2f} h, {control.venue.now:%a %d %b %H:%M} UTC: "
            f"{len(truth.ledger['orders'])} orders, {len(truth.ledger['executions'])} fills, "
            f"{self._troubles.struck.total()} faults, {len(self._result.findings)} findings"
        )

    async def _ask(self) -> Figures:
        """Positions, cash and activities as they are now."""
        client, broker = self._client, self._client.broker
        listed = pb.ListActivitiesRequest(account_id=ACCOUNT_ID)
        for activity in await client.pages_on(broker.ListActivities, listed, "activities"):
            self._view.take_activity(activity)
        account = pb.GetAccountRequest(account_id=ACCOUNT_ID)
        balance = (await client.read_on(broker.GetAccount, account)).balances[0]
        request = pb.ListPositionsRequest(account_id=ACCOUNT_ID)
        positions = await client.pages_on(broker.ListPositions, request, "positions")
        return Figures(
            {instrument_from_wire(p.instrument, "").key: Decimal(p.qty.value) for p in positions},
            Decimal(balance.cash.amount.value),
        )

    def _count(self) -> None:
        assert self._stand is not None
        control = self._stand.simulated.control
        ledger = control.ledger()
        self._result.counts = {
            "virtual_s": round(self._now(), 3),
            "market_time": control.venue.now.isoformat(),
            "orders": len(ledger["orders"]),
            "executions": len(ledger["executions"]),
            "account_events": _tally(event["kind"] for event in ledger["account_events"]),
            "adapter_lives": len(self._stand.adapter.exits) + 1,
            "faults": dict(sorted(self._troubles.struck.items())),
            "kinds": dict(sorted(self._trader.kinds.items())),
            "answers": dict(sorted(self._trader.proofs.items())),
            "order_statuses": _tally(order["status"] for order in ledger["orders"]),
            "reads": dict(sorted(self._reader.reads.items())),
            "watch_ends": dict(sorted(self._follower.counts.items())),
            "happened": dict(sorted(self._market.happened.items())),
        }
        made = hashlib.sha256(json.dumps(ledger, sort_keys=True).encode())
        made.update(json.dumps(self._result.counts, sort_keys=True).encode())
        made.update(repr(self._view.histories).encode())
        made.update(repr([p.answers for p in self._trader.placements.values()]).encode())
        made.update(str(self._loop.steps).encode())
        self._result.digest = made.hexdigest()

    def _found(self, kind: Kind, text: str) -> None:
        self._result.findings.append(Finding(kind, text, self._now()))


def _tally(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
