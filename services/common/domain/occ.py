"""Symbols as text: OCC option symbols in any padding, and what a person types.

An OCC symbol is read from the right, because only its end has a fixed width: the last 15
characters are YYMMDD, C or P, and the strike × 1000 in eight digits. What stands before them
is the root, padded with spaces to six (OSI), to any other width, or not at all (Alpaca).
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from services.common.domain.amounts import excerpt, mul
from services.common.domain.instruments import (
    STRIKE_STEP,
    SYMBOL_LEN_MAX,
    Equity,
    Instrument,
    InstrumentError,
    OptionContract,
    OptionRight,
)

_TERMS_LEN: Final = 15
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)

# Classes that trade on an underlying of another name, as listed by Cboe and OCC.
_UNDERLYING_OF_ROOT: Final = {
    "BFB": "BF.B",
    "BRKB": "BRK.B",
    "NDXP": "NDX",
    "RUTW": "RUT",
    "SPXW": "SPX",
    "VIXW": "VIX",
}


@lru_cache(maxsize=4096)
def parse_occ(text: str) -> OptionContract:
    """Read an OCC symbol, unpadded, OSI or in any padding between root and date.

    Two-digit years are 20YY. The underlying stays unknown and the multiplier is the standard
    100: the symbol says neither. Raises InstrumentError, naming what is wrong, for lower case,
    other white space, a day that the calendar doesn't have and a strike of zero.
    """
    _require_capitals(text)
    if len(text) <= _TERMS_LEN:
        raise InstrumentError(
            f"{excerpt(text)} is too short for an OCC symbol: a root, YYMMDD, C or P, "
            "strike × 1000 in 8 digits"
        )
    root, terms = text[:-_TERMS_LEN].rstrip(" "), text[-_TERMS_LEN:]
    try:
        return OptionContract(
            root=root,
            expiry=_expiry(terms[:6]),
            right=_right(terms[6]),
            strike=_strike(terms[7:]),
        )
    except InstrumentError as error:
        raise InstrumentError(f"OCC symbol {excerpt(text)}: {error}") from error


def parse_symbol(text: str) -> Instrument:
    """Read what a person types: up to 12 characters are a ticker, anything longer is OCC.

    The two can't be mistaken for each other, since an OCC symbol has at least 16 characters.
    Raises InstrumentError like `parse_occ` and `Equity`.
    """
    _require_capitals(text)
    if len(text) > SYMBOL_LEN_MAX:
        return parse_occ(text)
    return Equity(text)


def guess_underlying(root: str) -> str | None:
    """Guess the underlying's ticker of an option root; None where a guess is unsafe.

    A guess and not knowledge: known classes of another name are looked up (SPXW is on SPX,
    BRKB on BRK.B), any other root is taken for its own underlying, which is wrong for a class
    that isn't listed here. Roots with a digit (adjusted, FLEX) are never guessed. For display
    and for asking a venue; a venue's answer is the only source for books and cover.
    """
    if any(character.isdigit() for character in root):
        return None
    return _UNDERLYING_OF_ROOT.get(root, root)


def _require_capitals(text: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"a symbol is str, not {type(text).__name__}")
    if any(character.islower() for character in text):
        raise InstrumentError(f"symbol {excerpt(text)} has lower case; symbols are in capitals")


def _expiry(digits: str) -> date:
    _require_digits(digits, "expiry (YYMMDD)")
    try:
        return date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError as error:
        raise InstrumentError(f"expiry {digits} is not a day of the calendar") from error


def _right(letter: str) -> OptionRight:
    try:
        return OptionRight(letter)
    except ValueError as error:
        raise InstrumentError(f"right {excerpt(letter)} is neither C nor P") from error


def _strike(digits: str) -> Decimal:
    _require_digits(digits, "strike (8 digits)")
    return mul(Decimal(digits), STRIKE_STEP)


def _require_digits(text: str, name: str) -> None:
    if _DIGITS.fullmatch(text) is None:
        raise InstrumentError(f"{name} {excerpt(text)} has other characters than 0-9")
