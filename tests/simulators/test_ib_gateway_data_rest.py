"""Single ticks, past ticks, calculated options, and what the Gateway says of its user."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ib_insync import Stock

from simulators.ib_gateway.contracts import con_id_of
from tests.simulators.gateways import ACCOUNT, PUT, Client, gateway
from tests.simulators.test_ib_insync import connected, eventually, put

SPY = Stock("SPY", "SMART", "USD")
CONTRACT = [con_id_of("SPY"), "SPY", "STK", "", "0.0", "", "", "SMART", "", "USD", "", ""]
OPTION = [con_id_of(PUT), "SPY", "OPT", "20241115", 400, "P", "100", "SMART", "", "USD", "", ""]


@pytest.mark.parametrize("version", [176, 177, 178])
async def test_each_of_these_messages_has_the_fields_of_its_version(version: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        for number, (name, count) in enumerate(
            (("Last", 9), ("AllLast", 9), ("BidAsk", 9), ("MidPoint", 5))
        ):
            client.send(97, number, *CONTRACT, name, 0, 0)
            await client.answers("49", 49, 1)
            simulated.control.set_quote("SPY", Decimal(400 + number), Decimal(401 + number))
            (tick,) = client.of("99")[number:]
            assert (len(tick), tick[1], tick[2]) == (count, str(number), str(number + 1))
            client.send(98, number)
        past: tuple[tuple[str, str, int], ...] = (
            ("96", "MIDPOINT", 4),
            ("97", "BID_ASK", 6),
            ("98", "TRADES", 6),
        )
        for end, kind, width in past:
            start = "20241104 09:40:00 US/Eastern"
            (ticks,) = await client.answers(
                end, 96, 9, *CONTRACT, 0, start, "", 100, kind, 1, 0, ""
            )
            assert (len(ticks), ticks[2], ticks[-1]) == (3 + 100 * width + 1, "100", "1")
        answered: tuple[tuple[str, tuple[Any, ...], list[str]], ...] = (
            ("77", (79, 1), ["77", "1", "0"]),
            ("78", (80,), ["78", "1", ACCOUNT, ""]),
            ("85", (85,), ["85", "0"]),
            ("87", (86, 2, 1, "BZ", "", "", 10, ""), ["87", "2", "0"]),
            ("107", (104, 3), ["107", "3", ""]),
        )
        for end, request, answer in answered:
            assert await client.answers(end, *request) == [answer]
        (computed,) = await client.answers("21", 54, 3, 5, *OPTION, "8.75", "400.0", 0, "")
        assert (len(computed), computed[2]) == (12, "53")


async def test_ticks_come_with_each_quote_until_they_are_canceled() -> None:
    async with connected() as both:
        ticker = both.ib.reqTickByTickData(SPY, "BidAsk")
        await eventually(
            lambda: both.simulated.control.requests()[-1].method == "reqTickByTickData"
        )
        both.simulated.control.set_quote("SPY", Decimal(401), Decimal("401.04"))
        await eventually(lambda: (ticker.bid, ticker.ask) == (401.0, 401.04))
        both.ib.cancelTickByTickData(SPY, "BidAsk")


async def test_ticks_are_limited_and_need_a_subscription() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        for number in range(6):
            client.send(97, number, *CONTRACT, "Last", 0, 0)
        await client.failed(5, 10190)
        client.send(97, 1, *CONTRACT, "Last", 0, 0)
        await client.failed(1, 322)
        client.send(97, 8, *CONTRACT, "First", 0, 0)
        await client.failed(8, 321)
    async with gateway(market_data="delayed") as simulated:
        client = await Client(simulated).start()
        client.send(97, 1, *CONTRACT, "Last", 0, 0)
        await client.failed(1, 10189)


async def test_past_ticks_lie_after_a_start_or_before_an_end() -> None:
    async with connected() as both:
        at = datetime(2024, 11, 4, 14, 40, tzinfo=UTC)
        after = await both.ib.reqHistoricalTicksAsync(SPY, at, "", 10, "TRADES", useRth=True)
        before = await both.ib.reqHistoricalTicksAsync(SPY, "", at, 10, "TRADES", useRth=True)
        assert [t.time.second for t in after] == list(range(10))
        assert before[-1].time < at == after[0].time
        quotes = await both.ib.reqHistoricalTicksAsync(SPY, at, "", 5, "BID_ASK", useRth=True)
        assert all(t.priceBid < t.priceAsk for t in quotes)
        over_night = await both.ib.reqHistoricalTicksAsync(
            put(), "", datetime(2024, 11, 4, 12, 0, tzinfo=UTC), 3, "MIDPOINT", useRth=True
        )
        assert over_night[-1].time == datetime(2024, 11, 1, 19, 59, 59, tzinfo=UTC)


async def test_past_ticks_need_one_end_and_a_sensible_number() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        at = "20241104 09:40:00"
        wrong = ((at, at, 10, "TRADES"), ("", "", 10, "TRADES"), (at, "", 0, "TRADES"))
        for number, terms in enumerate((*wrong, (at, "", 1001, "TRADES"), (at, "", 5, "WHAT"))):
            client.send(96, number, *CONTRACT, 0, *terms, 1, 0, "")
            await client.failed(number, 321)


async def test_options_are_calculated_both_ways() -> None:
    async with connected() as both:
        contract = put()
        await both.ib.qualifyContractsAsync(contract)
        implied = await both.ib.calculateImpliedVolatilityAsync(contract, 8.75, 400.0)
        priced = await both.ib.calculateOptionPriceAsync(contract, implied.impliedVol, 400.0)
        assert priced.optPrice == pytest.approx(8.75, abs=0.001)
        assert -1 < priced.delta < 0


async def test_what_cannot_be_calculated_or_is_not_there_is_an_error() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        wrong: tuple[tuple[int, tuple[Any, ...]], ...] = (
            (321, (54, 3, 0, *CONTRACT, "8.75", "400.0", 0, "")),
            (321, (55, 3, 1, *OPTION, "-1", "400.0", 0, "")),
            (10184, (54, 3, 2, *OPTION, "0.01", "200.0", 0, "")),
            (430, (52, 2, 3, *CONTRACT[:3], "SMART", "", "USD", "", "ReportSnapshot", 0, "")),
            (10172, (84, 4, "BZ", "BZ$1", "")),
            (321, (10, 5, 5, *CONTRACT, 5, 1, "")),
        )
        for number, (code, request) in enumerate(wrong):
            client.send(*request)
            await client.failed(number, code)
        (adviser,) = await client.answers("4", 18, 1, 1)
        assert adviser[3] == "321"
