"""OCC symbols are read from the right, whatever their padding."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.venue.instruments import Equity, Right, parse_contract, parse_instrument


def test_a_put_is_read_in_all_its_parts() -> None:
    contract = parse_contract("SPY241115P00400000")
    assert contract is not None
    assert (contract.root, contract.underlying) == ("SPY", "SPY")
    assert (contract.expiry, contract.right) == (date(2024, 11, 15), Right.PUT)
    assert (contract.strike, contract.multiplier) == (Decimal(400), Decimal(100))


def test_an_adjusted_root_keeps_its_digit_and_its_underlying_does_not() -> None:
    contract = parse_contract("AAPL1240119C00100000")
    assert contract is not None
    assert (contract.root, contract.underlying) == ("AAPL1", "AAPL")


@given(
    root=st.from_regex(r"[A-Z]{1,5}", fullmatch=True),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from("CP"),
    thousandths=st.integers(1, 99_999_999),
)
def test_padding_makes_no_difference(root: str, expiry: date, right: str, thousandths: int) -> None:
    tail = f"{expiry:%y%m%d}{right}{thousandths:08d}"
    plain = parse_contract(root + tail)
    assert plain is not None
    assert plain == parse_contract(root.ljust(6) + tail)
    assert plain.symbol == root + tail
    assert plain.strike * 1000 == thousandths


@pytest.mark.parametrize(
    "symbol", ["SPY241315P00400000", "SPY241115X00400000", "241115P00400000", "SPY", ""]
)
def test_what_is_no_contract_is_none(symbol: str) -> None:
    assert parse_contract(symbol) is None


def test_a_ticker_is_an_equity_and_nonsense_is_nothing() -> None:
    assert parse_instrument("BRK.B") == Equity("BRK.B")
    assert parse_instrument("not a symbol") is None


def test_below_a_dollar_shares_trade_in_hundredths_of_a_cent() -> None:
    assert Equity("SPY").tick(Decimal("1.00")) == Decimal("0.01")
    assert Equity("SPY").tick(Decimal("0.99")) == Decimal("0.0001")
