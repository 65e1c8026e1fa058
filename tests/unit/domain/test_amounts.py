"""Decimals have one exact text form, arithmetic never rounds unasked, currencies don't mix."""

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.common.domain.amounts import (
    CONTEXT,
    AmountError,
    Money,
    Rounding,
    add,
    average_price,
    excerpt,
    format_decimal,
    is_multiple,
    mul,
    parse_decimal,
    quantize,
    require_finite,
    sub,
    total,
)

# A busy machine is no failure of the rule under test.
unhurried = settings(deadline=None)
GRAMMAR = r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?"


def is_negative_zero(text: str) -> bool:
    return text.startswith("-") and set(text) <= set("-0.")


texts = st.from_regex(GRAMMAR, fullmatch=True).filter(lambda text: not is_negative_zero(text))
amounts = texts.map(Decimal)
positive = amounts.map(abs).filter(bool)
ticks = st.sampled_from([Decimal(s) for s in ("1", "0.01", "0.05", "0.0001", "0.25", "3", "0.07")])

GARBAGE = [
    *("", " ", "-", ".", "+1", "01", "-01", "00", ".5", "5.", "-.5", "1.2.3", "--1", "1-"),
    *("1e400", "1E5", "1e-5", "NaN", "nan", "sNaN", "Infinity", "-inf", "1_000", "1,000", "0x1"),
    *("１２", "٣", "1.٣", "²", "−1", "1\n", "\n1", "1\r\n", " 1", "1 ", "1\x00", "1\u00a0", "½"),
    *("1" * 19, "0." + "1" * 19, "1" * 10_000, "1." + "0" * 19, "None", "1d", "1f"),
]
NEGATIVE_ZEROS = ["-0", "-0.0", "-0.00", "-0." + "0" * 18]


@unhurried
@given(texts)
@example("999999999999999999.999999999999999999")
@example("-0.000000000000000001")
@example("1.50")
def test_every_text_of_the_grammar_reads_as_exactly_its_digits(text: str) -> None:
    value = parse_decimal(text)
    assert Fraction(value) == Fraction(text)
    assert str(value) == str(Decimal(text))


@unhurried
@given(texts, texts)
def test_texts_written_are_equal_if_and_only_if_values_are(one: str, other: str) -> None:
    left, right = parse_decimal(one), parse_decimal(other)
    assert (format_decimal(left) == format_decimal(right)) == (left == right)


@unhurried
@given(amounts)
@example(Decimal("1E+17"))
@example(Decimal("1E-18"))
@example(Decimal("100.000"))
@example(Decimal("1." + "0" * 200))
def test_writing_and_reading_gives_the_same_value(value: Decimal) -> None:
    text = format_decimal(value)
    assert parse_decimal(text) == value
    assert format_decimal(parse_decimal(text)) == text
    assert "." not in text or not text.endswith("0")


@pytest.mark.parametrize("text", GARBAGE)
def test_text_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_decimal(text)


@pytest.mark.parametrize("text", NEGATIVE_ZEROS)
def test_negative_zero_is_refused_by_name(text: str) -> None:
    with pytest.raises(AmountError, match="negative zero"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("007", "leading zeros"),
        ("1e400", "exponent"),
        ("1" * 19, "more than 18 digits"),
        ("0." + "1" * 19, "more than 18 digits"),
        ("NaN", "not a decimal"),
    ],
)
def test_refusal_says_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(AmountError, match=complaint):
        parse_decimal(text)


@unhurried
@given(st.text(max_size=300))
@example("\U000e0001" * 64)
@example("x" * 64)
@example("'" * 64)
def test_echo_is_short_and_printable(text: str) -> None:
    echoed = excerpt(text)
    assert len(echoed) <= 64
    assert echoed.isascii()
    assert echoed.isprintable()


def test_long_text_is_not_repeated_in_the_message() -> None:
    with pytest.raises(AmountError) as caught:
        parse_decimal("7" * 1000)
    assert str(caught.value).count("7") <= 64


