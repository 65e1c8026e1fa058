"""Reads that the router passes on: which venue answers, what a reply and an error name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.contract.convert import (
    bar_from_wire,
    date_to_wire,
    duration_to_wire,
    instrument_to_wire,
    listed_option_from_wire,
    market_day_from_wire,
    snapshot_from_wire,
    spec_to_wire,
    timestamp_to_wire,
)
from services.common.contract.convert.previews import preview_from_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2, types_pb2
from services.common.contract.pb import operations_service_pb2 as ops_pb
from services.common.domain.amounts import Money
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason
from services.common.domain.instruments import Equity, OptionRight
from services.common.domain.market import Bar, ListedOption, MarketDay, OptionSnapshot
from services.common.domain.occ import parse_occ
from services.common.domain.reports import Preview, VenueState
from services.router.routing.market import BarQuery, ContractQuery, PageAsked, VenuePage
from tests.unit.router.api_rig import Api, Code, api, failure
from tests.unit.router.harness import closing, held_short, share_order, until
from tests.unit.router.scripted_market import quote
from tests.unit.router.scripted_port import ScriptedPort

SPY, PUT = Equity("SPY"), parse_occ("SPY241115P00400000")
START = datetime(2024, 11, 4, 14, 30, tzinfo=UTC)
PX = Decimal(400)
BAR = Bar(START, PX, PX, PX, PX, Decimal(7))
BROKEN = ReadFailed("500")
NOT_OFFERED = ReadFailed("no such thing", reason=Reason.NOT_IMPLEMENTED)


def bars_request(**changes: Any) -> pb.GetBarsRequest:
    fields: dict[str, Any] = {
        "account_id": "main",
        "instrument": instrument_to_wire(SPY),
        "bar_length": duration_to_wire(60.0),
        "start_time": timestamp_to_wire(START),
    }
    return pb.GetBarsRequest(**(fields | changes))


def clock_request(venue: str = "") -> pb.GetMarketClockRequest:
    return pb.GetMarketClockRequest(account_id="main", venue=venue)


READS: dict[str, Callable[[str], Any]] = {
    "GetQuotes": lambda venue: pb.GetQuotesRequest(
        account_id="main", instruments=[instrument_to_wire(SPY)], venue=venue
    ),
    "GetBars": lambda venue: bars_request(venue=venue),
    "ListOptionContracts": lambda venue: pb.ListOptionContractsRequest(
        account_id="main", underlying_symbol="SPY", venue=venue
    ),
    "GetOptionSnapshots": lambda venue: pb.GetOptionSnapshotsRequest(
        account_id="main", instruments=[instrument_to_wire(PUT)], venue=venue
    ),
    "GetMarketClock": clock_request,
    "GetMarketCalendar": lambda venue: pb.GetMarketCalendarRequest(
        account_id="main",
        start_date=date_to_wire(date(2024, 11, 4)),
        end_date=date_to_wire(date(2024, 11, 8)),
        venue=venue,
    ),
}


# -- which venue --


@pytest.mark.parametrize("read", READS)
async def test_each_read_is_answered_by_the_venue_named_or_the_preferred_one(
    path: Path, read: str
) -> None:
    async with api(path, "alpaca", "second") as it:
        call, request = getattr(it.broker, read), READS[read]
        assert (await call(request(""))).venue == "alpaca"
        assert (await call(request("second"))).venue == "second"
        code, error = await failure(call(request("third")))
        assert (code, error.reason) == (Code.NOT_FOUND, Reason.VENUE_NOT_FOUND)
        without = request("")
        without.account_id = ""
        assert (await failure(call(without)))[0] is Code.INVALID_ARGUMENT


async def test_a_venue_that_was_named_fails_for_itself(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        it.running.alpaca.market_error = BROKEN
        code, error = await failure(it.broker.GetMarketClock(clock_request("alpaca")))
        assert (code, error.reason) == (Code.UNAVAILABLE, Reason.READ_FAILED)
        assert error.message == "alpaca: 500"
        assert it.running.second.asked == []


async def test_without_a_name_the_next_one_answers_and_says_so(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        for error in (BROKEN, NOT_OFFERED):
            it.running.alpaca.market_error = error
            assert (await it.broker.GetMarketClock(clock_request())).venue == "second"


async def test_a_venue_that_hangs_leaves_the_next_one_time_to_answer(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        it.running.alpaca.market_hold = asyncio.Event()
        assert (await it.broker.GetMarketClock(clock_request(), timeout=4.0)).venue == "second"
        it.running.second.market_hold = asyncio.Event()
        code = (await failure(it.broker.GetMarketClock(clock_request(), timeout=0.5)))[0]
        assert code is Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (BROKEN, NOT_OFFERED, Reason.READ_FAILED),
        (NOT_OFFERED, BROKEN, Reason.READ_FAILED),
        (BROKEN, ReadFailed("too many", reason=Reason.RATE_LIMITED), Reason.READ_FAILED),
    ],
)
async def test_where_all_fail_the_error_names_each(
    path: Path, first: ReadFailed, second: ReadFailed, reason: Reason
) -> None:
    async with api(path, "alpaca", "second") as it:
        it.running.alpaca.market_error, it.running.second.market_error = first, second
        _, error = await failure(it.broker.GetMarketClock(clock_request()))
        assert error.reason is reason
        assert error.message == f"alpaca: {first.message}; second: {second.message}"
        assert [cause.venue for cause in error.venue_causes] == ["alpaca", "second"]


async def test_what_no_venue_offers_is_unimplemented(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        for port in it.running.ports.values():
            port.market_error = NOT_OFFERED
        assert (await failure(it.broker.GetBars(bars_request())))[0] is Code.UNIMPLEMENTED


async def test_what_is_wrong_with_the_request_is_told_with_its_field_and_asked_once(
    path: Path,
) -> None:
    async with api(path, "alpaca", "second") as it:
        reason = Reason.INVALID_FIELD
        it.running.alpaca.market_error = ReadFailed("bar_length: too short", reason=reason)
        code, error = await failure(it.broker.GetBars(bars_request()))
        assert code is Code.INVALID_ARGUMENT
        assert isinstance(error, InvalidRequest)
        assert (error.field, error.message) == ("bar_length", "bar_length: too short")
        assert it.running.second.asked == []


async def test_a_venue_that_is_down_is_asked_after_the_others_and_a_lost_one_never(
    path: Path,
) -> None:
    ports = {name: ScriptedPort(name) for name in ("alpaca", "second")}
    ports["alpaca"].state = VenueState.DOWN
    async with api(path, ports=ports, wait_ready=False) as it:
        await until(lambda: all(link.is_fenced for link in it.running.core.links.values()))
        assert (await it.broker.GetMarketClock(clock_request())).venue == "second"
        it.running.second.market_error = BROKEN
        assert (await it.broker.GetMarketClock(clock_request())).venue == "alpaca"
        for port in ports.values():
            port.reachable = False
            port.news.put_nowait(None)
        await until(lambda: not any(link.is_fenced for link in it.running.core.links.values()))
        asked = [list(port.asked) for port in ports.values()]
        code, error = await failure(it.broker.GetMarketClock(clock_request()))
        assert (code, error.reason) == (Code.UNAVAILABLE, Reason.VENUE_UNAVAILABLE)
        assert asked == [port.asked for port in ports.values()]
        assert "alpaca: " in error.message
        assert "second: " in error.message


# -- what is asked and answered --


async def test_quotes_and_snapshots_name_what_is_missing(path: Path) -> None:
    async with api(path) as it:
        it.running.alpaca.quoted = [quote(SPY)]
        asked = [instrument_to_wire(one) for one in (SPY, PUT, SPY)]
        reply = await it.broker.GetQuotes(pb.GetQuotesRequest(account_id="main", instruments=asked))
        assert [q.instrument.equity.symbol for q in reply.quotes] == ["SPY"]
        assert list(reply.missing) == [instrument_to_wire(PUT)]
        assert it.running.alpaca.asked == [(SPY, PUT)], "each once"
        it.running.alpaca.snapshots = [OptionSnapshot(quote(PUT), last_price=PX)]
        call = parse_occ("SPY241115C00400000")
        snapshots = await it.broker.GetOptionSnapshots(
            pb.GetOptionSnapshotsRequest(
                account_id="main", instruments=[instrument_to_wire(one) for one in (call, PUT)]
            )
        )
        assert list(map(snapshot_from_wire, snapshots.snapshots)) == it.running.alpaca.snapshots
        assert list(snapshots.missing) == [instrument_to_wire(call)]


async def test_bars_contracts_and_days_are_asked_for_as_given(path: Path) -> None:
    async with api(path) as it:
        port = it.running.alpaca
        port.bars_found = VenuePage([BAR], feed="iex")
        bars = await it.broker.GetBars(bars_request(end_time=timestamp_to_wire(START)))
        assert ([*map(bar_from_wire, bars.bars)], bars.feed) == ([BAR], "iex")
        port.listed = VenuePage([ListedOption(PUT, tradable=True)])
        listed = await it.broker.ListOptionContracts(
            pb.ListOptionContractsRequest(
                account_id="main",
                underlying_symbol="SPY",
                expiry_to=date_to_wire(date(2024, 11, 20)),
                strike_from=types_pb2.Decimal(value="390.5"),
                right=types_pb2.OPTION_RIGHT_PUT,
            )
        )
        assert [*map(listed_option_from_wire, listed.contracts)] == port.listed.items
        port.days = [MarketDay(date(2024, 11, 4), START, START)]
        days = await it.broker.GetMarketCalendar(READS["GetMarketCalendar"](""))
        assert [*map(market_day_from_wire, days.days)] == port.days
        query = ContractQuery(
            "SPY",
            expiry_to=date(2024, 11, 20),
            strike_from=Decimal("390.5"),
            right=OptionRight.PUT,
        )
        assert port.asked == [
            (BarQuery(SPY, 60.0, START, START), PageAsked()),
            (query, PageAsked()),
            (date(2024, 11, 4), date(2024, 11, 8)),
        ]


async def test_a_page_token_holds_at_its_venue_and_nowhere_else(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        it.running.alpaca.market_error = BROKEN
        it.running.second.bars_found = VenuePage([BAR], "0f.2", "iex")
        first = await it.broker.GetBars(bars_request(page=types_pb2.PageRequest(page_size=2)))
        assert first.venue == "second"
        it.running.alpaca.market_error = None
        it.running.second.bars_found = VenuePage([BAR])
        page = types_pb2.PageRequest(page_size=3, page_token=first.next_page_token)
        last = await it.broker.GetBars(bars_request(page=page))
        assert (last.venue, last.next_page_token) == ("second", "")
        asked = [ask[1] for ask in it.running.second.asked]  # type: ignore[index]
        assert asked == [PageAsked(2), PageAsked(3, "0f.2")]
        it.running.second.market_error = BROKEN
        failed = await failure(it.broker.GetBars(bars_request(page=page)))
        assert failed[0] is Code.UNAVAILABLE, "no other venue can go on with the list"
        assert len(it.running.alpaca.asked) == 1
        for token, venue in ((page.page_token, "alpaca"), ("0f.2", ""), ("third:1", "")):
            page.page_token = token
            code, error = await failure(it.broker.GetBars(bars_request(page=page, venue=venue)))
            assert (code, error.reason) == (Code.INVALID_ARGUMENT, Reason.INVALID_TOKEN)


@pytest.mark.parametrize(
    ("read", "field", "request_"),
    [
        ("GetQuotes", "instruments", pb.GetQuotesRequest()),
        ("GetQuotes", "instruments", pb.GetQuotesRequest(
            instruments=[types_pb2.Instrument()] * 101
        )),
        ("GetBars", "bar_length", pb.GetBarsRequest()),
        ("GetBars", "start_time", pb.GetBarsRequest(
            bar_length=duration_to_wire(60), instrument=instrument_to_wire(SPY)
        )),
        ("ListOptionContracts", "underlying_symbol", pb.ListOptionContractsRequest()),
        ("GetOptionSnapshots", "instruments[0]", pb.GetOptionSnapshotsRequest(
            instruments=[instrument_to_wire(SPY)]
        )),
        ("GetMarketCalendar", "start_date", pb.GetMarketCalendarRequest()),
        ("GetMarketCalendar", "end_date", pb.GetMarketCalendarRequest(
            start_date=date_to_wire(date(2024, 11, 4))
        )),
        ("PreviewOrder", "order", pb.PreviewOrderRequest()),
    ],
)  # fmt: skip
async def test_what_is_missing_is_named_and_nobody_is_asked(
    path: Path, read: str, field: str, request_: Any
) -> None:
    async with api(path) as it:
        request_.account_id = "main"
        code, error = await failure(getattr(it.broker, read)(request_))
        assert code is Code.INVALID_ARGUMENT
        assert isinstance(error, InvalidRequest)
        assert error.field == field
        assert it.running.alpaca.asked == []


# -- previews --

USD = Money(Decimal("-850.5"), "USD")
PREVIEW = Preview("alpaca", estimated=True, cash_effect=USD, warnings=("near the close",))


async def preview(it: Api, order: Any, venue: str = "") -> pb.PreviewOrderResponse:
    request = pb.PreviewOrderRequest(account_id="main", order=spec_to_wire(order), venue=venue)
    reply: pb.PreviewOrderResponse = await it.broker.PreviewOrder(request)
    return reply


async def test_a_preview_is_asked_of_the_venue_that_would_get_the_order(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        for port in it.running.ports.values():
            port.previewed = PREVIEW
        assert preview_from_wire(await preview(it, share_order())) == PREVIEW
        assert (await preview(it, share_order(venue_preference="second"))).venue == "second"
        assert (await preview(it, share_order(), "second")).venue == "second"
        await held_short(it.running, venue="second")
        assert (await preview(it, closing())).venue == "second", "its holder"
        sent = [order.client_order_id for port in it.running.ports.values() for order in port.sent]
        assert sent == ["open~sd~1.0"], "previews send nothing"
        assert list(it.running.core.books.orders) == [("main", "open")]


async def test_a_preview_that_fails_is_never_asked_of_another_venue(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        it.running.alpaca.market_error = BROKEN
        code, error = await failure(preview(it, share_order()))
        assert (code, error.message) == (Code.UNAVAILABLE, "alpaca: 500")
        assert it.running.second.asked == []


async def test_a_preview_of_what_would_be_refused_is_refused_alike(path: Path) -> None:
    async with api(path) as it:
        code, error = await failure(preview(it, closing()))
        assert (code, error.reason) == (Code.FAILED_PRECONDITION, Reason.INTENT_MISMATCH)
        assert it.running.alpaca.asked == []


async def test_a_preview_warns_of_a_gate_that_is_shut(path: Path) -> None:
    async with api(path) as it:
        it.running.alpaca.previewed = PREVIEW
        halted = ops_pb.SetTradingStateRequest(
            state=events_pb2.TRADING_STATE_HALTED, reason="lunch"
        )
        await it.operations.SetTradingState(halted)
        reply = await preview(it, share_order())
        assert reply.warnings[0] == "near the close"
        assert "HALTED" in reply.warnings[1]


async def test_a_preview_that_no_venue_would_take_names_each_ones_obstacle(path: Path) -> None:
    async with api(path) as it:
        it.running.alpaca.reachable = False
        it.running.alpaca.news.put_nowait(None)
        await until(lambda: not it.running.core.links["main", "alpaca"].is_fenced)
        code, error = await failure(preview(it, share_order()))
        assert (code, error.reason) == (Code.UNAVAILABLE, Reason.ALL_VENUES_UNAVAILABLE)
        assert [cause.venue for cause in error.venue_causes] == ["alpaca"]
