"""Bars of the simulated Gateway: sizes, spans, kinds, times, pacing, and bars that go on."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from ib_insync import ComboLeg, Contract, Option, Stock

from simulators.ib_gateway.contracts import con_id_of
from simulators.ib_gateway.history_pacing import Ask, HistoryPacing
from tests.simulators.gateways import PUT, Client, gateway
from tests.simulators.test_ib_insync import connected, eventually, put

SPY = Stock("SPY", "SMART", "USD")


def bars(number: int, **more: Any) -> list[Any]:
    """reqHistoricalData of SPY: one day of minutes unless told otherwise."""
    contract = [0, more.get("symbol", "SPY"), "STK", "", "0.0", "", "", "SMART", "", "USD", "", ""]
    terms = [more.get("end", ""), more.get("size", "1 min"), more.get("duration", "1 D")]
    terms += [1, more.get("kind", "TRADES"), more.get("style", 1)]
    return [20, number, *contract, 0, *terms, more.get("keep", 0), ""]


@pytest.mark.parametrize("version", [176, 177, 178])
async def test_each_message_of_history_has_the_fields_of_its_version(version: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        (told,) = await client.answers("17", *bars(1, size="1 day", duration="3 D"))
        assert len(told) == 5 + 3 * 8
        assert told[:5] == [
            *("17", "1", "20241031 00:00:00 US/Eastern"),
            *(told[3], "3"),
        ]
        assert told[3].startswith("20241104 10:00:0")
        (schedule,) = await client.answers(
            "106", *bars(2, size="1 day", duration="2 D", kind="SCHEDULE")
        )
        assert schedule[:6] == [
            *("106", "2", "20241101-09:30:00", "20241104-16:00:00", "US/Eastern", "2")
        ]
        assert len(schedule) == 6 + 2 * 3
        contract = bars(3)[2:14]
        (head,) = await client.answers("88", 87, 3, *contract, 0, 1, "TRADES", 2)
        assert (len(head), head[0], head[2].isdigit()) == (3, "88", True)
        (histogram,) = await client.answers("89", 88, 4, *contract, 0, 1, "1 day")
        assert len(histogram) == 3 + 2 * int(histogram[2])
        await client.answers("17", *bars(5, keep=1))
        simulated.control.set_quote("SPY", Decimal(401), Decimal("401.02"))
        for bid in (403, 402):
            simulated.control.set_quote("SPY", Decimal(bid), Decimal(bid))
        update = client.of("90")[-1]
        assert update[:4] == ["90", "5", "3", "20241104 10:00:00 US/Eastern"]
        assert update[4:] == ["401.01", "402", "403", "401.01", "402.003333", "300"]
        client.send(50, 3, 6, *contract, 5, "TRADES", 1, "")
        await client.answers("49", 49, 1)
        simulated.control.advance_clock(5)
        assert {len(m) for m in client.of("50")} == {11}


@pytest.mark.parametrize(
    ("size", "duration", "count", "first"),
    [
        ("1 secs", "60 S", 60, "2024-11-04T09:59:00"),
        ("5 secs", "600 S", 120, "2024-11-04T09:50:00"),
        ("30 secs", "3600 S", 120, "2024-11-01T15:30:00"),
        ("1 min", "1 D", 30, "2024-11-04T09:30:00"),
        ("5 mins", "2 D", 78 + 6, "2024-11-01T09:30:00"),
        ("1 hour", "2 D", 7 + 1, "2024-11-01T09:30:00"),
        ("4 hours", "2 D", 2 + 1, "2024-11-01T09:30:00"),
        ("1 day", "5 D", 5, "2024-10-29"),
        ("1 day", "1 W", 5, "2024-10-29"),
        ("1 week", "1 M", 5, "2024-10-11"),
        ("1 month", "1 Y", 13, "2023-11-30"),
    ],
)
async def test_bars_of_each_size_reach_back_as_far_as_is_asked(
    size: str, duration: str, count: int, first: str
) -> None:
    async with connected() as both:
        found = await both.ib.reqHistoricalDataAsync(SPY, "", duration, size, "TRADES", useRTH=True)
        assert (len(found), found[0].date.isoformat()[: len(first)]) == (count, first)
        for bar in found:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.volume > 0


async def test_bars_of_every_size_tell_the_same_story() -> None:
    async with connected() as both:

        async def joined(size: str, duration: str) -> tuple[Any, ...]:
            ask = both.ib.reqHistoricalDataAsync
            found = await ask(SPY, "20241104 09:40:00", duration, size, "TRADES", useRTH=True)
            high, low = max(b.high for b in found), min(b.low for b in found)
            volume = sum(b.volume for b in found)
            return found[0].open, high, low, found[-1].close, volume

        minutes = await joined("1 min", "600 S")
        assert await joined("10 mins", "600 S") == minutes
        assert await joined("10 secs", "600 S") == minutes
        assert await joined("1 secs", "600 S") == minutes


@pytest.mark.parametrize(
    ("end", "last"),
    [
        ("20241101 10:00:00", "09:59:00-04:00"),
        ("20241101 10:00:00 US/Pacific", "12:59:00-04:00"),
        ("20241101-14:30:00", "10:29:00-04:00"),
        ("20241101 14:30:00 UTC", "10:29:00-04:00"),
        ("20991231 00:00:00 UTC", "09:59:00-05:00"),
        ("20241104 08:00:00", "15:59:00-04:00"),
    ],
)
async def test_the_end_is_read_in_each_form(end: str, last: str) -> None:
    async with connected() as both:
        found = await both.ib.reqHistoricalDataAsync(
            SPY, end, "1 D", "1 min", "TRADES", useRTH=True
        )
        assert found[-1].date.isoformat()[11:] == last


async def test_times_come_as_seconds_where_these_are_asked_for() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        (minutes,) = await client.answers("17", *bars(1, style=2))
        assert minutes[5] == "1730730600"
        (days,) = await client.answers("17", *bars(2, style=2, size="1 day", duration="1 D"))
        assert days[5] == "20241104"


async def test_kinds_of_prices_lie_half_a_spread_apart_and_have_no_volume() -> None:
    async with connected() as both:

        async def last(kind: str) -> Any:
            ask = both.ib.reqHistoricalDataAsync
            return (await ask(SPY, "", "1 D", "1 min", kind, useRTH=True))[-1]

        trades, middle = await last("TRADES"), await last("MIDPOINT")
        bid, ask, both_ = await last("BID"), await last("ASK"), await last("BID_ASK")
        assert middle.close == trades.close
        assert (bid.close, ask.close) == (
            pytest.approx(middle.close - 0.02),
            pytest.approx(middle.close + 0.02),
        )
        assert (both_.high, both_.low) == (ask.high, bid.low)
        assert {b.volume for b in (middle, bid, ask, both_)} == {-1}
        (day,) = await both.ib.reqHistoricalDataAsync(
            SPY, "", "1 D", "1 day", "HISTORICAL_VOLATILITY", useRTH=True
        )
        assert 0.05 < day.close < 0.5


async def test_options_and_combinations_have_bars_too() -> None:
    async with connected() as both:
        ask = both.ib.reqHistoricalDataAsync
        own = await ask(put(), "", "1 D", "1 min", "MIDPOINT", useRTH=True)
        other = await ask(
            Option("SPY", "20241115", 390, "P", "SMART"),
            "",
            "1 D",
            "1 min",
            "MIDPOINT",
            useRTH=True,
        )
        legs = [
            ComboLeg(conId=con_id_of(PUT), ratio=1, action="BUY", exchange="SMART"),
            ComboLeg(
                conId=con_id_of("SPY241115P00390000"), ratio=2, action="SELL", exchange="SMART"
            ),
        ]
        bag = Contract(
            secType="BAG", symbol="SPY", exchange="SMART", currency="USD", comboLegs=legs
        )
        joined = await ask(bag, "", "1 D", "1 min", "MIDPOINT", useRTH=True)
        assert len(joined) == len(own) == 30
        assert joined[-1].close == pytest.approx(own[-1].close - 2 * other[-1].close)


async def test_what_cannot_be_asked_is_an_error_that_says_why() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        wrong: tuple[tuple[int, str, dict[str, Any]], ...] = (
            (321, "bar size setting is invalid", {"size": "7 mins"}),
            (321, "integer{SPACE}unit", {"duration": "1 X"}),
            (321, "integer{SPACE}unit", {"duration": "1D"}),
            (321, "must be made in years", {"duration": "400 D"}),
            (321, "must be made in days", {"duration": "90000 S"}),
            (162, "Time length exceed max.", {"size": "1 secs", "duration": "1 D"}),
            (10314, "End Date/Time", {"end": "yesterday"}),
            (10314, "End Date/Time", {"end": "20241104 10:00:00 Nowhere/City"}),
            (10314, "End Date/Time", {"end": "20241304 10:00:00"}),
            (321, "Invalid historical data type", {"kind": "GUESSES"}),
            (321, "Date format", {"style": 7}),
            (321, "ADJUSTED_LAST", {"kind": "ADJUSTED_LAST", "end": "20241101 10:00:00"}),
            (321, "keepUpToDate", {"keep": 1, "end": "20241101 10:00:00"}),
            (321, "keepUpToDate", {"keep": 1, "kind": "BID_ASK"}),
            (162, "query returned no data: SPY@SMART", {"end": "20100101 10:00:00"}),
            (200, "No security definition", {"symbol": "NOSUCH"}),
        )
        for number, (code, text, more) in enumerate(wrong):
            client.send(*bars(number, **more))
            await client.failed(number, code)
            assert [m for m in client.of("4") if m[2] == str(number) and text in m[4]], text
        client.send(25, 1, 77)
        await client.failed(77, 366)


async def test_small_bars_are_paced_by_three_rules() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        small = {"size": "30 secs", "duration": "600 S"}
        for number in range(2):
            client.send(*bars(number, **small))
        await client.failed(1, 162)
        assert "pacing violation" in client.of("4")[-1][4]
        for number in range(2, 7):
            client.send(*bars(number, **small, end=f"20241101 1{number}:00:00"))
        await client.failed(6, 162)
        await client.until(lambda: [m for m in client.of("17") if m[1] == "3"])


def test_ten_minutes_hold_sixty_requests_and_those_for_two_prices_count_twice() -> None:
    now_s = 0.0
    pacing = HistoryPacing(lambda: now_s)
    for number in range(30):
        now_s += 3
        assert pacing.admits(Ask(("SPY",), (str(number),), weight=2))
    assert not pacing.admits(Ask(("QQQ",), ("one more",)))
    now_s += 600
    assert pacing.admits(Ask(("QQQ",), ("one more",)))


async def test_bars_of_a_minute_are_not_paced_unless_that_is_set() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        for number in range(80):
            client.send(*bars(number, size="1 day", duration="1 D"))
        await client.until(lambda: len(client.of("17")) == 80)
    async with gateway(history_pacing="all_bars") as simulated:
        client = await Client(simulated).start()
        for number in range(2):
            client.send(*bars(number))
        await client.failed(1, 162)
    async with gateway(history_pacing="off") as simulated:
        client = await Client(simulated).start()
        for number in range(70):
            client.send(*bars(number, size="30 secs", duration="60 S"))
        await client.until(lambda: len(client.of("17")) == 70)


@pytest.mark.parametrize(("have", "text"), [("none", "permissions"), ("competing", "different IP")])
async def test_without_a_subscription_there_is_no_history(have: str, text: str) -> None:
    async with gateway(market_data=have) as simulated:
        client = await Client(simulated).start()
        client.send(*bars(1))
        await client.failed(1, 162)
        assert text in client.of("4")[-1][4]


async def test_bars_that_are_kept_up_to_date_grow_and_are_followed_by_others() -> None:
    async with connected() as both:
        found = await both.ib.reqHistoricalDataAsync(
            SPY, "", "1 D", "1 min", "MIDPOINT", useRTH=True, keepUpToDate=True
        )
        assert len(found) == 30
        both.simulated.control.set_quote("SPY", Decimal("400.98"), Decimal("401.02"))
        await eventually(lambda: len(found) == 31 and found[-1].close == 401.0)
        both.simulated.control.advance_clock(60)
        await eventually(lambda: len(found) == 32)
        both.ib.cancelHistoricalData(found)
        await eventually(lambda: (both.errors[-1][1]) == 162)
        both.simulated.control.set_quote("SPY", Decimal(390), Decimal(391))
        assert found[-1].close == 401.0


async def test_real_time_bars_come_each_five_seconds_of_a_session() -> None:
    async with connected() as both:
        found = both.ib.reqRealTimeBars(SPY, 5, "TRADES", useRTH=True)
        await eventually(lambda: both.simulated.control.requests()[-1].method == "reqRealTimeBars")
        both.simulated.control.set_quote("SPY", Decimal("400.98"), Decimal("401.02"))
        both.simulated.control.advance_clock(15)
        await eventually(lambda: len(found) >= 3)
        assert (found[0].high, found[0].volume) == (401.0, 100)
        assert [b.time.second for b in found[:3]] == [0, 5, 10]
        both.simulated.control.advance_clock(8 * 3600)
        count = len(found)
        both.simulated.control.advance_clock(3600)
        assert len(found) == count
        both.ib.cancelRealTimeBars(found)


async def test_the_schedule_and_the_head_time_stamp_are_those_of_the_calendar() -> None:
    async with connected() as both:
        schedule = await both.ib.reqHistoricalScheduleAsync(SPY, 3)
        assert [s.refDate for s in schedule.sessions] == ["20241031", "20241101", "20241104"]
        head = await both.ib.reqHeadTimeStampAsync(put(), "TRADES", useRTH=True, formatDate=2)
        assert head.date() == date(2024, 4, 19)


async def test_there_is_no_history_while_the_link_is_down() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        simulated.control.do("connectivity", code=1100)
        client.send(*bars(1))
        await client.failed(1, 162)
        assert "disconnect occurred" in client.of("4")[-1][4]
        simulated.control.do("connectivity", code=1102)
        await client.answers("17", *bars(2))


async def test_a_year_of_minutes_is_more_than_is_given() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.send(*bars(1, duration="1 Y"))
        await client.failed(1, 162)
        assert "Time length exceed max." in client.of("4")[-1][4]
