"""What can be traded: equities and listed options, each with one identity, its `key`.

Two descriptions of the same contract rarely carry the same detail (one venue names the
underlying, another the settlement), so equality and hash look at what makes the identity and
nothing else: the symbol of an equity; root, expiry, right and strike of an option. The rest is
description and is compared field by field where it matters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Final, TypeAlias

from services.common.domain import amounts

SYMBOL_LEN_MAX: Final = 12
DELIVERABLE_LEN_MAX: Final = 256
STRIKE_MAX: Final = Decimal("99999.999")
STRIKE_STEP: Final = Decimal("0.001")

_SYMBOL: Final = re.compile(r"[A-Z0-9]+([.-][A-Z0-9]+)*", re.ASCII)
_ROOT: Final = re.compile(r"[A-Z0-9]{1,6}", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,32}){0,2}", re.ASCII)
_EQUITY_MULTIPLIER: Final = Decimal(1)


class InstrumentError(ValueError):
    """A symbol or contract term that names no instrument; the message says which and why."""


class OptionRight(Enum):
    """The holder's right; the value is the letter of the OCC symbol."""

    CALL = "C"
    PUT = "P"

    @property
    def occ_letter(self) -> str:
        """The letter of the OCC symbol: C or P."""
        return self.value


class ExerciseStyle(Enum):
    """When the holder may exercise; UNSPECIFIED means that no venue has told us."""

    UNSPECIFIED = "UNSPECIFIED"
    AMERICAN = "AMERICAN"
    EUROPEAN = "EUROPEAN"


class Settlement(Enum):
    """What changes hands at exercise; UNSPECIFIED means that no venue has told us."""

    UNSPECIFIED = "UNSPECIFIED"
    PHYSICAL = "PHYSICAL"
    CASH = "CASH"


class SettlementSession(Enum):
    """Which prices settle it: the expiry day's opening (AM) or its close (PM)."""

    UNSPECIFIED = "UNSPECIFIED"
    AM = "AM"
    PM = "PM"


@dataclass(frozen=True, slots=True)
class Equity:
    """A share or fund by its ticker, such as SPY or BRK.B.

    1 to 12 of A–Z and 0–9, with single dots or dashes inside. A slash is refused: at Alpaca it
    marks a currency pair, and a second spelling of BRK.B would be a second instrument.
    """

    symbol: str
    currency: str = field(default="USD", compare=False)

    def __post_init__(self) -> None:
        _require_symbol(self.symbol, "symbol")
        _require_currency(self.currency)

    @property
    def key(self) -> str:
        """The identity, as text: the symbol."""
        return self.symbol


@dataclass(frozen=True, slots=True)
class OptionContract:
    """One listed option series; every one that can be built has an OCC symbol.

    `root` is the trading class in the OCC symbol and apart from `underlying`: BRK.B trades
    under BRKB, SPX also under SPXW, AAPL after a corporate action under AAPL1. `underlying`
    is None if nobody has told us; it is never derived here. `strike` is in `currency` per unit
    of the underlying. `last_trade_time` is wall time in `last_trade_zone` (an IANA name);
    both are given or neither. `deliverable` is a venue's text for an adjusted contract.

    Raises InstrumentError for a term out of range, TypeError for one of another type
    (floats among them).
    """

    root: str
    expiry: date
    right: OptionRight
    strike: Decimal
    underlying: str | None = field(default=None, compare=False)
    multiplier: Decimal = field(default=Decimal(100), compare=False)
    style: ExerciseStyle = field(default=ExerciseStyle.UNSPECIFIED, compare=False)
    settlement: Settlement = field(default=Settlement.UNSPECIFIED, compare=False)
    settlement_session: SettlementSession = field(
        default=SettlementSession.UNSPECIFIED, compare=False
    )
    last_trade_time: time | None = field(default=None, compare=False)
    last_trade_zone: str | None = field(default=None, compare=False)
    deliverable: str | None = field(default=None, compare=False)
    currency: str = field(default="USD", compare=False)

    def __post_init__(self) -> None:
        _require_root(self.root)
        _require_expiry(self.expiry)
        _require_strike(self.strike)
        _require_positive(self.multiplier, "multiplier")
        _require_currency(self.currency)
        if self.underlying is not None:
            _require_symbol(self.underlying, "underlying")
        _require_type(self.right, OptionRight, "right")
        _require_type(self.style, ExerciseStyle, "style")
        _require_type(self.settlement, Settlement, "settlement")
        _require_type(self.settlement_session, SettlementSession, "settlement_session")
        _require_last_trade(self.last_trade_time, self.last_trade_zone)
        if self.deliverable is not None:
            _require_text(self.deliverable, "deliverable")

    @property
    def key(self) -> str:
        """The identity, as text: the unpadded OCC symbol."""
        return self.occ

    @property
    def occ(self) -> str:
        """The unpadded OCC symbol, as Alpaca writes it: SPY241115P00400000."""
        return self.root + self._terms()

    @property
    def osi(self) -> str:
        """The 21-character OSI symbol, the root padded to six."""
        return self.root.ljust(6) + self._terms()

    @property
    def is_adjusted(self) -> bool:
        """A hint: the root ends in a digit, which is how OCC marks adjusted contracts."""
        return self.root[-1].isdigit()

    def _terms(self) -> str:
        thousandths = int(amounts.mul(self.strike, Decimal(1000)))
        return f"{self.expiry:%y%m%d}{self.right.occ_letter}{thousandths:08d}"


