"""The account, its positions and the market's clock: Alpaca's JSON to our records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.symbols import is_foreign, required_instrument
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.amounts import Money
from services.common.domain.market import MarketClock
from services.common.domain.reports import AccountMode, Balance, VenuePosition

CURRENCY: Final = "USD"


def read_balance(account: Any, venue: str, mode: AccountMode, as_of: datetime) -> Balance:
    """The figures of GET /v2/account. Raises Unreadable without an account number."""
    fields = wire_fields.record(account, "an account")
    return Balance(
        venue=venue,
        venue_account_id=wire_fields.required_text(fields, "account_number"),
        mode=mode,
        as_of=as_of,
        raw_status=wire_fields.text(fields, "status"),
        trading_blocked=wire_fields.flag(fields, "trading_blocked"),
        account_blocked=wire_fields.flag(fields, "account_blocked"),
        suspended_by_user=wire_fields.flag(fields, "trade_suspended_by_user"),
        cash=_money(fields, "cash"),
        equity=_money(fields, "equity"),
        buying_power=_money(fields, "buying_power"),
        options_buying_power=_money(fields, "options_buying_power"),
        initial_margin=_money(fields, "initial_margin"),
        maintenance_margin=_money(fields, "maintenance_margin"),
        long_market_value=_money(fields, "long_market_value"),
        short_market_value=_money(fields, "short_market_value"),
        options_level=_level(fields),
    )


def blocked_because(balance: Balance) -> str:
    """Why the account can't trade, "" if it can."""
    flags = {
        "trading is blocked": balance.trading_blocked,
        "the account is blocked": balance.account_blocked,
        "trading was suspended by the user": balance.suspended_by_user,
    }
    reasons = [reason for reason, is_set in flags.items() if is_set]
    if balance.raw_status != "ACTIVE":
        reasons.append(f"the account is {balance.raw_status or 'without a status'}")
    return ", ".join(reasons)


def read_positions(content: Any, venue: str, account_id: str) -> list[VenuePosition]:
    """The positions of GET /v2/positions, crypto left out, which Tandem has no name for.

    Raises Unreadable if one of them can't be read: a part would pass for all of them.
    """
    if not isinstance(content, list):
        raise Unreadable("the positions are not a list")
    return list(_positions(content, venue, account_id))


def _positions(content: Iterable[Any], venue: str, account_id: str) -> Iterable[VenuePosition]:
    for item in content:
        fields = wire_fields.record(item, "a position")
        if is_foreign(fields):
            continue
        yield VenuePosition(
            venue=venue,
            account_id=account_id,
            instrument=required_instrument(fields),
            qty=_signed(fields),
            avg_entry_price=wire_fields.lenient_decimal(fields, "avg_entry_price"),
            current_price=wire_fields.lenient_decimal(fields, "current_price"),
            market_value=_money(fields, "market_value"),
            unrealized_pnl=_money(fields, "unrealized_pl"),
            available_qty=wire_fields.lenient_decimal(fields, "qty_available"),
        )


def read_clock(content: Any) -> MarketClock:
    """GET /v2/clock. Raises Unreadable."""
    fields = wire_fields.record(content, "the clock")
    now = wire_fields.required_time(fields, "timestamp")
    is_open = fields.get("is_open")
    if not isinstance(is_open, bool):
        raise Unreadable("is_open is neither true nor false")
    return MarketClock(
        venue_time=now,
        is_open=is_open,
        next_open=wire_fields.required_time(fields, "next_open"),
        next_close=wire_fields.required_time(fields, "next_close"),
        trading_date=now.astimezone(wire_fields.NEW_YORK).date(),
    )


def _signed(fields: Record) -> Decimal:
    """The quantity, negative for a short: by its sign, and by its side if it has none."""
    qty = wire_fields.required_decimal(fields, "qty")
    return qty.copy_negate() if wire_fields.text(fields, "side") == "short" and qty > 0 else qty


def _money(fields: Record, name: str) -> Money | None:
    amount = wire_fields.lenient_decimal(fields, name)
    return None if amount is None else Money(amount, CURRENCY)


def _level(fields: Record) -> int | None:
    for name in ("options_trading_level", "options_approved_level"):
        level = wire_fields.lenient_decimal(fields, name)
        if level is not None:
            return int(level)
    return None
