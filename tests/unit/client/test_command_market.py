"""The commands for market data, changes and activities: what they print, and how they end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from tandem_client.pb import accounts_pb2, errors_pb2, market_pb2, orders_pb2, types_pb2
from tandem_client.pb import broker_service_pb2 as pb

from tests.unit.client.running import Tandem
from tests.unit.client.scripted_server import ScriptedBroker
from tests.unit.client.small_server import SYMBOL, SmallServer, decimal, failure, option
from tests.unit.client.test_changes import wire_order
from tests.unit.client.test_market import quote, share, stamp, wire_bar

GONE = failure(code_pb2.UNAVAILABLE, "", "gone", effect=None)


@pytest.fixture
def scripted() -> ScriptedBroker:
    return ScriptedBroker()  # type: ignore[abstract]  # the rest is UNIMPLEMENTED


@pytest.fixture
async def server(scripted: ScriptedBroker) -> AsyncIterator[SmallServer]:
    running = SmallServer()
    running.broker = scripted
    await running.start()
    yield running
    await running.stop()


# -- orders --


@pytest.mark.parametrize(
    ("options", "order_type", "order_class", "shown"),
    [
        (["--trail", "2"], "TRAILING_STOP", "UNSPECIFIED", "TRAILING_STOP 2.00 DAY"),
        (
            ["--trail-percent", "1.5", "--tif", "gtc"],
            "TRAILING_STOP",
            "UNSPECIFIED",
            "TRAILING_STOP 1.5% GTC",
        ),
        (
            ["--limit", "9", "--take-profit", "10", "--stop-loss", "8", "--stop-loss-limit", "7"],
            "LIMIT",
            "BRACKET",
            "LIMIT 9.00 DAY take profit 10.00 stop loss 8.00",
        ),
        (["--market", "--stop-loss", "8"], "MARKET", "OTO", "MARKET DAY stop loss 8.00"),
    ],
)
async def test_submit_takes_trailing_stops_and_exits(
    tandem: Tandem,
    scripted: ScriptedBroker,
    options: list[str],
    order_type: str,
    order_class: str,
    shown: str,
) -> None:
    ran = await tandem("submit", "buy", "10", "SPY", "--id", "s-1", *options)
    assert (ran.code, ran.out) == (0, f"s-1  ACCEPTED  BUY 10 SPY  {shown}\n")
    sent = scripted.submit_requests[0].order
    assert types_pb2.OrderType.Name(sent.order_type) == f"ORDER_TYPE_{order_type}"
    assert types_pb2.OrderClass.Name(sent.order_class) == f"ORDER_CLASS_{order_class}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["submit", "buy", "1", "SPY", "--trail", "1", "--limit", "2"], "--trail"),
        (["submit", "buy", "1", "SPY", "--trail", "1", "--trail-percent", "2"], "--trail"),
        (["submit", "buy", "1", "SPY", "--market", "--trail", "1"], "--market"),
        (["submit", "buy", "1", "SPY", "--market", "--stop-loss-limit", "1"], "--stop-loss"),
        (["replace", "my-1"], "what is to change"),
        (["close", "SPY"], "--limit PRICE or --market"),
        (["close", "SPY", "--market", "--limit", "1"], "--limit PRICE or --market"),
        (["exercise", "SPY"], "not an option"),
        (["exercise", SYMBOL, "--not", "--quantity", "1"], "--quantity"),
        (["snapshot", "SPY"], "tandem quotes"),
        (["bars", "SPY", "--from", "2024-11-04T00:00:00"], "time zone"),
        (["bars", "SPY", "--from", "2024-11-04T00:00:00Z", "--every", "0d"], "1m, 15m"),
        (["bars", "SPY"], "--from"),
        (["chain", "spy"], "ticker"),
        (["chain", "SPY", "--from", "tomorrow"], "--from"),
        (["calendar", "2024-11-04"], "LAST"),
        (["activities", "--kind", "gift"], "--kind"),
    ],
)
async def test_wrong_usage_is_one_line_and_nothing_is_asked(
    tandem: Tandem, scripted: ScriptedBroker, arguments: list[str], words: str
) -> None:
    ran = await tandem(*arguments)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert words in line
    assert scripted.requests + scripted.submit_requests == []


async def test_replace_mints_its_key_and_shows_the_order(
    tandem: Tandem, scripted: ScriptedBroker
) -> None:
    scripted.replies["ReplaceOrder"] = [pb.ReplaceOrderResponse(order=wire_order()), GONE]
    ran = await tandem("replace", "my-1", "--limit", "8.60", "--quantity", "2")
    assert ran.code == 0
    assert ran.out.startswith("my-1  PENDING_REPLACE")
    (asked,) = scripted.requests
    assert ran.err == f"replace_id {asked.replace_id}\n"
    assert (asked.limit_price.value, asked.order_qty.value) == ("8.6", "2")
    ran = await tandem("replace", "my-1", "--tif", "gtc", "--replace-id", "c-1")
    assert ran.code == 3
    assert "look it up: tandem order my-1" in ran.err


async def test_cancel_all_names_those_that_could_not_be_asked(
    tandem: Tandem, scripted: ScriptedBroker
) -> None:
    cause = orders_pb2.OrderCause(reason=errors_pb2.ERROR_REASON_VENUE_UNAVAILABLE, message="down")
    failed = pb.CancelFailure(order=wire_order("b"), cause=cause)
    scripted.replies["CancelAllOrders"] = [
        pb.CancelAllOrdersResponse(orders=[wire_order("a")]),
        pb.CancelAllOrdersResponse(orders=[wire_order("a")], failures=[failed]),
    ]
    ran = await tandem("cancel-all", "--symbol", "SPY", "--venue", "alpaca")
    assert (ran.code, ran.err) == (0, "")
    assert "a" in ran.out
    ran = await tandem("cancel-all")
    assert (ran.code, ran.err) == (1, "not canceled: b: VENUE_UNAVAILABLE down\n")


async def test_close_is_an_order_under_an_id(tandem: Tandem, scripted: ScriptedBroker) -> None:
    order = wire_order("x-1")
    order.status = types_pb2.ORDER_STATUS_REJECTED
    scripted.replies["ClosePosition"] = [pb.ClosePositionResponse(order=order), GONE]
    ran = await tandem("close", SYMBOL, "--limit", "1.05", "--id", "x-1")
    assert ran.code == 1
    assert "REJECTED" in ran.out
    (asked,) = scripted.requests
    assert (asked.order_type, asked.HasField("qty")) == (types_pb2.ORDER_TYPE_LIMIT, False)
    ran = await tandem("close", SYMBOL, "--market", "--quantity", "2", "--id", "x-2")
    assert ran.code == 3
    assert "tandem order x-2" in ran.err


@pytest.mark.parametrize(
    ("status", "code"),
    [("ACCEPTED", 0), ("REJECTED", 1), ("UNPLACED", 1), ("IN_DOUBT", 3)],
)
async def test_exercise_ends_as_the_instruction_stands(
    tandem: Tandem, scripted: ScriptedBroker, status: str, code: int
) -> None:
    stands = types_pb2.OrderStatus.Value(f"ORDER_STATUS_{status}")
    scripted.replies["ExerciseOption"] = [pb.ExerciseOptionResponse(status=stands)]
    scripted.replies["DoNotExercise"] = [pb.DoNotExerciseResponse(status=stands)]
    ran = await tandem("exercise", SYMBOL, "--quantity", "2", "--id", "e-1")
    assert (ran.code, ran.out) == (code, f"e-1  {status}\n")
    ran = await tandem("exercise", SYMBOL, "--not", "--id", "e-2")
    assert (ran.code, ran.out) == (code, f"e-2  {status}\n")
    names = [type(request).__name__ for request in scripted.requests]
    assert names == ["ExerciseOptionRequest", "DoNotExerciseRequest"]


async def test_preview_sends_nothing_and_tells_warnings(
    tandem: Tandem, scripted: ScriptedBroker
) -> None:
    paid = types_pb2.Money(amount=decimal("-850.5"), currency_code="USD")
    scripted.replies["PreviewOrder"] = [
        pb.PreviewOrderResponse(
            venue="alpaca", cash_effect=paid, estimated=True, warnings=["near the close"]
        )
    ]
    ran = await tandem("preview", "buy", "1", "SPY", "--market")
    assert (ran.code, ran.err) == (0, "warning: near the close\n")
    assert "-850.50 USD" in ran.out
    assert "estimated by us" in ran.out
    assert scripted.submits == 0


# -- market data --


async def ran_with(
    tandem: Tandem, scripted: ScriptedBroker, name: str, reply: Any, *line: str
) -> str:
    """What the command prints for the reply, as a table; its JSON is one document."""
    scripted.replies[name] = [reply, reply]
    ran = await tandem(*line)
    assert ran.code == 0, ran.err
    assert json.loads((await tandem(*line, "--json")).out)
    return ran.out


async def test_bars_are_a_table(tandem: Tandem, scripted: ScriptedBroker) -> None:
    reply = pb.GetBarsResponse(bars=[wire_bar(0)], venue="alpaca", feed="iex")
    line = ["bars", "SPY", "--every", "15m", "--from", "2024-11-04T14:30:00Z"]
    out = await ran_with(tandem, scripted, "GetBars", reply, *line)
    assert "2024-11-04 14:30:00Z" in out
    assert "400.00" in out
    assert "alpaca iex" in out
    asked = scripted.requests[0]
    assert asked.bar_length.seconds == 900
    assert not asked.HasField("end_time")


async def test_a_chain_is_a_table(tandem: Tandem, scripted: ScriptedBroker) -> None:
    listed = market_pb2.OptionContract(instrument=option(), tradable=False)
    reply = pb.ListOptionContractsResponse(contracts=[listed], venue="alpaca")
    line = ["chain", "SPY", "--to", "2024-11-20", "--strike-from", "390", "--puts"]
    out = await ran_with(tandem, scripted, "ListOptionContracts", reply, *line)
    assert SYMBOL in out
    assert "not now" in out
    asked = scripted.requests[0]
    assert (asked.right, asked.expiry_to.day) == (types_pb2.OPTION_RIGHT_PUT, 20)
    assert asked.strike_from.value == "390"


async def test_snapshots_show_greeks_and_name_what_is_missing(
    tandem: Tandem, scripted: ScriptedBroker
) -> None:
    found = market_pb2.OptionSnapshot(
        quote=market_pb2.Quote(instrument=option(), venue="alpaca"),
        greeks=market_pb2.Greeks(delta=-0.25),
    )
    reply = pb.GetOptionSnapshotsResponse(snapshots=[found], missing=[option()], venue="alpaca")
    out = await ran_with(tandem, scripted, "GetOptionSnapshots", reply, "snapshot", SYMBOL)
    assert "-0.2500" in out
    scripted.replies["GetOptionSnapshots"] = [reply]
    assert (await tandem("snapshot", SYMBOL)).err == f"no quote: {SYMBOL}\n"


async def test_calendar_and_clock_are_in_utc(tandem: Tandem, scripted: ScriptedBroker) -> None:
    day = types_pb2.Date(year=2024, month=11, day=4)
    trading = market_pb2.MarketDay(date=day, open_time=stamp(), close_time=stamp())
    reply = pb.GetMarketCalendarResponse(days=[trading], venue="alpaca")
    line = ["calendar", "2024-11-04", "2024-11-08"]
    out = await ran_with(tandem, scripted, "GetMarketCalendar", reply, *line)
    assert "2024-11-04  2024-11-04 14:30:00Z" in out.replace("   ", "  ")
    clock = pb.GetMarketClockResponse(
        venue_time=stamp(),
        is_open=True,
        next_open=stamp(),
        next_close=stamp(),
        trading_date=day,
        venue="alpaca",
    )
    out = await ran_with(tandem, scripted, "GetMarketClock", clock, "clock")
    assert out == "alpaca  2024-11-04 14:30:00Z  open until 2024-11-04 14:30:00Z\n"


async def test_streamed_quotes_are_a_line_each(tandem: Tandem, scripted: ScriptedBroker) -> None:
    scripted.streamed = [
        pb.StreamQuotesResponse(quote=quote()),
        pb.StreamQuotesResponse(quote=quote("2"), after_gap=True),
    ]
    ran = await tandem("quotes", "SPY", "--stream")
    first, second = ran.out.splitlines()
    assert "SPY  - x 1.25 | - x -  alpaca iex REALTIME" in first
    assert second.endswith("REALTIME  after a gap")
    ran = await tandem("quotes", "SPY", "--stream", "--json")
    assert [json.loads(line)["after_gap"] for line in ran.out.splitlines()] == [False, True]
    scripted.stream_end = failure(code_pb2.UNAVAILABLE, "VENUE_UNAVAILABLE", "alpaca: gone")
    ran = await tandem("quotes", "SPY", "--stream")
    assert ran.code == 1
    assert "VENUE_UNAVAILABLE: alpaca: gone" in ran.err


async def test_capabilities_say_what_is_not_known(tandem: Tandem, scripted: ScriptedBroker) -> None:
    known = pb.VenueCapabilities(
        venue=types_pb2.Venue(name="alpaca"), order_types=[types_pb2.ORDER_TYPE_LIMIT]
    )
    reply = pb.GetCapabilitiesResponse(venues=[known])
    out = await ran_with(tandem, scripted, "GetCapabilities", reply, "capabilities")
    assert "LIMIT" in out
    assert "not known" in out


async def test_activities_are_a_table_by_kind(tandem: Tandem, scripted: ScriptedBroker) -> None:
    told = [
        accounts_pb2.Activity(
            activity_id="a-1",
            venue="alpaca",
            activity_type=accounts_pb2.ACTIVITY_TYPE_ASSIGNMENT,
            instrument=option(),
            qty=decimal("1"),
        ),
        accounts_pb2.Activity(
            activity_id="a-2", venue="alpaca", raw_type="ODD", instrument=share()
        ),
    ]
    reply = pb.ListActivitiesResponse(activities=told)
    line = ["activities", "--kind", "assignment", "--after", "2024-11-04T00:00:00Z"]
    out = await ran_with(tandem, scripted, "ListActivities", reply, *line)
    assert "ASSIGNMENT" in out
    assert "ODD" in out
    asked = scripted.requests[0]
    assert list(asked.activity_types) == [accounts_pb2.ACTIVITY_TYPE_ASSIGNMENT]
