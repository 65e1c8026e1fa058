"""Unit tests of cancel: a request, and what its answer proves of the order."""

from __future__ import annotations

import pytest
import requests

from services.common.adapter.budget import Priority
from services.common.domain.errors import (
    NotFound,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_status import OrderStatus, Signal
from tests.unit.alpaca_adapter.wire import (
    ABSENT,
    CLIENT_ID,
    LIMITED,
    UNAUTHORIZED,
    VENUE_ID,
    Answers,
    Asked,
    Desk,
    Reply,
    order_json,
    passes,
    problem,
    refused_connection,
)


def cancel_venue(
    delete: Reply | Exception,
    before: Reply | Exception | None = None,
    after: Reply | Exception | None = None,
) -> Answers:
    """A venue with one order: as looked up before the DELETE, and as read back after it."""

    def answers(asked: Asked) -> Reply | Exception:
        if asked.method == "DELETE":
            return delete
        if asked.path.endswith("by_client_order_id"):
            return before or Reply(200, order_json())
        return after or Reply(200, order_json(status="pending_cancel"))

    return answers


async def test_a_cancel_is_a_request_and_answers_with_the_order_as_it_is_then() -> None:
    desk = Desk(cancel_venue(Reply(204)))
    report = await desk.cancels.cancel(CLIENT_ID, passes)
    assert [(a.method, a.path) for a in desk.venue.asked] == [
        ("GET", "/v2/orders:by_client_order_id"),
        ("DELETE", f"/v2/orders/{VENUE_ID}"),
        ("GET", f"/v2/orders/{VENUE_ID}"),
    ]
    assert (report.status, report.signal) == (OrderStatus.PENDING_CANCEL, Signal.PENDING_CANCEL)


async def test_an_order_that_was_found_is_canceled_by_alpacas_own_id() -> None:
    def venue(before: Reply) -> Answers:
        return lambda asked: Reply(204) if asked.method == "DELETE" else before

    desk = Desk(venue(Reply(200, order_json(client_order_id="by-hand"))))
    report = await desk.cancels.cancel_found(VENUE_ID, passes)
    assert (report.client_id, report.status) == ("by-hand", OrderStatus.PENDING_CANCEL)
    path = f"/v2/orders/{VENUE_ID}"
    told = [("GET", path), ("DELETE", path), ("GET", path)]
    assert [(a.method, a.path) for a in desk.venue.asked] == told
    for before, reason in (
        (ABSENT, Reason.ORDER_NOT_FOUND),
        (Reply(200, order_json(status="filled", filled_qty="2")), Reason.ORDER_ENDED),
        (Reply(500), Reason.VENUE_UNAVAILABLE),
    ):
        desk = Desk(venue(before))
        with pytest.raises(TandemError) as refused:
            await desk.cancels.cancel_found(VENUE_ID, passes)
        assert refused.value.reason is reason
        assert all(asked.method == "GET" for asked in desk.venue.asked)


@pytest.mark.parametrize(
    ("after", "status", "signal"),
    [
        (Reply(200, order_json(status="new")), OrderStatus.PENDING_CANCEL, Signal.PENDING_CANCEL),
        (Reply(200, order_json(status="canceled")), OrderStatus.CANCELED, Signal.CANCELED),
        (
            Reply(200, order_json(status="filled", filled_qty="2")),
            OrderStatus.FILLED,
            Signal.FILLED,
        ),
        (Reply(500), OrderStatus.PENDING_CANCEL, Signal.PENDING_CANCEL),
        (Reply(200, order_json(status="odd")), OrderStatus.PENDING_CANCEL, Signal.PENDING_CANCEL),
    ],
)
async def test_after_a_204_only_the_venues_word_ends_the_order(
    after: Reply, status: OrderStatus, signal: Signal
) -> None:
    desk = Desk(cancel_venue(Reply(204), after=after))
    report = await desk.cancels.cancel(CLIENT_ID, passes)
    assert (report.status, report.signal) == (status, signal)


async def test_a_cancel_of_an_ended_order_is_refused_without_a_request() -> None:
    desk = Desk(cancel_venue(Reply(204), before=Reply(200, order_json(status="expired"))))
    with pytest.raises(Refused) as error:
        await desk.cancels.cancel(CLIENT_ID, passes)
    assert error.value.reason is Reason.ORDER_ENDED
    assert desk.venue.sent("DELETE") == []


async def test_a_cancel_of_an_order_that_the_venue_does_not_know_is_not_found() -> None:
    desk = Desk(cancel_venue(Reply(204), before=ABSENT))
    with pytest.raises(NotFound) as error:
        await desk.cancels.cancel(CLIENT_ID, passes)
    assert error.value.reason is Reason.ORDER_NOT_FOUND


async def test_a_cancel_that_comes_again_sends_nothing() -> None:
    desk = Desk(cancel_venue(Reply(204), before=Reply(200, order_json(status="pending_cancel"))))
    report = await desk.cancels.cancel(CLIENT_ID, passes)
    assert report.status is OrderStatus.PENDING_CANCEL
    assert desk.venue.sent("DELETE") == []


@pytest.mark.parametrize("look_up", [Reply(500), Reply(404), requests.ReadTimeout()])
async def test_a_cancel_whose_order_cant_be_looked_up_has_no_effect(
    look_up: Reply | Exception,
) -> None:
    desk = Desk(cancel_venue(Reply(204), before=look_up))
    with pytest.raises(Unavailable):
        await desk.cancels.cancel(CLIENT_ID, passes)
    assert desk.venue.sent("DELETE") == []


NOT_CANCELABLE = problem(422, 42210000, 'order is already in "filled" state')


async def test_a_cancel_that_comes_too_late_is_refused_by_the_order_read_back() -> None:
    after = Reply(200, order_json(status="filled", filled_qty="2"))
    desk = Desk(cancel_venue(NOT_CANCELABLE, after=after))
    with pytest.raises(Refused) as error:
        await desk.cancels.cancel(CLIENT_ID, passes)
    assert error.value.reason is Reason.ORDER_ENDED


async def test_a_refused_cancel_of_a_live_order_is_the_venues_word_on_it() -> None:
    desk = Desk(cancel_venue(NOT_CANCELABLE, after=Reply(200, order_json(status="new"))))
    report = await desk.cancels.cancel(CLIENT_ID, passes)
    assert (report.status, report.signal) == (OrderStatus.ACCEPTED, Signal.CANCEL_REJECTED)
    assert report.cause is not None


@pytest.mark.parametrize(
    ("delete", "kind", "reason"),
    [
        (requests.ReadTimeout(), OutcomeUnknown, Reason.OUTCOME_UNKNOWN),
        (Reply(500), OutcomeUnknown, Reason.OUTCOME_UNKNOWN),
        (Reply(200, raw=b"<html></html>"), OutcomeUnknown, Reason.OUTCOME_UNKNOWN),
        (Reply(404, raw=b"<html></html>"), OutcomeUnknown, Reason.OUTCOME_UNKNOWN),
        (Reply(302), OutcomeUnknown, Reason.OUTCOME_UNKNOWN),
        (refused_connection(), Unavailable, Reason.VENUE_UNAVAILABLE),
        (LIMITED, Unavailable, Reason.RATE_LIMITED),
        (UNAUTHORIZED, Unavailable, Reason.CREDENTIALS_REFUSED),
        (ABSENT, NotFound, Reason.ORDER_NOT_FOUND),
    ],
    ids=repr,
)
async def test_a_cancel_without_a_204_says_what_is_proven(
    delete: Reply | Exception, kind: type[TandemError], reason: Reason
) -> None:
    desk = Desk(cancel_venue(delete))
    with pytest.raises(kind) as error:
        await desk.cancels.cancel(CLIENT_ID, passes)
    assert error.value.reason is reason
    assert len(desk.venue.sent("DELETE")) == 1


async def test_the_last_check_stops_a_cancel() -> None:
    desk = Desk(cancel_venue(Reply(204)))

    def refuses() -> None:
        raise Refused(Reason.STALE_EPOCH, "not any more")

    with pytest.raises(Refused):
        await desk.cancels.cancel(CLIENT_ID, refuses)
    assert desk.venue.sent("DELETE") == []


async def test_the_look_up_before_a_cancel_is_as_urgent_as_the_cancel() -> None:
    desk = Desk(lambda asked: Reply(204) if asked.method == "DELETE" else Reply(200, order_json()))
    await desk.cancels.cancel(CLIENT_ID, passes)
    assert desk.pace.taken[0] is Priority.CANCEL
