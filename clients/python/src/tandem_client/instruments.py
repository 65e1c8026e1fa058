"""What is traded: shares by their ticker, options by their contract terms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias

from tandem_client.enums import ExerciseStyle, OptionRight, SettlementMethod, SettlementSession

# The end of an OCC symbol has a fixed width, its root has not: read from the right.
_OCC: Final = re.compile(r"([A-Z0-9]{1,6}) *([0-9]{6})([CP])([0-9]{8})", re.ASCII)
_TICKER: Final = re.compile(r"[A-Z0-9]+([.-][A-Z0-9]+)*", re.ASCII)
_TICKER_LEN_MAX: Final = 12
_LETTERS: Final = {"C": OptionRight.CALL, "P": OptionRight.PUT}


class SymbolError(ValueError):
    """A text that names no instrument."""


@dataclass(frozen=True, slots=True)
class Equity:
    """A share or fund; two are the same if their tickers are."""

    symbol: str
    currency_code: str = field(default="USD", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A listed option; two are the same if root, expiry, right and strike are.

    The rest describes the contract as far as the venue told it. `multiplier` is shares per
    contract; None means that the venue's own is used.
    """

    root: str
    expiry: date
    right: OptionRight
    strike: Decimal
    underlying_symbol: str = field(default="", compare=False)
    multiplier: Decimal | None = field(default=None, compare=False)
    exercise_style: ExerciseStyle = field(default=ExerciseStyle.UNSPECIFIED, compare=False)
    settlement_session: SettlementSession = field(
        default=SettlementSession.UNSPECIFIED, compare=False
    )
    settlement_method: SettlementMethod = field(default=SettlementMethod.UNSPECIFIED, compare=False)
    last_trade_time: datetime | None = field(default=None, compare=False)
    time_zone: str = field(default="", compare=False)
    adjusted_deliverable: str = field(default="", compare=False)

    @property
    def symbol(self) -> str:
        """The OCC symbol without padding, such as SPY241115P00400000."""
        return f"{self.root}{self._terms}"

    @property
    def osi_symbol(self) -> str:
        """The same with the root padded to six: 21 characters."""
        return f"{self.root:<6}{self._terms}"

    @property
    def _terms(self) -> str:
        letter = "C" if self.right is OptionRight.CALL else "P"
        thousandths = int(self.strike.scaleb(3))
        return f"{self.expiry:%y%m%d}{letter}{thousandths:08d}"


Instrument: TypeAlias = Equity | Option


def parse_occ(text: str) -> Option:
    """Read an OCC symbol in any padding; two-digit years are 20YY. Raises SymbolError."""
    found = _OCC.fullmatch(text)
    if found is None:
        raise SymbolError(
            f"{text!r} is not an option symbol: a root, YYMMDD, C or P, strike × 1000 in 8 digits"
        )
    root, day, letter, thousandths = found.groups()
    try:
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        raise SymbolError(f"{text!r}: the calendar has no such expiry day") from None
    strike = Decimal(int(thousandths)).scaleb(-3)
    if not strike:
        raise SymbolError(f"{text!r}: a strike is above 0")
    return Option(root=root, expiry=expiry, right=_LETTERS[letter], strike=strike)


def parse_symbol(text: str) -> Instrument:
    """Read what a person types: up to 12 characters are a ticker, anything longer is an option.

    Capitals only, since a broker's symbols are. Raises SymbolError.
    """
    if len(text) > _TICKER_LEN_MAX:
        return parse_occ(text)
    if _TICKER.fullmatch(text) is None:
        raise SymbolError(f"{text!r} is not a ticker such as SPY or BRK.B")
    return Equity(text)
