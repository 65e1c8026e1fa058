"""What the router asks of a venue besides orders: market data, previews, what it can do.

Lists come page by page, as the adapter cuts them: its tokens are passed on unread, and hold at
that venue only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from services.common.domain.instruments import Instrument, OptionContract, OptionRight
from services.common.domain.market import (
    Bar,
    ListedOption,
    MarketClock,
    MarketDay,
    OptionSnapshot,
    Quote,
    StreamedQuote,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce
from services.common.domain.reports import Preview

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page of a venue's list: so many items (0: the adapter's default), after a token."""

    size: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class VenuePage(Generic[T]):
    """A page of a venue's list and the token of the next, empty at the end."""

    items: Sequence[T]
    next_token: str = ""
    feed: str = ""


@dataclass(frozen=True, slots=True)
class BarQuery:
    """Bars of one instrument that begin at or after `start` and before `end` (None: now)."""

    instrument: Instrument
    bar_length_s: float
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """Listed options of an underlying; a bound that is None does not bound."""

    underlying: str
    expiry_from: date | None = None
    expiry_to: date | None = None
    strike_from: Decimal | None = None
    strike_to: Decimal | None = None
    right: OptionRight | None = None


@dataclass(frozen=True, slots=True)
class VenueCapabilities:
    """What a venue can do, as its adapter says; what is unknown here is left out."""

    order_types: tuple[OrderType, ...] = ()
    times_in_force: tuple[TimeInForce, ...] = ()
    order_classes: tuple[OrderClass, ...] = ()
    methods: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    enforces_unique_ids: bool = False
    fractional_quantities: bool = False


class MarketPort(Protocol):
    """Reads of a venue that no order depends on.

    Each answers in full or raises ReadFailed, with the adapter's own reason where it gave one
    (NOT_IMPLEMENTED for what it does not offer). Unary ones have deadlines.
    """

    async def capabilities(self) -> VenueCapabilities:
        """What the venue and the account can do."""

    async def preview(self, spec: OrderSpec) -> Preview:
        """What an order would cost; sends nothing."""

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        """Latest quotes; an instrument without one is left out."""

    async def bars(self, query: BarQuery, page: PageAsked) -> VenuePage[Bar]:
        """Bars, oldest first."""

    async def option_contracts(
        self, query: ContractQuery, page: PageAsked
    ) -> VenuePage[ListedOption]:
        """Listed options, by expiry, strike and right."""

    async def option_snapshots(
        self, contracts: Sequence[OptionContract]
    ) -> Sequence[OptionSnapshot]:
        """Quotes with greeks; a contract without a quote is left out."""

    async def market_clock(self) -> MarketClock:
        """The venue's clock."""

    async def market_calendar(self, first: date, last: date) -> Sequence[MarketDay]:
        """Trading days from `first` to `last`, both included."""

    def stream_quotes(
        self, instruments: Sequence[Instrument]
    ) -> AsyncGenerator[StreamedQuote, None]:
        """Quotes as they change, until it is closed; ends or raises ReadFailed when it breaks.

        It is read as fast as it comes; whoever reads slowly must conflate.
        """
