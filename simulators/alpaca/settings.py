"""Settings of the simulated Alpaca."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from simulators.venue.settings import VenueSettings
from simulators.venue.trading_calendar import NEW_YORK

# Fixed and public on purpose: they open nothing but a simulator on loopback, so they are no secret.
SIMULATED_KEY = "PKTANDEMSIMULATED0001"
SIMULATED_SECRET = "simulated-secret-that-opens-only-the-simulator"
SIMULATED_ACCOUNT_NUMBER = "PA3SIMULATED"
DEFAULT_START = datetime(2024, 11, 4, 10, 0, tzinfo=NEW_YORK)


@dataclass(frozen=True, slots=True)
class AlpacaSettings:
    """What makes one simulated Alpaca.

    rate_limit_per_min: for trading and for data, each by itself; 0 switches it off.
    stream_exec_ids: "different" gives an activity an id of its own (as nothing says that Alpaca's
    agree); "same" makes the activity's id end in the stream's execution_id.
    option_activities: "next_day" shows assignments, exercises and expirations in the activities
    from the next trading day on, as paper accounts do; "at_once" when they happen.
    chains: whole option chains on every share that is quoted, besides the contracts with quotes.
    stock_feed, option_feed: the best that the account may use: "iex" or "sip", "indicative" or
    "opra".
    """

    key: str = SIMULATED_KEY
    secret: str = SIMULATED_SECRET
    account_number: str = SIMULATED_ACCOUNT_NUMBER
    cash: Decimal = Decimal(100_000)
    options_level: int = 2
    start: datetime = DEFAULT_START
    seed: int = 1
    rate_limit_per_min: int = 200
    stream_exec_ids: str = "different"
    option_activities: str = "next_day"
    chains: bool = True
    stock_feed: str = "iex"
    option_feed: str = "indicative"
    venue: VenueSettings = field(default_factory=VenueSettings)
