"""A router core on a real journal file, with scripted venues, in virtual time."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import PositionIntent
from services.common.runtime.tasks import TaskOwner
from services.router.books.entries import AlertEntry, OrderEntry
from services.router.core import AccountWiring, CoreSettings, RouterCore, VenueWiring
from services.router.journal.records import AlertRaised
from services.router.journal.snapshots import SnapshotStore
from services.router.journal.sqlite import SqliteJournal
from services.router.routing.care import CareSettings
from services.router.routing.policy import DEFAULT_POLICY, AccountPolicy
from tests.unit.adapter.virtual_time import run_virtual, virtual_clock
from tests.unit.domain.orders import NOW, instrument, spec
from tests.unit.router.scripted_port import ScriptedPort

TAGS = {"alpaca": "al", "second": "sd"}


@dataclass
class Running:
    """A router that runs, its scripted venues, and what it asked for: to be stopped."""

    core: RouterCore
    ports: dict[str, ScriptedPort]
    stops: list[str] = field(default_factory=list)

    @property
    def alpaca(self) -> ScriptedPort:
        return self.ports["alpaca"]

    @property
    def second(self) -> ScriptedPort:
        return self.ports["second"]

    async def submit(self, order: OrderSpec) -> OrderEntry:
        return await self.core.desk.submit("main", order, received=NOW, traceparent="")

    def order(self, client_order_id: str = "o-1") -> OrderEntry:
        return self.core.books.get("main", client_order_id)

    def alerts(self, kind: str = "") -> list[AlertRaised]:
        """The alerts raised so far, durable or not yet; of one kind, or all."""
        watching = self.core.watching
        told = (event.told for event in (*watching._recent, *watching._pending))
        raised = [entry.record for entry in told if isinstance(entry, AlertEntry)]
        return [alert for alert in raised if kind in ("", alert.kind)]

    def kinds(self) -> list[str]:
        """What kinds of alerts were raised so far."""
        return [alert.kind for alert in self.alerts()]


async def until(
    condition: Callable[[], object], within_s: float = 60.0, step_s: float = 0.01
) -> None:
    """Wait in virtual time until it holds; fails the test if it never does."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(step_s)


@asynccontextmanager
async def router(
    path: Path,
    *names: str,
    ports: dict[str, ScriptedPort] | None = None,
    vfs: str | None = None,
    allow_uncovered: bool = False,
    wait_ready: bool = True,
    crash: bool = False,
    generation: int = 1,
    policy: AccountPolicy = DEFAULT_POLICY,
    snapshot_store: SnapshotStore | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """Run a router over scripted venues; `crash` leaves the journal as a killed process would.

    `settings` are more of the core's.
    """
    ports = ports or {name: ScriptedPort(name) for name in names or ("alpaca",)}
    clock = virtual_clock()
    stops: list[str] = []
    owners = [TaskOwner(name, lambda *_: None) for name in ("journal", "orders", "links")]
    journal_tasks, order_tasks, link_tasks = owners
    store = SqliteJournal(path, vfs=vfs)
    wiring = [VenueWiring(name, TAGS[name], port) for name, port in ports.items()]
    core = RouterCore(
        CoreSettings(
            "test", "0", generation=generation, care=CareSettings((0.1, 0.5), 5.0), **settings
        ),
        [AccountWiring("main", wiring, allow_uncovered, policy)],
        store,
        clock=clock,
        rng=random.Random(1),
        run_blocking=_at_the_disks_pace,
        order_tasks=order_tasks,
        stop=stops.append,
        snapshots=snapshot_store,
    )
    core.restore()
    core.open()
    journal_tasks.start("writer", core.journal.run(), critical=False)
    core.start_tasks(link_tasks)
    running = Running(core, ports, stops)
    try:
        if wait_ready:
            await until(lambda: all(link.view().takes_entries for link in core.links.values()))
            await core.journal.durable()  # of what the start told, nothing is left to be told
        yield running
    finally:
        await link_tasks.close()
        await order_tasks.close()
        if not crash:
            core.journal.close()
        await journal_tasks.close(finish_s=0.0 if crash else 5.0)
        core.close()
        store.close()


async def _at_the_disks_pace(call: Callable[[], None]) -> None:
    await asyncio.sleep(0.001)  # the disk takes its time
    call()


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test in virtual time."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        run_virtual(test(*arguments, **named))

    return run


def closing(**changes: object) -> OrderSpec:
    made = spec(
        client_order_id="o-2",
        side=Side.BUY,
        position_intent=PositionIntent.BUY_TO_CLOSE,
        limit_price=Decimal("9.00"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def held_short(running: Running, qty: str = "10", venue: str = "alpaca") -> None:
    """Sell puts to open at a venue, and have them filled."""
    await running.submit(spec(client_order_id="open", venue_pin=venue))
    port = running.ports[venue]
    placed = port.sent[-1].client_order_id
    port.fill(placed, "e-open", qty, qty)
    await until(lambda: running.core.books.held("main") and running.order("open").order.cum_qty)


def share_order(**changes: object) -> OrderSpec:
    """An entry that needs no cover, so that nothing is read for it."""
    made = replace(spec(), instrument=instrument("SPY"), side=Side.BUY, position_intent=None)
    return replace(made, **changes)  # type: ignore[arg-type]


def takes_entries(running: Running) -> bool:
    """Whether the first venue takes entries now."""
    return running.core.links["main", "alpaca"].view().takes_entries
