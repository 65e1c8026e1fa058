"""Puts a simulated IB Gateway together; nothing is bound to a port here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulators.control.control import SimulatorControl
from simulators.control.faults import EVENTS, FaultBook, Kind, places_without
from simulators.control.request_log import RequestLog
from simulators.driver import Driver
from simulators.ib_gateway.api import GatewayApi
from simulators.ib_gateway.frontend import Frontend
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.ids import IbIds
from simulators.ib_gateway.options import gateway_options
from simulators.ib_gateway.restarts import Restarts
from simulators.ib_gateway.settings import IbGatewaySettings
from simulators.ib_gateway.verbs import GatewayVerbs
from simulators.venue.accounts import Account
from simulators.venue.market import Market, Plan, build_market, read_prices
from simulators.venue.quotes import Quote
from simulators.venue.venue import Venue

_FAULTS = places_without(
    Kind.STATUS,
    Kind.ORDER_STATUS,
    Kind.OVERFILL_REPLACE,
    connects=frozenset({Kind.REFUSE, Kind.DELAY, Kind.HANG}),
    events=EVENTS | {Kind.DELAY},
)


@dataclass(frozen=True, slots=True)
class SimulatedIbGateway:
    """The parts of one simulated Gateway."""

    settings: IbGatewaySettings
    venue: Venue
    gateway: Gateway
    api: GatewayApi
    frontend: Frontend
    control: SimulatorControl


def build(
    settings: IbGatewaySettings,
    base_s: Callable[[], float],
    quotes_file: Path | None = None,
    price_path: Sequence[Quote] = (),
) -> SimulatedIbGateway:
    """Builds a simulated Gateway whose clock starts now and runs on `base_s`.

    Args:
        base_s: A monotonic clock in seconds; on a virtual-time loop its `time`.
        quotes_file: CSV with symbol, bid, ask, in place of the default quotes.
        price_path: Quotes by time, in place of the default quotes: see `read_price_path`.

    Raises:
        BadQuotesFile: The file can't be read.
    """
    market = _market(settings, base_s, quotes_file, price_path)
    venue = market.venue
    faults = FaultBook(venue.randomness.stream("faults"), _FAULTS)
    log, driver = RequestLog(), Driver(venue)
    gateway = Gateway(market, settings)
    api = GatewayApi(gateway, faults)
    frontend = Frontend(gateway, api, faults, log, driver)
    restarts = Restarts(gateway, frontend)
    restarts.schedule(settings.restart_at, settings.nightly)
    verbs = GatewayVerbs(gateway, api, frontend, restarts).verbs()
    options = gateway_options(gateway, api.accounts)
    control = SimulatorControl(
        venue, faults, log, frontend, driver.wake, options, verbs, lambda: gateway.account_id
    )
    return SimulatedIbGateway(settings, venue, gateway, api, frontend, control)


def _market(
    settings: IbGatewaySettings,
    base_s: Callable[[], float],
    quotes_file: Path | None,
    price_path: Sequence[Quote],
) -> Market:
    plan = Plan(
        start=settings.start,
        seed=settings.seed,
        account=Account(settings.account, settings.cash, options_level=settings.options_level),
        settings=settings.venue,
        prices=read_prices(quotes_file, price_path, settings.start),
        chains=settings.chains,
    )
    return build_market(plan, base_s, IbIds)
