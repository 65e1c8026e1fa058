"""How a venue behaves."""

from dataclasses import dataclass

from simulators.venue.fees import NO_FEES, FeeSchedule


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """Delays are seconds of market time.

    unique_client_order_ids: "first" refuses a used id before money and quantity are looked at,
    "last" after them (which comes first at Alpaca is not documented), "off" never.
    refuses_wash_trades, refuses_to_cross_zero, refuses_option_market_orders_off_hours,
    refuses_to_open_on_last_afternoon (options from 15:30 on the day of their expiry): rules of
    Alpaca's that not every broker has.
    refuses_kinds_of_orders: Alpaca's rules on which types, times in force and hours go together.
    refuses_stops_beyond_market: a stop that the market has passed; else it is triggered at once.
    refuses_uncovered_combos: Alpaca's rules on multi-leg orders; else each leg must have the means.
    tells_triggers: an event when a stop is reached.
    """

    ack_delay_s: float = 0.02
    fill_delay_s: float = 0.02
    cancel_delay_s: float = 0.02
    replace_delay_s: float = 0.02
    rest_of_partial_s: float = 1.0
    partial_fills: bool = False
    price_walk: bool = False
    walk_interval_s: float = 1.0
    skip_closed: bool = False
    unique_client_order_ids: str = "first"
    refuses_wash_trades: bool = True
    refuses_to_cross_zero: bool = True
    refuses_option_market_orders_off_hours: bool = True
    refuses_to_open_on_last_afternoon: bool = True
    refuses_kinds_of_orders: bool = True
    refuses_stops_beyond_market: bool = True
    refuses_uncovered_combos: bool = True
    tells_triggers: bool = False
    fees: FeeSchedule = NO_FEES
