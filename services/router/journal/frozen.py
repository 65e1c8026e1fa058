"""What earlier versions of the journal knew: classes with their fields, enumerations with members.

Frozen: a version's shapes never change once a later version is written. What is in none of them is
of the present version (`codec.WRITER_VERSION`). To begin another version, put the present shapes
here (`versions.present_shapes`) and raise both versions in the codec.
"""

from __future__ import annotations

from typing import Final

FROZEN: Final[dict[int, dict[str, str]]] = {
    1: {
        "Activity": (
            "account_id activity_id activity_type description group_id instrument net_amount "
            "price qty raw_type times venue"
        ),
        "ActivityBooked": "account_id activity",
        "ActivityType": (
            "ASSIGNMENT CORPORATE_ACTION DIVIDEND EXERCISE EXPIRATION FEE INTEREST "
            "OPTION_DELIVERY TRANSFER UNSPECIFIED"
        ),
        "AlertRaised": "account_id client_order_id kind message severity venue venue_causes",
        "CancelIntended": "account_id client_order_id",
        "Cause": "message reason venue_code",
        "Effect": "NONE UNKNOWN",
        "EpochTaken": "epoch generation node",
        "Equity": "currency symbol",
        "ExecSource": "QUERY STATEMENT STREAM",
        "ExecType": "BUST CORRECT RECONSTRUCTED TRADE",
        "Execution": (
            "account_id client_id cum_qty exec_id exec_ref_id exec_type fees instrument "
            "last_px last_qty late side source times venue venue_order_id"
        ),
        "ExecutionBooked": "account_id client_order_id execution placement_id",
        "ExerciseStyle": "AMERICAN EUROPEAN UNSPECIFIED",
        "FailedOver": "account_id cause client_order_id from_venue to_venue",
        "Fee": "amount estimated kind",
        "FeesBooked": "account_id client_order_id exec_id fees placement_id",
        "Instruction": "DO_NOT_EXERCISE EXERCISE",
        "InstructionAnswered": "account_id cause client_order_id status",
        "InstructionIntended": "account_id client_order_id contract instruction qty venue",
        "JournalCreated": "journal_id",
        "Money": "amount currency",
        "OptionCombo": "legs",
        "OptionContract": (
            "currency deliverable expiry last_trade_time last_trade_zone multiplier right "
            "root settlement settlement_session strike style underlying"
        ),
        "OptionRight": "CALL PUT",
        "OrderChange": "limit_price order_qty stop_price time_in_force trail_amount trail_percent",
        "OrderClass": "BRACKET MULTI_LEG OCO OTO SIMPLE",
        "OrderIntended": "account_id content_hash placed received spec traceparent",
        "OrderLeg": "contract position_intent ratio_qty side",
        "OrderReport": (
            "account_id avg_px cause client_id created cum_qty extended_hours instrument "
            "limit_price notional order_class order_qty order_type parent position_intent "
            "raw_status replaced_by replaces side signal status stop_loss stop_price "
            "take_profit time_in_force times trail_amount trail_percent venue venue_order_id"
        ),
        "OrderSpec": (
            "client_order_id extended_hours instrument limit_price not_after notional "
            "order_class order_qty order_type position_intent side stop_loss stop_price "
            "strategy_tag take_profit time_in_force trail_amount trail_percent venue_pin "
            "venue_preference"
        ),
        "OrderStatus": (
            "ACCEPTED CANCELED EXPIRED FILLED IN_DOUBT PARTIALLY_FILLED PENDING_CANCEL "
            "PENDING_NEW PENDING_REPLACE REJECTED REPLACED SUSPENDED UNPLACED"
        ),
        "OrderType": "LIMIT MARKET STOP STOP_LIMIT TRAILING_STOP",
        "Placement": (
            "attempted_at cause change is_held not_after order_qty placement_id raw_status "
            "replace_id replaces reported_cum_qty session_id status venue venue_order_id"
        ),
        "PlacementFreed": "account_id client_order_id freed",
        "PlacementIntended": "account_id client_order_id placement",
        "PlacementReleased": "attempted_at order_qty placement_id session_id",
        "PlacementReported": "account_id client_order_id signaled times",
        "PlacementSignaled": (
            "cause cum_qty order_qty placement_id raw_status signal venue_order_id"
        ),
        "PositionIntent": "BUY_TO_CLOSE BUY_TO_OPEN SELL_TO_CLOSE SELL_TO_OPEN",
        "Quarantined": "account_id execution order quarantine_id reason venue",
        "Reason": (
            "ACCOUNT_BLOCKED ACCOUNT_NOT_FOUND ALL_VENUES_UNAVAILABLE BUDGET_EXHAUSTED "
            "CHANGE_IN_PROGRESS CLIENT_ORDER_ID_REUSED COVER_ELSEWHERE CREDENTIALS_REFUSED "
            "DEADLINE_TOO_SHORT FENCE_NOT_TAKEN FENCE_REQUIRED HOLDER_UNAVAILABLE "
            "INSTRUMENT_NOT_FOUND INSUFFICIENT_BUYING_POWER INSUFFICIENT_QTY INTENT_MISMATCH "
            "INTERNAL INVALID_FIELD INVALID_PRICE INVALID_QTY INVALID_TOKEN "
            "JOURNAL_UNAVAILABLE LIMIT_EXCEEDED MARGIN_PROTECTION MARKET_CLOSED "
            "NOT_AFTER_PASSED NOT_IMPLEMENTED NOT_LEADER NOT_PERMITTED NOT_TRADABLE NO_COVER "
            "NO_FRESH_QUOTE ORDER_ENDED ORDER_NOT_FOUND OUTCOME_UNKNOWN PERMISSION_DENIED "
            "PLACEMENT_FENCED POSITION_NOT_FOUND RATE_LIMITED READ_FAILED SHUTTING_DOWN "
            "STALE_EPOCH STALE_SESSION TOKEN_EXPIRED TRADING_HALTED TRADING_REDUCING "
            "UNAUTHENTICATED UNSPECIFIED UNSUPPORTED_BY_VENUE UNSUPPORTED_FIELD "
            "VENUE_NOT_FOUND VENUE_NOT_READY VENUE_REJECTED VENUE_UNAVAILABLE WASH_TRADE "
            "WOULD_CROSS_ZERO WRONG_ACCOUNT_MODE"
        ),
        "RecordTimes": "journal_time received_time trading_date venue_time",
        "ReplaceIntended": "account_id change client_order_id replace_id",
        "Settlement": "CASH PHYSICAL UNSPECIFIED",
        "SettlementSession": "AM PM UNSPECIFIED",
        "Severity": "CRITICAL INFO WARNING",
        "Side": "BUY SELL",
        "Signal": (
            "ACKNOWLEDGED CANCELED CANCEL_REJECTED DISPROVED DOUBTED EXPIRED FILLED NOT_SENT "
            "PENDING_CANCEL PENDING_REPLACE REJECTED REPLACED REPLACE_REJECTED SUSPENDED"
        ),
        "StopLoss": "limit_price stop_price",
        "TakeProfit": "limit_price",
        "TimeInForce": "CLS DAY FOK GTC IOC OPG",
        "TradingState": "ACTIVE HALTED REDUCING",
        "TradingStateSet": "account_id actor reason state",
        "VenueCause": "effect message placement_id reason venue",
        "VenueState": "DEGRADED DOWN DRAINED UNKNOWN UP",
        "VenueStateChanged": "account_id clock_offset_s ready reason session_id state venue",
    },
}
