"""Balances and positions of a venue, on the wire."""

from __future__ import annotations

from services.common.contract.convert.amounts import (
    decimal_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    optional_money_from_wire,
    optional_money_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.convert.enums import ACCOUNT_MODES, POSITION_SOURCE_VENUE
from services.common.contract.convert.instruments import (
    instrument_to_wire,
    priced_instrument_from_wire,
)
from services.common.contract.convert.replies import reading, require_text
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.convert.times import required_timestamp_from_wire, timestamp_to_wire
from services.common.contract.pb import accounts_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.instruments import multiplier_of
from services.common.domain.reports import Balance, VenuePosition


def balance_to_wire(balance: Balance) -> accounts_pb2.VenueBalance:
    """Write the figures of a venue account; what the venue does not state stays unset."""
    return accounts_pb2.VenueBalance(
        venue=balance.venue,
        cash=optional_money_to_wire(balance.cash),
        equity=optional_money_to_wire(balance.equity),
        buying_power=optional_money_to_wire(balance.buying_power),
        options_buying_power=optional_money_to_wire(balance.options_buying_power),
        initial_margin=optional_money_to_wire(balance.initial_margin),
        maintenance_margin=optional_money_to_wire(balance.maintenance_margin),
        long_market_value=optional_money_to_wire(balance.long_market_value),
        short_market_value=optional_money_to_wire(balance.short_market_value),
        raw_status=text_to_wire(balance.raw_status),
        trading_blocked=balance.trading_blocked,
        account_blocked=balance.account_blocked,
        suspended_by_user=balance.suspended_by_user,
        options_level=balance.options_level,
        venue_account_id=balance.venue_account_id,
        mode=ACCOUNT_MODES.to_wire(balance.mode),
        as_of=timestamp_to_wire(balance.as_of),
    )


def balance_from_wire(msg: accounts_pb2.VenueBalance) -> Balance:
    """Read the figures of a venue account. ReadFailed naming what is missing or malformed.

    A balance marked unavailable is a failed read as well.
    """
    with reading("balance"):
        if msg.unavailable:
            raise InvalidRequest("unavailable", msg.unavailable_reason or "no reason given")
        return Balance(
            venue=require_text(msg.venue, "venue"),
            venue_account_id=msg.venue_account_id,
            mode=ACCOUNT_MODES.required(msg.mode, "mode"),
            as_of=required_timestamp_from_wire(msg, "as_of", "as_of"),
            raw_status=msg.raw_status,
            trading_blocked=msg.trading_blocked,
            account_blocked=msg.account_blocked,
            suspended_by_user=msg.suspended_by_user,
            cash=optional_money_from_wire(msg, "cash", "cash"),
            equity=optional_money_from_wire(msg, "equity", "equity"),
            buying_power=optional_money_from_wire(msg, "buying_power", "buying_power"),
            options_buying_power=optional_money_from_wire(
                msg, "options_buying_power", "options_buying_power"
            ),
            initial_margin=optional_money_from_wire(msg, "initial_margin", "initial_margin"),
            maintenance_margin=optional_money_from_wire(
                msg, "maintenance_margin", "maintenance_margin"
            ),
            long_market_value=optional_money_from_wire(
                msg, "long_market_value", "long_market_value"
            ),
            short_market_value=optional_money_from_wire(
                msg, "short_market_value", "short_market_value"
            ),
            options_level=msg.options_level if msg.HasField("options_level") else None,
        )


def position_to_wire(position: VenuePosition) -> accounts_pb2.Position:
    """Write a position as the venue states it."""
    return accounts_pb2.Position(
        account_id=position.account_id,
        venue=position.venue,
        instrument=instrument_to_wire(position.instrument),
        qty=decimal_to_wire(position.qty),
        avg_entry_price=optional_decimal_to_wire(position.avg_entry_price),
        multiplier=decimal_to_wire(multiplier_of(position.instrument)),
        current_price=optional_decimal_to_wire(position.current_price),
        market_value=optional_money_to_wire(position.market_value),
        unrealized_pnl=optional_money_to_wire(position.unrealized_pnl),
        available_qty=optional_decimal_to_wire(position.available_qty),
        source=POSITION_SOURCE_VENUE,
    )


def position_from_wire(msg: accounts_pb2.Position) -> VenuePosition:
    """Read a position that a venue states. ReadFailed naming what is missing or malformed."""
    with reading("position"):
        return VenuePosition(
            venue=require_text(msg.venue, "venue"),
            account_id=require_text(msg.account_id, "account_id"),
            instrument=priced_instrument_from_wire(msg),
            qty=required_decimal_from_wire(msg, "qty", "qty"),
            avg_entry_price=optional_decimal_from_wire(msg, "avg_entry_price", "avg_entry_price"),
            current_price=optional_decimal_from_wire(msg, "current_price", "current_price"),
            market_value=optional_money_from_wire(msg, "market_value", "market_value"),
            unrealized_pnl=optional_money_from_wire(msg, "unrealized_pnl", "unrealized_pnl"),
            available_qty=optional_decimal_from_wire(msg, "available_qty", "available_qty"),
        )
