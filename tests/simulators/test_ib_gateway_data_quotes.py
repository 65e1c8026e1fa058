"""Market data of the simulated Gateway: lines, snapshots, greeks, entitlements, types, limits."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ib_insync import ComboLeg, Contract, Option, Stock

from simulators.ib_gateway.contracts import con_id_of
from simulators.ib_gateway.settings import DEFAULT_START, IbGatewaySettings
from simulators.ib_gateway.simulated import build
from simulators.venue.quotes import Quote
from tests.simulators.gateways import PUT, Client, Message, gateway
from tests.simulators.test_ib_insync import connected, eventually, put

HOUR_S = 3600
OTHER = "SPY241115P00390000"


def spy(number: int = 1, symbol: str = "SPY", generic: str = "", snapshot: int = 0) -> list[Any]:
    """reqMktData of shares, as clients of these versions write it."""
    contract = [0, symbol, "STK", "", "0.0", "", "", "SMART", "", "USD", "", ""]
    return [1, 11, number, *contract, 0, generic, snapshot, 0, ""]


def option(number: int, symbol: str = PUT, generic: str = "", snapshot: int = 0) -> list[Any]:
    contract = [con_id_of(symbol), "", "", "", "", "", "", "SMART", "", "", "", ""]
    return [1, 11, number, *contract, 0, generic, snapshot, 0, ""]


def ticks(messages: list[Message]) -> dict[int, list[str]]:
    """The values of each tick type, the last of each."""
    told = {int(m[3]): m[4:] for m in messages if m[0] in ("1", "2", "45", "46")}
    return {**told, **{int(m[2]): m[3:] for m in messages if m[0] == "21"}}


async def type_of(client: Client, number: int) -> str:
    """The market data type that a line is said to be of."""
    told = await client.until(lambda: [m[3] for m in client.of("58") if m[2] == str(number)])
    return str(told[0])


@pytest.mark.parametrize("version", [176, 177, 178])
async def test_each_message_of_market_data_has_the_fields_of_its_version(version: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        counts = {"81": 5, "58": 4, "1": 7, "2": 5, "45": 5, "46": 5, "21": 12, "57": 3}
        share = await client.answers("57", *spy(1, snapshot=1))
        contract = await client.answers("57", *option(2, snapshot=1))
        line = await client.answers("46", *spy(3, generic="104,106,165,233,236,293,456"))
        for message in (*share, *contract, *line):
            assert len(message) == counts[message[0]], message
        assert {m[0] for m in share} == {"81", "58", "1", "2", "45", "46", "57"}
        assert {m[0] for m in contract} == {*counts}
        assert share[0] == ["81", "1", "0.01", "9c0001", "3"]
        assert share[1] == ["58", "1", "1", "1"]
        assert share[2] == ["1", "6", "1", "1", "399.98", "10", "1"]
        assert share[-1] == ["57", "1", "1"]


async def test_a_line_tells_only_what_has_changed() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.answers("46", *spy())
        before = len(client.messages)
        simulated.control.set_quote("SPY", Decimal("399.98"), Decimal("400.10"))
        told = ticks(client.messages[before:])
        assert told[2] == ["400.1", "10", "1"]
        assert told[4] == ["400.04", "100", "0"]
        assert 1 not in told
        client.send(2, 2, 1)
        await client.answers("49", 49, 1)
        before = len(client.messages)
        simulated.control.set_quote("SPY", Decimal(390), Decimal(391))
        assert ticks(client.messages[before:]) == {}


async def test_an_options_line_moves_with_its_underlying() -> None:
    async with connected() as both:
        ticker = both.ib.reqMktData(Option("SPY", "20241122", 395, "P", "SMART"))
        await eventually(lambda: ticker.modelGreeks)
        assert -0.5 < ticker.modelGreeks.delta < -0.2
        assert ticker.modelGreeks.undPrice == 400.0
        assert ticker.bidGreeks.impliedVol < ticker.askGreeks.impliedVol
        bid = ticker.bid
        both.simulated.control.set_quote("SPY", Decimal("409.98"), Decimal("410.02"))
        await eventually(lambda: ticker.modelGreeks.undPrice == 410.0)
        assert ticker.bid < bid


async def test_a_model_priced_option_loses_value_with_time_alone() -> None:
    async with connected() as both:
        ticker = both.ib.reqMktData(Option("SPY", "20241108", 400, "C", "SMART"))
        await eventually(lambda: ticker.modelGreeks)
        bid = ticker.bid
        both.simulated.control.advance_clock(5 * HOUR_S)
        await eventually(lambda: ticker.bid < bid)


async def test_a_combination_is_quoted_by_what_its_legs_cost() -> None:
    async with connected() as both:
        legs = [
            ComboLeg(conId=con_id_of(PUT), ratio=1, action="SELL", exchange="SMART"),
            ComboLeg(conId=con_id_of(OTHER), ratio=1, action="BUY", exchange="SMART"),
        ]
        bag = Contract(
            secType="BAG", symbol="SPY", exchange="SMART", currency="USD", comboLegs=legs
        )
        (ticker,) = await both.ib.reqTickersAsync(bag)
        assert (ticker.bid, ticker.ask) == (pytest.approx(4.90 - 9.00), pytest.approx(5.05 - 8.50))


async def test_generic_ticks_come_where_they_are_asked_for_and_others_are_refused() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        plain = ticks(await client.answers("46", *spy(1)))
        rich = ticks(
            await client.answers("46", *spy(2, generic="100,101,104,106,165,221,233,mdoff"))
        )
        assert set(rich) - set(plain) == {*range(15, 22), 23, 24, 27, 28, 29, 30, 37, 48}
        volume = rich[48][0].split(";")
        assert (volume[0], volume[1], volume[5]) == ("400.00", "100", "true")
        of_put = ticks(await client.answers("21", *option(3, generic="100,101")))
        assert of_put[27] == ["0"]
        assert int(of_put[28][0]) > 0
        client.send(*spy(4, generic="100,999"))
        await client.failed(4, 321)
        client.send(*spy(5, generic="233", snapshot=1))
        await client.failed(5, 321)
        client.send(*option(6, generic="236"))
        await client.failed(6, 321)


@pytest.mark.parametrize(
    ("have", "wanted", "share", "of_option"),
    [
        ("realtime", 3, 1, 1),
        ("delayed", 1, -10168, -10168),
        ("delayed", 3, 3, 3),
        ("none", 3, -354, -354),
        ("tws_only", 1, -10089, -10089),
        ("tws_only", 4, 3, 3),
        ("partial", 1, -10168, 1),
        ("partial", 3, 3, 1),
        ("competing", 1, -10197, -10197),
    ],
)
async def test_who_is_not_subscribed_is_refused_or_sees_delayed_data(
    have: str, wanted: int, share: int, of_option: int
) -> None:
    """A negative number is the code of the refusal, a positive one the type that is shown."""
    async with gateway(market_data=have) as simulated:
        client = await Client(simulated).start()
        client.send(59, 1, wanted)
        for number, request, outcome in ((1, spy(1), share), (2, option(2), of_option)):
            client.send(*request)
            if outcome < 0:
                await client.failed(number, -outcome)
            else:
                assert await type_of(client, number) == str(outcome)


async def test_delayed_data_have_ticks_of_their_own_and_lag_a_quarter_of_an_hour() -> None:
    async with gateway(market_data="delayed") as simulated:
        client = await Client(simulated).start()
        client.send(59, 1, 3)
        client.send(*spy(1))
        await client.failed(1, 10167)
        client.send(*option(2))
        await client.until(lambda: [m for m in client.of("21") if m[1] == "2"])
        shown = {(m[2], m[3]) for m in client.of("1", "2", "46")}
        assert {tick for req, tick in shown if req == "1"} == {
            *("66", "67", "68", "69", "70", "71", "72", "73", "74", "75", "76", "88")
        }
        assert {m[2] for m in client.of("21")} == {"80", "81", "82", "83"}
        simulated.control.set_quote("SPY", Decimal(405), Decimal("405.02"))
        simulated.control.advance_clock(14 * 60)
        assert not [m for m in client.of("1") if m[4] == "405.02"]
        simulated.control.advance_clock(2 * 60)
        assert [m for m in client.of("1") if m[2:5] == ["1", "67", "405.02"]]


async def test_options_without_their_underlyings_data_have_no_greeks() -> None:
    async with gateway(market_data="partial") as simulated:
        client = await Client(simulated).start()
        client.send(*option(1))
        await client.failed(1, 10090)
        await client.until(lambda: client.of("1"))
        assert client.of("21") == []


async def test_frozen_data_are_the_last_ones_of_the_session() -> None:
    async with connected() as both:
        ticker = both.ib.reqMktData(put())
        await eventually(lambda: ticker.bid == 8.5)
        both.simulated.control.advance_clock(7 * HOUR_S)
        await eventually(lambda: ticker.bid == -1)
        both.ib.reqMarketDataType(2)
        await eventually(lambda: (ticker.bid, ticker.marketDataType) == (8.5, 2))
        both.simulated.control.advance_clock(17 * HOUR_S)
        await eventually(lambda: ticker.marketDataType == 1)


async def test_shares_are_quoted_outside_regular_hours_and_options_are_not() -> None:
    async with connected() as both:
        both.simulated.control.advance_clock(8 * HOUR_S)
        share, contract = await both.ib.reqTickersAsync(Stock("SPY", "SMART", "USD"), put())
        assert (share.bid, contract.bid) == (399.98, -1)


async def test_lines_are_limited_over_all_clients() -> None:
    async with gateway(market_data_lines=3) as simulated:
        one = await Client(simulated).start(1)
        two = await Client(simulated).start(2)
        for number in (1, 2):
            one.send(*spy(number))
        two.send(*spy(1))
        two.send(*spy(2))
        await two.failed(2, 101)
        two.send(*spy(3, snapshot=1))
        await two.until(lambda: two.of("57"))
        one.send(2, 2, 1)
        await one.answers("49", 49, 1)
        two.send(*spy(4))
        await two.until(lambda: [m for m in two.of("81") if m[1] == "4"])
        one.session.end()
        two.send(*spy(5))
        await two.until(lambda: [m for m in two.of("81") if m[1] == "5"])


async def test_an_id_in_use_and_an_unknown_id_are_errors() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.send(*spy(1))
        client.send(*spy(1))
        await client.failed(1, 322)
        client.send(2, 2, 9)
        await client.failed(9, 300)
        client.send(59, 1, 7)
        await client.until(lambda: [m for m in client.of("4") if m[3] == "321"])


async def test_lines_stand_still_while_the_link_is_down_and_end_with_1101() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.send(*spy(1))
        await client.until(lambda: client.of("46"))
        for code, goes_on in ((1102, True), (1101, False)):
            simulated.control.do("connectivity", code=1100)
            before = len(client.messages)
            simulated.control.set_quote("SPY", Decimal(code), Decimal(code + 1))
            assert ticks(client.messages[before:]) == {}
            simulated.control.do("connectivity", code=code)
            assert (1 in ticks(client.messages[before:])) is goes_on
        client.send(*spy(1))
        await client.until(lambda: [m for m in client.of("1") if m[4] == "1101"])


async def test_a_disconnected_client_hears_no_more_and_starts_without_lines() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.send(*spy(1))
        await client.until(lambda: client.of("46"))
        client.session.end()
        simulated.control.set_quote("SPY", Decimal(401), Decimal(402))
        again = await Client(simulated).start()
        simulated.control.set_quote("SPY", Decimal(403), Decimal(404))
        await again.answers("49", 49, 1)
        assert ticks(again.messages) == {}


async def test_the_same_seed_gives_the_same_ticks() -> None:
    async def story() -> list[Message]:
        async with gateway() as simulated:
            client = await Client(simulated).start()
            client.send(*spy(1, generic="104,165,236"))
            client.send(*option(2, generic="100,101"))
            await client.until(lambda: client.of("21"))
            simulated.control.set_quote("SPY", Decimal(401), Decimal("401.04"))
            return [m for m in client.messages if m[0] in ("1", "2", "21", "45")]

    assert await story() == await story()


async def test_a_line_that_is_asked_for_while_the_link_is_down_begins_when_it_is_back() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        simulated.control.do("connectivity", code=1100)
        client.send(*spy(1))
        client.send(*spy(2, snapshot=1))
        await client.failed(2, 10182)
        assert client.of("1", "81") == []
        simulated.control.do("connectivity", code=1102)
        assert ticks(client.messages)[1] == ["399.98", "10", "1"]


async def test_lines_follow_a_market_that_was_as_the_clock_passes_it() -> None:
    start = DEFAULT_START
    path = [
        Quote("SPY", Decimal(n), Decimal(n + 1), start + timedelta(minutes=n)) for n in range(3)
    ]
    settings = IbGatewaySettings(messages_per_s=0, start=start)
    simulated = build(settings, asyncio.get_running_loop().time, price_path=path)
    async with simulated.frontend.running():
        client = await Client(simulated).start()
        client.send(*spy(1))
        await client.until(lambda: client.of("46"))
        for n in (1, 2):
            simulated.control.advance_clock(60)
            assert ticks(client.messages)[1][0] == str(n)


async def test_lines_stand_still_while_the_farm_is_broken_or_another_session_has_the_data() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.send(*spy(1))
        await client.until(lambda: client.of("46"))
        simulated.control.do("connectivity", code=2103)
        before = len(client.messages)
        simulated.control.set_quote("SPY", Decimal(401), Decimal(402))
        assert ticks(client.messages[before:]) == {}
        simulated.control.do("connectivity", code=2104)
        simulated.control.set_quote("SPY", Decimal(402), Decimal(403))
        assert ticks(client.messages[before:])[1][0] == "402"
        simulated.control.set_option("market_data", "competing")
        for price in (403, 404):
            simulated.control.set_quote("SPY", Decimal(price), Decimal(405))
        assert client.errors() == [(1, 10197)]
        simulated.control.set_option("market_data", "realtime")
        simulated.control.set_quote("SPY", Decimal(404), Decimal(405))
        assert ticks(client.messages)[1][0] == "404"
