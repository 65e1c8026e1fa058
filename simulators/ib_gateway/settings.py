"""Settings of the simulated IB Gateway."""

from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal

from simulators.ib_gateway.restart import Restart
from simulators.venue.fees import FeeSchedule
from simulators.venue.settings import VenueSettings
from simulators.venue.trading_calendar import NEW_YORK

SIMULATED_ACCOUNT = "DU1000001"
DEFAULT_START = datetime(2024, 11, 4, 10, 0, tzinfo=NEW_YORK)
NIGHTLY = Restart(refuse_s=60, login_s=30, link_s=15, restored=1102)
FEES = FeeSchedule(
    per_contract=Decimal("0.65"), per_share=Decimal("0.005"), min_per_order=Decimal("1.00")
)
IB_VENUE = VenueSettings(
    unique_client_order_ids="off",
    refuses_wash_trades=False,
    refuses_to_cross_zero=False,
    refuses_option_market_orders_off_hours=False,
    refuses_to_open_on_last_afternoon=False,
    refuses_kinds_of_orders=False,
    refuses_stops_beyond_market=False,
    refuses_uncovered_combos=False,
    tells_triggers=True,
    fees=FEES,
)


@dataclass(frozen=True, slots=True)
class IbGatewaySettings:
    """What makes one simulated Gateway.

    account: one that begins with D is a paper account, with U a live one.
    market_data: "realtime", "delayed" or "none": what the account is subscribed to.
    fill_events: "exec_first" tells of a fill by execDetails before orderStatus, "status_first"
    the other way round.
    messages_per_s: what a client may send; 0 switches it off.
    chains: whether shares have option chains besides the contracts that are quoted.
    market_data_lines: how many streams of quotes all clients may have together.
    history_pacing: of which requests for bars too many are refused: "small_bars" (30 s or less),
    "all_bars" or "off".
    restart_at: the time of day in New York at which it restarts as `nightly` says; None: never.
    """

    account: str = SIMULATED_ACCOUNT
    cash: Decimal = Decimal(100_000)
    options_level: int = 3
    start: datetime = DEFAULT_START
    seed: int = 1
    messages_per_s: int = 50
    master_client_id: int | None = None
    market_data: str = "realtime"
    fill_events: str = "exec_first"
    restart_at: time | None = None
    nightly: Restart = field(default=NIGHTLY)
    venue: VenueSettings = field(default=IB_VENUE)
    chains: bool = True
    market_data_lines: int = 100
    history_pacing: str = "small_bars"
