"""Quotes, snapshots, chains and the calendar over a real socket: whole, or an error."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.adapter.port import ContractQuery
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, OptionRight
from services.common.domain.market import QuoteQuality
from services.common.domain.occ import parse_occ
from services.common.runtime.clock import SystemClock
from services.common.runtime.deadlines import deadline_scope
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.conftest import Simulated
from tests.integration.ib_adapter.rig import (
    PUT,
    SPY,
    A,
    Rig,
    eventually,
    fault,
    limit,
    rig,
    settings_for,
)

CALL = parse_occ("SPY241115C00420000")
UNLISTED = parse_occ("SPY300118P00111000")
TODAY = date(2024, 11, 4)


def asked(simulated: SimulatedIbGateway, method: str) -> int:
    return sum(entry.method == method for entry in simulated.control.requests())


async def refused(read: object) -> ReadFailed:
    """How a read failed."""
    with pytest.raises(ReadFailed) as error:
        await read  # type: ignore[misc]
    return error.value


# -- quotes and snapshots ------------------------------------------------------------------------


async def test_snapshots_tell_quote_last_trade_and_greeks(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        put, call = await built.gateway.option_snapshots([PUT, CALL])
        assert (put.quote.instrument, call.quote.instrument) == (PUT, CALL)
        assert put.quote.quality is QuoteQuality.REALTIME
        assert put.greeks is not None
        assert call.greeks is not None
        assert put.greeks.delta is not None
        assert call.greeks.delta is not None
        assert put.greeks.delta < 0 < call.greeks.delta
        assert put.greeks.implied_volatility is not None
        assert (put.last_price, put.last_trade_time is not None) == (Decimal("8.75"), True)
        assert built.gateway.entitlements == ("options=REALTIME",)


async def test_delayed_snapshots_say_so_and_have_greeks(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    simulated.control.set_option("market_data", "delayed")
    async with rig(settings_for(port), log) as built:
        [snapshot] = await built.gateway.option_snapshots([PUT])
        assert snapshot.quote.quality is QuoteQuality.DELAYED
        assert snapshot.quote.venue_time is None
        assert snapshot.greeks is not None


async def test_greeks_that_do_not_come_are_unset(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    simulated.control.set_option("market_data", "partial")
    async with rig(settings_for(port), log) as built:
        [snapshot] = await built.gateway.option_snapshots([PUT])
        assert snapshot.quote.bid_price == Decimal("8.5")
        assert snapshot.greeks is None


async def test_what_ib_does_not_list_is_left_out(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        [snapshot] = await built.gateway.option_snapshots([PUT, UNLISTED])
        assert snapshot.quote.instrument == PUT


async def test_what_the_account_may_not_see_is_an_error(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    simulated.control.set_option("market_data", "none")
    async with rig(settings_for(port), log) as built:
        error = await refused(built.gateway.quotes([SPY]))
        assert error.reason is Reason.NOT_PERMITTED
        assert built.gateway.entitlements == ("shares=none",)


async def test_a_quote_that_does_not_come_in_time_is_an_error(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    settings = settings_for(port, data={"quote_wait_s": 0.2})
    async with rig(settings, log) as built:
        fault(simulated, "drop_request", method="reqMktData", ends="hang")
        error = await refused(built.gateway.quotes([SPY]))
        assert error.reason is Reason.READ_FAILED


async def test_one_quote_that_fails_fails_all_of_them(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        fault(simulated, "error", method="reqMktData", code=322, text="Error processing request")
        error = await refused(built.gateway.quotes([SPY, PUT, CALL]))
        assert error.reason is Reason.READ_FAILED


async def test_a_refusal_that_is_not_no_contract_is_not_taken_for_it(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        text = "Error validating request: something else"
        fault(simulated, "error", method="reqContractDetails", code=321, text=text)
        error = await refused(built.gateway.quotes([SPY]))
        assert error.reason is Reason.READ_FAILED


async def test_while_ib_is_out_of_reach_there_are_no_quotes_and_none_is_missing(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.quotes([SPY])  # its contract is known from here on
        simulated.control.do("connectivity", code=1100)
        await eventually(lambda: not built.gateway.session_id)
        for instrument in (SPY, UNLISTED):
            error = await refused(built.gateway.quotes([instrument]))
            assert error.reason is Reason.VENUE_UNAVAILABLE


async def test_a_callers_deadline_ends_the_wait_for_a_quote(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, data={"quote_wait_s": 60.0}), log) as built:
        fault(simulated, "drop_request", method="reqMktData", ends="hang")
        with deadline_scope(SystemClock(), 0.5):
            await refused(built.gateway.quotes([SPY]))
        assert [q.instrument for q in await built.gateway.quotes([SPY])] == [SPY]


async def test_an_instrument_is_looked_up_once_for_all_who_want_it(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await asyncio.gather(*(built.gateway.quotes([SPY]) for _ in range(5)))
        assert asked(simulated, "reqContractDetails") == 1


async def test_an_instrument_is_looked_up_anew_on_another_day(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.quotes([SPY])
        simulated.control.advance_clock(24 * 3600.0)
        await built.gateway.status()  # reads the time
        await built.gateway.quotes([SPY])
        assert asked(simulated, "reqContractDetails") == 2


# -- chains --------------------------------------------------------------------------------------


async def test_a_chain_is_every_contract_that_fits(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        query = ContractQuery(
            "SPY",
            TODAY,
            date(2024, 11, 30),
            Decimal(390),
            Decimal(410),
            OptionRight.PUT,
        )
        found = await built.gateway.option_contracts(query)
        there = simulated.gateway.venue.catalog.contracts(["SPY"], TODAY, date(2024, 11, 30))  # type: ignore[attr-defined]
        expected = {c.symbol for c in there if 390 <= c.strike <= 410 and c.right.value == "put"}
        assert expected
        assert {option.contract.occ for option in found} == expected
        order = [(option.contract.expiry, option.contract.strike) for option in found]
        assert order == sorted(order)
        [put] = [option for option in found if option.contract == PUT]
        assert (put.contract.underlying, put.contract.multiplier) == ("SPY", 100)
        assert put.contract.last_trade_zone is not None
        assert put.venue_contract_id


async def test_a_chain_is_read_once_a_day(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        query = ContractQuery("SPY", TODAY, date(2024, 11, 15))
        first, second = await asyncio.gather(
            *(built.gateway.option_contracts(query) for _ in range(2))
        )
        read = asked(simulated, "reqContractDetails")
        assert first == second == await built.gateway.option_contracts(query)
        assert asked(simulated, "reqContractDetails") == read
        narrower = ContractQuery("SPY", TODAY, date(2024, 11, 15), Decimal(400), Decimal(400))
        assert {o.contract.strike for o in await built.gateway.option_contracts(narrower)} == {400}
        assert asked(simulated, "reqContractDetails") == read


@pytest.mark.parametrize("code", [321, 200])
async def test_a_chain_without_one_of_its_expiries_is_an_error(
    code: int, ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.quotes([SPY])  # the share is known
        fault(simulated, "error", method="reqContractDetails", code=code, text="no")
        query = ContractQuery("SPY", date(2024, 11, 5), date(2024, 11, 30))
        assert (await refused(built.gateway.option_contracts(query))).reason is Reason.READ_FAILED
        assert await built.gateway.option_contracts(query)


async def test_a_chain_is_not_empty_because_nobody_answered(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    settings = settings_for(port, connection={"answer_timeout_s": 1.5})
    async with rig(settings, log) as built:
        fault(simulated, "drop_request", method="reqSecDefOptParams", ends="hang")
        await refused(built.gateway.option_contracts(ContractQuery("SPY")))


async def test_days_gone_by_and_unknown_underlyings_are_refused_by_name(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        with pytest.raises(InvalidRequest, match="expiry_from") as error:
            await built.gateway.option_contracts(ContractQuery("SPY", date(2024, 11, 1)))
        assert error.value.reason is Reason.UNSUPPORTED_BY_VENUE
        with pytest.raises(Refused) as unknown:
            await built.gateway.option_contracts(ContractQuery("ZZZZ"))
        assert unknown.value.reason is Reason.INSTRUMENT_NOT_FOUND


# -- the calendar --------------------------------------------------------------------------------


async def test_the_calendar_joins_days_gone_by_and_days_ahead(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        days = await built.gateway.market_calendar(date(2024, 10, 31), date(2024, 11, 6))
        assert [day.day.day for day in days] == [31, 1, 4, 5, 6]
        # The clocks go back on November 3.
        assert [day.open_time.hour for day in days] == [13, 13, 14, 14, 14]


async def test_the_calendar_reaches_back_over_years(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        days = await built.gateway.market_calendar(date(2022, 11, 21), date(2024, 11, 1))
        found = {day.day: day for day in days}
        assert date(2022, 11, 24) not in found  # Thanksgiving
        assert found[date(2022, 11, 25)].close_time.hour == 18
        assert len(found) == 490
        assert days == sorted(days, key=lambda day: day.day)


async def test_days_beyond_what_ib_tells_are_refused(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        with pytest.raises(InvalidRequest, match="end_date") as error:
            await built.gateway.market_calendar(date(2024, 11, 4), date(2024, 12, 4))
        assert error.value.reason is Reason.UNSUPPORTED_BY_VENUE


async def test_a_gateway_without_a_schedule_is_no_empty_calendar(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        fault(simulated, "error", method="reqHistoricalData", code=321, text="not known")
        with pytest.raises(InvalidRequest, match="start_date") as error:
            await built.gateway.market_calendar(date(2024, 10, 31), date(2024, 11, 6))
        assert error.value.reason is Reason.UNSUPPORTED_BY_VENUE


# -- the account ---------------------------------------------------------------------------------


async def held(built: Rig) -> None:
    """Hold two shares."""
    await built.gateway.submit(
        limit(A, Side.BUY, "500", qty="2", instrument=Equity("SPY")), built.check
    )
    async with asyncio.timeout(10):
        while not await built.gateway.positions():
            await asyncio.sleep(0.02)


async def test_a_position_says_what_it_is_worth(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await held(built)
        [position] = await built.gateway.positions()
        assert position.current_price == Decimal(400)
        assert position.market_value is not None
        assert (position.market_value.amount, position.market_value.currency) == (800, "USD")
        assert position.unrealized_pnl is not None
        assert position.unrealized_pnl.amount < 0  # the spread, and the commission
        balance = await built.gateway.balance()
        assert balance.long_market_value == position.market_value
        assert balance.short_market_value is not None
        assert balance.short_market_value.amount == 0
