"""Exact decimals as the contract writes them, and money.

Prices, quantities and cash are `Decimal`, never floats: a float has lost the cents before anyone
can look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

GRAMMAR: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", re.ASCII)
"""What the contract takes: no exponent, no plus sign, no leading zeros, no NaN or Infinity."""

_ECHO_LEN_MAX: Final = 40


class AmountError(ValueError):
    """A text or value that the contract can't carry."""


def parse_decimal(text: str) -> Decimal:
    """Read a decimal by the contract's grammar, matched in full; negative zero is refused.

    Raises AmountError with at most 40 characters of the text.
    """
    value = Decimal(text) if GRAMMAR.fullmatch(text) else None
    if value is None or (value.is_signed() and value.is_zero()):
        raise AmountError(f"{text[:_ECHO_LEN_MAX]!r} is not a decimal such as 8.50")
    return value


def format_decimal(value: Decimal) -> str:
    """Write `value` exactly, without an exponent and without trailing zeros after the point.

    TypeError for anything but a Decimal, AmountError if the grammar can't hold the value.
    """
    if not isinstance(value, Decimal):
        raise TypeError(f"an amount is a Decimal, not {type(value).__name__}")
    if not value.is_finite():
        raise AmountError(f"{value} is not an amount")
    if value.is_zero():
        return "0"
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if GRAMMAR.fullmatch(text) is None:
        raise AmountError(f"{text[:_ECHO_LEN_MAX]}: more than 18 digits before or after the point")
    return text


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in units of one currency (dollars, not cents)."""

    amount: Decimal
    currency_code: str = "USD"