@pytest.mark.parametrize(
    "value",
    [Decimal(s) for s in ("NaN", "sNaN", "Infinity", "-Infinity", "1E+18", "1E-19", "1E+400")]
    + [Decimal("1E+999999"), Decimal("1E-999999"), Decimal("1." + "0" * 100 + "1")],
    ids=str,
)
def test_values_outside_the_grammar_are_not_written(value: Decimal) -> None:
    with pytest.raises(AmountError):
        format_decimal(value)


@pytest.mark.parametrize("text", ["0", "-0", "0.00", "-0.00", "0E+5000", "0E-5000"])
def test_zero_is_written_one_way_whatever_its_sign(text: str) -> None:
    assert format_decimal(Decimal(text)) == "0"


def test_surrounding_decimal_context_changes_nothing() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        assert parse_decimal("1234.5678") == Decimal("1234.5678")
        assert format_decimal(Decimal("1234.5678")) == "1234.5678"
        assert format_decimal(add(Decimal("1234.5678"), Decimal("0.0001"))) == "1234.5679"
        assert average_price([(Decimal(1), Decimal("1234.56789"))]) == Decimal("1234.56789")
        assert quantize(Decimal("1234.5678"), Decimal("0.05"), Rounding.FLOOR) == Decimal("1234.55")


