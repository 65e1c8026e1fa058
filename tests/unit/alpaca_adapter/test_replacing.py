"""Unit tests of replace: neither its 200 nor its error is believed, and fills forbid it."""

from __future__ import annotations

from collections.abc import Callable
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
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport
from tests.unit.alpaca_adapter.wire import (
    ABSENT,
    CLIENT_ID,
    LIMITED,
    UNAUTHORIZED,
    VENUE_ID,
    Asked,
    Desk,
    Reply,
    order_json,
    passes,
    problem,
    refused_connection,
)

NEW_ID = "a~sim~1.1"
NEW_VENUE_ID = "61e69015-0000-4bfd-b9c3-01e75843f47d"
CHANGE = OrderChange(limit_price=Decimal("399.00"))
REFUSAL = problem(422, 42210000, "cannot replace order in accepted status")
LOST = requests.ConnectionError("reset")
HTML = Reply(502, raw=b"<html>bad gateway</html>")


def new_order(**changed: Any) -> dict[str, Any]:
    own = {"id": NEW_VENUE_ID, "client_order_id": NEW_ID, "replaces": VENUE_ID}
    return order_json(**(own | {"limit_price": "399"} | changed))


def replaced(**changed: Any) -> dict[str, Any]:
    return order_json(**({"status": "replaced", "replaced_by": NEW_VENUE_ID} | changed))


class Venue:
    """Two orders, and an answer to a PATCH that changes them first."""

    def __init__(
        self, answer: Reply | Exception, *, after: tuple[dict[str, Any] | None, ...] = ()
    ) -> None:
        self.orders = [order_json()]
        self.answer = answer
        self.after = after
        self.look_up: Reply | Exception | None = None

    def __call__(self, asked: Asked) -> Reply | Exception:
        if asked.method == "PATCH":
            if self.after:
                self.orders = [order for order in self.after if order is not None]
            return self.answer
        if self.look_up is not None and self.patched:
            return self.look_up
        wanted = asked.query.get("client_order_id") or asked.path.rpartition("/")[2]
        for order in self.orders:
            if wanted in (order["client_order_id"], order["id"]):
                return Reply(200, order)
        return ABSENT

    patched = False


def desk_of(venue: Venue) -> Desk:
    def answers(asked: Asked) -> Reply | Exception:
        reply = venue(asked)
        venue.patched = venue.patched or asked.method == "PATCH"
        return reply

    return Desk(answers)


async def replaces(
    desk: Desk, change: OrderChange = CHANGE, last_check: Callable[[], None] = passes
) -> OrderReport:
    return await desk.replacing.replace(CLIENT_ID, NEW_ID, change, last_check)


async def refusal(desk: Desk, change: OrderChange = CHANGE) -> TandemError:
    with pytest.raises(TandemError) as error:
        await replaces(desk, change)
    return error.value


# -- taken --------------------------------------------------------------------------------------


async def test_a_replace_is_one_patch_under_an_id_of_our_own() -> None:
    desk = desk_of(Venue(Reply(200, new_order()), after=(replaced(), new_order())))
    report = await replaces(desk)
    (patch,) = desk.venue.sent("PATCH")
    assert patch.path == f"/v2/orders/{VENUE_ID}"
    assert patch.body == {"limit_price": "399", "client_order_id": NEW_ID}
    assert (report.client_id, report.venue_order_id) == (NEW_ID, NEW_VENUE_ID)
    assert (report.replaces, report.status) == (VENUE_ID, OrderStatus.ACCEPTED)
    assert not desk.unproven.is_open(NEW_ID)


@pytest.mark.parametrize("answer", [Reply(200, new_order()), LOST, HTML, REFUSAL])
async def test_whatever_the_answer_a_new_order_that_is_shown_is_the_answer(
    answer: Reply | Exception,
) -> None:
    desk = desk_of(Venue(answer, after=(replaced(), new_order())))
    assert (await replaces(desk)).venue_order_id == NEW_VENUE_ID
    assert not desk.unproven.is_open(NEW_ID)


