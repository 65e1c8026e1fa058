"""The account and its positions on Alpaca's wire."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from simulators.alpaca.order_json import asset_class, asset_id
from simulators.alpaca.wire_values import cents, plain, ratio, rounded, wire_time
from simulators.venue.accounts import Account, Position
from simulators.venue.instruments import Equity
from simulators.venue.randomness import fixed_uuid
from simulators.venue.reservations import Means, held_of_position, market_value
from simulators.venue.trading_calendar import trading_date
from simulators.venue.venue import Venue


def account_json(
    account: Account, means: Means, account_number: str, opened_at: datetime, at: datetime
) -> dict[str, Any]:
    """The account as GET /v2/account shows it."""
    equity = plain(cents(means.equity))
    last_equity = plain(cents(account.last_equity))
    options_buying_power = plain(cents(means.options_buying_power))
    margin = plain(cents(means.initial_margin))
    return {
        "id": fixed_uuid(f"account/{account_number}"),
        "account_number": account_number,
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": plain(account.cash),
        "buying_power": plain(cents(means.buying_power)),
        "regt_buying_power": plain(cents(means.buying_power * 2 / account.multiplier)),
        "effective_buying_power": plain(cents(means.buying_power)),
        "options_buying_power": options_buying_power,
        "non_marginable_buying_power": options_buying_power,
        "equity": equity,
        "last_equity": last_equity,
        "portfolio_value": equity,
        "position_market_value": plain(cents(means.long_value + means.short_value)),
        "long_market_value": plain(cents(means.long_value)),
        "short_market_value": plain(cents(means.short_value)),
        "initial_margin": margin,
        "maintenance_margin": margin,
        "last_maintenance_margin": "0",
        "sma": last_equity,
        "multiplier": plain(account.multiplier),
        "options_approved_level": account.options_level,
        "options_trading_level": account.options_level,
        "trading_blocked": account.trading_blocked,
        "account_blocked": account.account_blocked,
        "transfers_blocked": False,
        "trade_suspended_by_user": account.trade_suspended,
        "shorting_enabled": account.shorting_enabled,
        "created_at": wire_time(opened_at),
        "balance_asof": trading_date(at).isoformat(),
        "accrued_fees": plain(account.fees),
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "admin_configurations": {},
        "user_configurations": None,
    }


def position_json(venue: Venue, account: Account, position: Position) -> dict[str, Any]:
    """A position as GET /v2/positions shows it; a short one has negative figures."""
    instrument = position.instrument
    value = cents(market_value(position, venue.quotes))
    cost = cents(rounded(position.cost))
    quote = venue.quotes.find(instrument.symbol)
    current = quote.mid if quote is not None else rounded(position.avg_px)
    last_day = venue.quotes.previous_close(instrument.symbol) or current
    profit = value - cost
    intraday = (current - last_day) * position.qty * instrument.multiplier
    return {
        "asset_id": asset_id(instrument.symbol),
        "symbol": instrument.symbol,
        "exchange": instrument.exchange if isinstance(instrument, Equity) else "",
        "asset_class": asset_class(instrument),
        "asset_marginable": isinstance(instrument, Equity),
        "qty": plain(position.qty),
        "avg_entry_price": plain(rounded(position.avg_px)),
        "side": "long" if position.qty > 0 else "short",
        "market_value": plain(value),
        "cost_basis": plain(cost),
        "unrealized_pl": plain(profit),
        "unrealized_plpc": plain(ratio(profit, abs(cost))),
        "unrealized_intraday_pl": plain(cents(intraday)),
        "unrealized_intraday_plpc": plain(ratio(intraday, abs(value - intraday))),
        "current_price": plain(current),
        "lastday_price": plain(last_day),
        "change_today": plain(ratio(current - last_day, last_day)),
        "qty_available": plain(_available(venue, account, position)),
    }


def _available(venue: Venue, account: Account, position: Position) -> Decimal:
    orders = venue.desk.open_orders(account.account_id)
    held = held_of_position(account, position.instrument.symbol, orders)
    free = max(Decimal(0), abs(position.qty) - held)
    return free if position.qty > 0 else -free
