"""Accounts, their figures, positions, activities, and quotes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tandem_client.amounts import Money
from tandem_client.enums import (
    AccountMode,
    ActivityType,
    OrderClass,
    OrderType,
    PositionSource,
    QuoteQuality,
    TimeInForce,
)
from tandem_client.instruments import Instrument
from tandem_client.orders import RecordTimes


@dataclass(frozen=True, slots=True)
class Venue:
    """A broker's account behind one adapter."""

    name: str
    broker: str
    venue_account_id: str
    account_tag: str
    mode: AccountMode


@dataclass(frozen=True, slots=True)
class Account:
    """A logical book with its venue accounts, in order of preference."""

    account_id: str
    venues: tuple[Venue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCapabilities:
    """What can be done at one venue through this server; empty where nothing is known of it.

    `methods` are RPCs by name; `entitlements` are for people, "name=value".
    """

    venue: Venue
    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    order_classes: tuple[OrderClass, ...]
    methods: tuple[str, ...]
    entitlements: tuple[str, ...]
    enforces_unique_ids: bool
    fractional_quantities: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueBalance:
    """The figures of an account at one venue, as that venue states them.

    If `unavailable`, the venue did not answer, for `unavailable_reason`, and no figure is set.
    `options_level` is None if the venue has no such thing.
    """

    venue: str
    unavailable: bool
    unavailable_reason: str
    cash: Money | None
    equity: Money | None
    buying_power: Money | None
    options_buying_power: Money | None
    initial_margin: Money | None
    maintenance_margin: Money | None
    long_market_value: Money | None
    short_market_value: Money | None
    raw_status: str
    trading_blocked: bool
    account_blocked: bool
    suspended_by_user: bool
    options_level: int | None
    venue_account_id: str
    mode: AccountMode
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """Sums over the venues; None if any venue did not answer."""

    currency_code: str
    cash: Money | None
    equity: Money | None
    buying_power: Money | None


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """Balances of each venue and their sums per currency."""

    account: Account
    balances: tuple[VenueBalance, ...]
    totals: tuple[CurrencyTotal, ...]
    as_of: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is held in one instrument at one venue: `qty` is positive long, negative short.

    Prices and values are None where the server has no price.
    """

    account_id: str
    venue: str
    instrument: Instrument
    qty: Decimal
    avg_entry_price: Decimal | None
    multiplier: Decimal | None
    current_price: Decimal | None
    market_value: Money | None
    unrealized_pnl: Money | None
    realized_pnl: Money | None
    available_qty: Decimal | None
    source: PositionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A change of an account that was not a fill: an assignment, a fee, a dividend."""

    activity_id: str
    account_id: str
    venue: str
    activity_type: ActivityType
    raw_type: str
    instrument: Instrument | None
    qty: Decimal | None
    price: Decimal | None
    net_amount: Money | None
    group_id: str
    description: str
    times: RecordTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and ask. A side without an order is None; `age` is in the venue's time."""

    instrument: Instrument
    venue: str
    feed: str
    quality: QuoteQuality
    bid_price: Decimal | None
    bid_qty: Decimal | None
    ask_price: Decimal | None
    ask_qty: Decimal | None
    venue_time: datetime | None
    age: timedelta | None


@dataclass(frozen=True, slots=True)
class Quotes:
    """Answer to a request for quotes; `missing` are instruments for which the venue had none."""

    quotes: tuple[Quote, ...]
    missing: tuple[Instrument, ...]
    venue: str
