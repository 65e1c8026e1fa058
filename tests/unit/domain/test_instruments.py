"""Instruments are the same by their key alone, and none can be built that has no key."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.instruments import (
    Equity,
    ExerciseStyle,
    InstrumentError,
    OptionContract,
    OptionRight,
    Settlement,
    SettlementSession,
    multiplier_of,
)

SPY_PUT = OptionContract("SPY", date(2024, 11, 15), OptionRight.PUT, Decimal(400))


def with_terms(**terms: Any) -> OptionContract:
    return replace(SPY_PUT, **terms)


@pytest.mark.parametrize("symbol", ["A", "SPY", "BRK.B", "BF-B", "PSA.PRH", "3M", "ABCDEFGHIJKL"])
def test_tickers_are_equities(symbol: str) -> None:
    equity = Equity(symbol)
    assert (equity.key, equity.currency, multiplier_of(equity)) == (symbol, "USD", Decimal(1))


@pytest.mark.parametrize(
    "symbol",
    [
        *("", "spy", "Spy", "BRK B", " SPY", "SPY ", "SPY\n", ".SPY", "SPY.", "A..B", "BTC/USD"),
        *(
            "ABCDEFGHIJKLM",
            "ＳＰＹ",
            "SPY１",
            "É",
            "SPY\x00",
            "SPY\u00a0",
            "$SPY",
            "A_B",
            "X" * 9999,
        ),
    ],
)
def test_text_that_is_no_ticker_is_refused_in_few_words(symbol: str) -> None:
    with pytest.raises(InstrumentError, match="symbol") as caught:
        Equity(symbol)
    assert len(str(caught.value)) < 200


def test_equities_are_the_same_by_symbol() -> None:
    assert Equity("SPY") == Equity("SPY", currency="EUR")
    assert Equity("SPY") != Equity("SPX")
    assert len({Equity("SPY"), Equity("SPY", "EUR")}) == 1


def test_symbols_are_written_from_exact_terms() -> None:
    assert SPY_PUT.occ == SPY_PUT.key == "SPY241115P00400000"
    assert SPY_PUT.osi == "SPY   241115P00400000"
    assert with_terms(right=OptionRight.CALL).occ == "SPY241115C00400000"
    assert with_terms(root="ABCDEF").osi == with_terms(root="ABCDEF").occ
    assert with_terms(expiry=date(2005, 1, 2)).occ == "SPY050102P00400000"


@pytest.mark.parametrize(
    ("strike", "digits"),
    [
        ("1.005", "00001005"),
        ("4.350", "00004350"),
        ("17.5", "00017500"),
        ("0.001", "00000001"),
        ("99999.999", "99999999"),
        ("400.000000", "00400000"),
        ("4E+2", "00400000"),
        ("400." + "0" * 100, "00400000"),
    ],
)
def test_strike_is_written_exactly(strike: str, digits: str) -> None:
    assert with_terms(strike=Decimal(strike)).occ == f"SPY241115P{digits}"


@pytest.mark.parametrize(
    ("strike", "complaint"),
    [
        *((text, "greater than zero") for text in ("0", "-0", "-1")),
        *((text, "finite") for text in ("NaN", "sNaN", "Infinity")),
        *((text, "three decimals") for text in ("1.0005", "0.0001", "1E-9999")),
        ("1." + "0" * 100 + "1", "three decimals"),
        *((text, "above 99999.999") for text in ("100000", "99999.9991", "1E+9999")),
    ],
)
def test_strike_that_a_symbol_cannot_carry_is_refused(strike: str, complaint: str) -> None:
    with pytest.raises(InstrumentError, match=complaint):
        with_terms(strike=Decimal(strike))


@pytest.mark.parametrize("root", ["", "spy", "BRK.B", "ABCDEFG", "SPY ", " SPY", "ＳＰＹ", "SPY\n"])
def test_root_is_one_to_six_capitals_and_digits(root: str) -> None:
    with pytest.raises(InstrumentError, match="root"):
        with_terms(root=root)


def test_expiry_is_a_day_that_two_digits_of_year_can_name() -> None:
    for year in (1999, 2100):
        with pytest.raises(InstrumentError, match="expiry"):
            with_terms(expiry=date(year, 1, 1))


@pytest.mark.parametrize(
    "terms",
    [
        {"strike": 400.0},
        {"strike": 400},
        {"strike": "400"},
        {"multiplier": 100},
        {"multiplier": 100.0},
        {"expiry": datetime(2024, 11, 15, tzinfo=UTC)},
        {"expiry": "2024-11-15"},
        {"right": "P"},
        {"style": "AMERICAN"},
        {"settlement": "CASH"},
        {"settlement_session": "AM"},
        {"root": None},
        {"underlying": 5},
        {"currency": None},
        {"deliverable": 5},
        {"last_trade_time": "16:00", "last_trade_zone": "UTC"},
        {"last_trade_time": time(16), "last_trade_zone": 5},
    ],
    ids=repr,
)
def test_terms_of_another_type_are_refused(terms: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        with_terms(**terms)


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ({"multiplier": Decimal(0)}, "multiplier"),
        ({"multiplier": Decimal(-100)}, "multiplier"),
        ({"multiplier": Decimal("NaN")}, "multiplier"),
        ({"underlying": ""}, "underlying"),
        ({"underlying": "brk.b"}, "underlying"),
        ({"currency": "usd"}, "currency"),
        ({"deliverable": ""}, "deliverable"),
        ({"deliverable": " "}, "deliverable"),
        ({"deliverable": "a\nb"}, "deliverable"),
        ({"deliverable": "x" * 257}, "deliverable"),
        ({"last_trade_time": time(16)}, "both or neither"),
        ({"last_trade_zone": "America/New_York"}, "both or neither"),
        ({"last_trade_time": time(16), "last_trade_zone": "../etc"}, "zone name"),
        ({"last_trade_time": time(16, tzinfo=UTC), "last_trade_zone": "UTC"}, "wall time"),
    ],
    ids=repr,
)
def test_descriptions_out_of_range_are_refused(terms: dict[str, object], complaint: str) -> None:
    with pytest.raises(InstrumentError, match=complaint):
        with_terms(**terms)


def test_option_is_the_same_whatever_else_is_known_of_it() -> None:
    told = with_terms(
        strike=Decimal("400.00"),
        underlying="SPY",
        multiplier=Decimal(10),
        style=ExerciseStyle.AMERICAN,
        settlement=Settlement.PHYSICAL,
        settlement_session=SettlementSession.PM,
        last_trade_time=time(16),
        last_trade_zone="America/New_York",
        deliverable="100 SPY",
        currency="EUR",
    )
    assert told == SPY_PUT
    assert told.key == SPY_PUT.key
    assert len({told, SPY_PUT}) == 1
    assert (multiplier_of(told), multiplier_of(SPY_PUT)) == (Decimal(10), Decimal(100))


@pytest.mark.parametrize(
    "terms",
    [
        {"root": "SPY1"},
        {"expiry": date(2024, 11, 18)},
        {"right": OptionRight.CALL},
        {"strike": Decimal("400.001")},
    ],
    ids=repr,
)
def test_options_that_differ_in_a_term_are_different(terms: dict[str, object]) -> None:
    other = with_terms(**terms)
    assert other != SPY_PUT
    assert other.key != SPY_PUT.key


def test_root_and_underlying_are_apart_and_unknown_is_none() -> None:
    assert SPY_PUT.underlying is None
    berkshire = with_terms(root="BRKB", underlying="BRK.B")
    assert (berkshire.occ, berkshire.underlying) == ("BRKB241115P00400000", "BRK.B")
    assert with_terms(root="SPXW", underlying="SPX").osi == "SPXW  241115P00400000"


@pytest.mark.parametrize(
    ("root", "adjusted"), [("AAPL1", True), ("AAPL", False), ("1SPY", False), ("SPXW", False)]
)
def test_root_that_ends_in_a_digit_hints_at_an_adjusted_contract(root: str, adjusted: bool) -> None:
    assert with_terms(root=root).is_adjusted is adjusted


def test_defaults_claim_no_more_than_the_standard_contract() -> None:
    assert SPY_PUT.multiplier == Decimal(100)
    assert SPY_PUT.style is ExerciseStyle.UNSPECIFIED
    assert SPY_PUT.settlement is Settlement.UNSPECIFIED
    assert SPY_PUT.settlement_session is SettlementSession.UNSPECIFIED
    assert SPY_PUT.deliverable is None
    assert SPY_PUT.last_trade_time is None
    assert SPY_PUT.last_trade_zone is None


def test_instruments_do_not_change() -> None:
    for instrument, name in ((SPY_PUT, "root"), (Equity("SPY"), "symbol")):
        with pytest.raises(FrozenInstanceError):
            setattr(instrument, name, "QQQ")
        assert not hasattr(instrument, "__dict__")
