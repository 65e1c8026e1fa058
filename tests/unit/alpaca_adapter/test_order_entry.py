"""Unit tests of submit and cancel: what each kind of answer becomes, and what is looked up."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, ProtocolError

from services.common.domain.errors import (
    OutcomeUnknown,
    Reason,
    Refused,
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
    spec,
)

TAKEN = problem(422, 40010001, "client_order_id must be unique")
NO_MONEY = problem(403, 40310000, "insufficient buying power", buying_power="1", cost_basis="2")


def venue(post: Reply | Exception, look_up: Reply | Exception = ABSENT) -> Answers:
    """A venue that answers a POST and a look-up by client id."""

    def answers(asked: Asked) -> Reply | Exception:
        return post if asked.method == "POST" else look_up

    return answers


# -- submit: taken ------------------------------------------------------------------------------


async def test_a_submit_is_one_post_of_exact_texts() -> None:
    desk = Desk(venue(Reply(200, order_json())))
    report = await desk.entry.submit(spec(qty="2.50", price="399.500000001"), passes)
    (post,) = desk.venue.asked
    assert (post.method, post.path) == ("POST", "/v2/orders")
    assert post.body == {
        "symbol": "SPY",
        "qty": "2.5",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "client_order_id": CLIENT_ID,
        "limit_price": "399.500000001",
    }
    assert (report.status, report.venue_order_id) == (OrderStatus.ACCEPTED, VENUE_ID)
    assert not desk.unproven.is_open(CLIENT_ID)


async def test_the_last_check_comes_before_the_write_and_stops_it() -> None:
    desk = Desk(venue(Reply(200, order_json())))

    def refuses() -> None:
        raise Refused(Reason.STALE_EPOCH, "not any more")

    with pytest.raises(Refused) as error:
        await desk.entry.submit(spec(), refuses)
    assert error.value.reason is Reason.STALE_EPOCH
    assert desk.venue.asked == []
    assert not desk.unproven.is_open(CLIENT_ID)


@pytest.mark.parametrize(
    "content",
    [
        order_json(client_order_id="another~sim~1.0"),
        order_json(id=None),
        order_json(status=None),
        order_json(filled_qty="many"),
        [order_json()],
        {},
        None,
    ],
)
async def test_a_success_that_is_not_the_order_is_in_doubt(content: Any) -> None:
    desk = Desk(venue(Reply(200, content)))
    with pytest.raises(OutcomeUnknown):
        await desk.entry.submit(spec(), passes)
    assert desk.unproven.is_open(CLIENT_ID)


async def test_an_order_taken_with_an_unknown_status_is_live() -> None:
    desk = Desk(venue(Reply(200, order_json(status="pondering"))))
    report = await desk.entry.submit(spec(), passes)
    assert (report.status, report.signal) == (OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
    assert report.raw_status == "pondering"


# -- submit: no answer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        requests.ReadTimeout(),
        requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError())),
        requests.exceptions.ChunkedEncodingError(),
        requests.exceptions.ConnectTimeout(MaxRetryError(None, "/", None)),  # type: ignore[arg-type]
        OSError("broken"),
        ValueError("whatever"),
        Reply(500, raw=b"<html>oops</html>"),
        Reply(504, {"code": 50410000, "message": "timeout"}),
        Reply(503),
        Reply(302, headers={"Location": "http://elsewhere.test/"}),
        Reply(403, raw=b"<html>forbidden</html>"),
        Reply(429, raw=b"<html>slow down</html>"),
        Reply(422, raw=b'{"code": 422'),
        Reply(200, raw=b"<html>welcome</html>"),
    ],
    ids=repr,
)
async def test_no_definite_answer_is_in_doubt_and_nothing_is_sent_again(
    failure: Reply | Exception,
) -> None:
    desk = Desk(venue(failure))
    with pytest.raises(OutcomeUnknown):
        await desk.entry.submit(spec(), passes)
    assert [asked.method for asked in desk.venue.asked] == ["POST"]
    assert desk.unproven.is_open(CLIENT_ID)
    assert desk.clock.slept == []


async def test_a_connection_that_was_never_made_has_no_effect() -> None:
    desk = Desk(venue(refused_connection()))
    with pytest.raises(Unavailable) as error:
        await desk.entry.submit(spec(), passes)
    assert error.value.reason is Reason.VENUE_UNAVAILABLE
    assert not desk.unproven.is_open(CLIENT_ID)


async def test_a_429_is_given_back_with_its_wait_and_neither_waited_for_nor_sent_again() -> None:
    desk = Desk(venue(LIMITED))
    with pytest.raises(Unavailable) as error:
        await desk.entry.submit(spec(), passes)
    assert error.value.reason is Reason.RATE_LIMITED
    assert error.value.retry_after_s == 9.0
    assert len(desk.venue.asked) == 1
    assert desk.clock.slept == []
    assert desk.pace.throttles == [None]


# -- submit: refused ----------------------------------------------------------------------------


async def test_a_refusal_is_believed_once_the_id_is_absent() -> None:
    desk = Desk(venue(NO_MONEY))
    report = await desk.entry.submit(spec(), passes)
    assert [asked.path for asked in desk.venue.asked] == [
        "/v2/orders",
        "/v2/orders:by_client_order_id",
    ]
    assert (report.status, report.signal) == (OrderStatus.REJECTED, Signal.REJECTED)
    assert report.cause is not None
    assert report.cause.reason is Reason.INSUFFICIENT_BUYING_POWER
    assert report.cause.venue_code == "403/40310000"
    assert (report.client_id, report.order_qty) == (CLIENT_ID, spec().order_qty)


@pytest.mark.parametrize("refusal", [TAKEN, NO_MONEY])
async def test_a_refusal_for_an_order_that_exists_answers_with_that_order(refusal: Reply) -> None:
    shown = order_json(status="partially_filled", filled_qty="1", limit_price="399.50", qty="2.0")
    desk = Desk(venue(refusal, Reply(200, shown)))
    report = await desk.entry.submit(spec(), passes)
    assert report.status is OrderStatus.PARTIALLY_FILLED
    assert report.venue_order_id == VENUE_ID


@pytest.mark.parametrize(
    "other",
    [
        {"qty": "3"},
        {"side": "sell"},
        {"symbol": "QQQ"},
        {"limit_price": "399.4"},
        {"limit_price": None, "type": "market"},
        {"type": "stop_limit"},
        {"time_in_force": "gtc"},
        {"time_in_force": "ioc"},
        {"order_class": "bracket"},
        {"extended_hours": True},
        {"qty": None, "notional": "800"},
    ],
)
async def test_an_id_that_has_another_order_is_refused(other: dict[str, Any]) -> None:
    desk = Desk(venue(TAKEN, Reply(200, order_json(**other))))
    with pytest.raises(Refused) as error:
        await desk.entry.submit(spec(), passes)
    assert error.value.reason is Reason.CLIENT_ORDER_ID_REUSED


@pytest.mark.parametrize("refusal", [TAKEN, NO_MONEY])
@pytest.mark.parametrize(
    "look_up", [Reply(500), requests.ReadTimeout(), Reply(404), Reply(200, order_json(id=None))]
)
async def test_a_refusal_is_in_doubt_while_the_id_cant_be_looked_up(
    refusal: Reply, look_up: Reply | Exception
) -> None:
    desk = Desk(venue(refusal, look_up))
    with pytest.raises(OutcomeUnknown):
        await desk.entry.submit(spec(), passes)
    assert len(desk.venue.sent("POST")) == 1


async def test_a_taken_id_without_an_order_is_in_doubt() -> None:
    desk = Desk(venue(TAKEN, ABSENT))
    with pytest.raises(OutcomeUnknown):
        await desk.entry.submit(spec(), passes)


async def test_a_refusal_after_an_unproven_send_is_believed_only_after_settling() -> None:
    answers: list[Reply | Exception] = [requests.ReadTimeout(), NO_MONEY, ABSENT, NO_MONEY, ABSENT]
    desk = Desk(lambda _: answers.pop(0), settling_s=60.0)
    with pytest.raises(OutcomeUnknown):
        await desk.entry.submit(spec(), passes)
    with pytest.raises(OutcomeUnknown, match="may still arrive"):
        await desk.entry.submit(spec(), passes)
    desk.clock.at += 63.0
    report = await desk.entry.submit(spec(), passes)
    assert report.status is OrderStatus.REJECTED


async def test_a_429_after_an_unproven_send_is_looked_up_and_found() -> None:
    answers: list[Reply | Exception] = [
        requests.ReadTimeout(),
        LIMITED,
        Reply(200, order_json(status="filled", filled_qty="2")),
    ]
    desk = Desk(lambda _: answers.pop(0))
    with pytest.raises(OutcomeUnknown):
        await desk.entry.submit(spec(), passes)
    assert (await desk.entry.submit(spec(), passes)).status is OrderStatus.FILLED
    assert not desk.unproven.is_open(CLIENT_ID)


async def test_refused_credentials_are_a_rejection_for_the_venues_sake() -> None:
    desk = Desk(venue(UNAUTHORIZED, UNAUTHORIZED))
    report = await desk.entry.submit(spec(), passes)
    assert report.status is OrderStatus.REJECTED
    assert report.cause is not None
    assert report.cause.reason is Reason.CREDENTIALS_REFUSED


async def test_a_blocked_account_is_a_rejection_for_the_venues_sake() -> None:
    desk = Desk(venue(problem(403, 40310000, "account is blocked")))
    report = await desk.entry.submit(spec(), passes)
    assert report.cause is not None
    assert report.cause.reason is Reason.ACCOUNT_BLOCKED


@pytest.mark.parametrize("known", ["never let in", "an unproven send"])
async def test_refused_credentials_are_in_doubt_where_an_earlier_send_may_live(known: str) -> None:
    desk = Desk(venue(UNAUTHORIZED, UNAUTHORIZED))
    desk.was_admitted = known != "never let in"
    if known == "an unproven send":
        desk.unproven.begin(CLIENT_ID)
    with pytest.raises(OutcomeUnknown):
        await desk.entry.submit(spec(), passes)
