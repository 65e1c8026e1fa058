"""Contracts as IB names them: conIds derived from the symbol, and finding one by its fields."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from simulators.ib_gateway.wire import Field, Fields, decimal_of
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Catalog, Equity, Instrument, OptionContract, Right

_CON_ID_FIRST = 10_000
_CON_ID_COUNT = 900_000_000
_ROOT_LEN = 6
_RIGHTS = {"C": Right.CALL, "CALL": Right.CALL, "P": Right.PUT, "PUT": Right.PUT}
STOCK_EXCHANGES = ("SMART", "NASDAQ", "ARCA", "NYSE")
OPTION_EXCHANGES = ("SMART", "CBOE")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A contract as a client writes it; "" and 0 mean anything."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""

    @classmethod
    def read(cls, fields: Fields) -> "Wanted":
        """Reads the twelve fields that name a contract in a request."""
        con_id, symbol, sec_type = fields.integer(), fields.text(), fields.text()
        expiry, strike, right = fields.text(), fields.decimal(), fields.text()
        return cls(
            con_id=con_id,
            symbol=symbol,
            sec_type=sec_type,
            expiry=expiry,
            strike=strike or Decimal(0),
            right="" if right in ("0", "?") else right,
            multiplier=fields.text(),
            exchange=fields.text(),
            primary_exchange=fields.text(),
            currency=fields.text(),
            local_symbol=fields.text(),
            trading_class=fields.text(),
        )


@lru_cache(maxsize=65536)
def con_id_of(symbol: str) -> int:
    """The conId of a symbol: the same in every run."""
    digest = hashlib.sha256(f"conid/{symbol}".encode()).digest()
    return _CON_ID_FIRST + int.from_bytes(digest[:8]) % _CON_ID_COUNT


def local_symbol_of(instrument: Instrument) -> str:
    """A ticker, or the OCC symbol with its root padded to six."""
    if isinstance(instrument, Equity):
        return instrument.symbol.replace(".", " ")
    return instrument.root.ljust(_ROOT_LEN) + instrument.symbol[len(instrument.root) :]


def listing_exchange(instrument: Instrument) -> str:
    """Where it is listed; options trade at CBOE here."""
    return instrument.exchange if isinstance(instrument, Equity) else "CBOE"


def sec_type_of(instrument: Instrument) -> str:
    return "STK" if isinstance(instrument, Equity) else "OPT"


def ib_symbol(instrument: Instrument) -> str:
    """IB writes a space where others write a dot, and names an option by its underlying."""
    symbol = instrument.symbol if isinstance(instrument, Equity) else instrument.underlying
    return symbol.replace(".", " ")


def trading_class_of(instrument: Instrument) -> str:
    if isinstance(instrument, OptionContract):
        return instrument.root
    return "NMS" if instrument.exchange == "NASDAQ" else instrument.symbol


def contract_fields(instrument: Instrument, exchange: str) -> tuple[Field, ...]:
    """The eleven fields that name a contract in a reply."""
    is_option = isinstance(instrument, OptionContract)
    expiry, strike, right = "", Decimal(0), ""
    if isinstance(instrument, OptionContract):
        expiry, strike = f"{instrument.expiry:%Y%m%d}", instrument.strike
        right = "C" if instrument.right is Right.CALL else "P"
    return (
        con_id_of(instrument.symbol),
        ib_symbol(instrument),
        sec_type_of(instrument),
        expiry,
        strike,
        right,
        instrument.multiplier if is_option else "",
        exchange,
        "USD",
        local_symbol_of(instrument),
        trading_class_of(instrument),
    )


class ConflictingConId(Exception):
    """The conId and other fields of a contract name different things."""


class ContractFinder:
    """Finds the listed instruments that fit what a client writes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def find(self, wanted: Wanted, at: datetime, *, with_expired: bool = False) -> list[Instrument]:
        """All that fit, in the catalog's order.

        Raises:
            ConflictingConId: The conId is known and the other fields say something else.
        """
        fitting = [i for i in self._catalog if _fits(i, wanted)]
        if not with_expired:
            fitting = [instrument for instrument in fitting if not _is_expired(instrument, at)]
        if not wanted.con_id:
            return fitting
        found = [i for i in fitting if con_id_of(i.symbol) == wanted.con_id]
        if not found and any(con_id_of(i.symbol) == wanted.con_id for i in self._live(at)):
            raise ConflictingConId
        return found

    def _live(self, at: datetime) -> Iterator[Instrument]:
        return (i for i in self._catalog if not _is_expired(i, at))

    def options_on(self, symbol: str, at: datetime) -> list[OptionContract]:
        """The contracts on an underlying that still trade."""
        return [
            instrument
            for instrument in self._live(at)
            if isinstance(instrument, OptionContract) and ib_symbol(instrument) == symbol
        ]


def _is_expired(instrument: Instrument, at: datetime) -> bool:
    if not isinstance(instrument, OptionContract):
        return False
    return at >= calendar.last_trading(instrument.expiry)


def _fits(instrument: Instrument, wanted: Wanted) -> bool:
    exchanges = OPTION_EXCHANGES if isinstance(instrument, OptionContract) else STOCK_EXCHANGES
    return (
        wanted.symbol in ("", ib_symbol(instrument))
        and wanted.sec_type in ("", sec_type_of(instrument))
        and wanted.currency in ("", "USD")
        and wanted.exchange in ("", "BEST", *exchanges)
        and wanted.primary_exchange in ("", "SMART", listing_exchange(instrument))
        and wanted.local_symbol in ("", local_symbol_of(instrument), instrument.symbol)
        and wanted.trading_class in ("", trading_class_of(instrument))
        and _fits_option(instrument, wanted)
    )


def _fits_option(instrument: Instrument, wanted: Wanted) -> bool:
    if not isinstance(instrument, OptionContract):
        return not wanted.right and not wanted.expiry
    multiplier = decimal_of(wanted.multiplier)
    return (
        f"{instrument.expiry:%Y%m%d}".startswith(wanted.expiry)
        and wanted.strike in (0, instrument.strike)
        and _RIGHTS.get(wanted.right.upper(), instrument.right) is instrument.right
        and multiplier in (None, 0, instrument.multiplier)
    )
