"""Symbols and asset classes: which instrument a record is of, and how Alpaca writes one."""

from __future__ import annotations

import structlog

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.instruments import Instrument, InstrumentError, OptionContract
from services.common.domain.occ import parse_symbol

_log = structlog.stdlib.get_logger(__name__)


def wire_symbol(instrument: Instrument) -> str:
    """The symbol as Alpaca writes it: OCC without padding."""
    return instrument.occ if isinstance(instrument, OptionContract) else instrument.symbol


def read_instrument(fields: Record) -> Instrument | None:
    """The instrument of a record; None for other asset classes, legs' parents, odd symbols."""
    symbol = wire_fields.text(fields, "symbol")
    if not symbol or is_foreign(fields):
        return None
    try:
        return parse_symbol(symbol)
    except InstrumentError:
        _log.warning("unreadable_symbol", symbol=symbol[:64])
        return None


def required_instrument(fields: Record) -> Instrument:
    """The instrument of a record that is nothing without it. Raises Unreadable."""
    instrument = read_instrument(fields)
    if instrument is None:
        raise Unreadable(f"no instrument in symbol {wire_fields.text(fields, 'symbol')[:40]!r}")
    return instrument


def is_foreign(fields: Record) -> bool:
    """Whether it is of an asset class outside of Tandem's scope: crypto and currency pairs."""
    asset_class = wire_fields.text(fields, "asset_class")
    return asset_class.startswith("crypto") or "/" in wire_fields.text(fields, "symbol")
