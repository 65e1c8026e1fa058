"""Instruments from and to the wire."""

from __future__ import annotations

from tandem_client.enums import ExerciseStyle, OptionRight, SettlementMethod, SettlementSession
from tandem_client.errors import InvalidRequest, MalformedReply
from tandem_client.instruments import Equity, Instrument, Option, SymbolError, parse_occ
from tandem_client.pb import types_pb2
from tandem_client.wire.values import (
    date_or_none,
    decimal_or_none,
    read_enum,
    time_or_none,
    write_date,
    write_decimal,
    write_enum,
)


def read_instrument(message: types_pb2.Instrument) -> Instrument:
    """Read an instrument that must be there."""
    kind = message.WhichOneof("kind")
    if kind == "equity":
        return Equity(message.equity.symbol, message.equity.currency_code or "USD")
    if kind == "option":
        return _read_option(message.option)
    raise MalformedReply("a reply names an instrument that is neither an equity nor an option")


def _read_option(message: types_pb2.Option) -> Option:
    terms = _terms(message)
    return Option(
        root=terms.root,
        expiry=terms.expiry,
        right=terms.right,
        strike=terms.strike,
        underlying_symbol=message.underlying_symbol,
        multiplier=decimal_or_none(message, "multiplier"),
        exercise_style=read_enum(ExerciseStyle, types_pb2.ExerciseStyle, message.exercise_style),
        settlement_session=read_enum(
            SettlementSession, types_pb2.SettlementSession, message.settlement_session
        ),
        settlement_method=read_enum(
            SettlementMethod, types_pb2.SettlementMethod, message.settlement_method
        ),
        last_trade_time=time_or_none(message, "last_trade_time"),
        time_zone=message.time_zone,
        adjusted_deliverable=message.adjusted_deliverable,
    )


def _terms(message: types_pb2.Option) -> Option:
    symbol = message.occ_symbol or message.osi_symbol
    if symbol:
        try:
            return parse_occ(symbol)
        except SymbolError as error:
            raise MalformedReply(f"a reply names a bad option: {error}") from error
    expiry, strike = date_or_none(message, "expiry"), decimal_or_none(message, "strike")
    right = read_enum(OptionRight, types_pb2.OptionRight, message.right)
    if not message.root or expiry is None or strike is None or right is OptionRight.UNSPECIFIED:
        raise MalformedReply("a reply names an option without its terms")
    return Option(root=message.root, expiry=expiry, right=right, strike=strike)


def write_instrument(instrument: Instrument, field: str) -> types_pb2.Instrument:
    """Write an instrument: an equity by its symbol, an option by its terms."""
    if isinstance(instrument, Equity):
        equity = types_pb2.Equity(symbol=instrument.symbol, currency_code=instrument.currency_code)
        return types_pb2.Instrument(equity=equity)
    option = types_pb2.Option(
        root=instrument.root,
        expiry=write_date(instrument.expiry),
        right=write_enum(types_pb2.OptionRight, instrument.right),
        strike=write_decimal(instrument.strike, f"{field}.option.strike"),
        underlying_symbol=instrument.underlying_symbol,
    )
    if instrument.right is OptionRight.UNSPECIFIED:
        raise InvalidRequest.unsent(f"{field}.option.right", "say CALL or PUT")
    if instrument.multiplier is not None:
        option.multiplier.CopyFrom(
            write_decimal(instrument.multiplier, f"{field}.option.multiplier")
        )
    return types_pb2.Instrument(option=option)
