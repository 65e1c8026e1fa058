"""Unit tests of activities: signed, whole, none of them a fill, none of them dropped."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter.activity_reads import ActivityReads
from services.alpaca_adapter.translate_activity import ActivityTranslator, activity_type
from services.common.adapter.port import ActivityQuery
from services.common.domain.activities import ActivityType
from services.common.domain.amounts import Money
from services.common.domain.errors import ReadFailed
from services.common.domain.instruments import Equity
from services.common.domain.occ import parse_occ
from tests.unit.alpaca_adapter.wire import Asked, Desk, Reply, fill_json

PUT = parse_occ("SPY241115P00400000")


def activity_json(number: int = 1, kind: str = "OPASN", **changed: Any) -> dict[str, Any]:
    return {
        "id": f"20241118000000000::{number:08d}-aaaa-bbbb-cccc-000000000000",
        "activity_type": kind,
        "activity_sub_type": "",
        "date": "2024-11-18",
        "net_amount": "0",
        "description": "Option Assignment",
        "symbol": PUT.occ,
        "qty": "1",
        "status": "executed",
        "group_id": "group-1",
    } | changed


def reads(desk: Desk) -> ActivityReads:
    return ActivityReads(desk.reader, ActivityTranslator("alpaca", "main", desk.clock.now))


def lists(*items: Any, page: int = 100) -> Desk:
    """A venue that has these activities, newest first, so many a page."""

    def answers(asked: Asked) -> Reply:
        newest_first = sorted(items, key=lambda item: str(item["id"]), reverse=True)
        token = asked.query.get("page_token")
        left = [i for i in newest_first if token is None or str(i["id"]) < token]
        return Reply(200, left[:page])

    return Desk(answers)


async def test_an_assignment_comes_with_its_delivery_as_one_group() -> None:
    delivery = activity_json(
        2,
        "OPTRD",
        symbol="SPY",
        qty="100",
        price="400",
        net_amount="-40000",
        description="Option Trade",
    )
    desk = lists(activity_json(), delivery)
    traded, assigned = await reads(desk).activities(ActivityQuery())
    assert (assigned.activity_type, assigned.instrument, assigned.qty) == (
        ActivityType.ASSIGNMENT,
        PUT,
        Decimal(1),
    )
    assert (traded.activity_type, traded.instrument, traded.qty, traded.price) == (
        ActivityType.OPTION_DELIVERY,
        Equity("SPY"),
        Decimal(100),
        Decimal(400),
    )
    assert traded.net_amount == Money(Decimal(-40000), "USD")
    assert (assigned.group_id, traded.group_id) == ("group-1", "group-1")
    assert (assigned.raw_type, assigned.description) == ("OPASN", "Option Assignment")
    assert assigned.times.trading_date == date(2024, 11, 18)
    assert (assigned.times.venue_time, assigned.times.received_time) == (None, desk.clock.now())
    assert assigned.key == ("alpaca", "main", assigned.activity_id)


@pytest.mark.parametrize(
    ("qty", "net_amount", "signed"),
    [("100", "-40000", 100), ("-100", "40000", -100), ("100", "40000", -100), ("-100", "0", -100)],
)
async def test_who_is_paid_for_shares_gives_them(qty: str, net_amount: str, signed: int) -> None:
    delivery = activity_json(1, "OPTRD", symbol="SPY", qty=qty, net_amount=net_amount)
    (found,) = await reads(lists(delivery)).activities(ActivityQuery())
    assert found.qty == signed


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("OPASN", ActivityType.ASSIGNMENT),
        ("OPEXC", ActivityType.EXERCISE),
        ("OPEXP", ActivityType.EXPIRATION),
        ("OPTRD", ActivityType.OPTION_DELIVERY),
        ("OPCSH", ActivityType.OPTION_DELIVERY),
        ("FEE", ActivityType.FEE),
        ("DIV", ActivityType.DIVIDEND),
        ("DIVNRA", ActivityType.DIVIDEND),
        ("INT", ActivityType.INTEREST),
        ("CSD", ActivityType.TRANSFER),
        ("CSW", ActivityType.TRANSFER),
        ("JNLC", ActivityType.TRANSFER),
        ("TRANS", ActivityType.TRANSFER),
        ("SPLIT", ActivityType.CORPORATE_ACTION),
        ("MISC", ActivityType.UNSPECIFIED),
        ("BRANDNEW", ActivityType.UNSPECIFIED),
    ],
)
def test_each_type_has_its_kind(kind: str, known: ActivityType) -> None:
    assert activity_type(kind) is known


async def test_what_has_no_name_here_is_kept_with_its_own() -> None:
    odd = activity_json(
        1,
        "BRANDNEW",
        symbol="BTC/USD",
        description="",
        qty=None,
        net_amount="-1.5",
        status="canceled",
    )
    (found,) = await reads(lists(odd)).activities(ActivityQuery())
    assert (found.activity_type, found.raw_type) == (ActivityType.UNSPECIFIED, "BRANDNEW")
    assert (found.instrument, found.qty) == (None, None)
    assert found.net_amount == Money(Decimal("-1.5"), "USD")
    assert found.description == "BTC/USD (canceled)"


async def test_activities_are_read_to_the_end_and_fills_are_none_of_them() -> None:
    items = [activity_json(number) for number in range(1, 231)]
    items[7] = fill_json(8)
    desk = lists(*items)
    found = await reads(desk).activities(ActivityQuery())
    assert len(found) == 229
    ids = [activity.activity_id for activity in found]
    assert ids == sorted(ids, reverse=True)
    first, second, third = desk.venue.asked
    assert first.path == "/v2/account/activities"
    assert dict(first.query) == {
        "category": "non_trade_activity",
        "direction": "desc",
        "page_size": "100",
    }
    assert (second.query["page_token"], third.query["page_token"]) == (ids[99], ids[199])


async def test_a_page_that_comes_again_is_an_error() -> None:
    desk = Desk(lambda _: Reply(200, [activity_json(number) for number in range(100)]))
    with pytest.raises(ReadFailed):
        await reads(desk).activities(ActivityQuery())


async def test_activities_are_chosen_by_kind_and_time() -> None:
    desk = lists(
        activity_json(1, "FEE", date="2024-11-15"),
        activity_json(2, "FEE", date="2024-11-18"),
        activity_json(3, "DIV", date="2024-11-18"),
        activity_json(4, "FEE", date="2024-11-19"),
        activity_json(5, "FEE", date="", transaction_time="2024-11-18T15:00:00Z"),
        activity_json(6, "FEE", date="", transaction_time="2024-11-18T13:00:00Z"),
    )
    query = ActivityQuery(
        (ActivityType.FEE,),
        after=datetime(2024, 11, 18, 14, 0, tzinfo=UTC),
        before=datetime(2024, 11, 19, 5, 0, tzinfo=UTC),  # midnight in New York
    )
    found = await reads(desk).activities(query)
    assert [activity.activity_id[19:27] for activity in found] == ["00000005", "00000002"]
    assert desk.venue.asked[0].query["after"] == "2024-11-17T14:00:00.000000Z"
    assert "until" not in desk.venue.asked[0].query


@pytest.mark.parametrize(
    "content",
    [
        {},
        [7],
        [{"id": "1"}],
        [{"activity_type": "FEE"}],
        [activity_json(qty="many")],
        [activity_json(net_amount="x")],
    ],
)
async def test_activities_that_cant_be_read_are_an_error(content: Any) -> None:
    with pytest.raises(ReadFailed):
        await reads(Desk(lambda _: Reply(200, content))).activities(ActivityQuery())
