"""How a venue behaves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """Delays are seconds of market time.

    unique_client_order_ids: "first" refuses a used id before money and quantity are looked at,
    "last" after them (which comes first at Alpaca is not documented), "off" never.
    """

    ack_delay_s: float = 0.02
    fill_delay_s: float = 0.02
    cancel_delay_s: float = 0.02
    rest_of_partial_s: float = 1.0
    partial_fills: bool = False
    price_walk: bool = False
    walk_interval_s: float = 1.0
    skip_closed: bool = False
    unique_client_order_ids: str = "first"
