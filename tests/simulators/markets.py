"""A small market on a clock that a test moves by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from simulators.venue.accounts import Account
from simulators.venue.clock import MarketClock
from simulators.venue.instruments import Catalog, Equity, parse_contract
from simulators.venue.orders import NewOrder, OrderType, Side
from simulators.venue.quotes import Quote
from simulators.venue.randomness import Randomness
from simulators.venue.settings import VenueSettings
from simulators.venue.trading_calendar import NEW_YORK
from simulators.venue.venue import Venue

PUT = "SPY241115P00400000"
CALL = "SPY241115C00400000"
ACCOUNT = "A1"


def new_york(day: str, time: str = "10:00:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=NEW_YORK).astimezone(UTC)


class Base:
    """A base clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


class Market:
    """A venue with one account, and short words for what tests do to it."""

    def __init__(
        self,
        cash: str = "100000",
        start: datetime | None = None,
        seed: int = 1,
        level: int = 2,
        multiplier: str = "4",
        **settings: Any,
    ) -> None:
        self.base = Base()
        self.account = Account(ACCOUNT, Decimal(cash), Decimal(multiplier), options_level=level)
        contracts = [parse_contract(symbol) for symbol in (PUT, CALL)]
        self.venue = Venue(
            MarketClock(start or new_york("2024-11-04"), self.base),
            Catalog([Equity("SPY"), *(c for c in contracts if c is not None)]),
            [self.account],
            Randomness(seed),
            VenueSettings(**settings),
        )
        self.events: list[str] = []
        self.venue.subscribe(lambda event: self.events.append(event.kind.value))
        self.quote("SPY", "399.98", "400.02")
        self.quote(PUT, "8.50", "9.00")
        self.quote(CALL, "8.70", "8.90")

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        now = self.venue.clock.now()
        self.venue.set_quote(Quote(symbol, Decimal(bid), Decimal(ask), now))

    def send(
        self, side: str, symbol: str, qty: str = "1", price: str | None = None, **more: Any
    ) -> str:
        """Submits an order and returns its venue id."""
        asked = NewOrder(
            account_id=ACCOUNT,
            symbol=symbol,
            side=Side(side),
            order_qty=Decimal(qty),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            limit_price=Decimal(price) if price is not None else None,
            **more,
        )
        return self.venue.submit(asked).venue_order_id

    def trade(self, side: str, symbol: str, qty: str = "1") -> None:
        """Submits a market order and lets it fill."""
        self.send(side, symbol, qty)
        self.wait(1)

    def wait(self, seconds: float) -> None:
        """Lets market time pass."""
        self.base.at_s += seconds
        self.venue.advance()

    def status(self, venue_order_id: str) -> str:
        return self.venue.desk.get(venue_order_id).status.value

    def held(self, symbol: str) -> Decimal:
        return self.account.position_qty(symbol)
