"""The market of a simulated Alpaca: the venue with its chains and bars, and who may see what."""

from collections.abc import Callable
from dataclasses import dataclass

from simulators.alpaca.settings import AlpacaSettings
from simulators.venue import market
from simulators.venue.account_events import AccountEvents
from simulators.venue.accounts import Account
from simulators.venue.bars import Bars
from simulators.venue.chain import ChainCatalog
from simulators.venue.lifecycle import OptionLifecycle
from simulators.venue.market import Prices, default_prices
from simulators.venue.model_quotes import ModelQuotes
from simulators.venue.tape import Tape
from simulators.venue.venue import Venue


@dataclass(slots=True)
class Feeds:
    """The best feed that the account may use: stock is iex or sip, option indicative or opra."""

    stock: str
    option: str


@dataclass(frozen=True, slots=True)
class Market:
    """The venue and what there is besides it: data, and what happens to positions."""

    venue: Venue
    catalog: ChainCatalog
    model: ModelQuotes
    tape: Tape
    bars: Bars
    feeds: Feeds
    events: AccountEvents
    lifecycle: OptionLifecycle


def build_market(
    settings: AlpacaSettings, base_s: Callable[[], float], prices: Prices | None = None
) -> Market:
    """Builds the market as it is at the start, its clock running on `base_s`."""
    account = Account(settings.account_number, settings.cash, options_level=settings.options_level)
    plan = market.Plan(
        start=settings.start,
        seed=settings.seed,
        account=account,
        settings=settings.venue,
        prices=prices or default_prices(settings.start),
        chains=settings.chains,
    )
    made = market.build_market(plan, base_s)
    feeds = Feeds(settings.stock_feed, settings.option_feed)
    return Market(
        made.venue,
        made.catalog,
        made.model,
        made.tape,
        made.bars,
        feeds,
        made.events,
        made.lifecycle,
    )
