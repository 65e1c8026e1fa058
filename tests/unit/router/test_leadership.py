"""Leading by a seat, in virtual time: waiting for it, keeping it, and knowing when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from services.router.journal.seat import SeatLost
from services.router.journal.store import JournalCorrupt, JournalError, JournalLocked
from services.router.leading.leadership import Leadership
from tests.unit.adapter.virtual_time import virtual_clock
from tests.unit.router.harness import virtual

LEASE_S = 3.0


@dataclass
class ScriptedSeat:
    """A seat that is free from `free_at_s` on, and whose renewals fail as told."""

    lease_s: float | None = LEASE_S
    free_at_s: float = 0.0
    trouble: JournalError | None = None
    renewed_at_s: list[float] = field(default_factory=list)
    takes_s: float = 0.0

    def take(self) -> bool:
        self._raise()
        return asyncio.get_running_loop().time() >= self.free_at_s

    def renew(self) -> None:
        self._raise()
        self.renewed_at_s.append(asyncio.get_running_loop().time())

    def release(self) -> None:
        self.free_at_s = 0.0

    def _raise(self) -> None:
        if self.trouble is not None:
            raise self.trouble


@dataclass
class Claim:
    leadership: Leadership
    lost: list[str]


def claim(seat: ScriptedSeat) -> Claim:
    async def run(call: Callable[[], None]) -> None:
        await asyncio.sleep(seat.takes_s)
        call()

    lost: list[str] = []
    return Claim(Leadership(seat, run, virtual_clock(), lost.append), lost)


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def nothing() -> None:
    return


@virtual
async def test_a_seat_that_a_live_router_has_is_locked_after_a_leases_time() -> None:
    made = claim(ScriptedSeat(free_at_s=1e9))
    with pytest.raises(JournalLocked, match="another router"):
        await made.leadership.take()
    assert LEASE_S < now_s() < LEASE_S + 2
    assert not made.leadership.holds()


@virtual
async def test_a_seat_without_a_lease_is_locked_at_once() -> None:
    with pytest.raises(JournalLocked):
        await claim(ScriptedSeat(lease_s=None, free_at_s=1e9)).leadership.take()
    assert now_s() == 0


@virtual
async def test_a_seat_that_a_dead_one_seems_to_have_is_waited_for() -> None:
    made = claim(ScriptedSeat(free_at_s=LEASE_S + 0.5))
    await made.leadership.take()
    assert made.leadership.holds()


@virtual
async def test_a_standby_reads_along_while_it_waits() -> None:
    followed: list[float] = []

    async def follow() -> None:
        followed.append(now_s())

    made = claim(ScriptedSeat(free_at_s=60.0))
    await made.leadership.wait(follow)
    assert 60 <= now_s() < 61
    assert len(followed) > 100
    assert made.leadership.holds()


@virtual
async def test_a_standby_outlives_a_journal_that_cannot_be_reached() -> None:
    seat = ScriptedSeat(trouble=JournalError("the server is down"))
    made = claim(seat)
    waiting = asyncio.ensure_future(made.leadership.wait(nothing))
    await asyncio.sleep(30)
    assert not waiting.done()
    seat.trouble = None
    await asyncio.wait_for(waiting, 5)


@virtual
async def test_a_standby_that_cannot_read_the_journal_does_not_wait() -> None:
    async def follow() -> None:
        raise JournalCorrupt("entry 3 does not fit its hash")

    with pytest.raises(JournalCorrupt):
        await claim(ScriptedSeat()).leadership.wait(follow)


@virtual
async def test_a_lease_is_renewed_well_before_it_runs_out() -> None:
    seat = ScriptedSeat()
    made = claim(seat)
    await made.leadership.take()
    keeping = asyncio.ensure_future(made.leadership.keep())
    await asyncio.sleep(60)
    assert made.leadership.holds()
    gaps = [b - a for a, b in zip([0.0, *seat.renewed_at_s], seat.renewed_at_s, strict=False)]
    assert max(gaps) <= LEASE_S / 3
    keeping.cancel()


@virtual
async def test_a_seat_that_is_lost_is_told_once_and_for_good() -> None:
    seat = ScriptedSeat()
    made = claim(seat)
    await made.leadership.take()
    seat.trouble = SeatLost("another has it")
    await asyncio.wait_for(made.leadership.keep(), 5)
    seat.trouble = None
    assert not made.leadership.holds()
    assert made.lost == ["another has it"]


@virtual
async def test_a_renewal_that_fails_is_tried_again_while_the_lease_lasts() -> None:
    seat = ScriptedSeat()
    made = claim(seat)
    await made.leadership.take()
    keeping = asyncio.ensure_future(made.leadership.keep())
    seat.trouble = JournalError("a statement took too long")
    await asyncio.sleep(LEASE_S * 0.8)
    seat.trouble = None
    await asyncio.sleep(LEASE_S)
    assert made.leadership.holds()
    assert made.lost == []
    keeping.cancel()


@virtual
async def test_who_slept_through_its_lease_knows_it_before_anything_else() -> None:
    """Its tasks run on as if no time had passed; nobody has told it anything yet."""
    made = claim(ScriptedSeat())
    await made.leadership.take()
    assert made.leadership.holds()
    await asyncio.sleep(LEASE_S + 0.1)
    assert not made.leadership.holds()
    assert "was not renewed for 3.1 s" in made.lost[0]


@virtual
async def test_a_renewal_counts_from_when_it_was_asked_for() -> None:
    """The server may have counted from then on: its answer only comes later."""
    seat = ScriptedSeat(takes_s=2.0)
    made = claim(seat)
    await made.leadership.take()
    assert now_s() == 2.0
    await asyncio.sleep(1.1)
    assert not made.leadership.holds()


@virtual
async def test_a_slow_renewal_does_not_make_the_lease_longer() -> None:
    seat = ScriptedSeat()
    made = claim(seat)
    await made.leadership.take()
    seat.takes_s = 2.0
    keeping = asyncio.ensure_future(made.leadership.keep())
    await asyncio.sleep(LEASE_S / 4 + LEASE_S + 0.1)
    assert len(seat.renewed_at_s) == 1
    assert not made.leadership.holds()
    keeping.cancel()
