"""contractDetails, option parameters and symbol samples."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from simulators.ib_gateway.contracts import (
    OPTION_EXCHANGES,
    STOCK_EXCHANGES,
    con_id_of,
    contract_fields,
    ib_symbol,
    listing_exchange,
    local_symbol_of,
    trading_class_of,
)
from simulators.ib_gateway.market_rules import min_tick, rule_of
from simulators.ib_gateway.order_replies import Message
from simulators.ib_gateway.wire import Field
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Equity, Instrument, OptionContract

_DAYS = 6
_SIZES = 164
_SUGGESTED_SIZE = 163
_WITH_DESCRIPTION = 176
_OPTION_ORDERS = "ACTIVETIM,DAY,FOK,GTC,GTD,IOC,LMT,MKT,OCA,STP,STPLMT,TRAIL,TRAILLMT,WHATIF"
_SHARE_ORDERS = f"{_OPTION_ORDERS},LOC,MOC,OPG"


def contract_details(
    req_id: int, instrument: Instrument, exchange: str, at: datetime, version: int
) -> Message:
    """contractDetails of one contract."""
    _, symbol, sec_type, expiry, strike, right, multiplier, *_ = contract_fields(instrument, "")
    is_option = isinstance(instrument, OptionContract)
    exchanges = OPTION_EXCHANGES if is_option else STOCK_EXCHANGES
    return (
        *_head(version),
        *(req_id, symbol, sec_type, _last_trade(instrument), strike, right),
        exchange or "SMART",
        *("USD", local_symbol_of(instrument), _market_name(instrument)),
        *(trading_class_of(instrument), con_id_of(instrument.symbol), min_tick(instrument)),
        *_old_multiplier(version),
        *(multiplier, _OPTION_ORDERS if is_option else _SHARE_ORDERS, ",".join(exchanges), 1),
        *_underlying(instrument),
        "" if expiry else listing_exchange(instrument),
        *(str(expiry)[:6], "", "", "", "US/Eastern"),
        *_hours(calendar.trading_date(at), extended=not is_option),
        *("", "", 0),
        1,
        *_under_symbol(instrument),
        *(",".join([str(rule_of(instrument))] * len(exchanges)), expiry),
        "" if expiry else _stock_type(instrument),
        *_sizes(version),
    )


def _last_trade(instrument: Instrument) -> str:
    """The expiry with the time until which it trades, as IB joins them."""
    if not isinstance(instrument, OptionContract):
        return ""
    until = calendar.last_trading(instrument.expiry).astimezone(calendar.NEW_YORK)
    return f"{instrument.expiry:%Y%m%d} {until:%H:%M:%S}"


def _under_symbol(instrument: Instrument) -> tuple[Field, Field]:
    """underSymbol and underSecType."""
    if isinstance(instrument, OptionContract):
        return ib_symbol(instrument), "STK"
    return "", ""


def _stock_type(instrument: Instrument) -> str:
    name = instrument.name.upper() if isinstance(instrument, Equity) else ""
    return "ETF" if "ETF" in name or "QQQ" in name else "COMMON"


def _market_name(instrument: Instrument) -> str:
    if isinstance(instrument, OptionContract):
        return instrument.root
    return trading_class_of(instrument)


def _underlying(instrument: Instrument) -> tuple[Field, Field]:
    """underConId and longName."""
    if isinstance(instrument, OptionContract):
        return con_id_of(instrument.underlying), instrument.underlying
    return 0, instrument.name or instrument.symbol


def _head(version: int) -> tuple[Field, ...]:
    return (10,) if version >= _SIZES else (10, 8)


def _old_multiplier(version: int) -> tuple[Field, ...]:
    """A size multiplier that is gone since."""
    return () if version >= _SIZES else (100,)


def _sizes(version: int) -> tuple[Field, ...]:
    if version == _SUGGESTED_SIZE:
        return (1,)
    return (1, 1, 1) if version >= _SIZES else ()


@lru_cache(maxsize=64)
def _hours(first: date, *, extended: bool) -> tuple[str, str]:
    """tradingHours and liquidHours; shares (extended) trade before and after the session too."""
    trading = calendar.extended_hours_on if extended else calendar.session_on
    return _days(first, trading), _days(first, calendar.session_on)


def _days(first: date, on: Callable[[date], calendar.Session | None]) -> str:
    """The next days: `20241104:0930-20241104:1600;20241109:CLOSED`."""
    days = []
    for day in (first + timedelta(days=n) for n in range(_DAYS)):
        session = on(day)
        if session is None:
            days.append(f"{day:%Y%m%d}:CLOSED")
        else:
            opens = session.opens.astimezone(calendar.NEW_YORK)
            closes = session.closes.astimezone(calendar.NEW_YORK)
            days.append(f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}")
    return ";".join(days)


def option_parameters(req_id: int, contracts: list[OptionContract]) -> list[Message]:
    """securityDefinitionOptionParameter, one for each exchange and trading class."""
    messages: list[Message] = []
    for trading_class in sorted({contract.root for contract in contracts}):
        chain = [contract for contract in contracts if contract.root == trading_class]
        expiries = sorted({f"{contract.expiry:%Y%m%d}" for contract in chain})
        strikes = sorted({contract.strike for contract in chain})
        rest: Message = (chain[0].multiplier, len(expiries), *expiries, len(strikes))
        for exchange in OPTION_EXCHANGES:
            con_id = con_id_of(chain[0].underlying)
            messages.append((75, req_id, exchange, con_id, trading_class, *rest, *strikes))
    return messages


def symbol_samples(req_id: int, found: Sequence[Instrument], version: int) -> Message:
    """symbolSamples of shares."""
    fields: list[Field] = [79, req_id, len(found)]
    for instrument in found:
        fields += [con_id_of(instrument.symbol), ib_symbol(instrument), "STK"]
        fields += [listing_exchange(instrument), "USD", 1, "OPT"]
        fields += [_underlying(instrument)[1], ""] if version >= _WITH_DESCRIPTION else []
    return tuple(fields)
