"""Puts a simulated Alpaca together; nothing is bound to a port here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulators.alpaca.api import AlpacaApi
from simulators.alpaca.frontend import Frontend
from simulators.alpaca.settings import AlpacaSettings
from simulators.alpaca.trade_updates import TradeUpdates
from simulators.control.control import Option, SimulatorControl
from simulators.control.faults import FaultBook, Kind, places_without
from simulators.control.request_log import RequestLog
from simulators.driver import Driver
from simulators.venue.accounts import Account
from simulators.venue.clock import MarketClock
from simulators.venue.default_market import (
    default_catalog,
    default_quotes,
    list_quoted,
    read_quotes,
)
from simulators.venue.randomness import Randomness
from simulators.venue.venue import Venue

_FAULTS = places_without(Kind.INACTIVE_ORDER, Kind.ERROR, connects=frozenset({Kind.REFUSE}))


@dataclass(frozen=True, slots=True)
class SimulatedAlpaca:
    """The parts of one simulated Alpaca."""

    settings: AlpacaSettings
    venue: Venue
    api: AlpacaApi
    updates: TradeUpdates
    frontend: Frontend
    control: SimulatorControl


def build(
    settings: AlpacaSettings, base_s: Callable[[], float], quotes_file: Path | None = None
) -> SimulatedAlpaca:
    """Builds a simulated Alpaca whose clock starts now and runs on `base_s`.

    Args:
        base_s: A monotonic clock in seconds; on a virtual-time loop its `time`.
        quotes_file: CSV with symbol, bid, ask, in place of the default quotes.

    Raises:
        BadQuotesFile: The file can't be read.
    """
    venue = _venue(settings, base_s, quotes_file)
    faults = FaultBook(venue.randomness.stream("faults"), _FAULTS)
    log, driver = RequestLog(), Driver(venue)
    api = AlpacaApi(venue, settings.account_number, settings)
    updates = TradeUpdates(venue, settings.account_number, faults, api.is_key)
    frontend = Frontend(venue, api, updates, faults, log, driver)
    activities = api.activities
    exec_ids = Option(
        values=("different", "same"),
        get=lambda: activities.exec_ids,
        set=lambda value: setattr(activities, "exec_ids", value),
    )
    options = {"stream_exec_ids": exec_ids}
    control = SimulatorControl(venue, faults, log, updates, driver.wake, options)
    return SimulatedAlpaca(settings, venue, api, updates, frontend, control)


def _venue(
    settings: AlpacaSettings, base_s: Callable[[], float], quotes_file: Path | None
) -> Venue:
    account = Account(settings.account_number, settings.cash, options_level=settings.options_level)
    venue = Venue(
        MarketClock(settings.start, base_s),
        default_catalog(),
        [account],
        Randomness(settings.seed),
        settings.venue,
    )
    at = settings.start
    quotes = list(default_quotes(at)) if quotes_file is None else read_quotes(quotes_file, at)
    list_quoted(venue.catalog, quotes)
    for quote in quotes:
        venue.set_quote(quote)
    return venue
