"""What can be traded: equities and option contracts, with OCC symbols read from the right."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum

from simulators.venue.refusals import NotListed

_OCC = re.compile(r"(?P<root>[A-Z]{1,5}[0-9]?)(?P<expiry>\d{6})(?P<right>[CP])(?P<strike>\d{8})")
_EQUITY = re.compile(r"[A-Z]{1,5}(\.[A-Z]{1,2})?")
_CENT = Decimal("0.01")
_SUB_PENNY = Decimal("0.0001")


class Right(Enum):
    """The right of an option."""

    CALL = "call"
    PUT = "put"


@dataclass(frozen=True, slots=True)
class Equity:
    """A share or an ETF."""

    symbol: str
    name: str = ""
    exchange: str = "NASDAQ"
    shortable: bool = True
    tradable: bool = True
    multiplier: Decimal = field(default=Decimal(1), init=False)

    def tick(self, price: Decimal) -> Decimal:
        """The smallest price step at that price: a cent, below one dollar a hundredth of it."""
        return _CENT if price >= 1 else _SUB_PENNY


@dataclass(frozen=True, slots=True)
class OptionContract:
    """A listed option; `symbol` is the OCC symbol without padding. adjusted: only to be closed."""

    symbol: str
    root: str
    underlying: str
    expiry: date
    right: Right
    strike: Decimal
    multiplier: Decimal = Decimal(100)
    tradable: bool = True
    adjusted: bool = False

    def tick(self, price: Decimal) -> Decimal:
        """The smallest price step: a cent at every price (all classes here are penny classes)."""
        return _CENT


Instrument = Equity | OptionContract


def parse_contract(symbol: str, underlying: str | None = None) -> OptionContract | None:
    """Reads an OCC symbol, padded or not; None if it is not one.

    The underlying is the root without the digit that marks an adjusted contract, unless given: a
    dotted ticker never matches its root (BRK.B and BRKB).
    """
    compact = symbol.replace(" ", "")
    match = _OCC.fullmatch(compact)
    if match is None:
        return None
    digits = match["expiry"]
    try:
        expiry = date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError:
        return None
    root = match["root"]
    return OptionContract(
        symbol=compact,
        root=root,
        underlying=underlying or root.rstrip("0123456789"),
        expiry=expiry,
        right=Right.CALL if match["right"] == "C" else Right.PUT,
        strike=Decimal(int(match["strike"])) / 1000,
    )


def parse_instrument(symbol: str) -> Instrument | None:
    """The instrument that a symbol names by its form alone; None if it has neither form."""
    contract = parse_contract(symbol)
    if contract is not None:
        return contract
    return Equity(symbol) if _EQUITY.fullmatch(symbol) else None


class Catalog:
    """The instruments listed at the venue, by symbol."""

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._by_symbol: dict[str, Instrument] = {}
        for instrument in instruments:
            self.list(instrument)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_symbol.values())

    def list(self, instrument: Instrument) -> None:
        """Lists an instrument; one that is listed under that symbol is replaced."""
        self._by_symbol[instrument.symbol] = instrument

    def find(self, symbol: str) -> Instrument | None:
        """The instrument of that symbol, if it is listed."""
        return self._by_symbol.get(symbol)

    def get(self, symbol: str) -> Instrument:
        """The instrument of that symbol.

        Raises:
            NotListed: It is not listed.
        """
        found = self.find(symbol)
        if found is None:
            raise NotListed(symbol, is_option=parse_contract(symbol) is not None)
        return found
