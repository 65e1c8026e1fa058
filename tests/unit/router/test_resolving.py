"""An operator's word on a doubt, over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.common.contract.pb import operations_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.domain.errors import NotFound, OutcomeUnknown, Reason, Refused, TandemError
from services.common.domain.order_status import OrderStatus, Signal
from services.router.journal.records import DoubtResolved, DoubtVerdict, TradingState
from services.router.routing.verdicts import resolve_doubt
from tests.unit.domain.orders import spec
from tests.unit.router.api_rig import Api, api, failure
from tests.unit.router.harness import router, until, virtual
from tests.unit.router.scripted_port import PLACED, accepts, refuses, word


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path / "j.db", "alpaca", "second") as served:
        served.running.alpaca.answer = refuses(OutcomeUnknown("no answer"))
        await served.submit(spec())
        served.running.alpaca.answer = accepts
        yield served


def request(**changes: Any) -> pb.ResolveInDoubtOrderRequest:
    fields: dict[str, Any] = {
        "account_id": "main",
        "client_order_id": "o-1",
        "placement_id": PLACED,
        "verdict": pb.DOUBT_VERDICT_NEVER_PLACED,
        "reason": "the broker's page does not show it",
        "actor": "ann",
    }
    return pb.ResolveInDoubtOrderRequest(**(fields | changes))


async def resolve(served: Api, **changes: Any) -> Any:
    reply = await served.operations.ResolveInDoubtOrder(request(**changes), timeout=10)
    return reply.order


async def refusal(served: Api, **changes: Any) -> TandemError:
    return (await failure(resolve(served, **changes)))[1]


async def test_the_operators_word_ends_the_order_and_says_whose_it_is(running: Api) -> None:
    order = await resolve(running)
    assert order.status == types_pb2.ORDER_STATUS_CANCELED
    assert order.placements[0].suspect
    assert "ann" in order.cause.message
    assert "the broker's page" in order.cause.message
    listed = await running.operations.ListInDoubtOrders(pb.ListInDoubtOrdersRequest(), timeout=10)
    assert not listed.orders
    assert running.running.kinds().count("DOUBT_RESOLVED") == 1


async def test_the_word_again_changes_nothing(running: Api) -> None:
    first = await resolve(running)
    again = await resolve(running, verdict=pb.DOUBT_VERDICT_ENDED, reason="again")
    assert again == first
    assert running.running.kinds().count("DOUBT_RESOLVED") == 1


async def test_the_same_order_again_is_answered_and_not_sent(running: Api) -> None:
    await resolve(running)
    again = await running.submit(spec())
    assert again.status == types_pb2.ORDER_STATUS_CANCELED
    assert len(running.running.alpaca.sent) == 1
    assert running.running.second.sent == []


@pytest.mark.parametrize(
    "field", ["account_id", "client_order_id", "placement_id", "verdict", "reason", "actor"]
)
async def test_every_field_is_required(running: Api, field: str) -> None:
    error = await refusal(running, **{field: 0 if field == "verdict" else ""})
    assert error.reason is Reason.INVALID_FIELD
    assert field in error.message


async def test_what_is_not_known_is_not_resolved(running: Api) -> None:
    assert isinstance(await refusal(running, client_order_id="o-9"), NotFound)
    error = await refusal(running, placement_id="o-1~al~9.0")
    assert isinstance(error, NotFound)
    assert "o-1~al~9.0" in error.message


async def test_what_is_not_in_doubt_is_not_resolved(running: Api) -> None:
    await running.submit(spec(client_order_id="o-2"))
    error = await refusal(running, client_order_id="o-2", placement_id="o-2~al~1.0")
    assert isinstance(error, Refused)
    assert error.reason is Reason.NOT_IN_DOUBT
    assert "ACCEPTED" in error.message


@virtual
async def test_the_venues_evidence_wins_over_the_word(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        port = running.alpaca
        port.answer = refuses(OutcomeUnknown("no answer"))
        await running.submit(spec())
        said = DoubtResolved("main", "o-1", PLACED, DoubtVerdict.ENDED, "a test", "ann")
        resolve_doubt(running.core.journal, running.core.books, said)
        port.proves_absence = True  # proof does not lift the operator's word
        await asyncio.sleep(60)
        assert running.order().order.status is OrderStatus.CANCELED
        assert running.second.sent == []
        port.news.put_nowait(word(port, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED))
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)
        assert "VENUE_CONTRADICTION" in running.kinds()
        assert running.core.books.trading_state("main") is TradingState.REDUCING


async def test_the_word_survives_a_restart(tmp_path: Path) -> None:
    async with api(tmp_path / "j.db") as served:
        served.running.alpaca.answer = refuses(OutcomeUnknown("no answer"))
        await served.submit(spec())
        await resolve(served)
    async with router(tmp_path / "j.db") as running:
        order = running.order().order
        assert order.status is OrderStatus.CANCELED
        assert order.placements[0].is_suspect
