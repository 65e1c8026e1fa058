"""The adapter with its production waits before a simulated Gateway, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from services.common.adapter.absence import Absence
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk, Terms
from services.common.adapter.pacer import Pacer
from services.common.domain.errors import OutcomeUnknown
from services.common.domain.reports import FenceOutcome
from services.common.runtime.clock import LoopClock
from services.ib_adapter.assembly import Surroundings, build_gateway
from services.ib_adapter.gateway import IbGateway
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.settings import IbSettings
from simulators.ib_gateway.server import GatewayServer
from simulators.ib_gateway.settings import IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build
from tests.integration.ib_adapter.rig import Recorder, fault, resting
from tests.unit.adapter.virtual_time import run_virtual, virtual_clock

DAY_S = 86_400.0


async def at_once(fn: Callable[..., Any], /, *args: Any, timeout_s: float) -> Any:
    """Blocking work, where blocking takes no time."""
    assert timeout_s > 0
    return fn(*args)


class Stand:
    """A gateway with desk and fence, as its process has them."""

    def __init__(
        self, simulated: SimulatedIbGateway, settings: IbSettings, clock: LoopClock
    ) -> None:
        ids = itertools.count(1)
        self.simulated, self.clock, self.sink = simulated, clock, Recorder()
        self.send_log = SendLog.open(settings.send_log_path, clock, at_once)
        self.store = FenceStore.open(settings.fence_store_path, clock, at_once, routed=False)
        pacing = settings.pacing
        self.pacer = Pacer(clock, pacing.terms(), queue_len_max=1_000)
        around = Surroundings(
            clock=clock,
            sink=self.sink,
            pacer=self.pacer,
            send_log=self.send_log,
            random=Random(1),
            new_session_id=lambda: f"session-{next(ids)}",
            current_epoch=lambda: 1,
        )
        self.gateway: IbGateway = build_gateway(settings, around)
        self.desk = OrderDesk(
            self.gateway, self.store, self.pacer, clock, wait_max_s=pacing.wait_max_s
        )
        self.absence = Absence(self.gateway, self.desk, self.store, settling_s=settings.settling_s)

    async def session(self, name: str) -> float:
        """Wait for a session; when it was there, in monotonic seconds."""
        async with asyncio.timeout(DAY_S):
            while self.gateway.session_id != name:
                await asyncio.sleep(0.05)
        return self.clock.monotonic()


@asynccontextmanager
async def stand(folder: Path, **changed: Any) -> AsyncIterator[Stand]:
    values: dict[str, Any] = {
        "account_id": "main",
        "account_tag": "sim",
        "host": "gateway",
        "fence_store_path": folder / "fence.sqlite",
        "send_log_path": folder / "sends.sqlite",
        **changed,
    }
    loop = asyncio.get_running_loop()
    simulated = build(IbGatewaySettings(cash=Decimal(10_000_000)), loop.time)
    async with (
        simulated.frontend.running(),
        GatewayServer(simulated.frontend, "gateway").listening(4002),
    ):
        made = Stand(simulated, IbSettings(**values), virtual_clock())
        running = asyncio.create_task(made.gateway.run())
        try:
            await made.session("session-1")
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await made.desk.close(finish_s=0.0)
            await made.gateway.close()
            made.send_log.close()
            made.store.close()


def acted(folder: Path, story: Callable[[Stand], Awaitable[None]]) -> None:
    """Act a story in virtual time."""

    async def act() -> None:
        async with stand(folder) as made:
            await story(made)

    run_virtual(act())


def test_a_half_dead_connection_is_found_within_fifteen_seconds(tmp_path: Path) -> None:
    async def story(made: Stand) -> None:
        for silent_after_s in (0.0, 1.7, 4.9):
            before = made.gateway.session_id
            await asyncio.sleep(60 + silent_after_s)
            made.simulated.control.do("blackhole")
            began = made.clock.monotonic()
            while made.gateway.session_id == before:
                await asyncio.sleep(0.05)
            assert made.clock.monotonic() - began <= 15.0
            number = int(before.rpartition("-")[2])
            await made.session(f"session-{number + 1}")

    acted(tmp_path, story)


def test_of_sixty_orders_twenty_are_found_and_forty_fenced_after_thirty_seconds_in_sync(
    tmp_path: Path,
) -> None:
    async def story(made: Stand) -> None:
        there = [f"there{n}~sim~1.0" for n in range(20)]
        lost = [f"lost{n}~sim~1.0" for n in range(40)]
        placing = {"method": "placeOrder", "ends": "hang"}
        fault(made.simulated, "drop_reply", client_order_id_prefix="there", times=20, **placing)
        fault(made.simulated, "drop_request", client_order_id_prefix="lost", times=40, **placing)
        sends = []
        for placement_id in (*there, *lost):
            sends.append(asyncio.create_task(made.desk.submit(resting(placement_id), Terms())))
            await asyncio.sleep(0.05)
        outcomes = await asyncio.gather(*sends, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {OutcomeUnknown}, outcomes
        made.simulated.control.do("disconnect", ends="reset")
        since = await made.session("session-2")
        proven: dict[str, FenceOutcome] = {}
        for placement_id in (*there, *lost):
            proof = await made.absence.prove(placement_id, None)
            while proof.retry_after_s is not None:
                assert proof.outcome is FenceOutcome.UNKNOWN
                await asyncio.sleep(max(proof.retry_after_s, 0.1))
                proof = await made.absence.prove(placement_id, None)
            proven[placement_id] = proof.outcome
            if proof.outcome is FenceOutcome.FENCED:
                assert made.clock.monotonic() - since >= 30.0
        assert {i for i, outcome in proven.items() if outcome is FenceOutcome.FOUND} == {*there}
        assert {i for i, outcome in proven.items() if outcome is FenceOutcome.FENCED} == {*lost}

    acted(tmp_path, story)


def test_under_load_the_gateway_never_hears_too_much_and_cancels_go_first(tmp_path: Path) -> None:
    async def story(made: Stand) -> None:
        orders = [f"o{n}~sim~1.0" for n in range(10)]
        for client_id in orders:
            await made.desk.submit(resting(client_id), Terms())
        reads = [
            asyncio.ensure_future(made.gateway.find_order(client_id=f"x{n}~sim~1.0"))
            for n in range(300)
        ]
        await asyncio.sleep(1.0)
        began = made.clock.monotonic()
        await asyncio.gather(*(made.desk.cancel(i, Terms()) for i in orders))
        assert made.clock.monotonic() - began <= 3.0
        await asyncio.gather(*reads, return_exceptions=True)  # some are one too many
        [client] = made.simulated.gateway.clients.values()
        assert client.excesses == 0
        assert made.gateway.session_id == "session-1"

    acted(tmp_path, story)


def test_too_many_messages_shrink_our_share(tmp_path: Path) -> None:
    async def story(made: Stand) -> None:
        await asyncio.sleep(30.0)
        before = made.pacer.left
        [client] = made.simulated.gateway.clients.values()
        client.error(100, "Max rate of messages per second has been exceeded", -1)
        await asyncio.sleep(0.2)
        assert made.pacer.left <= 1  # a pause, and after it less than before
        await asyncio.sleep(1.5)
        assert made.pacer.left < before
        await asyncio.sleep(60.0)
        assert made.pacer.left >= before - 1

    acted(tmp_path, story)
