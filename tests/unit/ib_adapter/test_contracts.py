"""Instruments and IB's contracts, both ways."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from services.common.domain.instruments import Equity, OptionContract, OptionRight
from services.common.domain.occ import parse_occ
from services.ib_adapter import contracts
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.library import Contract

PUT = parse_occ("SPY241115P00400000")


def test_a_share_is_asked_for_by_ibs_symbol() -> None:
    contract = contracts.contract_of(Equity("BRK.B"))
    assert (contract.secType, contract.symbol, contract.exchange) == ("STK", "BRK B", "SMART")
    assert contracts.instrument_of(contract) == Equity("BRK.B")


def test_an_option_is_asked_for_by_its_terms_and_class() -> None:
    contract = contracts.contract_of(parse_occ("SPXW241115C05900000"))
    assert (contract.symbol, contract.tradingClass) == ("SPX", "SPXW")
    assert (contract.lastTradeDateOrContractMonth, contract.right) == ("20241115", "C")
    assert (contract.strike, contract.multiplier) == (5900.0, "100")


def test_an_option_of_an_unknown_underlying_is_asked_for_by_its_symbol() -> None:
    contract = contracts.contract_of(parse_occ("AAPL1241115P00100000"))
    assert contract.localSymbol == "AAPL1 241115P00100000"
    assert contract.symbol == ""


def test_the_local_symbol_goes_before_the_last_trade_date() -> None:
    contract = Contract(
        secType="OPT",
        symbol="SPX",
        localSymbol="SPX   241115P05900000",
        lastTradeDateOrContractMonth="20241114",
        strike=5900.0,
        right="P",
        multiplier="100",
        tradingClass="SPX",
        currency="USD",
    )
    option = contracts.instrument_of(contract)
    assert isinstance(option, OptionContract)
    assert (option.expiry, option.underlying) == (date(2024, 11, 15), "SPX")


def test_an_option_without_a_local_symbol_is_read_by_its_terms() -> None:
    contract = Contract(
        secType="OPT",
        symbol="QQQ",
        lastTradeDateOrContractMonth="20241115",
        strike=350.5,
        right="PUT",
        multiplier="10",
        currency="USD",
    )
    option = contracts.instrument_of(contract)
    assert isinstance(option, OptionContract)
    assert option == OptionContract("QQQ", date(2024, 11, 15), OptionRight.PUT, Decimal("350.5"))
    assert option.multiplier == Decimal(10)


@pytest.mark.parametrize(
    "contract",
    [
        Contract(secType="FUT", symbol="ES"),
        Contract(secType="BAG", symbol="SPY"),
        Contract(secType="OPT", symbol="SPY", right="?", lastTradeDateOrContractMonth="20241115"),
        Contract(secType="OPT", symbol="SPY", right="P", lastTradeDateOrContractMonth="202411"),
        Contract(secType="STK", symbol=""),
    ],
)
def test_what_names_no_instrument_is_unreadable(contract: Contract) -> None:
    with pytest.raises(Unreadable):
        contracts.instrument_of(contract)
    assert contracts.instrument_or_none(contract) is None
