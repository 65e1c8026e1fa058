"""FenceOrder at IB: what is proven not to be there, and what is not, over lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from services.common.adapter.absence import Absence
from services.common.adapter.budget import BudgetTerms
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk, Terms
from services.common.adapter.pacer import Pacer
from services.common.domain.errors import OutcomeUnknown, Reason, Refused
from services.common.domain.reports import FenceOutcome, FenceProof, Lookup
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    A,
    Rig,
    aged,
    eventually,
    fault,
    found,
    placed,
    resting,
    rig,
    settings_for,
)

Simulated = tuple[SimulatedIbGateway, int]
SETTLING_S = 0.5
TERMS = Terms()


class Fencing:
    """A gateway with the desk and the fence store that an adapter has over it."""

    def __init__(self, built: Rig, store: FenceStore, settling_s: float) -> None:
        clock = SystemClock()
        pacer = Pacer(clock, BudgetTerms(100_000, 1.0))
        self.store = store
        self.desk = OrderDesk(built.gateway, store, pacer, clock, wait_max_s=5.0)
        self.absence = Absence(built.gateway, self.desk, store, settling_s=settling_s)

    async def settled(self, placement_id: str, attempted_at: datetime | None = None) -> FenceProof:
        """Ask until nothing but time is missing any more."""
        proof = await self.absence.prove(placement_id, attempted_at)
        async with asyncio.timeout(10):
            while proof.retry_after_s is not None:
                await asyncio.sleep(0.02)
                proof = await self.absence.prove(placement_id, attempted_at)
        return proof


@asynccontextmanager
async def fencing(
    built: Rig, folder: Path, settling_s: float = SETTLING_S
) -> AsyncIterator[Fencing]:
    pool = BlockingPool(1, slot_wait_s=5.0, name="fence")
    store = FenceStore.open(folder / "fence.sqlite", SystemClock(), pool.run, routed=False)
    over = Fencing(built, store, settling_s)
    try:
        yield over
    finally:
        await over.desk.close(finish_s=1.0)
        store.close()
        await pool.close(timeout_s=5.0)


async def test_of_sixty_orders_written_twenty_arrived_and_forty_are_proven_absent(
    ib: Simulated, log: Path, tmp_path: Path
) -> None:
    simulated, port = ib
    there = [f"there{number}~sim~1.0" for number in range(20)]
    lost = [f"lost{number}~sim~1.0" for number in range(40)]
    method = "placeOrder"
    fault(
        simulated,
        "drop_reply",
        method=method,
        client_order_id_prefix="there",
        ends="hang",
        times=20,
    )
    fault(
        simulated,
        "drop_request",
        method=method,
        client_order_id_prefix="lost",
        ends="hang",
        times=39,
    )
    fault(simulated, "drop_request", method=method, client_order_id_prefix="lost", ends="reset")
    settings = settings_for(port, orders={"ack_timeout_s": 5.0})
    async with rig(settings, log) as built, fencing(built, tmp_path) as over:
        outcomes = await asyncio.gather(
            *(over.desk.submit(resting(i), TERMS) for i in (*there, *lost)),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, OutcomeUnknown) for outcome in outcomes[20:]), outcomes
        await eventually(lambda: built.gateway.session_id == "session-2")
        proofs = {i: await over.settled(i) for i in (*there, *lost)}
        assert {i for i, proof in proofs.items() if proof.outcome is FenceOutcome.FOUND} == {*there}
        assert {i for i, proof in proofs.items() if proof.outcome is FenceOutcome.FENCED} == {*lost}
        with pytest.raises(Refused) as refused:
            await over.desk.submit(resting(lost[0]), TERMS)
        assert refused.value.reason is Reason.PLACEMENT_FENCED
        assert sorted(placed(simulated)) == sorted((*there, *lost))


async def test_absence_is_not_proven_before_the_settling_time(
    ib: Simulated, log: Path, tmp_path: Path
) -> None:
    simulated, port = ib
    fault(simulated, "drop_request", method="placeOrder", ends="hang")
    async with rig(settings_for(port, **HASTY), log) as built:
        async with fencing(built, tmp_path, settling_s=600.0) as over:
            with pytest.raises(OutcomeUnknown):
                await over.desk.submit(resting(), TERMS)
            simulated.control.do("disconnect", ends="reset")
            await eventually(lambda: built.gateway.session_id == "session-2")
            proof = await over.absence.prove(A, None)
            assert proof.outcome is FenceOutcome.UNKNOWN
            assert proof.retry_after_s is not None
            assert 0 < proof.retry_after_s <= 600.0
        async with fencing(built, tmp_path) as over:
            assert (await over.settled(A)).outcome is FenceOutcome.FENCED


async def test_without_the_link_to_ib_absence_is_not_proven(
    ib: Simulated, log: Path, tmp_path: Path
) -> None:
    simulated, port = ib
    fault(simulated, "drop_request", method="placeOrder", ends="hang")
    async with rig(settings_for(port, **HASTY), log) as built, fencing(built, tmp_path) as over:
        with pytest.raises(OutcomeUnknown):
            await over.desk.submit(resting(), TERMS)
        await asyncio.sleep(SETTLING_S)
        simulated.control.do("connectivity", code=1100)
        await eventually(lambda: not built.gateway.session_id)
        proof = await over.absence.prove(A, None)
        assert (proof.outcome, proof.retry_after_s) == (FenceOutcome.UNKNOWN, None)
        assert not over.store.is_buried(A)


async def test_of_what_was_sent_before_the_send_log_was_created_absence_is_never_proven(
    ib: Simulated, log: Path, tmp_path: Path
) -> None:
    _, port = ib
    await aged(log)
    async with rig(settings_for(port), log) as built, fencing(built, tmp_path) as over:
        created = built.send_log.created
        await found(built, A, Lookup.ABSENT)
        proof = await over.absence.prove(A, created - timedelta(seconds=1))
        assert proof.outcome is FenceOutcome.UNKNOWN
        assert "when what is known here begins" in proof.evidence


async def test_of_what_a_log_of_today_never_sent_absence_needs_to_know_since_when(
    ib: Simulated, log: Path, tmp_path: Path
) -> None:
    _, port = ib
    async with rig(settings_for(port, **HASTY), log) as built, fencing(built, tmp_path) as over:
        await asyncio.sleep(SETTLING_S)
        unknown = await over.settled(A)
        assert unknown.outcome is FenceOutcome.UNKNOWN
        assert "created today" in unknown.evidence
        proof = await over.settled(A, built.send_log.created + timedelta(seconds=1))
        assert proof.outcome is FenceOutcome.FENCED


@pytest.mark.parametrize("says_its_link", [True, False])
async def test_what_the_gateway_held_is_absent_once_it_says_that_it_reaches_ib(
    ib: Simulated, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says_its_link: bool
) -> None:
    """Until then it may hand it on, to a later process too; it need not say that it does not."""
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        simulated.gateway.uplink.lose(2110)  # and nobody was told
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
    simulated.control.do("restart", refuse_s=0.2)
    simulated.gateway.uplink.restore()
    if not says_its_link:
        monkeypatch.setattr(simulated.gateway.uplink, "notices", tuple)
    async with rig(settings_for(port, **HASTY), log) as built, fencing(built, tmp_path) as over:
        await asyncio.sleep(SETTLING_S)
        proof = await over.settled(A)
        assert proof.outcome is (FenceOutcome.FENCED if says_its_link else FenceOutcome.UNKNOWN)
        assert says_its_link or "may hand it on to IB" in proof.evidence


async def test_what_was_sent_under_another_client_id_is_not_absent(
    ib: Simulated, log: Path, tmp_path: Path
) -> None:
    """The connection of that client may still be there, with the order in it."""
    simulated, port = ib
    fault(simulated, "drop_request", method="placeOrder", ends="hang")
    async with rig(settings_for(port, client_id=18, **HASTY), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
    async with rig(settings_for(port, **HASTY), log) as built, fencing(built, tmp_path) as over:
        await asyncio.sleep(SETTLING_S)
        proof = await over.settled(A)
        assert proof.outcome is FenceOutcome.UNKNOWN
        assert "client 18" in proof.evidence
