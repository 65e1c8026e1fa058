"""Exact decimals: the one text form, arithmetic that never rounds unasked, and money.

Prices, quantities and cash are `Decimal` from the wire to the journal. Every operation here
runs in `CONTEXT`, where an inexact result is an error; rounding happens only in `quantize` and
`average_price`, and each names its rule. Binary floats are refused everywhere (TypeError),
because they have lost the cents before anyone can check.

All functions take finite decimals only. Unless a docstring says otherwise they raise
`AmountError` for a value they can't take or represent, and TypeError for another type.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

PRECISION: Final = 80
"""Digits carried: the product of two full-length decimals has at most 72."""

CONTEXT: Final = decimal.Context(
    prec=PRECISION,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-999,
    Emax=999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[
        decimal.Inexact,
        decimal.InvalidOperation,
        decimal.DivisionByZero,
        decimal.Overflow,
        decimal.Underflow,
        decimal.FloatOperation,
    ],
)
"""The context of all arithmetic on amounts; nobody may change it."""

# Division rounded so that rounding its result once more, to fewer digits, is still right
# (05UP never leaves a false tie). HALF_EVEN here would round twice.
_DIVISION: Final = decimal.Context(
    prec=PRECISION,
    rounding=decimal.ROUND_05UP,
    Emin=-999,
    Emax=999,
    flags=[],
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)

ECHO_LEN_MAX: Final = 64

_GRAMMAR: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", re.ASCII)
_NEGATIVE_ZERO: Final = re.compile(r"-0(\.0+)?", re.ASCII)
_LEADING_ZERO: Final = re.compile(r"-?0[0-9]+(\.[0-9]+)?", re.ASCII)
_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_EXPONENT: Final = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)


class AmountError(ValueError):
    """A text or value that is not an amount, or a result that can't be given exactly."""


class Rounding(Enum):
    """The rules by which a value may be rounded; each call names one."""

    HALF_EVEN = decimal.ROUND_HALF_EVEN
    HALF_UP = decimal.ROUND_HALF_UP
    TOWARD_ZERO = decimal.ROUND_DOWN
    AWAY_FROM_ZERO = decimal.ROUND_UP
    FLOOR = decimal.ROUND_FLOOR
    CEILING = decimal.ROUND_CEILING


AVERAGE_PRICE_STEP: Final = Decimal("0.000000001")
AVERAGE_PRICE_RULE: Final = Rounding.HALF_EVEN


def excerpt(text: str) -> str:
    """Quote `text` for a message: ASCII, control characters escaped, at most 64 characters."""
    quoted = ascii(text[:ECHO_LEN_MAX])
    if len(text) <= ECHO_LEN_MAX and len(quoted) <= ECHO_LEN_MAX:
        return quoted
    return quoted[: ECHO_LEN_MAX - 3] + "..."


def parse_decimal(text: str) -> Decimal:
    """Read `-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,18})?`, matched in full; negative zero is refused.

    The digits are kept as written ("1.50" has two decimals). The message of the AmountError
    says what is wrong and repeats at most 64 characters of the text.
    """
    if not isinstance(text, str):
        raise TypeError(f"a decimal is read from str, not {type(text).__name__}")
    if _GRAMMAR.fullmatch(text) is None or _NEGATIVE_ZERO.fullmatch(text) is not None:
        raise AmountError(f"{_complaint(text)}: {excerpt(text)}")
    return Decimal(text)


def _complaint(text: str) -> str:
    if not text:
        return "a decimal is empty"
    if _NEGATIVE_ZERO.fullmatch(text):
        return "a decimal is negative zero"
    if _LEADING_ZERO.fullmatch(text):
        return "a decimal has leading zeros"
    if _EXPONENT.fullmatch(text):
        return "a decimal has an exponent"
    if _PLAIN.fullmatch(text):
        return "a decimal has more than 18 digits before or after the point"
    return "not a decimal (digits, an optional leading '-', an optional '.' between digits)"


def format_decimal(value: Decimal) -> str:
    """Write `value` in the grammar of `parse_decimal`, exactly; never rounds.

    The form is canonical: no exponent, no trailing zeros after the point, zero is "0" whatever
    its sign, so values are equal if and only if their texts are.
    """
    text = format(_exact(CONTEXT.normalize, value), "f")
    if _GRAMMAR.fullmatch(text) is None:
        raise AmountError(f"more than 18 digits before or after the point: {excerpt(text)}")
    return text


def require_finite(value: Decimal, name: str = "an amount") -> Decimal:
    """Return `value` if it is a finite Decimal. TypeError for floats, ints and other types."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{name} must be Decimal, not {type(value).__name__}")
    if not value.is_finite():
        raise AmountError(f"{name} is not finite: {excerpt(str(value))}")
    return value


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return left + right, exactly."""
    return _exact(CONTEXT.add, left, right)