@pytest.mark.parametrize("answer", [Reply(200, new_order()), LOST, REFUSAL])
async def test_the_new_order_is_also_found_behind_the_old_one(answer: Reply | Exception) -> None:
    venue = Venue(answer, after=(replaced(), new_order()))

    def by_venue_id_only(asked: Asked) -> Reply | Exception:
        return ABSENT if asked.query.get("client_order_id") == NEW_ID else venue(asked)

    assert (await replaces(Desk(by_venue_id_only))).venue_order_id == NEW_VENUE_ID


@pytest.mark.parametrize("answer", [Reply(200, new_order()), LOST, HTML])
async def test_without_a_new_order_to_see_it_is_in_doubt(answer: Reply | Exception) -> None:
    desk = desk_of(Venue(answer))
    assert isinstance(await refusal(desk), OutcomeUnknown)
    assert desk.unproven.is_open(NEW_ID)


@pytest.mark.parametrize("answer", [Reply(200, new_order()), LOST, HTML, REFUSAL])
async def test_if_nobody_can_look_it_is_in_doubt(answer: Reply | Exception) -> None:
    venue = Venue(answer, after=(replaced(), new_order()))
    venue.look_up = Reply(500)
    assert isinstance(await refusal(desk_of(venue)), OutcomeUnknown)


async def test_a_change_that_is_turned_down_after_a_200_leaves_the_old_order() -> None:
    desk = desk_of(
        Venue(Reply(200, new_order()), after=(order_json(), new_order(status="rejected")))
    )
    report = await replaces(desk)
    assert (report.venue_order_id, report.signal) == (VENUE_ID, Signal.REPLACE_REJECTED)
    assert report.cause is not None


# -- refused ------------------------------------------------------------------------------------


async def test_a_refusal_that_both_orders_bear_out_is_one() -> None:
    desk = desk_of(Venue(REFUSAL))
    report = await replaces(desk)
    assert (report.client_id, report.status) == (CLIENT_ID, OrderStatus.ACCEPTED)
    assert report.signal is Signal.REPLACE_REJECTED
    assert report.cause is not None
    assert report.cause.venue_code == "422/42210000"
    assert not desk.unproven.is_open(NEW_ID)


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (REFUSAL, order_json(status="pending_replace")),
        (problem(422, 40010001, "client_order_id must be unique"), order_json()),
        (REFUSAL, None),
    ],
)
async def test_a_refusal_that_the_orders_do_not_bear_out_proves_nothing(
    answer: Reply, after: dict[str, Any] | None
) -> None:
    other = order_json(id="other", client_order_id="other")
    desk = desk_of(Venue(answer, after=(after, other)))
    assert isinstance(await refusal(desk), OutcomeUnknown)


async def test_an_order_that_ended_meanwhile_is_not_replaced() -> None:
    desk = desk_of(Venue(REFUSAL, after=(order_json(status="filled", filled_qty="2"),)))
    error = await refusal(desk)
    assert (type(error), error.reason) == (Refused, Reason.ORDER_ENDED)


async def test_too_many_requests_have_no_effect_and_say_when() -> None:
    desk = desk_of(Venue(LIMITED))
    error = await refusal(desk)
    assert (type(error), error.reason) == (Unavailable, Reason.RATE_LIMITED)
    assert error.retry_after_s == 9.0
    assert len(desk.venue.sent("PATCH")) == 1
    assert desk.venue.asked[-1].method == "PATCH"
    assert not desk.unproven.is_open(NEW_ID)


async def test_a_429_without_headers_says_when_all_the_same() -> None:
    bare = Reply(429, {"code": 42910000, "message": "rate limit exceeded"})
    assert (await refusal(desk_of(Venue(bare)))).retry_after_s == 60.0


async def test_credentials_that_are_out_have_no_effect() -> None:
    venue = Venue(UNAUTHORIZED)
    venue.look_up = UNAUTHORIZED
    error = await refusal(desk_of(venue))
    assert (type(error), error.reason) == (Unavailable, Reason.CREDENTIALS_REFUSED)


