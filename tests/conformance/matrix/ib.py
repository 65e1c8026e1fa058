"""What the Interactive Brokers adapter claims, and which rules of IB's keep it from the rest."""

from __future__ import annotations

from typing import Final

from tests.conformance.matrix.claims import Matrix, claimed, later, rule

_CODES: Final = "TWS API, Error Codes"
_ORDER: Final = "TWS API, class Order"
_MODIFY: Final = "TWS API, Modifying Orders"

IB: Final[Matrix] = {
    **claimed(
        *("type.market", "type.limit", "type.stop", "type.stop_limit", "type.trailing_stop"),
        *("tif.day", "tif.gtc", "tif.ioc", "tif.fok", "tif.opg", "tif.cls"),
        *("class.simple", "class.bracket", "class.oco", "class.oto", "class.multi_leg"),
    ),
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
        "extended_hours",
        "option_ioc",
        "greeks",
        "replace_in_place",
        "short_shares",
        "refuses_uncovered_calls",
        "refuses_off_tick_prices",
        "refuses_fractions_of_contracts",
        "lists_reach_a_day",
        "positions_less_exits",
        "sends_once",
    ),
    **later("fees are estimated by the costs issue", "rpc.EstimateCost"),
    **rule("a fraction of a share can't be ordered by the API", f"{_CODES}, 10243", "fractional"),
    **rule("contracts are traded whole", f"{_CODES}, 10243", "option_fractions"),
    **rule(
        "an order is for a quantity; an amount of cash is for currencies",
        f"{_ORDER}, cashQty; Error Codes, 10244",
        "notional",
    ),
    **rule(
        "an order says buy or sell; open or close is for institutions",
        f"{_ORDER}, openClose",
        "position_intent",
    ),
    **rule("a reference is a label: two orders may have one", f"{_ORDER}, orderRef", "unique_ids"),
    **rule(
        "messages are counted by the second, and how many are left is not told",
        f"{_CODES}, 100",
        "requests_limit",
    ),
    **rule("an order may turn a position over", f"{_ORDER}, action", "refuses_crossing_zero"),
    **rule(
        "no code refuses an order for another one of the account that it would meet",
        _CODES,
        "refuses_wash_trades",
    ),
    **rule(
        "options take immediate-or-cancel and fill-or-kill as well",
        f"{_ORDER}, tif",
        "refuses_option_times_in_force",
    ),
    **rule(
        "an order is modified in place: placed once more under its own id",
        _MODIFY,
        "replace_new_venue_id",
    ),
    **rule(
        "what is left of an order may be modified", _MODIFY, "refuses_replace_when_partly_filled"
    ),
    **rule(
        "no key of an account's values says that trading is blocked",
        "TWS API, EWrapper.updateAccountValue",
        "account_flags",
    ),
    **rule(
        "the average cost of a position has commission and multiplier in it",
        "TWS API, EWrapper.updatePortfolio, averageCost",
        "entry_price_as_paid",
    ),
    **rule(
        "assignments come as executions without an order, on the day itself",
        "TWS API, EWrapper.execDetails",
        "activities_a_day_later",
    ),
    **rule(
        "open orders come without the time of their making",
        "TWS API, EWrapper.openOrder",
        "order_times",
    ),
    **rule(
        "completed orders are those of the day, executions those since midnight",
        "TWS API, EClient.reqCompletedOrders, EClient.reqExecutions",
        "proves_absence",
    ),
    **rule(
        "messages of a connection are worked in their order, a list after the order before it",
        "TWS API, EClient: one socket",
        "looks_up_beside",
    ),
}
