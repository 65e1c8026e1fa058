"""How doubts end: by the adapter's proof the order goes on, and by nothing less."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown, ReadFailed, Reason, Unavailable
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import FenceOutcome, FenceProof
from services.router.journal.records import TradingState, TradingStateSet
from services.router.routing.venue import Claim
from tests.unit.domain.orders import spec
from tests.unit.router.harness import (
    Running,
    closing,
    held_short,
    router,
    share_order,
    takes_entries,
    until,
    virtual,
)
from tests.unit.router.scripted_port import (
    PLACED,
    ScriptedPort,
    accepts,
    refuses,
    report,
    word,
)

LOST = refuses(OutcomeUnknown("no answer"))
SECOND = "o-1~sd~2.0"


async def doubted(running: Running) -> None:
    """An order whose request was lost on the way to the first venue."""
    running.alpaca.answer = LOST
    await running.submit(spec())
    running.alpaca.answer = accepts
    assert running.order().order.status is OrderStatus.IN_DOUBT


@virtual
async def test_an_order_that_is_proven_absent_goes_to_the_next_venue(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)
        running.alpaca.proves_absence = True
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)
        assert [s.client_order_id for s in running.second.sent] == [SECOND]
        first, second = running.order().order.placements
        assert first.status is OrderStatus.UNPLACED
        assert first.cause is not None
        assert first.cause.reason is Reason.PLACEMENT_FENCED
        assert "absent, by script" in first.cause.message
        assert second.venue == "second"
        assert running.core.books.failover_count == 1
        assert running.kinds().count("FAILOVER") == 1
        (ended,) = running.alerts("DOUBT_ENDED")
        assert PLACED in ended.message


@virtual
async def test_without_proof_nothing_is_sent_anywhere(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)
        await asyncio.sleep(86_400)
        assert running.order().order.status is OrderStatus.IN_DOUBT
        assert running.second.sent == []
        assert len(running.alpaca.sent) == 1


@virtual
async def test_a_venue_that_cannot_be_asked_holds_only_its_own_orders(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await asyncio.sleep(10)
        entry = await running.submit(spec(client_order_id="o-2"))
        assert entry.order.placements[0].venue == "second"
        assert running.order().order.status is OrderStatus.IN_DOUBT
        running.alpaca.reachable = running.alpaca.proves_absence = True
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)


@virtual
async def test_an_order_that_is_found_is_not_sent_again(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)
        running.alpaca.proves_absence = True
        word(running.alpaca, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)
        assert running.second.sent == []
        assert len(running.alerts("DOUBT_ENDED")) == 1


@virtual
async def test_an_exit_that_is_proven_absent_goes_nowhere_else(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await held_short(running)
        running.alpaca.answer = LOST
        await running.submit(closing())
        running.alpaca.proves_absence = True
        await until(lambda: running.order("o-2").order.status is OrderStatus.UNPLACED)
        await asyncio.sleep(60)
        assert running.second.sent == []


@virtual
async def test_an_exit_goes_nowhere_else_though_its_position_was_closed_meanwhile(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await running.submit(share_order(client_order_id="open"))
        running.alpaca.fill("open~al~1.0", "e-1", "10", "10")
        await until(lambda: running.order("open").order.cum_qty)
        running.alpaca.answer = LOST
        exit_order = share_order(client_order_id="o-2", side=spec().side)
        await running.submit(exit_order)
        position = running.core.books.positions
        for key, held in list(position.items()):  # as if it had been closed by hand
            position[key] = replace(held, lots=())
        running.alpaca.proves_absence = True
        await until(lambda: running.order("o-2").order.status is OrderStatus.UNPLACED)
        await asyncio.sleep(60)
        assert running.second.sent == []


@virtual
async def test_a_canceled_order_that_is_proven_absent_is_canceled(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)
        await running.core.desk.cancel("main", "o-1")
        running.alpaca.proves_absence = True
        await until(lambda: running.order().order.status is OrderStatus.CANCELED)
        await asyncio.sleep(60)
        assert running.second.sent == []


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCING])
def test_the_gate_holds_for_what_follows_a_proof(state: TradingState, tmp_path: Path) -> None:
    @virtual
    async def act() -> None:
        async with router(tmp_path / "j.db", "alpaca", "second") as running:
            await doubted(running)
            running.core.journal.record(TradingStateSet("", state, "a test", "tandem"))
            running.alpaca.proves_absence = True
            await until(lambda: running.order().order.status is OrderStatus.UNPLACED)
            await asyncio.sleep(60)
            assert running.second.sent == []

    act()


@virtual
async def test_what_was_asked_for_on_another_day_is_not_sent_anew(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)
        await asyncio.sleep(86_400)
        running.alpaca.proves_absence = True
        await until(lambda: running.order().order.status is OrderStatus.UNPLACED)
        await asyncio.sleep(60)
        assert running.second.sent == []


@virtual
async def test_a_doubt_that_a_restart_left_is_ended_by_proof(tmp_path: Path) -> None:
    ports = {
        "alpaca": ScriptedPort("alpaca", hold=asyncio.Event()),
        "second": ScriptedPort("second"),
    }
    async with router(tmp_path / "j.db", ports=ports, crash=True) as running:
        waiting = asyncio.ensure_future(running.submit(spec()))
        await until(lambda: ports["alpaca"].sent)
    waiting.cancel()
    ports["alpaca"].hold = None
    ports["alpaca"].knows.clear()
    ports["alpaca"].proves_absence = True
    async with router(tmp_path / "j.db", ports=ports) as running:
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)
        assert [s.client_order_id for s in ports["second"].sent] == [SECOND]
        assert len(ports["alpaca"].sent) == 1


@virtual
async def test_what_was_proven_absent_and_is_shown_is_alarmed_and_reduces(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)
        running.alpaca.proves_absence = True
        await until(lambda: running.second.sent)
        late = report(
            replace(spec(), client_order_id=PLACED), OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED
        )
        running.alpaca.knows[PLACED] = replace(late, venue="alpaca")
        running.alpaca.news.put_nowait(running.alpaca.knows[PLACED])
        await until(lambda: "VENUE_CONTRADICTION" in running.kinds())
        assert running.core.books.trading_state("main") is TradingState.REDUCING
        await until(lambda: running.second.canceled or running.alpaca.canceled)


@virtual
async def test_proof_is_asked_for_when_it_may_be_had(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        asked: list[float] = []
        loop = asyncio.get_running_loop()

        async def not_yet(
            placement_id: str, attempted_at: datetime, session_id: str, claim: Claim
        ) -> FenceProof:
            asked.append(loop.time())
            return FenceProof(FenceOutcome.UNKNOWN, "settling", retry_after_s=2.5)

        running.alpaca.fence_order = not_yet  # type: ignore[method-assign]
        await doubted(running)
        await until(lambda: len(asked) == 3)
        assert asked[2] - asked[1] == pytest.approx(2.5, abs=0.1)


@virtual
async def test_a_failed_question_ends_no_doubt(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)

        async def fails(*_: object) -> FenceProof:
            raise Unavailable(Reason.READ_FAILED, "500")

        real, running.alpaca.fence_order = running.alpaca.fence_order, fails  # type: ignore
        await asyncio.sleep(60)
        assert running.order().order.status is OrderStatus.IN_DOUBT
        running.alpaca.fence_order = real  # type: ignore[method-assign]
        running.alpaca.proves_absence = True
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)


@virtual
async def test_an_adapter_that_cannot_prove_anything_holds_up_no_entries(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)

        async def not_known(*_: object) -> FenceProof:
            raise ReadFailed("UNIMPLEMENTED")

        running.alpaca.fence_order = not_known  # type: ignore[method-assign, assignment]
        running.alpaca.news.put_nowait(None)  # a reconnect, at which all is looked up
        await until(lambda: not takes_entries(running))
        await until(lambda: takes_entries(running))
        word(running.alpaca, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)


@virtual
async def test_proof_that_is_due_at_a_venue_that_is_away_is_waited_for_quietly(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        doubts, monotonic = running.core.care.doubts, asyncio.get_running_loop().time
        await doubted(running)

        async def soon(*_: object) -> FenceProof:
            return FenceProof(FenceOutcome.UNKNOWN, "settling", retry_after_s=3.0)

        running.alpaca.fence_order = soon  # type: ignore[method-assign, assignment]
        await until(lambda: not doubts.is_due(PLACED))
        assert 0 < doubts.wait_s([PLACED], 5.0) <= 3.0
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        began = monotonic()
        await until(lambda: doubts.is_due(PLACED))
        assert monotonic() - began <= 3.1
        assert doubts.wait_s([PLACED], 5.0) == 5.0


@virtual
async def test_the_same_order_again_meets_the_one_that_went_on(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await doubted(running)
        running.second.hold = asyncio.Event()
        running.alpaca.proves_absence = True
        await until(lambda: running.second.sent)
        again = asyncio.ensure_future(running.submit(spec()))
        await asyncio.sleep(1)
        running.second.hold.set()
        entry = await again
        assert entry.order.status is OrderStatus.ACCEPTED
        assert len(running.second.sent) == 1
