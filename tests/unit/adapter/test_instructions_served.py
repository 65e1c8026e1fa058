"""Exercise and do-not-exercise: recorded before the bytes, sent once, answered for good."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.contract.convert import decimal_to_wire, instrument_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import errors_pb2, types_pb2
from services.common.domain.errors import (
    Cause,
    Effect,
    InvalidRequest,
    OutcomeUnknown,
    Reason,
    Unavailable,
)
from services.common.domain.instruments import Equity
from services.common.domain.occ import parse_occ
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import InstructionReport
from services.common.runtime.blocking import BlockingPool
from tests.unit.adapter.served import Served, error_of, fence, serve, settings

PUT = parse_occ("SPY241115P00400000")
ACCEPTED = types_pb2.ORDER_STATUS_ACCEPTED


def request(served: Served, **changes: Any) -> pb.ExerciseOptionRequest:
    values: dict[str, Any] = {
        "account_id": "main",
        "client_order_id": "x1",
        "instrument": instrument_to_wire(PUT),
        "fence": fence(),
        "expected_session_id": served.gateway.session_id,
    }
    return pb.ExerciseOptionRequest(**(values | changes))


async def exercise(served: Served, **changes: Any) -> pb.ExerciseOptionResponse:
    reply: pb.ExerciseOptionResponse = await served.broker.ExerciseOption(
        request(served, **changes)
    )
    return reply


async def test_an_instruction_is_sent_once_and_its_answer_kept(served: Served) -> None:
    await served.fence()
    for _ in range(3):
        assert (await exercise(served)).status == ACCEPTED
    assert served.gateway.sent == [f"exercise {PUT.occ} all"]


async def test_two_at_once_are_one(served: Served) -> None:
    await served.fence()
    replies = await asyncio.gather(exercise(served), exercise(served))
    assert [reply.status for reply in replies] == [ACCEPTED, ACCEPTED]
    assert len(served.gateway.sent) == 1


async def test_a_refusal_is_kept_with_its_cause(served: Served) -> None:
    await served.fence()
    cause = Cause(Reason.NOT_PERMITTED, "too late", "403/1")
    served.gateway.instructed = InstructionReport(OrderStatus.REJECTED, cause)
    first = await exercise(served)
    served.gateway.instructed = InstructionReport(OrderStatus.ACCEPTED)
    assert await exercise(served) == first
    assert first.status == types_pb2.ORDER_STATUS_REJECTED
    assert first.cause.reason == errors_pb2.ERROR_REASON_NOT_PERMITTED
    assert (first.cause.message, first.cause.venue_code) == ("too late", "403/1")


async def test_what_is_in_doubt_stays_so_and_is_never_sent_again(
    tmp_path: Path, pool: BlockingPool
) -> None:
    given = settings(tmp_path)
    async with serve(given, pool) as served:
        served.gateway.begin_session()
        await served.fence()
        served.gateway.failing = OutcomeUnknown("no answer")
        served.gateway.failure_before_write = False
        for _ in range(2):
            assert isinstance(await error_of(exercise(served)), OutcomeUnknown)
        assert len(served.gateway.sent) == 1
    async with serve(given, pool) as served:  # after a restart as well
        served.gateway.begin_session()
        assert isinstance(await error_of(exercise(served)), OutcomeUnknown)
        assert served.gateway.sent == []


async def test_it_is_on_the_disk_before_it_leaves(tmp_path: Path, pool: BlockingPool) -> None:
    given = settings(tmp_path)
    async with serve(given, pool) as served:
        served.gateway.begin_session()
        await served.fence()
        killed = RuntimeError("the process is killed here")
        served.gateway.failing = killed
        served.gateway.failure_before_write = False
        await error_of(exercise(served))
    async with serve(given, pool) as served:
        served.gateway.begin_session()
        assert isinstance(await error_of(exercise(served)), OutcomeUnknown)


async def test_an_answer_outlives_a_restart(tmp_path: Path, pool: BlockingPool) -> None:
    given = settings(tmp_path)
    async with serve(given, pool) as served:
        served.gateway.begin_session()
        await served.fence()
        await exercise(served)
    async with serve(given, pool) as served:
        served.gateway.begin_session()
        assert (await exercise(served)).status == ACCEPTED
        assert served.gateway.sent == []


async def test_what_had_no_effect_may_be_tried_again(served: Served) -> None:
    await served.fence()
    served.gateway.failing = Unavailable(Reason.VENUE_UNAVAILABLE, "not sent")
    error = await error_of(exercise(served))
    assert (error.reason, error.effect) == (Reason.VENUE_UNAVAILABLE, Effect.NONE)
    assert (await exercise(served)).status == ACCEPTED


async def test_a_key_is_for_one_instruction(served: Served) -> None:
    await served.fence()
    await exercise(served, qty=decimal_to_wire(Decimal(2)))
    await exercise(served, qty=decimal_to_wire(Decimal("2.0")))
    for other in (
        served.broker.ExerciseOption(request(served)),
        served.broker.ExerciseOption(request(served, qty=decimal_to_wire(Decimal(1)))),
        served.broker.DoNotExercise(
            pb.DoNotExerciseRequest(
                account_id="main",
                client_order_id="x1",
                instrument=instrument_to_wire(PUT),
                fence=fence(),
                expected_session_id=served.gateway.session_id,
            )
        ),
    ):
        assert (await error_of(other)).reason is Reason.CLIENT_ORDER_ID_REUSED
    assert len(served.gateway.sent) == 1


async def test_letting_expire_is_an_instruction_of_its_own(stand_alone: Served) -> None:
    asked = pb.DoNotExerciseRequest(
        account_id="main", client_order_id="x2", instrument=instrument_to_wire(PUT)
    )
    for _ in range(2):
        assert (await stand_alone.broker.DoNotExercise(asked)).status == ACCEPTED
    assert stand_alone.gateway.sent == [f"do not exercise {PUT.occ}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": ""},
        {"client_order_id": "a~t1~1.0"},
        {"instrument": None},
        {"instrument": instrument_to_wire(Equity("SPY"))},
        {"qty": types_pb2.Decimal(value="1.5")},
        {"qty": types_pb2.Decimal(value="0")},
        {"expected_session_id": ""},
    ],
)
async def test_an_instruction_that_is_none_is_invalid(
    served: Served, changes: dict[str, Any]
) -> None:
    await served.fence()
    assert isinstance(await error_of(exercise(served, **changes)), InvalidRequest)
    assert served.gateway.sent == []


async def test_fence_and_session_hold_for_instructions(served: Served) -> None:
    await served.fence(2)
    for changes, reason in (
        ({"fence": None}, Reason.FENCE_REQUIRED),
        ({"fence": fence(1)}, Reason.STALE_EPOCH),
        ({"fence": fence(2), "expected_session_id": "old"}, Reason.STALE_SESSION),
    ):
        assert (await error_of(exercise(served, **changes))).reason is reason
    await exercise(served, fence=fence(2))
    stale = await error_of(exercise(served, fence=fence(1)))
    assert stale.reason is Reason.STALE_EPOCH  # also of one that is recorded


async def test_a_store_that_fails_keeps_instructions_back(served: Served) -> None:
    await served.fence()
    served.store._file.close()
    error = await error_of(exercise(served))
    assert (error.reason, error.effect) == (Reason.JOURNAL_UNAVAILABLE, Effect.NONE)
    assert served.gateway.sent == []
