"""contractDetails, option parameters and symbol samples."""

from collections.abc import Sequence
from datetime import datetime, timedelta

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
from simulators.ib_gateway.order_replies import Message
from simulators.ib_gateway.wire import Field
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Instrument, OptionContract

_DAYS = 6
_SIZES = 164
_SUGGESTED_SIZE = 163
_ORDER_TYPES = "ACTIVETIM,DAY,GTC,LMT,MKT"


def contract_details(
    req_id: int, instrument: Instrument, exchange: str, at: datetime, version: int
) -> Message:
    """contractDetails of one contract."""
    _, symbol, sec_type, expiry, strike, right, multiplier, *_ = contract_fields(instrument, "")
    exchanges = OPTION_EXCHANGES if isinstance(instrument, OptionContract) else STOCK_EXCHANGES
    return (
        *_head(version),
        *(req_id, symbol, sec_type, expiry, strike, right),
        exchange or "SMART",
        *("USD", local_symbol_of(instrument), _market_name(instrument)),
        *(trading_class_of(instrument), con_id_of(instrument.symbol), "0.01"),
        *_old_multiplier(version),
        *(multiplier, _ORDER_TYPES, ",".join(exchanges), 1),
        *_underlying(instrument),
        "" if expiry else listing_exchange(instrument),
        *(str(expiry)[:6], "", "", "", "US/Eastern"),
        *(_hours(at), _hours(at), "", "", 0),
        1,
        *(symbol if expiry else "", "STK" if expiry else "", "26", expiry),
        "" if expiry else "COMMON",
        *_sizes(version),
    )


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


def _hours(at: datetime) -> str:
    """The sessions of the next days: `20241104:0930-20241104:1600;20241109:CLOSED`."""
    first = calendar.trading_date(at)
    days = []
    for day in (first + timedelta(days=n) for n in range(_DAYS)):
        session = calendar.session_on(day)
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
        fields += [_underlying(instrument)[1], ""] if version >= 176 else []
    return tuple(fields)
