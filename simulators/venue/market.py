"""A market whole: the venue with its chains, bars and the ends of its options, from quotes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from simulators.venue import trading_calendar as calendar
from simulators.venue.account_events import AccountEvents
from simulators.venue.accounts import Account
from simulators.venue.bars import Bars
from simulators.venue.chain import Chain, ChainCatalog
from simulators.venue.clock import MarketClock
from simulators.venue.default_market import (
    default_catalog,
    default_quotes,
    list_quoted,
    read_quotes,
)
from simulators.venue.ids import Ids
from simulators.venue.instruments import Equity
from simulators.venue.lifecycle import OptionLifecycle
from simulators.venue.model_quotes import ModelQuotes
from simulators.venue.price_path import PricePath, first_share_quotes, quotes_at
from simulators.venue.quotes import Quote
from simulators.venue.randomness import Randomness
from simulators.venue.settings import VenueSettings
from simulators.venue.tape import Tape
from simulators.venue.venue import Venue

_BERKSHIRE = Equity("BRK.B", "Berkshire Hathaway Inc. Class B", "NYSE")
_BERKSHIRE_PRICES = (Decimal("449.90"), Decimal("450.10"))
_ROOTS = {"BRK.B": "BRKB"}
_ADJUSTED = {"AAPL": "AAPL1"}


@dataclass(frozen=True, slots=True)
class Prices:
    """The quotes at the start, those that come later, and those that chains are listed around."""

    start: list[Quote]
    later: Sequence[Quote]
    centers: list[Quote]


def default_prices(at: datetime) -> Prices:
    """The market that stands still around the default quotes."""
    quotes = [*default_quotes(at), Quote(_BERKSHIRE.symbol, *_BERKSHIRE_PRICES, at)]
    return Prices(quotes, [], quotes)


def read_prices(quotes_file: Path | None, path: Sequence[Quote], at: datetime) -> Prices:
    """The market of files: quotes at the start, and a path that the clock passes.

    Raises:
        BadQuotesFile: The file can't be read.
    """
    if quotes_file is None and not path:
        return default_prices(at)
    start = read_quotes(quotes_file, at) if quotes_file is not None else []
    begun = {quote.symbol: quote for quote in (*start, *quotes_at(path, at))}
    centers = {quote.symbol: quote for quote in (*first_share_quotes(path), *begun.values())}
    later = [quote for quote in path if quote.at > at]
    return Prices(list(begun.values()), path if later else [], list(centers.values()))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a market is made of. chains: whether the shares have option chains besides."""

    start: datetime
    seed: int
    account: Account
    settings: VenueSettings
    prices: Prices
    chains: bool = True


@dataclass(frozen=True, slots=True)
class Market:
    """The venue and what there is besides it: data, and what happens to positions."""

    venue: Venue
    catalog: ChainCatalog
    model: ModelQuotes
    tape: Tape
    bars: Bars
    events: AccountEvents
    lifecycle: OptionLifecycle


def build_market(
    plan: Plan, base_s: Callable[[], float], ids: Callable[[Randomness], Ids] | None = None
) -> Market:
    """Builds the market as it is at the start, its clock running on `base_s`.

    Args:
        ids: Makes the ids of its orders and fills; random ones unless given.
    """
    clock, randomness = MarketClock(plan.start, base_s), Randomness(plan.seed)
    catalog = ChainCatalog([*default_catalog(), _BERKSHIRE], clock.now)
    made_ids = ids(randomness) if ids is not None else None
    venue = Venue(clock, catalog, [plan.account], randomness, plan.settings, made_ids)
    model = ModelQuotes(catalog, venue.quotes, venue)
    tape = Tape(venue, model)
    _put_prices(plan, venue, catalog, model)
    events = AccountEvents(catalog, venue.ledger, randomness)
    lifecycle = OptionLifecycle(venue, events)
    return Market(venue, catalog, model, tape, Bars(tape), events, lifecycle)


def _put_prices(plan: Plan, venue: Venue, catalog: ChainCatalog, model: ModelQuotes) -> None:
    prices = plan.prices
    list_quoted(catalog, (*prices.start, *prices.later))
    if plan.chains:
        venue.quotes.model = model
        for quote in prices.centers:
            _add_chains(catalog, quote)
    for quote in prices.start:
        venue.set_quote(quote)
    if plan.chains:
        # What time alone does to a contract's price is a quote that nobody gives.
        underlyings = {quote.symbol for quote in prices.centers}
        venue.repeat(calendar.next_minute, lambda: venue.work_orders(underlyings))
    if prices.later:
        PricePath(venue, prices.later)


def _add_chains(catalog: ChainCatalog, quote: Quote) -> None:
    if not isinstance(catalog.find(quote.symbol), Equity):
        return
    price = quote.mid.quantize(Decimal("0.01"))
    catalog.add_chain(Chain(quote.symbol, _ROOTS.get(quote.symbol, quote.symbol), price))
    adjusted = _ADJUSTED.get(quote.symbol)
    if adjusted is not None:
        catalog.add_chain(Chain(quote.symbol, adjusted, price, adjusted=True))
