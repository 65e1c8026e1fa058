"""Contracts of the simulated Gateway: details, wildcards, chains, price rules, exchanges."""

from datetime import datetime
from typing import Any

import pytest
from ib_insync import Contract, Option, Stock

from simulators.ib_gateway.contracts import con_id_of
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulators.gateways import PUT, Client, gateway
from tests.simulators.test_ib_insync import connected

C12 = (
    *("con_id", "symbol", "sec_type", "expiry", "strike", "right", "multiplier", "exchange"),
    *("primary", "currency", "local_symbol", "trading_class"),
)


def details(number: int = 1, version: int = 176, *, expired: int = 0, **named: Any) -> list[Any]:
    """reqContractDetails by the fields that are named."""
    contract = [named.get(name, "" if name != "con_id" else 0) for name in C12]
    issuer = [""] if version >= 176 else []
    return [9, 8, number, *contract, expired, "", "", *issuer]


@pytest.mark.parametrize("version", [157, 163, 164, 176, 177, 178])
async def test_contract_details_have_the_fields_of_their_version(version: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        request = details(1, version, symbol="AAPL", sec_type="STK", exchange="SMART")
        found, end = await client.answers("52", *request)
        count = {157: 39, 163: 40}.get(version, 40)
        assert len(found) == count
        assert end == ["52", "1", "1"]


async def test_a_shares_details_tell_where_and_when_it_trades() -> None:
    async with connected() as both:
        (found,) = await both.ib.reqContractDetailsAsync(Stock("AAPL", "SMART", "USD"))
        assert found.contract.primaryExchange == "NASDAQ"
        assert (found.minTick, found.stockType, found.longName) == (
            0.01,
            "COMMON",
            "Apple Inc. Common Stock",
        )
        assert {"SMART", "ARCA", "NASDAQ"} < set(found.validExchanges.split(","))
        assert len(found.marketRuleIds.split(",")) == len(found.validExchanges.split(","))
        assert {"LMT", "MKT", "STP", "MOC"} < set(found.orderTypes.split(","))
        hours = found.tradingHours.split(";")
        assert hours[0] == "20241104:0400-20241104:2000"
        assert hours[5] == "20241109:CLOSED"
        assert found.liquidHours.startswith("20241104:0930-20241104:1600;")
        assert found.timeZoneId == "US/Eastern"


async def test_an_options_details_tell_its_underlying_and_its_end() -> None:
    async with connected() as both:
        (found,) = await both.ib.reqContractDetailsAsync(Contract(conId=con_id_of(PUT)))
        assert found.contract.lastTradeDateOrContractMonth == "20241115"
        assert (found.lastTradeTime, found.realExpirationDate) == ("16:00:00", "20241115")
        assert (found.underConId, found.underSymbol, found.underSecType) == (
            con_id_of("SPY"),
            "SPY",
            "STK",
        )
        assert (found.contractMonth, found.contract.multiplier) == ("202411", "100")
        assert found.tradingHours == found.liquidHours


async def test_hours_follow_the_calendar_of_holidays_and_half_days() -> None:
    start = datetime(2024, 11, 27, 10, 0, tzinfo=NEW_YORK)
    async with connected(start=start) as both:
        (found,) = await both.ib.reqContractDetailsAsync(Stock("SPY", "SMART", "USD"))
        assert found.liquidHours.split(";")[:4] == [
            "20241127:0930-20241127:1600",
            "20241128:CLOSED",
            "20241129:0930-20241129:1300",
            "20241130:CLOSED",
        ]


async def test_what_is_left_out_is_any() -> None:
    async with connected() as both:
        ask = both.ib.reqContractDetailsAsync
        week = await ask(Option("SPY", "20241108", exchange="SMART"))
        strikes = {d.contract.strike for d in week}
        assert len(week) == 2 * len(strikes)
        month = await ask(Option("SPY", "202411", 400, "P", exchange="SMART"))
        assert [d.contract.lastTradeDateOrContractMonth for d in month] == [
            *("20241108", "20241115", "20241122", "20241129")
        ]
        by_class = await ask(Option("AAPL", "20241115", 220, tradingClass="AAPL1", right="C"))
        assert [d.contract.tradingClass for d in by_class] == ["AAPL1"]
        (local,) = await ask(
            Contract(secType="OPT", localSymbol="SPY   241115P00400000", exchange="SMART")
        )
        assert local.contract.conId == con_id_of(PUT)
        (dotted,) = await ask(Stock("BRK B", "SMART", "USD"))
        assert dotted.contract.localSymbol == "BRK B"


async def test_an_expired_contract_is_found_only_if_expired_ones_are_included() -> None:
    async with connected() as both:
        both.simulated.control.advance_clock(12 * 86400)
        wanted = Option("SPY", "20241115", 400, "P", "SMART")
        with pytest.raises(Exception, match="No security definition"):
            await both.ib.reqContractDetailsAsync(wanted)
        wanted.includeExpired = True
        (found,) = await both.ib.reqContractDetailsAsync(wanted)
        assert found.contract.conId == con_id_of(PUT)


async def test_what_names_nothing_or_contradicts_itself_is_an_error() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        wrong: tuple[tuple[int, dict[str, Any]], ...] = (
            (200, {"symbol": "SPY", "sec_type": "STK", "exchange": "NOWHERE"}),
            (200, {"symbol": "SPY", "sec_type": "OPT", "expiry": "20241332"}),
            (200, {"symbol": "SPY", "sec_type": "FUT"}),
            (200, {"con_id": 7}),
            (321, {"symbol": "SPY"}),
            (321, {}),
            (478, {"con_id": con_id_of(PUT), "symbol": "QQQ"}),
        )
        for number, (code, named) in enumerate(wrong):
            client.send(*details(number, **named))
            await client.failed(number, code)


async def test_every_contract_of_a_chain_has_a_con_id_that_finds_it_again() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        request = details(1, symbol="QQQ", sec_type="OPT", expiry="20241115")
        chain = (await client.answers("52", *request))[:-1]
        other = await Client(simulated).start(2)
        for found in chain[:: len(chain) // 7]:
            (again, _) = await other.answers("52", *details(1, con_id=found[12]))
            assert again[9] == found[9]


@pytest.mark.parametrize("version", [176, 178])
async def test_option_parameters_name_each_exchange_and_class(version: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        *rows, end = await client.answers("76", 78, 1, "AAPL", "", "STK", con_id_of("AAPL"))
        assert end == ["76", "1"]
        assert {row[4] for row in rows} == {"AAPL", "AAPL1"}
        for row in rows:
            expiries = int(row[6])
            strikes = int(row[7 + expiries])
            assert len(row) == 8 + expiries + strikes
            assert (row[0], row[1], row[5]) == ("75", "1", "100")
        client.send(78, 2, "AAPL", "", "STK", 7)
        await client.failed(2, 200)


async def test_symbols_match_by_their_beginning_and_by_name() -> None:
    async with connected() as both:
        found = await both.ib.reqMatchingSymbolsAsync("A")
        assert found[0].contract.symbol == "AAPL"
        (trust,) = await both.ib.reqMatchingSymbolsAsync("invesco")
        assert (trust.contract.symbol, trust.contract.description) == (
            "QQQ",
            "Invesco QQQ Trust, Series 1",
        )
        assert trust.derivativeSecTypes == ["OPT"]
        assert await both.ib.reqMatchingSymbolsAsync("nothing") == []


@pytest.mark.parametrize(("version", "count"), [(157, 10), (175, 10), (176, 12), (178, 12)])
async def test_symbol_samples_have_the_fields_of_their_version(version: int, count: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        (samples,) = await client.answers("79", 81, 1, "AAPL")
        assert len(samples) == count


async def test_market_rules_give_the_steps_that_orders_are_held_to() -> None:
    async with connected() as both:
        (share,) = await both.ib.reqContractDetailsAsync(Stock("SPY", "SMART", "USD"))
        rule = await both.ib.reqMarketRuleAsync(int(share.marketRuleIds.split(",")[0]))
        assert [(step.lowEdge, step.increment) for step in rule] == [(0.0, 0.0001), (1.0, 0.01)]
        nickels = await both.ib.reqMarketRuleAsync(109)
        assert [(step.lowEdge, step.increment) for step in nickels] == [(0.0, 0.05), (3.0, 0.1)]


async def test_exchanges_are_listed_by_letter_and_by_depth() -> None:
    async with connected() as both:
        parts = await both.ib.reqSmartComponentsAsync("9c0001")
        assert ("ARCA", parts[0].bitNumber) == (
            next(p.exchange for p in parts if p.exchange == "ARCA"),
            0,
        )
        depth = await both.ib.reqMktDepthExchangesAsync()
        assert {d.secType for d in depth} == {"STK", "OPT"}


async def test_without_chains_there_are_the_quoted_contracts_only() -> None:
    async with connected(chains=False) as both:
        found = await both.ib.reqContractDetailsAsync(Option("SPY", "202411", exchange="SMART"))
        assert len(found) == 5
        (ticker,) = await both.ib.reqTickersAsync(Option("SPY", "20241115", 400, "P", "SMART"))
        assert (ticker.bid, ticker.modelGreeks is not None) == (8.5, True)
