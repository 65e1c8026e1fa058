"""OCC symbols are read from the right in any padding and written exactly."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.common.domain.instruments import (
    Equity,
    InstrumentError,
    OptionContract,
    OptionRight,
)
from services.common.domain.occ import guess_underlying, parse_occ, parse_symbol

# A busy machine is no failure of the rule under test.
unhurried = settings(deadline=None)
roots = st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True)
contracts = st.builds(
    OptionContract,
    root=roots,
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from(OptionRight),
    strike=st.integers(1, 99_999_999).map(lambda thousandths: Decimal(thousandths).scaleb(-3)),
)


@unhurried
@given(contracts)
@example(OptionContract("AAPL1", date(2024, 1, 19), OptionRight.CALL, Decimal(100)))
@example(OptionContract("240119", date(2024, 1, 19), OptionRight.CALL, Decimal("0.001")))
def test_both_forms_read_back_as_the_same_contract(contract: OptionContract) -> None:
    assert len(contract.osi) == 21
    for text in (contract.occ, contract.osi):
        assert parse_occ(text) == parse_symbol(text) == contract
        assert (parse_occ(text).occ, parse_occ(text).osi) == (contract.occ, contract.osi)


@unhurried
@given(contracts, st.integers(0, 40))
def test_any_padding_between_root_and_date_is_read(contract: OptionContract, width: int) -> None:
    root, terms = contract.occ[:-15], contract.occ[-15:]
    read = parse_occ(root + " " * width + terms)
    assert (read.root, read.expiry, read.right) == (root, contract.expiry, contract.right)
    assert read.strike == contract.strike


def test_padding_to_five_as_some_sources_write_is_read() -> None:
    assert parse_occ("QQQ  241122C00350000").osi == "QQQ   241122C00350000"


@unhurried
@given(st.integers(1, 99_999_999))
@example(1005)
@example(4350)
def test_strikes_are_read_to_the_thousandth(thousandths: int) -> None:
    read = parse_occ(f"SPY241115P{thousandths:08d}")
    assert read.strike * 1000 == thousandths
    assert read.occ == f"SPY241115P{thousandths:08d}"


def test_symbol_says_neither_underlying_nor_more_than_the_standard_multiplier() -> None:
    read = parse_occ("SPXW241115C05900000")
    assert (read.root, read.underlying, read.multiplier) == ("SPXW", None, Decimal(100))


def test_digits_of_an_adjusted_root_are_not_taken_for_the_date() -> None:
    read = parse_occ("AAPL1240119C00100000")
    assert (read.root, read.expiry, read.is_adjusted) == ("AAPL1", date(2024, 1, 19), True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "too short"),
        ("SPY", "too short"),
        ("241115P00400000", "too short"),
        ("      241115P00400000", "root"),
        (" SPY241115P00400000", "root"),
        ("\tSPY241115P00400000", "root"),
        ("SPY\t241115P00400000", "root"),
        ("SPY\u00a0241115P00400000", "root"),
        ("S PY241115P00400000", "root"),
        ("BRK.B241115P00400000", "root"),
        ("ABCDEFG241115P00400000", "root"),
        ("ＳＰＹ241115P00400000", "root"),
        ("SPY241115P00400000\n", "expiry|right|strike"),
        ("SPY241115P00400000 ", "expiry|right|strike"),
        ("SPY 241115 P00400000", "expiry"),
        ("SPY24111５P00400000", "expiry"),
        ("SPY٢٤١١١٥P00400000", "expiry"),
        ("SPY+41115P00400000", "expiry"),
        ("SPY24_115P00400000", "expiry"),
        ("SPY241315P00400000", "not a day of the calendar"),
        ("SPY240230P00400000", "not a day of the calendar"),
        ("SPY230229P00400000", "not a day of the calendar"),
        ("SPY240001P00400000", "not a day of the calendar"),
        ("SPY241100P00400000", "not a day of the calendar"),
        ("SPY241115X00400000", "neither C nor P"),
        ("SPY241115 00400000", "neither C nor P"),
        ("SPY241115P00000000", "strike must be greater than zero"),
        ("SPY241115P0040000a", "lower case"),
        ("SPY241115P0040000A", "strike"),
        ("SPY241115P0400.000", "strike"),
        ("SPY241115P-0400000", "strike"),
        ("SPY241115P0040000０", "strike"),
        ("SPY241115P00 00000", "strike"),
        ("SPY241115P0040_000", "strike"),
        ("spy241115p00400000", "lower case"),
        ("SPY241115p00400000", "lower case"),
        ("x" * 10_000, "lower case"),
        ("X" * 10_000, "expiry"),
    ],
)
def test_garbage_is_refused_and_named(text: str, complaint: str) -> None:
    with pytest.raises(InstrumentError, match=complaint) as caught:
        parse_occ(text)
    assert len(str(caught.value)) < 300


@unhurried
@given(st.text(max_size=30) | st.text("SPY0123456789CP \n", max_size=24))
def test_any_text_is_an_instrument_or_an_instrument_error(text: str) -> None:
    try:
        read = parse_symbol(text)
    except InstrumentError:
        return
    # What was accepted is written back but for the spaces.
    assert read.key == text.replace(" ", "")


@unhurried
@given(
    contracts, st.integers(0, 20), st.characters(exclude_characters="ABCDEFGHIJKLMNOPQRSTUVWXYZ")
)
def test_one_wrong_character_never_passes_unseen(
    contract: OptionContract, place: int, wrong: str
) -> None:
    place = min(place, len(contract.occ) - 1)
    text = contract.occ[:place] + wrong + contract.occ[place + 1 :]
    try:
        assert parse_occ(text).occ == text.replace(" ", "")
    except InstrumentError:
        return


def test_leap_day_is_a_day() -> None:
    assert parse_occ("SPY240229P00400000").expiry == date(2024, 2, 29)


@pytest.mark.parametrize("text", ["SPY", "BRK.B", "A", "ABCDEFGHIJKL"])
def test_short_text_is_a_ticker(text: str) -> None:
    assert parse_symbol(text) == Equity(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        *(("", "symbol"), ("spy", "lower case"), ("BTC/USD", "symbol"), ("BRK B", "symbol")),
        *(("SPY ", "symbol"), ("SPY\n", "symbol"), ("ABCDEFGHIJKLM", "too short")),
    ],
)
def test_what_a_person_mistypes_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InstrumentError, match=complaint):
        parse_symbol(text)


@pytest.mark.parametrize("wrong", [None, b"SPY241115P00400000", 5, 1.5], ids=repr)
def test_symbols_are_read_from_text_only(wrong: Any) -> None:
    for parse in (parse_occ, parse_symbol):
        with pytest.raises(TypeError):
            parse(wrong)


@pytest.mark.parametrize(
    ("root", "guess"),
    [("SPY", "SPY"), ("BRKB", "BRK.B"), ("SPXW", "SPX"), ("AAPL1", None), ("1SPY", None)],
)
def test_underlying_is_guessed_on_request_and_never_for_adjusted_roots(
    root: str, guess: str | None
) -> None:
    assert guess_underlying(root) == guess
