"""Instruments and IB's contracts, both ways.

An option is asked for by underlying, expiry, strike, right and trading class, and read back by its
local symbol, which is its OCC symbol: for index options that settle in the morning, IB's "last
trade date" is a day before the date in that symbol.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from services.common.domain.instruments import (
    Equity,
    Instrument,
    InstrumentError,
    OptionContract,
    OptionRight,
)
from services.common.domain.occ import guess_underlying, parse_occ
from services.ib_adapter import figures
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.library import Contract

STOCK: Final = "STK"
OPTION: Final = "OPT"
SMART: Final = "SMART"
_RIGHTS: Final = {
    "C": OptionRight.CALL,
    "CALL": OptionRight.CALL,
    "P": OptionRight.PUT,
    "PUT": OptionRight.PUT,
}


class Unnameable(Unreadable):
    """A contract that is told in full and has no name in Tandem's words: nothing that is asked for
    here can be it."""


def is_ours(contract: Contract) -> bool:
    """Whether it is of a kind that Tandem has a name for: a share or a listed option."""
    return contract.secType in (STOCK, OPTION)


def contract_of(instrument: Instrument) -> Contract:
    """What to ask IB for to find the instrument."""
    if isinstance(instrument, Equity):
        return Contract(
            secType=STOCK,
            # IB writes BRK B, and so do its exchanges' primary listings.
            symbol=instrument.symbol.replace(".", " "),
            exchange=SMART,
            currency=instrument.currency,
        )
    underlying = instrument.underlying or guess_underlying(instrument.root)
    if underlying is None:
        return local_contract_of(instrument)
    return Contract(
        secType=OPTION,
        symbol=underlying.replace(".", " "),
        lastTradeDateOrContractMonth=f"{instrument.expiry:%Y%m%d}",
        strike=float(instrument.strike),
        right=instrument.right.occ_letter,
        multiplier=str(instrument.multiplier.normalize().quantize(Decimal(1))),
        exchange=SMART,
        currency=instrument.currency,
        tradingClass=instrument.root,
    )


def local_contract_of(option: OptionContract) -> Contract:
    """The same option by its local symbol alone."""
    return Contract(
        secType=OPTION, localSymbol=option.osi, exchange=SMART, currency=option.currency
    )


def instrument_of(contract: Contract) -> Instrument:
    """The instrument of a share's or an option's contract.

    Raises Unreadable for any other kind, and for terms that name no instrument: Unnameable if
    they are complete.
    """
    try:
        if contract.secType == STOCK:
            return Equity(contract.symbol.replace(" ", "."), contract.currency or "USD")
        if contract.secType == OPTION:
            return _option_of(contract)
    except (InstrumentError, ValueError) as error:
        kind = Unnameable if _is_told_in_full(contract) else Unreadable
        raise kind(f"contract {contract.conId} ({contract.localSymbol}): {error}") from error
    raise Unreadable(f"contract {contract.conId} is of kind {contract.secType!r}")


def instrument_or_none(contract: Contract) -> Instrument | None:
    """The instrument, None if Tandem has no name for it."""
    try:
        return instrument_of(contract)
    except Unreadable:
        return None


def _is_told_in_full(contract: Contract) -> bool:
    if contract.secType == STOCK:
        return bool(contract.symbol)
    day = contract.lastTradeDateOrContractMonth
    return (
        bool(contract.tradingClass or contract.symbol)
        and contract.right.upper() in _RIGHTS
        and (len(day), day.isdigit()) == (8, True)
        and (figures.decimal(contract.strike) or 0) > 0
    )


def _option_of(contract: Contract) -> OptionContract:
    identity = _by_local_symbol(contract.localSymbol) or _by_terms(contract)
    multiplier = figures.text_decimal(contract.multiplier) if contract.multiplier else None
    return OptionContract(
        root=identity.root,
        expiry=identity.expiry,
        right=identity.right,
        strike=identity.strike,
        underlying=contract.symbol.replace(" ", ".") or None,
        multiplier=multiplier or Decimal(100),
        currency=contract.currency or "USD",
    )


def _by_local_symbol(local_symbol: str) -> OptionContract | None:
    try:
        return parse_occ(local_symbol)
    except InstrumentError:
        return None


def _by_terms(contract: Contract) -> OptionContract:
    right = _RIGHTS.get(contract.right.upper())
    if right is None:
        raise Unreadable(f"right {contract.right!r} is neither put nor call")
    day = contract.lastTradeDateOrContractMonth
    return OptionContract(
        root=contract.tradingClass or contract.symbol,
        expiry=date(int(day[:4]), int(day[4:6]), int(day[6:8])),
        right=right,
        strike=figures.required_decimal(contract.strike, "strike"),
    )
