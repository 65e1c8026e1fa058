"""Instruments on the wire: equities, and options by symbol, by terms, or by both in agreement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from services.common.contract.convert.amounts import (
    currency_from_wire,
    decimal_to_wire,
    optional_decimal_from_wire,
)
from services.common.contract.convert.enums import (
    EXERCISE_STYLES,
    OPTION_RIGHTS,
    SETTLEMENT_SESSIONS,
    SETTLEMENTS,
)
from services.common.contract.convert.times import (
    date_to_wire,
    optional_date_from_wire,
    optional_timestamp_from_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import accounts_pb2, orders_pb2, types_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.instruments import (
    Equity,
    Instrument,
    InstrumentError,
    OptionContract,
    OptionRight,
    multiplier_of,
)
from services.common.domain.occ import parse_occ

_CURRENCY_DEFAULT: Final = "USD"
# Terms are put in one at a time, so that a bad one is named.
_BLANK: Final = OptionContract("X", date(2000, 1, 1), OptionRight.CALL, Decimal(1))


def instrument_to_wire(instrument: Instrument) -> types_pb2.Instrument:
    """Write an instrument with all that is known of it; an option with both of its symbols."""
    if isinstance(instrument, Equity):
        equity = types_pb2.Equity(symbol=instrument.symbol, currency_code=instrument.currency)
        return types_pb2.Instrument(equity=equity)
    return types_pb2.Instrument(option=_option_to_wire(instrument))


def instrument_from_wire(msg: types_pb2.Instrument, field: str) -> Instrument:
    """Read an instrument. InvalidRequest naming the part, as in `order.instrument.option.strike`.

    An option is read from `occ_symbol` (any padding), else from `osi_symbol`, else from root,
    expiry, right and strike. Terms that are given beside a symbol must agree with it.
    """
    kind = msg.WhichOneof("kind")
    if kind == "equity":
        return _equity_from_wire(msg.equity, f"{field}.equity")
    if kind == "option":
        return _option_from_wire(msg.option, f"{field}.option")
    raise InvalidRequest(field, "required: an equity or an option")


def priced_instrument_from_wire(
    msg: accounts_pb2.Position | orders_pb2.Execution,
) -> Instrument:
    """Read the instrument of a record that states a multiplier of its own beside it.

    An option without a multiplier takes the record's; two that differ are InvalidRequest, since
    one of them would make wrong money.
    """
    instrument = instrument_from_wire(msg.instrument, "instrument")
    multiplier = optional_decimal_from_wire(msg, "multiplier", "multiplier")
    if multiplier is None:
        return instrument
    told = msg.instrument.option.HasField("multiplier")
    if isinstance(instrument, OptionContract) and not told:
        return _with(instrument, "multiplier", multiplier=multiplier)
    if multiplier != multiplier_of(instrument):
        raise InvalidRequest("multiplier", "disagrees with the instrument's")
    return instrument


def _equity_from_wire(msg: types_pb2.Equity, field: str) -> Equity:
    code = msg.currency_code or _CURRENCY_DEFAULT
    currency = currency_from_wire(code, f"{field}.currency_code")
    if not msg.symbol:
        raise InvalidRequest(f"{field}.symbol", "required")
    try:
        return Equity(msg.symbol, currency)
    except InstrumentError as error:
        raise InvalidRequest(f"{field}.symbol", str(error)) from error


def _option_to_wire(option: OptionContract) -> types_pb2.Option:
    return types_pb2.Option(
        occ_symbol=option.occ,
        osi_symbol=option.osi,
        underlying_symbol=option.underlying or "",
        root=option.root,
        expiry=date_to_wire(option.expiry),
        right=OPTION_RIGHTS.to_wire(option.right),
        strike=decimal_to_wire(option.strike),
        multiplier=decimal_to_wire(option.multiplier),
        exercise_style=EXERCISE_STYLES.to_wire(option.style),
        settlement_session=SETTLEMENT_SESSIONS.to_wire(option.settlement_session),
        settlement_method=SETTLEMENTS.to_wire(option.settlement),
        last_trade_time=_last_trade_to_wire(option),
        time_zone=option.last_trade_zone or "",
        adjusted_deliverable=option.deliverable or "",
    )


def _last_trade_to_wire(option: OptionContract) -> Timestamp | None:
    if option.last_trade_time is None or option.last_trade_zone is None:
        return None
    try:
        zone = ZoneInfo(option.last_trade_zone)
    except (ValueError, OSError, KeyError):
        # A name that no zone has; the moment can't be told, the contract can.
        return None
    return timestamp_to_wire(datetime.combine(option.expiry, option.last_trade_time, zone))


def _option_from_wire(msg: types_pb2.Option, field: str) -> OptionContract:
    terms = dict(_identity(msg, field))
    option = _from_symbol(msg, field)
    if option is None:
        for name in ("root", "expiry", "right", "strike"):
            if name not in terms:
                raise InvalidRequest(f"{field}.{name}", "required without occ_symbol")
        option = _BLANK
        for name, value in terms.items():
            option = _with(option, f"{field}.{name}", **{name: value})
    else:
        for name, value in terms.items():
            if getattr(option, name) != value:
                raise InvalidRequest(f"{field}.{name}", f"disagrees with symbol {option.occ}")
    return _described(option, msg, field)


def _from_symbol(msg: types_pb2.Option, field: str) -> OptionContract | None:
    name = "occ_symbol" if msg.occ_symbol else "osi_symbol"
    text = getattr(msg, name)
    if not text:
        return None
    try:
        return parse_occ(text)
    except InstrumentError as error:
        raise InvalidRequest(f"{field}.{name}", str(error)) from error


def _identity(msg: types_pb2.Option, field: str) -> Iterator[tuple[str, Any]]:
    """The terms of the contract's identity that are given, by name."""
    if msg.root:
        yield "root", msg.root
    expiry = optional_date_from_wire(msg, "expiry", f"{field}.expiry")
    if expiry is not None:
        yield "expiry", expiry
    right = OPTION_RIGHTS.optional(msg.right, f"{field}.right")
    if right is not None:
        yield "right", right
    strike = optional_decimal_from_wire(msg, "strike", f"{field}.strike")
    if strike is not None:
        yield "strike", strike


