"""Contracts as IB names them: conIds derived from the symbol, and finding one by its fields."""

import hashlib
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from simulators.ib_gateway.wire import Field, Fields, decimal_of
from simulators.venue import trading_calendar as calendar
from simulators.venue.chain import ChainCatalog
from simulators.venue.instruments import Equity, Instrument, OptionContract, Right

_CON_ID_FIRST = 10_000
_CON_ID_COUNT = 900_000_000
_ROOT_LEN = 6
_RIGHTS = {"C": Right.CALL, "CALL": Right.CALL, "P": Right.PUT, "PUT": Right.PUT}
STOCK_EXCHANGES = (
    *("SMART", "AMEX", "NYSE", "CBOE", "PHLX", "ISE", "CHX", "ARCA", "NASDAQ", "DRCTEDGE", "BEX"),
    *("BATS", "EDGEA", "BYX", "IEX", "PEARL", "NYSENAT", "LTSE", "MEMX", "PSX"),
)
OPTION_EXCHANGES = (
    *("SMART", "AMEX", "CBOE", "PHLX", "PSE", "ISE", "BOX", "BATS", "NASDAQOM", "CBOE2"),
    *("NASDAQBX", "MIAX", "GEMINI", "EDGX", "MERCURY", "PEARL", "EMERALD"),
)
_SAME_EXCHANGE = {"ISLAND": "NASDAQ", "NASDAQ.NMS": "NASDAQ", "BEST": "SMART"}
_DATE_LEN, _MONTH_LEN = 8, 6


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
    """Finds the listed instruments that fit what a client writes, chains included."""

    def __init__(self, catalog: ChainCatalog) -> None:
        self._catalog = catalog
        self._symbols: dict[int, str] = {}
        self._whole_on: date | None = None

    def find(self, wanted: Wanted, at: datetime, *, with_expired: bool = False) -> list[Instrument]:
        """All that fit: shares first, then contracts by symbol.

        Raises:
            ConflictingConId: The conId is known and the other fields say something else.
        """
        fitting = [i for i in self._candidates(wanted, at) if _fits(i, wanted)]
        found = [i for i in fitting if with_expired or not _is_expired(i, at)]
        if wanted.con_id and not fitting:
            known = self._by_con_id(wanted.con_id, at)
            if known is not None and not _is_expired(known, at):
                raise ConflictingConId
        self._note(found)
        return found

    def _candidates(self, wanted: Wanted, at: datetime) -> Iterable[Instrument]:
        if wanted.con_id:
            known = self._by_con_id(wanted.con_id, at)
            return () if known is None else (known,)
        if wanted.local_symbol:
            return self._by_local_symbol(wanted.local_symbol)
        symbol = wanted.symbol.replace(" ", ".")
        shares = [i for i in self._catalog.equities() if symbol in ("", i.symbol)]
        if wanted.sec_type == "STK":
            return shares
        underlyings = {symbol} if symbol else None
        return [*shares, *self._catalog.contracts(underlyings, *_expiries(wanted.expiry))]

    def _by_local_symbol(self, local_symbol: str) -> Iterable[Instrument]:
        named = (local_symbol.replace(" ", ""), local_symbol.strip().replace(" ", "."))
        found = (self._catalog.find(symbol) for symbol in dict.fromkeys(named))
        return [instrument for instrument in found if instrument is not None]

    def _by_con_id(self, con_id: int, at: datetime) -> Instrument | None:
        """The instrument of a conId: those told before first, then all that is listed."""
        symbol = self._symbols.get(con_id)
        if symbol is None:
            self._note(self._catalog.listed())
            symbol = self._symbols.get(con_id)
        if symbol is None and self._whole_on != calendar.trading_date(at):
            self._whole_on = calendar.trading_date(at)
            self._note(self._catalog)
            symbol = self._symbols.get(con_id)
        return self._catalog.find(symbol) if symbol is not None else None

    def _note(self, instruments: Iterable[Instrument]) -> None:
        for instrument in instruments:
            self._symbols.setdefault(con_id_of(instrument.symbol), instrument.symbol)

    def options_on(self, symbol: str, at: datetime) -> list[OptionContract]:
        """The contracts on an underlying that still trade."""
        underlyings = {symbol.replace(" ", ".")}
        contracts = self._catalog.contracts(underlyings, date.min, date.max)
        return [contract for contract in contracts if not _is_expired(contract, at)]


def _expiries(text: str) -> tuple[date, date]:
    """The days that a date, a month or nothing stands for; of anything else there are none."""
    try:
        if len(text) == _MONTH_LEN:
            first = date(int(text[:4]), int(text[4:]), 1)
            return first, date(first.year, first.month, monthrange(first.year, first.month)[1])
        if len(text) == _DATE_LEN:
            day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
            return day, day
    except ValueError:
        return date.max, date.min
    return (date.min, date.max) if not text else (date.max, date.min)


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
        and _SAME_EXCHANGE.get(wanted.exchange, wanted.exchange) in ("", *exchanges)
        and _listed_at(instrument, wanted.primary_exchange)
        and wanted.local_symbol in ("", local_symbol_of(instrument), instrument.symbol)
        and wanted.trading_class in ("", trading_class_of(instrument))
        and _fits_option(instrument, wanted)
    )


def _listed_at(instrument: Instrument, primary_exchange: str) -> bool:
    named = _SAME_EXCHANGE.get(primary_exchange, primary_exchange)
    return named in ("", "SMART", listing_exchange(instrument))


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
