"""Puts a simulated Alpaca together; nothing is bound to a port here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulators.alpaca.api import AlpacaApi
from simulators.alpaca.data_stream import DataStreams
from simulators.alpaca.event_feed import EventFeed
from simulators.alpaca.frontend import Frontend
from simulators.alpaca.market import Market, build_market
from simulators.alpaca.order_verbs import order_verbs
from simulators.alpaca.settings import AlpacaSettings
from simulators.alpaca.trade_updates import TradeUpdates
from simulators.alpaca.verbs import AlpacaVerbs, stream_verbs
from simulators.control.control import Option, SimulatorControl
from simulators.control.faults import FaultBook, Kind, places_without
from simulators.control.request_log import RequestLog
from simulators.driver import Driver
from simulators.venue.market import read_prices
from simulators.venue.quotes import Quote
from simulators.venue.venue import Venue

_FAULTS = places_without(
    Kind.ECHO_REPLACE,
    Kind.INACTIVE_ORDER,
    Kind.HOLD_ORDER,
    Kind.ERROR,
    Kind.NOTICE,
    connects=frozenset({Kind.REFUSE}),
)


@dataclass(frozen=True, slots=True)
class SimulatedAlpaca:
    """The parts of one simulated Alpaca."""

    settings: AlpacaSettings
    venue: Venue
    market: Market
    api: AlpacaApi
    updates: TradeUpdates
    data: DataStreams
    frontend: Frontend
    control: SimulatorControl


def build(
    settings: AlpacaSettings,
    base_s: Callable[[], float],
    quotes_file: Path | None = None,
    price_path: Sequence[Quote] = (),
) -> SimulatedAlpaca:
    """Builds a simulated Alpaca whose clock starts now and runs on `base_s`.

    Args:
        base_s: A monotonic clock in seconds; on a virtual-time loop its `time`.
        quotes_file: CSV with symbol, bid, ask, in place of the default quotes.
        price_path: Quotes by time, in place of the default quotes: see `read_price_path`.

    Raises:
        BadQuotesFile: The file can't be read.
    """
    prices = read_prices(quotes_file, price_path, settings.start)
    market = build_market(settings, base_s, prices)
    venue = market.venue
    faults = FaultBook(venue.randomness.stream("faults"), _FAULTS)
    log, driver = RequestLog(), Driver(venue)
    api = AlpacaApi(market, settings.account_number, settings)
    updates = TradeUpdates(venue, settings.account_number, faults, api.is_key)
    feed = EventFeed(updates)
    api.add(feed)
    data = DataStreams(market, api.is_key)
    frontend = Frontend(venue, api, updates, data, feed, faults, log, driver)
    options = _options(market, api)
    verbs = {
        **AlpacaVerbs(market, settings.account_number).verbs(),
        **order_verbs(venue, settings.account_number),
        **stream_verbs(data),
    }
    control = SimulatorControl(venue, faults, log, updates, driver.wake, options, verbs)
    return SimulatedAlpaca(settings, venue, market, api, updates, data, frontend, control)


def _options(market: Market, api: AlpacaApi) -> dict[str, Option]:
    activities, feeds = api.activities, market.feeds
    return {
        "stream_exec_ids": Option(
            values=("different", "same"),
            get=lambda: activities.exec_ids,
            set=lambda value: setattr(activities, "exec_ids", value),
        ),
        "option_activities": Option(
            values=("next_day", "at_once"),
            get=lambda: activities.option_activities,
            set=lambda value: setattr(activities, "option_activities", value),
        ),
        "stock_feed": Option(
            values=("iex", "sip"),
            get=lambda: feeds.stock,
            set=lambda value: setattr(feeds, "stock", value),
        ),
        "option_feed": Option(
            values=("indicative", "opra"),
            get=lambda: feeds.option,
            set=lambda value: setattr(feeds, "option", value),
        ),
    }
