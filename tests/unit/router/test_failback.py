"""When a venue that was down is preferred again, and what becomes of entries meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.domain.errors import Reason, Unavailable
from services.common.domain.reports import VenueState
from services.router.api.views import link_to_wire
from services.router.books.entries import VenueEntry, venue_after
from services.router.journal.records import VenueStateChanged
from services.router.routing.failback import Failback
from services.router.routing.policy import AccountPolicy, FailoverPolicy
from tests.unit.domain.orders import NOW
from tests.unit.router.harness import Running, router, share_order, takes_entries, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, refuses

AFTER_S = 60.0
BOTH = ("alpaca", "second")
NUMBERS = itertools.count(1)


async def goes_down(running: Running, name: str = "alpaca") -> None:
    running.ports[name].reachable = False
    running.ports[name].news.put_nowait(None)
    await until(lambda: not running.core.links["main", name].view().ready)


async def comes_back(running: Running, name: str = "alpaca") -> None:
    running.ports[name].reachable = True
    await until(lambda: running.core.links["main", name].view().takes_entries, step_s=0.001)


async def taker(running: Running, **terms: object) -> str:
    """The venue that takes an entry now."""
    name = f"entry-{next(NUMBERS)}"
    entry = await running.submit(share_order(client_order_id=name, **terms))
    return entry.order.placements[-1].venue


# -- the wait --


@virtual
async def test_a_venue_is_preferred_again_when_it_has_been_well_for_the_set_time(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        assert await taker(running) == "alpaca"
        await goes_down(running)
        assert await taker(running) == "second"
        await comes_back(running)
        assert await taker(running) == "second"
        await asyncio.sleep(AFTER_S - 1)
        assert await taker(running) == "second"
        await asyncio.sleep(2)
        assert await taker(running) == "alpaca"
        assert running.core.books.failover_count == 1  # the wait itself is none


@virtual
async def test_the_wait_is_told_with_the_venues_state(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        link = running.core.links["main", "alpaca"]
        assert "others go first" not in link_to_wire(link, running.core.books).reason
        await goes_down(running)
        await comes_back(running)
        assert "others go first for 60 s more" in link_to_wire(link, running.core.books).reason
        await asyncio.sleep(AFTER_S + 1)
        assert "others go first" not in link_to_wire(link, running.core.books).reason


@virtual
async def test_the_wait_refuses_no_order(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        await goes_down(running)
        await comes_back(running)
        running.second.answer = refuses(Unavailable(Reason.RATE_LIMITED, "429"))
        assert await taker(running) == "alpaca"  # the other one says no
        await goes_down(running, "second")
        assert await taker(running) == "alpaca"  # the other one is not there
        await comes_back(running, "second")
        assert await taker(running) == "alpaca"  # both have been down: the account's order counts


@virtual
async def test_a_venue_that_comes_and_goes_does_not_take_the_routing_along(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        await goes_down(running)
        for _ in range(10):
            await comes_back(running)
            await asyncio.sleep(AFTER_S / 2)
            assert await taker(running) == "second"
            await goes_down(running)
        await comes_back(running)
        await asyncio.sleep(AFTER_S + 1)
        assert await taker(running) == "alpaca"


@virtual
async def test_an_order_that_names_its_venue_does_not_wait_for_it(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        await goes_down(running)
        await comes_back(running)
        assert await taker(running, venue_preference="alpaca") == "alpaca"
        assert await taker(running, venue_pin="alpaca") == "alpaca"
        assert await taker(running) == "second"


@virtual
async def test_the_wait_is_the_accounts_to_set(tmp_path: Path) -> None:
    at_once = AccountPolicy(FailoverPolicy(failback_after_s=0))
    async with router(tmp_path / "j.db", *BOTH, policy=at_once) as running:
        await goes_down(running)
        await comes_back(running)
        assert await taker(running) == "alpaca"


# -- over restarts --


@virtual
async def test_a_first_start_makes_no_venue_wait_however_late_it_comes(tmp_path: Path) -> None:
    ports = {name: ScriptedPort(name, reachable=name != "alpaca") for name in BOTH}
    async with router(tmp_path / "j.db", ports=ports, wait_ready=False) as running:
        await until(lambda: running.core.links["main", "second"].view().takes_entries)
        assert await taker(running) == "second"
        await asyncio.sleep(600)
        await comes_back(running)
        assert await taker(running) == "alpaca"


@virtual
async def test_a_restart_of_the_router_alone_makes_no_venue_wait(tmp_path: Path) -> None:
    ports = {name: ScriptedPort(name) for name in BOTH}
    for crash in (False, True, False):
        async with router(tmp_path / "j.db", ports=ports, crash=crash) as running:
            assert await taker(running) == "alpaca"


@virtual
async def test_a_restart_neither_forgets_the_wait_nor_begins_it_anew(tmp_path: Path) -> None:
    ports = {name: ScriptedPort(name) for name in BOTH}
    async with router(tmp_path / "j.db", ports=ports, crash=True) as running:
        await goes_down(running)
        await comes_back(running)
        await running.core.journal.durable()
        await asyncio.sleep(AFTER_S / 2)
    async with router(tmp_path / "j.db", ports=ports) as running:
        assert await taker(running) == "second"
        await asyncio.sleep(AFTER_S / 2 + 1)
        assert await taker(running) == "alpaca"


@virtual
async def test_a_venue_that_was_down_over_a_restart_waits_from_its_return(tmp_path: Path) -> None:
    ports = {name: ScriptedPort(name) for name in BOTH}
    async with router(tmp_path / "j.db", ports=ports) as running:
        ports["alpaca"].reachable = False
    await asyncio.sleep(3600)
    async with router(tmp_path / "j.db", ports=ports, wait_ready=False) as running:
        await until(lambda: running.core.links["main", "second"].view().takes_entries)
        assert not takes_entries(running)
        await comes_back(running)
        assert await taker(running) == "second"
        await asyncio.sleep(AFTER_S + 1)
        assert await taker(running) == "alpaca"


# -- the fold, and the two clocks --


@dataclass
class TwoClocks:
    """A monotonic clock and a wall clock, each moved by hand."""

    mono: float = 0.0
    wall: datetime = NOW

    def monotonic(self) -> float:
        return self.mono

    def now(self) -> datetime:
        return self.wall

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


def test_a_wall_clock_that_jumps_neither_ends_nor_lengthens_a_wait() -> None:
    clock = TwoClocks()
    failback = Failback(clock, AFTER_S)
    venue = replace(_entry(), recovered=NOW)
    assert failback.left_s(venue) == AFTER_S
    clock.mono += 20
    for jump in (timedelta(days=1), timedelta(days=-1)):
        clock.wall = NOW + jump
        assert failback.left_s(venue) == AFTER_S - 20
    clock.mono += 41
    assert failback.left_s(venue) == 0


@pytest.mark.parametrize(("ago_s", "left_s"), [(0, 60), (45, 15), (60, 0), (9999, 0), (-9999, 60)])
def test_what_is_left_at_a_restart_is_told_by_the_wall_clock_within_bounds(
    ago_s: float, left_s: float
) -> None:
    failback = Failback(TwoClocks(), AFTER_S)
    assert failback.left_s(replace(_entry(), recovered=NOW - timedelta(seconds=ago_s))) == left_s


_states = st.sampled_from(
    [(VenueState.UP, True), (VenueState.DEGRADED, False), (VenueState.DOWN, False)]
)


@given(st.lists(st.tuples(_states, st.booleans()), max_size=12))
def test_only_what_was_usable_before_can_be_out_and_only_what_was_out_recovers(
    steps: list[tuple[tuple[VenueState, bool], bool]],
) -> None:
    entry: VenueEntry | None = None
    epoch, was_ready, outages = 1, False, 0
    for number, ((state, ready), restarts) in enumerate(steps):
        epoch += restarts
        at = NOW + timedelta(seconds=number)
        before, entry = entry, venue_after(entry, _changed(state, ready=ready), at, epoch)
        was_out = before is not None and before.is_out
        assert not (entry.is_out and (entry.ready or not was_ready))
        if was_out and ready:
            assert entry.recovered == at
        if entry.recovered is not None:
            assert outages > 0
            assert not entry.is_out
        if entry.is_out and not was_out:
            outages += 1
            # A router that only looks orders up after its own start has seen no outage.
            assert state is VenueState.DOWN or before is None or before.ready_epoch == epoch
        was_ready = was_ready or ready


def _changed(state: VenueState, *, ready: bool) -> VenueStateChanged:
    return VenueStateChanged("main", "alpaca", state, "by script", ready, "session-1")


def _entry() -> VenueEntry:
    return venue_after(None, _changed(VenueState.UP, ready=True), NOW, 1)
