"""Accounts, balances, positions, activities and quotes from the wire."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TypeVar

from tandem_client.accounts import (
    Account,
    AccountFigures,
    Activity,
    CurrencyTotal,
    Position,
    Quote,
    Quotes,
    Venue,
    VenueBalance,
    VenueCapabilities,
)
from tandem_client.enums import (
    AccountMode,
    ActivityType,
    OrderClass,
    OrderType,
    PositionSource,
    QuoteQuality,
    TimeInForce,
)
from tandem_client.pb import accounts_pb2, broker_service_pb2, market_pb2, types_pb2
from tandem_client.wire import values
from tandem_client.wire.instruments import read_instrument
from tandem_client.wire.orders import read_times
from tandem_client.wire.values import WireEnum, decimal_or_none, money_or_none, read_enum

E = TypeVar("E", bound=Enum)


def read_venue(message: types_pb2.Venue) -> Venue:
    """Read a venue account."""
    return Venue(
        name=message.name,
        broker=message.broker,
        venue_account_id=message.venue_account_id,
        account_tag=message.account_tag,
        mode=read_enum(AccountMode, types_pb2.AccountMode, message.mode),
    )


def read_account(message: accounts_pb2.Account) -> Account:
    """Read an account with its venues."""
    return Account(message.account_id, tuple(read_venue(venue) for venue in message.venues))


def read_capabilities(message: broker_service_pb2.VenueCapabilities) -> VenueCapabilities:
    """Read what a venue can do; values that are not known here are left out."""
    return VenueCapabilities(
        venue=read_venue(message.venue),
        order_types=_known(OrderType, types_pb2.OrderType, message.order_types),
        times_in_force=_known(TimeInForce, types_pb2.TimeInForce, message.times_in_force),
        order_classes=_known(OrderClass, types_pb2.OrderClass, message.order_classes),
        methods=tuple(message.methods),
        entitlements=tuple(message.entitlements),
        enforces_unique_ids=message.enforces_unique_ids,
        fractional_quantities=message.fractional_quantities,
    )


def _known(kind: type[E], wire: WireEnum, numbers: Iterable[int]) -> tuple[E, ...]:
    read = (read_enum(kind, wire, number) for number in numbers)
    return tuple(member for member in read if member.name != "UNSPECIFIED")


def read_figures(message: broker_service_pb2.GetAccountResponse) -> AccountFigures:
    """Read the figures of an account."""
    return AccountFigures(
        account=read_account(message.account),
        balances=tuple(_read_balance(balance) for balance in message.balances),
        totals=tuple(_read_total(total) for total in message.totals),
        as_of=values.time_or_none(message, "as_of"),
    )


def _read_balance(message: accounts_pb2.VenueBalance) -> VenueBalance:
    has_level = message.HasField("options_level")
    return VenueBalance(
        venue=message.venue,
        unavailable=message.unavailable,
        unavailable_reason=message.unavailable_reason,
        cash=money_or_none(message, "cash"),
        equity=money_or_none(message, "equity"),
        buying_power=money_or_none(message, "buying_power"),
        options_buying_power=money_or_none(message, "options_buying_power"),
        initial_margin=money_or_none(message, "initial_margin"),
        maintenance_margin=money_or_none(message, "maintenance_margin"),
        long_market_value=money_or_none(message, "long_market_value"),
        short_market_value=money_or_none(message, "short_market_value"),
        raw_status=message.raw_status,
        trading_blocked=message.trading_blocked,
        account_blocked=message.account_blocked,
        suspended_by_user=message.suspended_by_user,
        options_level=message.options_level if has_level else None,
        venue_account_id=message.venue_account_id,
        mode=read_enum(AccountMode, types_pb2.AccountMode, message.mode),
        as_of=values.time_or_none(message, "as_of"),
    )


def _read_total(message: accounts_pb2.CurrencyTotal) -> CurrencyTotal:
    return CurrencyTotal(
        currency_code=message.currency_code,
        cash=money_or_none(message, "cash"),
        equity=money_or_none(message, "equity"),
        buying_power=money_or_none(message, "buying_power"),
    )


def read_position(message: accounts_pb2.Position) -> Position:
    """Read a position."""
    return Position(
        account_id=message.account_id,
        venue=message.venue,
        instrument=read_instrument(message.instrument),
        # Zero when a position has just been closed, which events tell.
        qty=values.decimal_or_zero(message, "qty"),
        avg_entry_price=decimal_or_none(message, "avg_entry_price"),
        multiplier=decimal_or_none(message, "multiplier"),
        current_price=decimal_or_none(message, "current_price"),
        market_value=money_or_none(message, "market_value"),
        unrealized_pnl=money_or_none(message, "unrealized_pnl"),
        realized_pnl=money_or_none(message, "realized_pnl"),
        available_qty=decimal_or_none(message, "available_qty"),
        source=read_enum(PositionSource, accounts_pb2.PositionSource, message.source),
    )


def read_activity(message: accounts_pb2.Activity) -> Activity:
    """Read an activity."""
    has_instrument = message.HasField("instrument")
    return Activity(
        activity_id=message.activity_id,
        account_id=message.account_id,
        venue=message.venue,
        activity_type=read_enum(ActivityType, accounts_pb2.ActivityType, message.activity_type),
        raw_type=message.raw_type,
        instrument=read_instrument(message.instrument) if has_instrument else None,
        qty=decimal_or_none(message, "qty"),
        price=decimal_or_none(message, "price"),
        net_amount=money_or_none(message, "net_amount"),
        group_id=message.group_id,
        description=message.description,
        times=read_times(message.times),
    )


def read_quotes(message: broker_service_pb2.GetQuotesResponse) -> Quotes:
    """Read the answer to a request for quotes."""
    return Quotes(
        quotes=tuple(read_quote(quote) for quote in message.quotes),
        missing=tuple(read_instrument(instrument) for instrument in message.missing),
        venue=message.venue,
    )


def read_quote(message: market_pb2.Quote) -> Quote:
    """Read a quote."""
    return Quote(
        instrument=read_instrument(message.instrument),
        venue=message.venue,
        feed=message.feed,
        quality=read_enum(QuoteQuality, market_pb2.QuoteQuality, message.quality),
        bid_price=decimal_or_none(message, "bid_price"),
        bid_qty=decimal_or_none(message, "bid_qty"),
        ask_price=decimal_or_none(message, "ask_price"),
        ask_qty=decimal_or_none(message, "ask_qty"),
        venue_time=values.time_or_none(message, "venue_time"),
        age=values.duration_or_none(message, "age"),
    )