async def test_nothing_leaves_without_a_connection_or_the_last_word() -> None:
    desk = desk_of(Venue(refused_connection()))
    assert isinstance(await refusal(desk), Unavailable)
    assert not desk.unproven.is_open(NEW_ID)

    def refuses() -> None:
        raise Refused(Reason.STALE_EPOCH, "not any more")

    desk = desk_of(Venue(Reply(200)))
    with pytest.raises(Refused):
        await replaces(desk, last_check=refuses)
    assert desk.venue.sent("PATCH") == []
    assert not desk.unproven.is_open(NEW_ID)


# -- before it ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (order_json(status="partially_filled", filled_qty="1"), Reason.CHANGE_IN_PROGRESS),
        (order_json(status="pending_cancel"), Reason.CHANGE_IN_PROGRESS),
        (order_json(status="pending_replace"), Reason.CHANGE_IN_PROGRESS),
        (order_json(status="filled", filled_qty="2"), Reason.ORDER_ENDED),
        (order_json(status="canceled"), Reason.ORDER_ENDED),
        (replaced(replaced_by="somebody"), Reason.ORDER_ENDED),
    ],
)
async def test_an_order_that_must_not_be_replaced_is_not(
    shown: dict[str, Any], reason: Reason
) -> None:
    venue = Venue(Reply(200))
    venue.orders = [shown]
    desk = desk_of(venue)
    error = await refusal(desk)
    assert (type(error), error.reason) == (Refused, reason)
    assert desk.venue.sent("PATCH") == []


async def test_an_unknown_order_or_one_that_cant_be_read_is_not_replaced() -> None:
    venue = Venue(Reply(200))
    venue.orders = []
    assert isinstance(await refusal(desk_of(venue)), NotFound)
    venue.patched, venue.look_up = True, Reply(500)
    assert isinstance(await refusal(Desk(venue)), Unavailable)


async def test_the_same_change_again_answers_with_its_order_and_sends_nothing() -> None:
    venue = Venue(Reply(200))
    venue.orders = [replaced(), new_order(status="partially_filled", filled_qty="1")]
    desk = desk_of(venue)
    assert (await replaces(desk)).venue_order_id == NEW_VENUE_ID
    error = await refusal(desk, OrderChange(limit_price=Decimal(398)))
    assert error.reason is Reason.CLIENT_ORDER_ID_REUSED
    assert desk.venue.sent("PATCH") == []


async def test_an_id_of_another_order_is_refused() -> None:
    taken = problem(422, 40010001, "client_order_id must be unique")
    other = new_order(replaces="another-order")
    error = await refusal(desk_of(Venue(taken, after=(order_json(), other))))
    assert (type(error), error.reason) == (Refused, Reason.CLIENT_ORDER_ID_REUSED)


async def test_while_an_earlier_send_is_unproven_no_refusal_says_no_effect() -> None:
    venue = Venue(LOST)
    desk = desk_of(venue)
    assert isinstance(await refusal(desk), OutcomeUnknown)
    venue.orders = [order_json(status="canceled")]
    assert isinstance(await refusal(desk), OutcomeUnknown)
    venue.orders, venue.answer = [order_json()], REFUSAL
    assert isinstance(await refusal(desk), OutcomeUnknown)
    desk.clock.at += 120.0
    assert (await replaces(desk)).signal is Signal.REPLACE_REJECTED


# -- races --------------------------------------------------------------------------------------


async def test_a_fill_that_raced_the_change_is_told_as_an_excess() -> None:
    after = (replaced(filled_qty="1"), new_order(qty="2"))
    report = await replaces(desk_of(Venue(Reply(200, new_order()), after=after)))
    assert report.cause is not None
    assert "1 more than was asked for" in report.cause.message


async def test_a_new_order_for_what_is_left_is_no_excess() -> None:
    after = (replaced(filled_qty="1"), new_order(qty="1"))
    report = await replaces(desk_of(Venue(Reply(200, new_order()), after=after)))
    assert (report.venue_order_id, report.cause) == (NEW_VENUE_ID, None)


async def test_a_new_quantity_counts_against_what_was_asked_for() -> None:
    change = OrderChange(order_qty=Decimal(5))
    after = (replaced(filled_qty="1"), new_order(qty="5", limit_price="399.5"))
    report = await replaces(desk_of(Venue(Reply(200), after=after)), change)
    assert report.cause is not None
    assert "1 more than was asked for" in report.cause.message
