"""Reads over the wire: complete or an error, paged at one moment, ready only when fenced."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.common.contract.convert import instrument_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2, types_pb2
from services.common.domain.amounts import parse_decimal
from services.common.domain.errors import ReadFailed, Reason
from services.common.domain.instruments import Equity
from services.common.domain.market import Quote, QuoteQuality
from services.common.domain.reports import VenuePosition
from tests.unit.adapter.served import ID, Served, error_of

SPY, QQQ = Equity("SPY"), Equity("QQQ")


async def test_an_adapter_says_who_it_is(served: Served) -> None:
    accounts = (await served.broker.ListAccounts(pb.ListAccountsRequest())).accounts
    assert [account.account_id for account in accounts] == ["main"]
    (venue,) = accounts[0].venues
    assert (venue.name, venue.venue_account_id, venue.account_tag) == ("fake", "FAKE-1", "t1")
    assert venue.mode == types_pb2.ACCOUNT_MODE_PAPER


async def test_capabilities_name_what_is_served_and_nothing_else(served: Served) -> None:
    reply = await served.broker.GetCapabilities(pb.GetCapabilitiesRequest())
    (mine,) = reply.venues
    assert reply.server_version == "1.2.3"
    assert mine.order_types == [types_pb2.ORDER_TYPE_MARKET, types_pb2.ORDER_TYPE_LIMIT]
    assert mine.entitlements == ["feed=fake"]
    assert mine.enforces_unique_ids
    assert list(mine.methods) == [
        "GetCapabilities",
        "GetStatus",
        "ListAccounts",
        "SubmitOrder",
        "PreviewOrder",
        "ReplaceOrder",
        "CancelOrder",
        "CancelAllOrders",
        "GetOrder",
        "ListOrders",
        "ListExecutions",
        "GetAccount",
        "ListPositions",
        "GetPosition",
        "ClosePosition",
        "ExerciseOption",
        "DoNotExercise",
        "ListActivities",
        "GetQuotes",
        "GetBars",
        "ListOptionContracts",
        "GetOptionSnapshots",
        "GetMarketClock",
        "GetMarketCalendar",
        "StreamQuotes",
        "WatchEvents",
    ]


async def test_a_venue_is_ready_only_after_a_fence(served: Served) -> None:
    before = (await served.broker.GetStatus(pb.GetStatusRequest(account_id="main"))).venues[0]
    assert (before.state, before.ready) == (events_pb2.VENUE_STATE_UP, False)
    assert "Fence" in before.reason
    assert before.session_id == served.gateway.session_id
    await served.fence()
    after = (await served.broker.GetStatus(pb.GetStatusRequest())).venues[0]
    assert after.ready
    served.gateway.lose_session("stream gap")
    lost = (await served.broker.GetStatus(pb.GetStatusRequest())).venues[0]
    assert (lost.state, lost.ready, lost.session_id) == (events_pb2.VENUE_STATE_DOWN, False, "")


async def test_balances_come_with_their_sum(served: Served) -> None:
    reply = await served.broker.GetAccount(pb.GetAccountRequest(account_id="main"))
    assert reply.balances[0].cash.amount.value == "100000"
    (total,) = reply.totals
    assert (total.currency_code, total.cash.amount.value) == ("USD", "100000")
    assert reply.account.venues[0].account_tag == "t1"


async def test_a_look_up_finds_misses_or_can_not_tell(served: Served) -> None:
    await served.fence()
    order = await served.submit()

    async def get(**fields: str) -> pb.GetOrderResponse:
        reply: pb.GetOrderResponse = await served.broker.GetOrder(
            pb.GetOrderRequest(account_id="main", **fields)
        )
        return reply

    found = await get(client_order_id=ID)
    assert found.lookup == pb.ORDER_LOOKUP_FOUND
    assert found.order == order
    assert found.session_id == served.gateway.session_id
    assert (await get(venue_order_id=order.venue_order_id)).order == order
    absent = await get(client_order_id="any id that a venue shows")
    assert absent.lookup == pb.ORDER_LOOKUP_ABSENT
    served.gateway.lookup_unknown = "older than what the venue keeps"
    unknown = await get(client_order_id=ID)
    assert (unknown.lookup, unknown.reason) == (
        pb.ORDER_LOOKUP_UNKNOWN,
        "older than what the venue keeps",
    )


READS = [
    ("GetOrder", pb.GetOrderRequest(account_id="main", client_order_id=ID)),
    ("ListOrders", pb.ListOrdersRequest(account_id="main")),
    ("ListExecutions", pb.ListExecutionsRequest(account_id="main")),
    ("GetAccount", pb.GetAccountRequest(account_id="main")),
    ("ListPositions", pb.ListPositionsRequest(account_id="main")),
    (
        "GetPosition",
        pb.GetPositionRequest(account_id="main", instrument=instrument_to_wire(SPY)),
    ),
    ("GetQuotes", pb.GetQuotesRequest(account_id="main", instruments=[instrument_to_wire(SPY)])),
    ("GetMarketClock", pb.GetMarketClockRequest(account_id="main")),
]


@pytest.mark.parametrize(("method", "request_"), READS, ids=[name for name, _ in READS])
async def test_a_failed_read_is_an_error_and_never_empty(
    served: Served, method: str, request_: Any
) -> None:
    await getattr(served.broker, method)(request_)
    served.gateway.read_failure = ReadFailed("the venue is down", retry_after_s=3.0)
    failed = await error_of(getattr(served.broker, method)(request_), mutation=False)
    assert isinstance(failed, ReadFailed)
    assert (failed.reason, failed.retry_after_s) == (Reason.READ_FAILED, 3.0)


@pytest.mark.parametrize(("method", "request_"), READS, ids=[name for name, _ in READS])
async def test_reads_are_of_the_account_that_is_served(
    served: Served, method: str, request_: Any
) -> None:
    for account_id, reason in (
        ("", Reason.INVALID_FIELD),
        ("other", Reason.ACCOUNT_NOT_FOUND),
    ):
        other = type(request_)()
        other.CopyFrom(request_)
        other.account_id = account_id
        failed = await error_of(getattr(served.broker, method)(other), mutation=False)
        assert failed.reason is reason


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetOrder", pb.GetOrderRequest(account_id="main")),
        (
            "GetOrder",
            pb.GetOrderRequest(account_id="main", client_order_id="a", venue_order_id="b"),
        ),
        ("GetOrder", pb.GetOrderRequest(account_id="main", client_order_id="x" * 129)),
        ("ListOrders", pb.ListOrdersRequest(account_id="main", strategy_tag="wheel")),
        ("ListOrders", pb.ListOrdersRequest(account_id="main", filter=pb.ORDER_FILTER_IN_DOUBT)),
        ("ListOrders", pb.ListOrdersRequest(account_id="main", filter=77)),  # type: ignore[arg-type]
        ("GetQuotes", pb.GetQuotesRequest(account_id="main")),
        (
            "GetQuotes",
            pb.GetQuotesRequest(account_id="main", instruments=[instrument_to_wire(SPY)] * 101),
        ),
        ("GetPosition", pb.GetPositionRequest(account_id="main")),
    ],
)
async def test_a_read_that_makes_no_sense_is_refused(
    served: Served, method: str, request_: Any
) -> None:
    failed = await error_of(getattr(served.broker, method)(request_), mutation=False)
    assert failed.reason is Reason.INVALID_FIELD


async def list_orders(served: Served, **page: Any) -> pb.ListOrdersResponse:
    reply: pb.ListOrdersResponse = await served.broker.ListOrders(
        pb.ListOrdersRequest(account_id="main", page=types_pb2.PageRequest(**page))
    )
    return reply


async def test_pages_show_one_moment_though_orders_come_and_end(served: Served) -> None:
    await served.fence()
    for number in range(5):
        await served.submit(f"o{number}~t1~1.0")
    first = await list_orders(served, page_size=2)
    await served.submit("late~t1~1.0")
    served.gateway.fill("o1~t1~1.0", Decimal(2), Decimal(400))
    second = await list_orders(served, page_size=2, page_token=first.next_page_token)
    third = await list_orders(served, page_size=2, page_token=second.next_page_token)
    told = [order.placement_id for page in (first, second, third) for order in page.orders]
    assert told == [f"o{number}~t1~1.0" for number in (4, 3, 2, 1, 0)]
    assert third.next_page_token == ""
    assert {page.as_of.ToNanoseconds() for page in (first, second, third)} == {
        first.as_of.ToNanoseconds()
    }
    assert third.watch_token == first.watch_token
    watched = served.feed.subscribe(first.watch_token, 5.0)
    assert getattr((await anext(watched)).event, "client_id", "") == "late~t1~1.0"


async def test_a_page_token_is_good_for_its_own_list_only(served: Served) -> None:
    await served.fence()
    for number in range(3):
        await served.submit(f"o{number}~t1~1.0")
    token = (await list_orders(served, page_size=2)).next_page_token
    page = types_pb2.PageRequest(page_token=token)
    for method, request in (
        (
            "ListOrders",
            pb.ListOrdersRequest(account_id="main", filter=pb.ORDER_FILTER_OPEN, page=page),
        ),
        ("ListExecutions", pb.ListExecutionsRequest(account_id="main", page=page)),
        ("ListPositions", pb.ListPositionsRequest(account_id="main", page=page)),
    ):
        failed = await error_of(getattr(served.broker, method)(request), mutation=False)
        assert failed.reason is Reason.INVALID_TOKEN
    for size in (-1, 1001):
        failed = await error_of(list_orders(served, page_size=size), mutation=False)
        assert failed.reason is Reason.INVALID_FIELD


async def test_orders_are_listed_by_state(served: Served) -> None:
    await served.fence()
    for number in range(2):
        await served.submit(f"o{number}~t1~1.0")
    served.gateway.fill("o0~t1~1.0", Decimal(2), Decimal(400))
    for filter_, ids in (
        (pb.ORDER_FILTER_UNSPECIFIED, ["o1", "o0"]),
        (pb.ORDER_FILTER_ALL, ["o1", "o0"]),
        (pb.ORDER_FILTER_OPEN, ["o1"]),
        (pb.ORDER_FILTER_CLOSED, ["o0"]),
    ):
        reply = await served.broker.ListOrders(
            pb.ListOrdersRequest(account_id="main", filter=filter_)
        )
        assert [order.placement_id for order in reply.orders] == [f"{i}~t1~1.0" for i in ids]


async def test_executions_are_listed_for_all_orders_or_one(served: Served) -> None:
    await served.fence()
    for number in range(2):
        await served.submit(f"o{number}~t1~1.0")
        served.gateway.fill(f"o{number}~t1~1.0", Decimal(1), Decimal(400))

    async def exec_ids(client_order_id: str) -> list[str]:
        reply = await served.broker.ListExecutions(
            pb.ListExecutionsRequest(account_id="main", client_order_id=client_order_id)
        )
        return [execution.exec_id for execution in reply.executions]

    by_venue_id = pb.ListExecutionsRequest(account_id="main", venue_order_id="venue-2")
    found = (await served.broker.ListExecutions(by_venue_id)).executions
    assert [execution.exec_id for execution in found] == ["exec-2"]
    by_venue_id.client_order_id = "o1~t1~1.0"
    both = await error_of(served.broker.ListExecutions(by_venue_id), mutation=False)
    assert both.reason is Reason.INVALID_FIELD
    assert await exec_ids("") == ["exec-2", "exec-1"]
    assert await exec_ids("o0~t1~1.0") == ["exec-1"]
    failed = await error_of(exec_ids("nobody~t1~1.0"), mutation=False)
    assert failed.reason is Reason.ORDER_NOT_FOUND
    served.gateway.lookup_unknown = "too old"
    failed = await error_of(exec_ids("o0~t1~1.0"), mutation=False)
    assert failed.reason is Reason.READ_FAILED


async def test_positions_are_the_venues(served: Served) -> None:
    served.gateway.position_list = [
        VenuePosition("fake", "main", SPY, Decimal("-3"), avg_entry_price=Decimal("8.5"))
    ]
    listed = await served.broker.ListPositions(pb.ListPositionsRequest(account_id="main"))
    assert [position.qty.value for position in listed.positions] == ["-3"]
    for instrument, count in ((SPY, 1), (QQQ, 0)):
        held = await served.broker.GetPosition(
            pb.GetPositionRequest(account_id="main", instrument=instrument_to_wire(instrument))
        )
        assert len(held.positions) == count


async def test_quotes_name_what_is_missing(served: Served) -> None:
    served.gateway.quote_list = [
        Quote(
            venue="fake",
            instrument=SPY,
            feed="fake",
            quality=QuoteQuality.REALTIME,
            bid_price=parse_decimal("8.50"),
            bid_qty=Decimal(1),
            ask_price=parse_decimal("9"),
            ask_qty=Decimal(1),
            venue_time=None,
        )
    ]
    reply = await served.broker.GetQuotes(
        pb.GetQuotesRequest(
            account_id="main",
            instruments=[instrument_to_wire(SPY), instrument_to_wire(QQQ), instrument_to_wire(SPY)],
        )
    )
    assert [quote.bid_price.value for quote in reply.quotes] == ["8.5"]
    assert [missing.equity.symbol for missing in reply.missing] == ["QQQ"]
    assert reply.venue == "fake"
