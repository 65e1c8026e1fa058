"""A standby takes over from a leader that is killed, frozen, or ended in good order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import pytest
from tandem_client import (
    OutcomeUnknown,
    TandemClient,
    TandemError,
)

from services.common.contract.pb import operations_service_pb2 as pb
from services.common.contract.pb.operations_service_pb2_grpc import OperationsServiceStub
from tests.conformance.fakes.scripts import OnSubmit
from tests.integration.standby.routers import ACCOUNT, Pair, pair, rests
from tests.integration.system.parts import eventually
from tests.integration.system.plain import failure

Record = Callable[[str, object], None]
pytestmark = pytest.mark.timeout(150)


@pytest.fixture(params=["sqlite", "postgres"])
async def routers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    where = {"TANDEM_ROUTER_JOURNAL_PATH": str(tmp_path / "journal" / "j.db")}
    if request.param == "postgres":
        where = {"TANDEM_JOURNAL_DSN": request.getfixturevalue("journal_dsn")}
    async with pair(tmp_path, **where) as made:
        yield made


@pytest.fixture
async def on_postgres(journal_dsn: str, tmp_path: Path) -> AsyncIterator[Pair]:
    settings = {"TANDEM_JOURNAL_DSN": journal_dsn, "TANDEM_ROUTER_LEASE_S": "3"}
    async with pair(tmp_path, **settings) as made:
        yield made


async def test_a_killed_leaders_standby_takes_over_and_clients_of_both_go_on(
    routers: Pair, record_property: Record
) -> None:
    await routers.lead_by_first()
    assert (await routers.second.health("")) == "NOT_SERVING"
    assert (await routers.second.health("leading")) == "NOT_SERVING"
    async with grpc.aio.insecure_channel(f"127.0.0.1:{routers.second.operations_port}") as channel:
        told = await failure(
            OperationsServiceStub(channel).SetTradingState,
            pb.SetTradingStateRequest(reason="test"),
        )
    assert (told.code, told.reason, told.effect) == (
        grpc.StatusCode.UNAVAILABLE,
        "NOT_LEADER",
        "EFFECT_NONE",
    )
    assert not await routers.second.serves()

    before = await routers.client.submit(rests("before"))
    routers.venue.gateway.on_submit("under-way~t1~1.0", OnSubmit.HANG_AFTER_WRITE)
    under_way = asyncio.create_task(routers.client.submit(rests("under-way")))
    await eventually(lambda: _sent(routers, "under-way"))
    await routers.first.kill()
    record_property("take_over_s", await routers.taken_over())
    with pytest.raises(OutcomeUnknown):
        await under_way
    routers.venue.gateway.release("under-way~t1~1.0")

    again = await routers.client.submit(rests("before"))
    assert again.placements == before.placements
    await routers.client.submit(rests("under-way"))
    await routers.client.submit(rests("after"))
    sent = [routers.venue.gateway.sent.count(f"{name}~t1~1.0") for name in _NAMES]
    assert sent == [1, 1, 1]
    fleet = await routers.second.fleet()
    assert (fleet.standby, fleet.epoch) == (False, 2)
    assert await routers.second.health("leading") == "SERVING"
    assert await routers.second.health("") == "SERVING"


_NAMES = ("before", "under-way", "after")


async def _sent(routers: Pair, client_order_id: str) -> bool:
    return f"{client_order_id}~t1~1.0" in routers.venue.gateway.sent


@pytest.mark.slow
async def test_a_leader_that_is_stopped_hands_over_and_can_be_the_standby_then(
    routers: Pair, record_property: Record
) -> None:
    await routers.lead_by_first()
    assert await routers.first.stop() == 0
    record_property("take_over_s", await routers.taken_over())
    await routers.first.start()
    fleet = await eventually(routers.first.fleet, lambda fleet: fleet.epoch == 2)
    assert fleet.standby
    assert await routers.first.stop() == 0  # a standby, too, ends in good order


async def test_a_frozen_leader_is_overtaken_and_can_do_nothing_when_it_wakes(
    on_postgres: Pair, record_property: Record
) -> None:
    routers = on_postgres
    await routers.lead_by_first()
    async with TandemClient(routers.first.address, account_id=ACCOUNT) as stuck:
        await stuck.status()
        await routers.client.submit(rests("before"))
        routers.first.freeze()
        began_s = asyncio.get_running_loop().time()
        asked = asyncio.create_task(stuck.submit(rests("asleep"), deadline_s=40.0))
        record_property("take_over_s", await routers.taken_over())
        assert asyncio.get_running_loop().time() - began_s >= 1.0, "its lease was not respected"
        with pytest.raises(OutcomeUnknown):
            await routers.client.submit(rests("meanwhile"), deadline_s=1.0)
        await routers.client.submit(rests("meanwhile"))
        routers.first.thaw()
        assert await routers.first.ended() == 1
        with pytest.raises(TandemError):
            await asked
    assert "seat_lost" in routers.first.logs[-1].read_text("utf-8")
    assert not await _sent(routers, "asleep")
    assert routers.venue.gateway.sent.count("meanwhile~t1~1.0") == 1
    await routers.client.submit(rests("after"))
    assert await _sent(routers, "after")
