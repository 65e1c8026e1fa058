"""What the Interactive Brokers adapter claims by now; the rest is its own issue's."""

from __future__ import annotations

from typing import Final

from tests.conformance.matrix.claims import Matrix, claimed, later, rule

_NEXT: Final = "the IB adapter does market and limit, day and gtc, single orders by now; this later"
_API: Final = "Interactive Brokers' documents, TWS API"

IB: Final[Matrix] = {
    **claimed(
        *("type.market", "type.limit", "type.stop", "type.stop_limit", "type.trailing_stop"),
        *("tif.day", "tif.gtc", "tif.ioc", "tif.fok", "tif.opg", "tif.cls"),
        *("class.simple", "class.bracket", "class.oco", "class.oto", "class.multi_leg"),
        *("extended_hours", "option_ioc"),
    ),
    **claimed(
        "rpc.GetCapabilities",
        "rpc.GetStatus",
        "rpc.ListAccounts",
        "rpc.SubmitOrder",
        "rpc.CancelOrder",
        "rpc.CancelAllOrders",
        "rpc.PreviewOrder",
        "rpc.ExerciseOption",
        "rpc.DoNotExercise",
        "rpc.ClosePosition",
        "rpc.GetOrder",
        "rpc.ListOrders",
        "rpc.ListExecutions",
        "rpc.GetAccount",
        "rpc.ListPositions",
        "rpc.GetPosition",
        "rpc.GetQuotes",
        "rpc.GetMarketClock",
        "rpc.GetMarketCalendar",
        "rpc.GetBars",
        "rpc.ListOptionContracts",
        "rpc.GetOptionSnapshots",
        "rpc.StreamQuotes",
        "greeks",
        "rpc.WatchEvents",
        "rpc.Fence",
    ),
    **later(
        _NEXT,
        "rpc.ReplaceOrder",
        "rpc.ListActivities",
        "rpc.FenceOrder",
        "replace_in_place",
    ),
    **later("fees are estimated by the costs issue", "rpc.EstimateCost"),
    **later(
        "the simulated IB Gateway doesn't refuse it as IB does yet",
        "short_shares",
        "refuses_uncovered_calls",
        "refuses_off_tick_prices",
        "refuses_fractions_of_contracts",
    ),
    **rule("fractions of shares are refused through the API (10243)", _API, "fractional"),
    **rule("orders are for a quantity, cash quantities are for forex", _API, "notional"),
    **rule("an order says buy or sell, not open or close", _API, "position_intent"),
    **rule("orderRef is a label: the same one may be used again", _API, "unique_ids"),
    **rule("messages are counted by the second and not told", _API, "requests_limit"),
    **rule("an order may turn a position over", _API, "refuses_crossing_zero"),
    **rule("wash trades are looked for by the exchanges", _API, "refuses_wash_trades"),
    **rule("options take ioc and fok as well", _API, "refuses_option_times_in_force"),
    **rule("an order is modified in place, under its own id", _API, "replace_new_venue_id"),
    **rule("a partly filled order may be modified", _API, "refuses_replace_when_partly_filled"),
    **rule("contracts are traded whole", _API, "option_fractions"),
    **rule("no value of the account says that trading is blocked", _API, "account_flags"),
    **rule("average cost has commission and multiplier in it", _API, "entry_price_as_paid"),
    **rule("open orders come without the time of their making", _API, "order_times"),
    **rule("completed orders reach back one day, not further", _API, "proves_absence"),
    **rule("messages of a connection are worked in their order", _API, "looks_up_beside"),
}