Instrument: TypeAlias = Equity | OptionContract


def multiplier_of(instrument: Instrument) -> Decimal:
    """Return how many units of the quoted price one unit of quantity costs: 1 for equities."""
    if isinstance(instrument, OptionContract):
        return instrument.multiplier
    return _EQUITY_MULTIPLIER


def _require_type(value: object, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")


def _require_symbol(symbol: str, name: str) -> None:
    _require_type(symbol, str, name)
    if len(symbol) > SYMBOL_LEN_MAX or _SYMBOL.fullmatch(symbol) is None:
        raise InstrumentError(
            f"{name} {amounts.excerpt(symbol)} is not 1 to {SYMBOL_LEN_MAX} of A-Z and 0-9 "
            "with single '.' or '-' inside"
        )


def _require_root(root: str) -> None:
    _require_type(root, str, "root")
    if _ROOT.fullmatch(root) is None:
        raise InstrumentError(f"root {amounts.excerpt(root)} is not 1 to 6 of A-Z and 0-9")


def _require_currency(currency: str) -> None:
    try:
        amounts.require_currency(currency)
    except amounts.AmountError as error:
        raise InstrumentError(str(error)) from error


def _require_expiry(expiry: date) -> None:
    # A datetime is a date to isinstance, but never equal to one: two keys for one contract.
    if not isinstance(expiry, date) or isinstance(expiry, datetime):
        raise TypeError(f"expiry must be date, not {type(expiry).__name__}")
    if not 2000 <= expiry.year <= 2099:
        raise InstrumentError(f"expiry {expiry} is outside 2000 to 2099, which OCC can write")


def _require_positive(value: Decimal, name: str) -> None:
    try:
        amounts.require_finite(value, name)
    except amounts.AmountError as error:
        raise InstrumentError(str(error)) from error
    if value <= 0:
        raise InstrumentError(f"{name} must be greater than zero")


def _require_strike(strike: Decimal) -> None:
    _require_positive(strike, "strike")
    shown = amounts.excerpt(str(strike))
    if strike > STRIKE_MAX:
        raise InstrumentError(f"strike {shown} is above {STRIKE_MAX}, which OCC can write")
    try:
        on_grid = amounts.is_multiple(strike, STRIKE_STEP)
    except amounts.AmountError:  # so many decimals that the check itself would round
        on_grid = False
    if not on_grid:
        raise InstrumentError(f"strike {shown} has more than three decimals")


def _require_last_trade(at: time | None, zone: str | None) -> None:
    if (at is None) != (zone is None):
        raise InstrumentError("last_trade_time and last_trade_zone are given both or neither")
    if at is None or zone is None:
        return
    _require_type(at, time, "last_trade_time")
    _require_type(zone, str, "last_trade_zone")
    if at.tzinfo is not None:
        raise InstrumentError("last_trade_time is wall time; its zone is last_trade_zone")
    if _ZONE.fullmatch(zone) is None:
        raise InstrumentError(f"last_trade_zone {amounts.excerpt(zone)} is not a zone name")


def _require_text(text: str, name: str) -> None:
    _require_type(text, str, name)
    if not text.strip() or len(text) > DELIVERABLE_LEN_MAX or not text.isprintable():
        raise InstrumentError(
            f"{name} {amounts.excerpt(text)} is not one line of 1 to {DELIVERABLE_LEN_MAX} "
            "characters"
        )
