"""Unit tests of reads that are tried again: how often, how long, and what is left at the end."""

from __future__ import annotations

import pytest
import requests

from services.alpaca_adapter.reads import ReadPolicy
from services.common.adapter.budget import Priority
from services.common.domain.errors import ReadFailed, Reason, Unavailable
from services.common.runtime.deadlines import deadline_scope
from tests.unit.alpaca_adapter.wire import Desk, Reply, problem

OK = Reply(200, {"fine": True})
LIMITED = Reply(
    429, {"code": 42910000, "message": "rate limit exceeded"}, headers={"Retry-After": "3"}
)


def in_turn(*replies: Reply | Exception) -> Desk:
    """A venue that gives these replies in turn, the last one for ever."""
    left = list(replies)
    return Desk(lambda _: left.pop(0) if len(left) > 1 else left[0])


@pytest.mark.parametrize(
    "failure",
    [
        Reply(500),
        Reply(503, raw=b"<html></html>"),
        Reply(200, raw=b"<html></html>"),
        Reply(200),
        Reply(404, raw=b"<html></html>"),
        requests.ReadTimeout(),
        requests.ConnectionError(),
    ],
    ids=repr,
)
async def test_a_read_is_tried_again_after_what_may_pass(failure: Reply | Exception) -> None:
    desk = in_turn(failure, failure, OK)
    assert await desk.reader.read("/account") == {"fine": True}
    assert len(desk.venue.asked) == 3
    first, second = desk.clock.slept
    assert 0.1 <= first <= 0.2
    assert 0.2 <= second <= 0.4


async def test_a_read_gives_up_after_its_tries() -> None:
    desk = in_turn(Reply(500))
    with pytest.raises(ReadFailed) as error:
        await desk.reader.read("/account")
    assert len(desk.venue.asked) == ReadPolicy().tries
    assert error.value.reason is Reason.VENUE_UNAVAILABLE


async def test_a_read_waits_as_long_as_a_429_says() -> None:
    desk = in_turn(LIMITED, OK)
    await desk.reader.read("/account")
    assert desk.clock.slept == [3.0]


async def test_a_read_fails_at_once_if_the_wait_is_longer_than_its_deadline() -> None:
    desk = in_turn(LIMITED, OK)
    with pytest.raises(ReadFailed) as error:
        await desk.reader.read("/account", until=desk.clock.monotonic() + 2.0)
    assert error.value.reason is Reason.RATE_LIMITED
    assert error.value.retry_after_s == 3.0
    assert desk.clock.slept == []


async def test_the_deadline_of_the_call_that_is_served_counts() -> None:
    desk = in_turn(LIMITED, OK)
    with deadline_scope(desk.clock, 1.0), pytest.raises(ReadFailed):
        await desk.reader.read("/account")
    assert len(desk.venue.asked) == 1


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (problem(401, 40110000, "request is not authorized"), Reason.CREDENTIALS_REFUSED),
        (problem(403, None, "forbidden."), Reason.CREDENTIALS_REFUSED),
        (problem(422, 40010001, "invalid symbol"), Reason.READ_FAILED),
        (problem(404, 40410000, "position does not exist"), Reason.READ_FAILED),
    ],
)
async def test_a_definite_refusal_is_not_tried_again(reply: Reply, reason: Reason) -> None:
    desk = in_turn(reply)
    with pytest.raises(ReadFailed) as error:
        await desk.reader.read("/account")
    assert len(desk.venue.asked) == 1
    assert error.value.reason is reason


async def test_every_try_takes_its_place_with_the_pacer() -> None:
    desk = in_turn(Reply(500), Reply(500), OK)
    await desk.reader.read("/account")
    assert desk.pace.taken == [Priority.READ] * 3


async def test_no_budget_is_a_failed_read_that_says_when_to_come_again() -> None:
    desk = in_turn(OK)

    async def exhausted(priority: Priority, *, within_s: float) -> None:
        raise Unavailable(Reason.BUDGET_EXHAUSTED, "none left", retry_after_s=4.0)

    desk.pace.take = exhausted  # type: ignore[method-assign]
    with pytest.raises(ReadFailed) as error:
        await desk.reader.read("/account")
    assert (error.value.reason, error.value.retry_after_s) == (Reason.BUDGET_EXHAUSTED, 4.0)
    assert desk.venue.asked == []


async def test_a_probe_is_tried_once_and_goes_last() -> None:
    desk = in_turn(requests.ReadTimeout())
    with pytest.raises(ReadFailed):
        await desk.reader.once("/account", within_s=1.0)
    assert len(desk.venue.asked) == 1
    assert desk.pace.taken == [Priority.PROBE]
    desk = in_turn(Reply(500))
    assert (await desk.reader.once("/account", within_s=1.0)).status == 500


async def test_the_key_travels_in_headers_and_redirects_are_not_followed() -> None:
    desk = in_turn(Reply(307, headers={"Location": "http://elsewhere.test/v2/account"}))
    with pytest.raises(ReadFailed):
        await desk.reader.read("/account")
    assert {asked.path for asked in desk.venue.asked} == {"/v2/account"}
