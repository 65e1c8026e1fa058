"""What the Alpaca adapter claims."""

from __future__ import annotations

from typing import Final

from tests.conformance.matrix.claims import Matrix, claimed, later, rule

_OPTIONS: Final = "Alpaca's documents, Options Trading Overview"
_ORDERS: Final = "Alpaca's documents, Placing Orders"

ALPACA: Final[Matrix] = {
    **claimed("type.market", "type.limit", "type.stop", "type.stop_limit", "type.trailing_stop"),
    **claimed("tif.day", "tif.gtc", "tif.ioc", "tif.fok", "tif.opg", "tif.cls"),
    **claimed("class.simple", "class.bracket", "class.oco", "class.oto", "class.multi_leg"),
    **claimed(
        "rpc.GetCapabilities",
        "rpc.GetStatus",
        "rpc.ListAccounts",
        "rpc.SubmitOrder",
        "rpc.PreviewOrder",
        "rpc.ReplaceOrder",
        "rpc.CancelOrder",
        "rpc.CancelAllOrders",
        "rpc.GetOrder",
        "rpc.ListOrders",
        "rpc.ListExecutions",
        "rpc.GetAccount",
        "rpc.ListPositions",
        "rpc.GetPosition",
        "rpc.ClosePosition",
        "rpc.ExerciseOption",
        "rpc.DoNotExercise",
        "rpc.ListActivities",
        "rpc.GetQuotes",
        "rpc.GetBars",
        "rpc.ListOptionContracts",
        "rpc.GetOptionSnapshots",
        "rpc.GetMarketClock",
        "rpc.GetMarketCalendar",
        "rpc.StreamQuotes",
        "rpc.WatchEvents",
        "rpc.Fence",
        "rpc.FenceOrder",
    ),
    **claimed(
        "fractional",
        "notional",
        "extended_hours",
        "position_intent",
        "activities_a_day_later",
        "unique_ids",
        "short_shares",
        "greeks",
        "requests_limit",
        "refuses_crossing_zero",
        "refuses_wash_trades",
        "refuses_option_times_in_force",
        "refuses_fractions_of_contracts",
        "refuses_off_tick_prices",
        "refuses_uncovered_calls",
        "replace_new_venue_id",
        "account_flags",
        "entry_price_as_paid",
        "order_times",
        "proves_absence",
        "looks_up_beside",
        "refuses_replace_when_partly_filled",
        "positions_less_exits",
    ),
    **rule("an order is found by its client id, however old it is", _ORDERS, "lists_reach_a_day"),
    **rule("client ids are unique there: the same order may be sent again", _ORDERS, "sends_once"),
    **rule("an order keeps to one price; none is modified in place", _ORDERS, "replace_in_place"),
    **rule("options take day and gtc only", _OPTIONS, "option_ioc"),
    **rule("contracts are traded whole", _OPTIONS, "option_fractions"),
    **later("fees are estimated by the costs issue", "rpc.EstimateCost"),
}
