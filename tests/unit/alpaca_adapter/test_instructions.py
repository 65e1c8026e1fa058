"""Unit tests of exercise and do-not-exercise: all or nothing, once, and what each answer proves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests

from services.common.domain.errors import (
    NotFound,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.occ import parse_occ
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import InstructionReport
from tests.unit.alpaca_adapter.wire import (
    LIMITED,
    Asked,
    Desk,
    Reply,
    passes,
    problem,
    refused_connection,
)

PUT = parse_occ("SPY241115P00400000")
NO_POSITION = problem(404, 40410000, "position does not exist")


def desk_of(post: Reply | Exception, held: str | None = "2") -> Desk:
    def answers(asked: Asked) -> Reply | Exception:
        if asked.method == "POST":
            return post
        return NO_POSITION if held is None else Reply(200, {"symbol": PUT.occ, "qty": held})

    return Desk(answers)


async def exercises(desk: Desk, qty: str | None = None) -> InstructionReport:
    asked = None if qty is None else Decimal(qty)
    return await desk.instructions.exercise(PUT, asked, passes)


@pytest.mark.parametrize("qty", [None, "2", "2.0"])
@pytest.mark.parametrize("post", [Reply(200), Reply(200, {}), Reply(204)])
async def test_all_that_is_held_is_exercised(qty: str | None, post: Reply) -> None:
    desk = desk_of(post)
    assert (await exercises(desk, qty)).status is OrderStatus.ACCEPTED
    (sent,) = desk.venue.sent("POST")
    assert (sent.path, sent.body) == ("/v2/positions/SPY241115P00400000/exercise", None)


async def test_letting_them_expire_has_a_call_of_its_own() -> None:
    desk = desk_of(Reply(200))
    report = await desk.instructions.do_not_exercise(PUT, passes)
    assert report.status is OrderStatus.ACCEPTED
    assert desk.venue.sent("POST")[0].path.endswith("/SPY241115P00400000/do-not-exercise")


@pytest.mark.parametrize(
    ("held", "qty", "kind", "reason"),
    [
        ("2", "1", Refused, Reason.UNSUPPORTED_BY_VENUE),
        ("2", "3", Refused, Reason.INSUFFICIENT_QTY),
        ("-2", None, NotFound, Reason.POSITION_NOT_FOUND),
        (None, None, NotFound, Reason.POSITION_NOT_FOUND),
        ("odd", None, Unavailable, Reason.READ_FAILED),
    ],
)
async def test_what_is_not_held_or_only_a_part_is_not_sent(
    held: str | None, qty: str | None, kind: type[TandemError], reason: Reason
) -> None:
    desk = desk_of(Reply(200), held)
    with pytest.raises(kind) as error:
        await exercises(desk, qty)
    assert error.value.reason is reason
    assert desk.venue.sent("POST") == []


@pytest.mark.parametrize(
    "post",
    [
        Reply(500),
        Reply(200, raw=b"<html>"),
        Reply(302, raw=b"<html>"),
        problem(504, None, "gateway time-out"),
        requests.ConnectionError("reset"),
    ],
)
async def test_without_a_clear_word_it_is_in_doubt(post: Reply | Exception) -> None:
    desk = desk_of(post)
    with pytest.raises(OutcomeUnknown):
        await exercises(desk)
    assert len(desk.venue.sent("POST")) == 1


@pytest.mark.parametrize("post", [LIMITED, refused_connection()])
async def test_what_did_not_reach_alpaca_has_no_effect(post: Reply | Exception) -> None:
    desk = desk_of(post)
    with pytest.raises(Unavailable):
        await exercises(desk)
    assert len(desk.venue.sent("POST")) == 1


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        (problem(403, 40310000, "not permitted after 5:30"), Reason.NOT_PERMITTED),
        (problem(422, 42210000, "contract is expired"), Reason.NOT_TRADABLE),
        (NO_POSITION, Reason.POSITION_NOT_FOUND),
    ],
)
async def test_a_refusal_is_an_answer_with_its_cause(post: Reply, reason: Reason) -> None:
    report = await exercises(desk_of(post))
    cause: Any = report.cause
    assert (report.status, cause.reason) == (OrderStatus.REJECTED, reason)