@unhurried
@given(amounts, amounts)
def test_sums_and_products_are_exact(left: Decimal, right: Decimal) -> None:
    assert Fraction(add(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(sub(left, right)) == Fraction(left) - Fraction(right)
    assert Fraction(mul(left, right)) == Fraction(left) * Fraction(right)


@unhurried
@given(st.lists(amounts, max_size=20))
def test_total_is_exact_and_zero_for_nothing(values: list[Decimal]) -> None:
    assert Fraction(total(values)) == sum(map(Fraction, values), Fraction(0))


def test_inexact_results_are_errors_not_roundings() -> None:
    with pytest.raises(AmountError, match="no exact result"):
        add(Decimal("1E+60"), Decimal("1E-60"))
    with pytest.raises(AmountError, match="no exact result"):
        mul(Decimal("9" * 41), Decimal("9" * 41))
    with pytest.raises(AmountError, match="no exact result"):
        mul(Decimal("1E+900"), Decimal("1E+900"))
    with pytest.raises(AmountError, match="no exact result"):
        mul(Decimal("1E-900"), Decimal("1E-900"))
    with pytest.raises(decimal.Inexact):
        CONTEXT.divide(Decimal(1), Decimal(3))


def test_product_of_zero_and_a_negative_is_plain_zero() -> None:
    assert str(mul(Decimal(0), Decimal(-1))) == "0"
    assert not quantize(Decimal("-0.01"), Decimal("0.05"), Rounding.HALF_EVEN).is_signed()


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")], ids=str)
def test_non_finite_operands_are_refused(bad: Decimal) -> None:
    one = Decimal(1)
    for operation in (add, sub, mul, is_multiple):
        for operands in ((bad, one), (one, bad)):
            with pytest.raises(AmountError, match="not finite"):
                operation(*operands)
    with pytest.raises(AmountError, match="not finite"):
        quantize(bad, one, Rounding.FLOOR)
    with pytest.raises(AmountError, match="not finite"):
        average_price([(bad, one)])
    with pytest.raises(AmountError, match="not finite"):
        average_price([(one, bad)])
    with pytest.raises(AmountError, match="not finite"):
        Money(bad, "USD")


@pytest.mark.parametrize("wrong", [0.5, 1, True, "1", None], ids=repr)
def test_only_decimals_are_amounts(wrong: Any) -> None:
    one = Decimal(1)
    for operation in (add, sub, mul, is_multiple):
        with pytest.raises(TypeError):
            operation(wrong, one)
        with pytest.raises(TypeError):
            operation(one, wrong)
    for call in (
        lambda: format_decimal(wrong),
        lambda: require_finite(wrong),
        lambda: total([wrong]),
        lambda: average_price([(wrong, one)]),
        lambda: average_price([(one, wrong)]),
        lambda: quantize(wrong, one, Rounding.FLOOR),
        lambda: quantize(one, wrong, Rounding.FLOOR),
        lambda: Money(wrong, "USD"),
    ):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("wrong", [0.5, 1, b"1", None, Decimal(1)], ids=repr)
def test_decimals_are_read_from_text_only(wrong: Any) -> None:
    with pytest.raises(TypeError):
        parse_decimal(wrong)


def rounded(value: Fraction, rule: Rounding) -> int:
    """The rules written out again, on exact fractions."""
    floor = value.numerator // value.denominator
    rest = value - floor
    if rest == 0:
        return floor
    nearest = floor + (rest > Fraction(1, 2))
    tie = rest == Fraction(1, 2)
    return {
        Rounding.FLOOR: floor,
        Rounding.CEILING: floor + 1,
        Rounding.TOWARD_ZERO: floor if value > 0 else floor + 1,
        Rounding.AWAY_FROM_ZERO: floor + 1 if value > 0 else floor,
        Rounding.HALF_EVEN: floor + floor % 2 if tie else nearest,
        Rounding.HALF_UP: (floor + 1 if value > 0 else floor) if tie else nearest,
    }[rule]


@unhurried
@given(amounts, st.one_of(ticks, positive), st.sampled_from(Rounding))
@example(Decimal("0.125"), Decimal("0.05"), Rounding.HALF_EVEN)
@example(Decimal("-0.125"), Decimal("0.05"), Rounding.HALF_UP)
@example(Decimal("999999999999999999.999999999999999999"), Decimal("1E-18"), Rounding.FLOOR)
def test_quantize_picks_the_multiple_that_its_rule_names(
    value: Decimal, step: Decimal, rule: Rounding
) -> None:
    result = quantize(value, step, rule)
    assert Fraction(result) == rounded(Fraction(value) / Fraction(step), rule) * Fraction(step)
    assert is_multiple(result, step)


@unhurried
@given(amounts, st.one_of(ticks, positive))
def test_is_multiple_agrees_with_fractions(value: Decimal, step: Decimal) -> None:
    assert is_multiple(value, step) == ((Fraction(value) / Fraction(step)).denominator == 1)


def test_tick_checks_have_no_float_noise() -> None:
    assert is_multiple(Decimal("8.35"), Decimal("0.05"))
    assert is_multiple(Decimal("-1.15"), Decimal("0.05"))
    assert is_multiple(Decimal(0), Decimal("0.05"))
    assert not is_multiple(Decimal("8.351"), Decimal("0.01"))


@pytest.mark.parametrize("step", ["0", "-0.01"])
def test_step_must_be_positive(step: str) -> None:
    for call in (
        lambda: is_multiple(Decimal(1), Decimal(step)),
        lambda: quantize(Decimal(1), Decimal(step), Rounding.FLOOR),
        lambda: average_price([(Decimal(1), Decimal(1))], step=Decimal(step)),
    ):
        with pytest.raises(AmountError, match="step must be greater than zero"):
            call()


def test_quotients_beyond_the_precision_are_errors() -> None:
    with pytest.raises(AmountError):
        is_multiple(Decimal("1E+60"), Decimal("3E-60"))
    with pytest.raises(AmountError):
        quantize(Decimal("1E+60"), Decimal("3E-60"), Rounding.FLOOR)
    with pytest.raises(AmountError):
        quantize(Decimal("1E+900"), Decimal("1E-900"), Rounding.FLOOR)
    with pytest.raises(AmountError):
        # 80 whole digits: the division has nothing left to show which way to round.
        quantize(Decimal("9" * 80), Decimal("1.0000000001"), Rounding.CEILING)


@unhurried
@given(
    st.lists(st.tuples(positive, amounts), min_size=1, max_size=6),
    ticks,
    st.sampled_from(Rounding),
)
def test_average_price_is_rounded_once_from_the_exact_quotient(
    fills: list[tuple[Decimal, Decimal]], step: Decimal, rule: Rounding
) -> None:
    quantity = sum((Fraction(qty) for qty, _ in fills), Fraction(0))
    exact = sum((Fraction(qty) * Fraction(px) for qty, px in fills), Fraction(0)) / quantity
    expected = rounded(exact / Fraction(step), rule) * Fraction(step)
    assert Fraction(average_price(fills, step, rule)) == expected


def test_average_price_has_nine_decimals_half_to_even_by_default() -> None:
    third = [(Decimal(2), Decimal("8.50")), (Decimal(1), Decimal("8.60"))]
    assert average_price(third) == Decimal("8.533333333")
    tie = [(Decimal(1), Decimal(0)), (Decimal(1), Decimal("0.000000001"))]
    assert average_price(tie) == 0
    odd_tie = [(Decimal(1), Decimal("0.000000001")), (Decimal(1), Decimal("0.000000002"))]
    assert average_price(odd_tie) == Decimal("0.000000002")


def test_near_tie_beyond_the_precision_is_not_rounded_as_a_tie() -> None:
    # The quotient is 1/2 less 10^-101 or so, which 80 digits rounded to the nearest call 1/2.
    step = Decimal("2" + "0" * 99 + "1")
    assert quantize(Decimal("1E+100"), step, Rounding.HALF_UP) == 0


def test_average_of_no_fills_is_refused_by_name() -> None:
    with pytest.raises(AmountError, match="no fills"):
        average_price([])


@pytest.mark.parametrize("fills", [[("0", "1")], [("-1", "1")], [("1", "1"), ("-1", "1")]])
def test_average_price_needs_positive_quantities(fills: list[tuple[str, str]]) -> None:
    with pytest.raises(AmountError):
        average_price((Decimal(qty), Decimal(px)) for qty, px in fills)


@unhurried
@given(amounts, amounts)
def test_money_adds_and_subtracts_exactly_in_one_currency(left: Decimal, right: Decimal) -> None:
    one, other = Money(left, "USD"), Money(right, "USD")
    assert one + other == Money(add(left, right), "USD")
    assert one - other == Money(sub(left, right), "USD")
    assert one - other == -(other - one)
    assert one + other - other == one


def test_money_of_two_currencies_does_not_add_up() -> None:
    usd, eur = Money(Decimal(1), "USD"), Money(Decimal(1), "EUR")
    with pytest.raises(AmountError, match="USD and EUR"):
        usd + eur
    with pytest.raises(AmountError, match="EUR and USD"):
        eur - usd
    assert usd != eur


def test_money_does_not_add_to_bare_numbers() -> None:
    money: Any = Money(Decimal(1), "USD")
    for bare in (1, 1.0, Decimal(1)):
        with pytest.raises(TypeError):
            money + bare
        with pytest.raises(TypeError):
            money - bare
        with pytest.raises(TypeError):
            bare + money


@pytest.mark.parametrize("code", ["", "usd", "US", "USDT", "US1", "USD\n", " USD", "ＵＳＤ", "$"])
def test_currency_is_three_capital_letters(code: str) -> None:
    with pytest.raises(AmountError, match="currency"):
        Money(Decimal(1), code)


def test_currency_must_be_text() -> None:
    wrong: Any = 840
    with pytest.raises(TypeError):
        Money(Decimal(1), wrong)


def test_money_equals_and_hashes_by_value_and_never_shows_minus_zero() -> None:
    assert Money(Decimal("1.5"), "USD") == Money(Decimal("1.50"), "USD")
    assert len({Money(Decimal("1.5"), "USD"), Money(Decimal("1.50"), "USD")}) == 1
    assert str(Money(Decimal("-50.00"), "USD")) == "-50 USD"
    assert not (-Money(Decimal(0), "USD")).amount.is_signed()
