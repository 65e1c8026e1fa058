"""Unit tests of the cancel of all orders: a word on each, and half answers looked after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from services.common.domain.errors import OutcomeUnknown, Reason, Refused, TandemError, Unavailable
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.occ import parse_occ
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import CancelAllOutcome
from tests.unit.alpaca_adapter.order_scene import PUT, bracket_json, spread_json
from tests.unit.alpaca_adapter.wire import (
    LIMITED,
    UNAUTHORIZED,
    Asked,
    Desk,
    Reply,
    order_json,
    passes,
    problem,
)

ENDED = problem(422, 42210000, 'order is already in "filled" state').content


def named(name: str, **changed: Any) -> dict[str, Any]:
    return order_json(**({"id": name, "client_order_id": f"c-{name}"} | changed))


class Venue:
    """Open orders, and an answer to a DELETE by its path; what it took is pending_cancel."""

    def __init__(self, *orders: dict[str, Any], answer: Reply | Exception | None = None) -> None:
        self.orders = {order["id"]: order for order in orders}
        self.answer = answer
        self.after: Callable[[], None] = self.take_all
        self.list_fails_after = False
        self.deleted = False

    def take_all(self) -> None:
        for order in self.orders.values():
            order["status"] = "pending_cancel"

    def __call__(self, asked: Asked) -> Reply | Exception:
        if asked.method == "DELETE":
            self.deleted = True
            self.after()
            return self.answer or Reply(204)
        if asked.path == "/v2/orders":
            if self.deleted and self.list_fails_after:
                return Reply(500)
            ended = ("filled", "canceled")
            return Reply(200, [o for o in self.orders.values() if o["status"] not in ended])
        return Reply(200, self.orders[asked.path.rpartition("/")[2]])


def word(name: str, status: int = 200, body: Any = None) -> dict[str, Any]:
    return {"id": name, "status": status} | ({} if body is None else {"body": body})


def words(*items: Any) -> Reply:
    return Reply(207, list(items))


async def cancels(venue: Venue, instrument: Instrument | None = None) -> CancelAllOutcome:
    return await Desk(venue).cancels.cancel_all(instrument, passes)


def told(outcome: CancelAllOutcome) -> tuple[dict[str, OrderStatus], dict[str, Reason]]:
    return (
        {report.venue_order_id: report.status for report in outcome.asked},
        {report.venue_order_id: cause.reason for report, cause in outcome.failed},
    )


async def test_all_orders_are_one_request() -> None:
    venue = Venue(named("a"), named("b"), answer=words(word("a"), word("b")))
    desk = Desk(venue)
    outcome = await desk.cancels.cancel_all(None, passes)
    assert [asked.path for asked in desk.venue.sent("DELETE")] == ["/v2/orders"]
    pending = OrderStatus.PENDING_CANCEL
    assert told(outcome) == ({"a": pending, "b": pending}, {})


async def test_a_word_of_success_is_a_request_and_not_an_end() -> None:
    venue = Venue(named("a"), answer=words(word("a")))
    venue.after = lambda: None
    asked, failed = told(await cancels(venue))
    assert (asked, failed) == ({"a": OrderStatus.PENDING_CANCEL}, {})


async def test_what_was_refused_is_a_failure_with_its_cause() -> None:
    venue = Venue(named("a"), named("b"), answer=words(word("a"), word("b", 500, {"x": 1})))
    venue.after = lambda: venue.orders["a"].update(status="pending_cancel")
    asked, failed = told(await cancels(venue))
    assert (list(asked), failed) == (["a"], {"b": Reason.VENUE_UNAVAILABLE})


async def test_what_had_ended_is_shown_as_it_ended() -> None:
    venue = Venue(named("a"), answer=words(word("a", 422, ENDED)))
    venue.after = lambda: venue.orders["a"].update(status="filled", filled_qty="2")
    assert told(await cancels(venue)) == ({"a": OrderStatus.FILLED}, {})


@pytest.mark.parametrize(
    "answer",
    [
        Reply(207, raw=b'[{"id": "a", "sta'),
        Reply(500, raw=b"<html>"),
        requests.ConnectionError("reset"),
        words(),
        words({"id": "a"}, "odd"),
    ],
)
async def test_of_a_half_answer_the_orders_themselves_tell(answer: Reply | Exception) -> None:
    venue = Venue(named("a"), named("b"), answer=answer)
    venue.after = lambda: venue.orders["a"].update(status="pending_cancel")
    asked, failed = told(await cancels(venue))
    assert (list(asked), failed) == (["a"], {"b": Reason.OUTCOME_UNKNOWN})


async def test_if_the_orders_cant_be_read_after_it_nothing_is_claimed_without_a_word() -> None:
    venue = Venue(named("a"), named("b"), answer=words(word("a")))
    venue.list_fails_after = True
    asked, failed = told(await cancels(venue))
    assert (list(asked), failed) == (["a"], {"b": Reason.OUTCOME_UNKNOWN})


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (LIMITED, Unavailable, Reason.RATE_LIMITED),
        (UNAUTHORIZED, Unavailable, Reason.CREDENTIALS_REFUSED),
        (problem(403, 40310000, "account is blocked"), Refused, Reason.VENUE_REJECTED),
    ],
)
async def test_a_refusal_of_the_whole_has_no_effect(
    answer: Reply, kind: type[TandemError], reason: Reason
) -> None:
    with pytest.raises(kind) as error:
        await cancels(Venue(named("a"), answer=answer))
    assert error.value.reason is reason


async def test_without_open_orders_nothing_is_sent() -> None:
    desk = Desk(Venue())
    assert await desk.cancels.cancel_all(None, passes) == CancelAllOutcome(())
    assert desk.venue.sent("DELETE") == []


async def test_of_one_instrument_each_order_is_asked_for_by_itself() -> None:
    venue = Venue(named("a"), named("b", symbol="QQQ"), spread_json(id="c"))
    desk = Desk(venue)
    asked, failed = told(await desk.cancels.cancel_all(Equity("SPY"), passes))
    assert [a.path for a in desk.venue.sent("DELETE")] == ["/v2/orders/a"]
    assert (list(asked), failed) == (["a"], {})
    desk = Desk(Venue(named("a"), spread_json(id="c")))
    await desk.cancels.cancel_all(parse_occ(PUT), passes)
    assert [a.path for a in desk.venue.sent("DELETE")] == ["/v2/orders/c"]


async def test_one_by_one_each_failure_is_its_own() -> None:
    venue = Venue(named("a"), named("b"), answer=requests.ConnectionError("reset"))
    venue.after = lambda: None
    asked, failed = told(await cancels(venue, Equity("SPY")))
    assert (asked, failed) == ({}, {"a": Reason.OUTCOME_UNKNOWN, "b": Reason.OUTCOME_UNKNOWN})


async def test_the_last_check_is_asked_before_each_write() -> None:
    checks = iter([None, Refused(Reason.STALE_EPOCH, "not any more")])

    def check() -> None:
        error = next(checks)
        if error is not None:
            raise error

    venue = Venue(named("a"), named("b"))
    venue.after = lambda: None
    desk = Desk(venue)
    asked, failed = told(await desk.cancels.cancel_all(Equity("SPY"), check))
    assert (list(asked), failed) == (["a"], {"b": Reason.STALE_EPOCH})
    assert len(desk.venue.sent("DELETE")) == 1


async def test_exits_of_an_open_order_end_with_it_and_those_of_a_filled_one_by_themselves() -> None:
    legs = bracket_json()["legs"]
    venue = Venue(bracket_json(id="parent"), answer=words(word("parent")))
    asked, _ = told(await cancels(venue))
    assert list(asked) == ["parent"]
    exits: dict[str, Any] = {"legs": [leg | {"status": "new"} for leg in legs], "status": "filled"}
    shown = bracket_json(id="parent", **exits)
    both = Venue(answer=words(word("exit-1"), word("exit-2")))
    both.orders = {"x": shown | {"status": "new"}}
    desk = Desk(both)
    desk.translator.reports(shown)
    both.orders = {leg["id"]: leg for leg in exits["legs"]}
    asked, failed = told(await desk.cancels.cancel_all(None, passes))
    assert (sorted(asked), failed) == (["exit-1", "exit-2"], {})


async def test_orders_that_cant_be_read_before_it_are_not_canceled() -> None:
    desk = Desk(lambda asked: Reply(500))
    with pytest.raises(Unavailable):
        await desk.cancels.cancel_all(None, passes)
    assert desk.venue.sent("DELETE") == []


async def test_one_cancel_without_an_answer_is_in_doubt() -> None:
    venue = Venue(named("a"), answer=requests.ConnectionError("reset"))
    desk = Desk(lambda a: Reply(200, named("a")) if "by_client" in a.path else venue(a))
    with pytest.raises(OutcomeUnknown):
        await desk.cancels.cancel("c-a", passes)
