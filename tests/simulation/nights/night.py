"""One night from its seed to its findings."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from services.common.contract.convert import instrument_from_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import TandemError
from simulators.ib_gateway.settings import SIMULATED_ACCOUNT
from simulators.venue.orders import OrderEvent
from tests.simulation.adapter_process import ACCOUNT_ID
from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.nights.compare import Truth, compare
from tests.simulation.nights.faults import (
    AIMED_AT,
    CANCELS,
    CERTAIN,
    ECHO,
    KINDS,
    LIVE_LOGIN,
    NEW_DAY,
    PLACES,
    REPLACES,
    RESTART,
    TWO_PERM_IDS,
    Troubles,
)
from tests.simulation.nights.orders import SYMBOLS, Wants
from tests.simulation.nights.planned import Planned
from tests.simulation.nights.stand import EVENING, SETTLING_S, Stand
from tests.simulation.nights.trader import NightClient, Trader
from tests.simulation.nights.weather import Weather
from tests.simulation.soak.acting import FINDINGS_MAX, act_run
from tests.simulation.soak.follower import Follower
from tests.simulation.soak.lone_adapter import must_not_fail
from tests.simulation.soak.view import View
from tests.simulation.virtual_loop import VirtualLoop

_WORKING_MIN: Final = 5
_UP_MAX_S: Final = 60.0
_SYNC_MAX_S: Final = 400.0
# By then a heartbeat has told the adapter what time it is at IB.
_HEARD_S: Final = 5.0
_UNCHANGED_S: Final = 40.0
_ALWAYS: Final = frozenset({RESTART, NEW_DAY})


@dataclass(slots=True)
class Result:
    """What came of a night. `digest` is the same for the same seed, always."""

    seed: int
    findings: list[Finding] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    digest: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def night(seed: int, *, verbose: bool = False) -> Result:
    """Act a night and compare."""
    result = Result(seed)
    result.seconds = act_run(
        seed, partial(Night, result), result.findings, name="night", verbose=verbose
    )
    return result


class Night:
    """Evening, faults around the Gateway's restart, morning; then all of it is compared."""

    def __init__(self, result: Result, folder: Path) -> None:
        self._result = result
        self._folder = folder
        self._stand: Stand | None = None
        self._histories: dict[str, list[str]] = {}
        self._remembers_since = ""
        self._forgot_at_s = 0.0

    async def act(self) -> None:
        """The whole of it."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._now: Callable[[], float] = loop.time
        self._build(Stand(self._result.seed, self._folder))
        await self._evening()
        await self._dark()
        self._troubles.heal()
        await self._morning()
        await self._compare()
        self._count(loop.steps)

    def close(self) -> None:
        """Give back what is outside of the loop."""
        if self._stand is not None:
            self._stand.close()

    def _build(self, stand: Stand) -> None:
        self._stand = stand
        self._rng = stand.rng("night")
        self._view = View(self._now)
        self._venue = stand.simulated.venue
        self._venue.subscribe(self._record)
        trader = stand.trader
        self._client = trader.run(NightClient, stand.network, stand.rng("client"))
        follower = Follower(self._client, self._view, stand.rng("follower"))
        self._trader = Trader(self._client, self._view, stand.rng("trader"), stand.clock.now)
        self._wants = Wants(stand.rng("orders"), self._venue)
        self._troubles = Troubles(stand, stand.rng("faults"), self._now)
        self._weather = Weather(stand, self._troubles, self._now)
        stand.start()
        trader.spawn(follower.run(), "follower")
        looking = asyncio.get_running_loop().create_task(self._weather.run())
        looking.add_done_callback(must_not_fail)

    def _record(self, event: OrderEvent) -> None:
        """Keep an order's history at the venue, should it be asked for."""
        order = event.order
        text = f"venue: {event.kind.value}: {order.status.value} {order.cum_qty}"
        line = f"{self._now():10.3f} {text} at {order.asked.limit_price}"
        self._histories.setdefault(order.venue_order_id, []).append(line)

    # -- acts --------------------------------------------------------------------------------

    async def _evening(self) -> None:
        """A position is bought, and at least five orders work, its exit among them."""
        assert self._stand is not None
        await self._until(lambda: bool(self._client.session_id), _UP_MAX_S, "never up")
        if self._rng.random() < 0.7:
            # The adapter's files are not of today.
            self._stand.simulated.control.set_clock(EVENING + timedelta(days=1))
            await asyncio.sleep(_HEARD_S)
        self._do(lambda: self._trader.place(self._wants.entry()))
        await self._until(lambda: bool(self._view.positions), _UP_MAX_S, "the entry never filled")
        self._do(lambda: self._trader.place(self._wants.exit()))
        for _ in range(self._rng.randint(_WORKING_MIN - 1, _WORKING_MIN + 2)):
            self._do(lambda: self._trader.place(self._wants.working()))
        await self._until(
            lambda: len(self._view.open_orders()) >= _WORKING_MIN, _UP_MAX_S, "too few work"
        )

    async def _dark(self) -> None:
        """Three faults and more around the restart, while orders are sent, changed, canceled."""
        rng = self._rng
        lasts_s = rng.uniform(20.0, 45.0)
        names = [name for name in KINDS if name not in _ALWAYS]
        certain = [name for name in names if name in CERTAIN]
        planned = Planned(rng, lasts_s)
        planned.add(self._wake)
        planned.at(rng.uniform(4, lasts_s * 0.7), lambda: self._troubles.strike(RESTART))
        kinds = [*rng.choices(certain, k=2), *rng.choices(names, k=rng.randint(0, 2))]
        for kind in (*kinds, *rng.choices(sorted(AIMED_AT), k=rng.randint(1, 3))):
            self._plan(planned, kind)
        for act, few, many in (
            (self._trader.replace_one, 1, 3),
            (self._trader.cancel_one, 1, 2),
            (self._place_any, 1, 5),
            (self._move, 0, 3),
        ):
            for _ in range(rng.randint(few, many)):
                planned.add(act)
        began_s = self._now()
        for at_s, act in planned.in_order():
            await asyncio.sleep(max(began_s + at_s - self._now(), 0.0))
            self._do(act)

    async def _morning(self) -> None:
        """All is well again: prices come, orders fill, and what was in doubt is asked for."""
        for _ in range(4):
            await asyncio.sleep(self._rng.uniform(1.0, 8.0))
            self._move()
        settled_s = SETTLING_S + _HEARD_S
        await self._until(
            lambda: self._weather.in_sync_for_s >= settled_s, _SYNC_MAX_S, "never in sync for long"
        )
        self._trader.stop()
        await self._until(self._is_quiet, _SYNC_MAX_S, "not in sync")

    def _do(self, act: Callable[[], None]) -> None:
        """As the trader: what it begins is its own."""
        assert self._stand is not None
        self._stand.trader.run(act)

    def _plan(self, planned: Planned, kind: str) -> None:
        """A fault, and what it is to strike right after it."""
        at_s = planned.add(lambda: self._troubles.strike(kind))
        aimed: dict[str, Callable[[], None]] = {
            PLACES: self._place_any,
            REPLACES: self._trader.replace_one,
            CANCELS: self._trader.cancel_one,
        }
        if kind in AIMED_AT:
            planned.at(at_s + self._rng.uniform(0.01, 0.5), aimed[AIMED_AT[kind]])

    def _wake(self) -> None:
        """In half of the nights it is the next day by then."""
        if self._rng.random() < 0.5:
            self._troubles.strike(NEW_DAY)
            self._remembers_since = self._venue.now.isoformat()
            self._forgot_at_s = self._now()

    def _place_any(self) -> None:
        self._trader.place(self._wants.any())

    def _move(self) -> None:
        """A price comes to where orders are, and goes again."""
        assert self._stand is not None
        symbol = self._rng.choice(SYMBOLS)
        quote = self._venue.quotes.find(symbol)
        assert quote is not None
        cents = Decimal(self._rng.choice((-120, -60, -30, 30, 60, 120))) / 100
        move = max(cents, Decimal("0.05") - quote.bid)
        self._stand.simulated.control.set_quote(symbol, quote.bid + move, quote.ask + move)

    # -- the end -----------------------------------------------------------------------------

    async def _until(self, holds: Callable[[], bool], within_s: float, why: str) -> None:
        ends_s = self._now() + within_s
        while not holds():
            if self._now() > ends_s:
                self._found(Kind.UNFINISHED, f"{why} within {within_s:g} s")
                return
            await asyncio.sleep(0.25)

    def _is_quiet(self) -> bool:
        """Nothing is under way and nothing has changed for as long as news may take."""
        assert self._stand is not None
        entries = len(self._venue.ledger.entries)
        return (
            self._stand.adapter.is_up
            and bool(self._client.session_id)
            and self._trader.is_idle
            and self._weather.unchanged_s(entries, self._client.session_id) >= _UNCHANGED_S
        )

    async def _compare(self) -> None:
        assert self._stand is not None
        control = self._stand.simulated.control
        unknown = await self._unknown()
        truth = Truth(
            control.ledger(),
            self._remembers_since,
            self._forgot_at_s,
            self._histories,
            may_double=bool(self._troubles.struck[TWO_PERM_IDS]),
            may_take_back=bool(self._troubles.struck[ECHO]),
        )
        verdict = compare(truth, self._view, self._trader.placements, unknown, self._now())
        self._result.findings += verdict.findings[:FINDINGS_MAX]
        self._result.gaps = verdict.gaps
        await self._check_positions(control.ledger())
        exits = [why for why in self._stand.adapter.exits if not self._is_explained(why)]
        for kind, texts in (
            (Kind.INTENT, self._stand.writes.wrong),
            (Kind.UNFINISHED, self._weather.late),
            (Kind.NOISE, self._trader.noise),
            (Kind.NOISE, [f"the adapter ended: {why}" for why in exits]),
        ):
            for text in texts[:FINDINGS_MAX]:
                self._found(kind, text)

    def _is_explained(self, exit_why: str) -> bool:
        """Whether that is why the adapter's process may end."""
        is_live = bool(self._troubles.struck[LIVE_LOGIN]) and "does not begin with D" in exit_why
        return exit_why == "fault" or is_live

    async def _unknown(self) -> set[str]:
        """The ids for which the adapter says now that it can't tell."""
        found = set()
        asked = [p for p, placement in self._trader.placements.items() if not placement.is_fenced]
        for placement_id in asked:
            try:
                shown = await self._client.order(placement_id)
            except TandemError as error:
                self._found(Kind.UNFINISHED, f"{placement_id} can't be looked up: {error}")
                continue
            if shown.lookup == pb.ORDER_LOOKUP_UNKNOWN:
                found.add(placement_id)
            elif shown.lookup == pb.ORDER_LOOKUP_FOUND:
                self._view.take_order(shown.order)
        return found

    async def _check_positions(self, ledger: dict[str, Any]) -> None:
        broker = self._client.broker
        request = pb.ListPositionsRequest(account_id=ACCOUNT_ID)
        listed = await self._client.pages_on(broker.ListPositions, request, "positions")
        said = {instrument_from_wire(p.instrument, "").key: Decimal(p.qty.value) for p in listed}
        account = ledger["accounts"][SIMULATED_ACCOUNT]
        true = {p["symbol"]: Decimal(p["qty"]) for p in account["positions"]}
        if said != true:
            self._found(Kind.WRONG, f"positions are {true}, and were said to be {said}")

    def _count(self, steps: int) -> None:
        assert self._stand is not None
        ledger = self._stand.simulated.control.ledger()
        result, trader = self._result, self._trader
        result.story = self._troubles.story
        result.counts = {
            "faults": dict(sorted(self._troubles.struck.items())),
            "orders": len(ledger["orders"]),
            "executions": len(ledger["executions"]),
            "writes": self._stand.writes.count,
            "answers": dict(sorted(trader.counts.items())),
            "in_doubt": sum(p.is_in_doubt for p in trader.placements.values()),
            "fenced": sum(p.is_fenced for p in trader.placements.values()),
            "gaps": len(result.gaps),
            "doubled": len(ledger["orders"]) - len(_named(ledger)),
            "lives": len(self._stand.adapter.exits) + 1,
            "sessions": self._weather.sessions,
            "ready_after_s": round(self._weather.slowest_s, 3),
        }
        made = hashlib.sha256(json.dumps([ledger, result.counts], sort_keys=True).encode())
        made.update(repr(self._view.histories).encode())
        made.update(repr([p.answers for p in trader.placements.values()]).encode())
        made.update(str(steps).encode())
        result.digest = made.hexdigest()

    def _found(self, kind: Kind, text: str) -> None:
        self._result.findings.append(Finding(kind, text, self._now()))


def _named(ledger: dict[str, Any]) -> set[str]:
    """The ids that orders have."""
    return {order["client_order_id"] for order in ledger["orders"]}


def total(results: list[Result]) -> Counter[str]:
    """The faults of many nights, by kind."""
    return sum((Counter(r.counts.get("faults", {})) for r in results), Counter())