def sub(left: Decimal, right: Decimal) -> Decimal:
    """Return left - right, exactly."""
    return _exact(CONTEXT.subtract, left, right)


def mul(left: Decimal, right: Decimal) -> Decimal:
    """Return left × right, exactly; never a negative zero."""
    return _exact(CONTEXT.multiply, left, right)


def total(values: Iterable[Decimal]) -> Decimal:
    """Return the exact sum; zero for no values."""
    result = Decimal(0)
    for value in values:
        result = add(result, value)
    return result


def average_price(
    fills: Iterable[tuple[Decimal, Decimal]],
    step: Decimal = AVERAGE_PRICE_STEP,
    rule: Rounding = AVERAGE_PRICE_RULE,
) -> Decimal:
    """Return the quantity-weighted price of (quantity, price) pairs.

    It is rounded once, to a multiple of `step` by `rule`: nine decimals, half to even, unless
    told otherwise. Quantities are positive, prices may be negative (spreads). No fills at all
    have no average: AmountError.
    """
    quantity = notional = Decimal(0)
    for last_qty, last_px in fills:
        _require_positive(last_qty, "a filled quantity")
        quantity = add(quantity, last_qty)
        notional = add(notional, mul(last_qty, last_px))
    if not quantity:
        raise AmountError("no fills have no average price")
    return price_of(notional, quantity, step, rule)


def price_of(
    notional: Decimal,
    quantity: Decimal,
    step: Decimal = AVERAGE_PRICE_STEP,
    rule: Rounding = AVERAGE_PRICE_RULE,
) -> Decimal:
    """Return the price of one unit, rounded as `average_price`; `quantity` is positive."""
    _require_positive(quantity, "a quantity")
    _require_positive(step, "a step")
    return mul(_whole_quotient(notional, mul(quantity, step), rule), step)


def quantize(value: Decimal, step: Decimal, rule: Rounding) -> Decimal:
    """Return the multiple of `step` (positive: a tick such as 0.05) that `rule` picks."""
    require_finite(value)
    _require_positive(step, "a step")
    return mul(_whole_quotient(value, step, rule), step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Say whether `value` lies on the grid of `step` (positive), exactly; zero always does."""
    _require_positive(step, "a step")
    return _exact(CONTEXT.remainder, value, step).is_zero()


def require_currency(code: str) -> str:
    """Return `code` if it has the shape of an ISO 4217 code: three capital letters."""
    if not isinstance(code, str):
        raise TypeError(f"a currency is str, not {type(code).__name__}")
    if _CURRENCY.fullmatch(code) is None:
        raise AmountError(f"a currency is three capital letters, not {excerpt(code)}")
    return code


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency; adds and subtracts only within that currency.

    Equality is by value: 1.5 USD equals 1.50 USD.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        require_finite(self.amount, "an amount of money")
        require_currency(self.currency)

    def __add__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money(add(self.amount, self._same_currency(other)), self.currency)

    def __sub__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money(sub(self.amount, self._same_currency(other)), self.currency)

    def __neg__(self) -> Money:
        return Money(sub(Decimal(0), self.amount), self.currency)

    def __str__(self) -> str:
        return f"{format_decimal(self.amount)} {self.currency}"

    def _same_currency(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise AmountError(f"{self.currency} and {other.currency} don't add up")
        return other.amount


def _require_positive(value: Decimal, name: str) -> None:
    if require_finite(value, name) <= 0:
        raise AmountError(f"{name} must be greater than zero")


def _exact(operation: Callable[..., Decimal], *operands: Decimal) -> Decimal:
    for operand in operands:
        require_finite(operand)
    try:
        # plus() turns the negative zero of 0 × -1 into zero, which the grammar can write.
        return CONTEXT.plus(operation(*operands))
    except ArithmeticError as error:
        raise AmountError(f"{operation.__name__}: no exact result in {PRECISION} digits") from error


def _whole_quotient(numerator: Decimal, denominator: Decimal, rule: Rounding) -> Decimal:
    try:
        quotient = _DIVISION.divide(numerator, denominator)
        # The second rounding needs spare digits to see what the first one left.
        if quotient.adjusted() > PRECISION - 3:
            raise AmountError(f"a quotient has more than {PRECISION - 2} digits")
        return quotient.quantize(Decimal(1), rounding=rule.value, context=_DIVISION)
    except ArithmeticError as error:
        raise AmountError(f"a quotient does not fit {PRECISION} digits") from error