def _described(option: OptionContract, msg: types_pb2.Option, field: str) -> OptionContract:
    """The contract with what the message says of it beyond its identity."""
    multiplier = optional_decimal_from_wire(msg, "multiplier", f"{field}.multiplier")
    if multiplier is not None:
        option = _with(option, f"{field}.multiplier", multiplier=multiplier)
    if msg.underlying_symbol:
        option = _with(option, f"{field}.underlying_symbol", underlying=msg.underlying_symbol)
    if msg.adjusted_deliverable:
        deliverable = msg.adjusted_deliverable
        option = _with(option, f"{field}.adjusted_deliverable", deliverable=deliverable)
    option = _with_last_trade(option, msg, field)
    return replace(
        option,
        style=EXERCISE_STYLES.required(msg.exercise_style, f"{field}.exercise_style"),
        settlement=SETTLEMENTS.required(msg.settlement_method, f"{field}.settlement_method"),
        settlement_session=SETTLEMENT_SESSIONS.required(
            msg.settlement_session, f"{field}.settlement_session"
        ),
    )


def _with_last_trade(option: OptionContract, msg: types_pb2.Option, field: str) -> OptionContract:
    """The contract with the wall time of its last trade.

    Ours is a time on the day of expiry; the last trade of an AM-settled contract, a day earlier,
    is left out.
    """
    moment = optional_timestamp_from_wire(msg, "last_trade_time", f"{field}.last_trade_time")
    if moment is None:
        return option
    zone_field = f"{field}.time_zone"
    try:
        local = moment.astimezone(ZoneInfo(msg.time_zone))
    except (ValueError, OSError, KeyError, OverflowError) as error:
        raise InvalidRequest(zone_field, "not an IANA time zone") from error
    if local.date() != option.expiry:
        return option
    zone = msg.time_zone
    return _with(option, zone_field, last_trade_time=local.time(), last_trade_zone=zone)


def _with(option: OptionContract, field: str, **term: Any) -> OptionContract:
    try:
        return replace(option, **term)
    except InstrumentError as error:
        raise InvalidRequest(field, str(error)) from error
