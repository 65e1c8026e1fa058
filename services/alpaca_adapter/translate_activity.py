"""Activities that are no fills: Alpaca's JSON to our records.

A type that has no name here is kept, with its own text: it may be money.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.symbols import read_instrument
from services.alpaca_adapter.wire_fields import Record
from services.common.domain.activities import Activity, ActivityType
from services.common.domain.amounts import Money
from services.common.domain.executions import RecordTimes

CURRENCY: Final = "USD"
FILL: Final = "FILL"

_T = ActivityType
_TYPES: Final = {
    "OPASN": _T.ASSIGNMENT,
    "OPEXC": _T.EXERCISE,
    "OPEXP": _T.EXPIRATION,
    "OPTRD": _T.OPTION_DELIVERY,
    "OPCSH": _T.OPTION_DELIVERY,
    "OPCA": _T.CORPORATE_ACTION,
    "FEE": _T.FEE,
    "CFEE": _T.FEE,
    "PTC": _T.FEE,
    "PTR": _T.FEE,
    "INT": _T.INTEREST,
    "INTNRA": _T.INTEREST,
    "INTPNL": _T.INTEREST,
    "INTTW": _T.INTEREST,
    "SWP": _T.INTEREST,
    "ACATC": _T.TRANSFER,
    "ACATS": _T.TRANSFER,
    "CSD": _T.TRANSFER,
    "CSR": _T.TRANSFER,
    "CSW": _T.TRANSFER,
    "JNL": _T.TRANSFER,
    "JNLC": _T.TRANSFER,
    "JNLS": _T.TRANSFER,
    "TRANS": _T.TRANSFER,
    "CIL": _T.CORPORATE_ACTION,
    "MA": _T.CORPORATE_ACTION,
    "NC": _T.CORPORATE_ACTION,
    "REORG": _T.CORPORATE_ACTION,
    "SC": _T.CORPORATE_ACTION,
    "SPIN": _T.CORPORATE_ACTION,
    "SPLIT": _T.CORPORATE_ACTION,
    "SSO": _T.CORPORATE_ACTION,
    "SSP": _T.CORPORATE_ACTION,
    "VOF": _T.CORPORATE_ACTION,
}
_DIVIDENDS: Final = "DIV"
# An activity in any other state than these is told with it.
_PLAIN: Final = frozenset({"", "executed"})
_TEXT_LEN_MAX: Final = 500


class ActivityTranslator:
    """Makes records of one account at one venue; `now` is the adapter's wall clock."""

    def __init__(self, venue: str, account_id: str, now: Callable[[], datetime]) -> None:
        self._venue = venue
        self._account_id = account_id
        self._now = now

    def activity(self, item: Any) -> Activity | None:
        """One activity, None for a fill. Raises Unreadable without an id or a type."""
        fields = wire_fields.record(item, "an activity")
        raw_type = wire_fields.required_text(fields, "activity_type")
        if raw_type == FILL:
            return None
        net_amount = wire_fields.decimal(fields, "net_amount")
        return Activity(
            venue=self._venue,
            account_id=self._account_id,
            activity_id=wire_fields.required_text(fields, "id"),
            activity_type=activity_type(raw_type),
            raw_type=raw_type,
            times=self._times(fields),
            instrument=read_instrument(fields),
            qty=_signed_qty(fields, raw_type, net_amount),
            price=wire_fields.lenient_decimal(fields, "price"),
            net_amount=None if net_amount is None else Money(net_amount, CURRENCY),
            group_id=wire_fields.text(fields, "group_id"),
            description=_description(fields),
        )

    def _times(self, fields: Record) -> RecordTimes:
        at = wire_fields.time(fields, "transaction_time") or wire_fields.time(fields, "created_at")
        return RecordTimes(
            venue_time=at,
            received_time=self._now(),
            trading_date=_day(fields) or wire_fields.trading_date(at),
        )


def activity_type(raw_type: str) -> ActivityType:
    """The kind of a type of Alpaca's; UNSPECIFIED for one that is not known."""
    if raw_type.startswith(_DIVIDENDS):
        return ActivityType.DIVIDEND
    return _TYPES.get(raw_type, ActivityType.UNSPECIFIED)


def _signed_qty(fields: Record, raw_type: str, net_amount: Decimal | None) -> Decimal | None:
    """The change of the position.

    Alpaca signs it. Should a delivery come without its sign, the money tells: who is paid for
    shares gives them.
    """
    qty = wire_fields.decimal(fields, "qty")
    if raw_type == "OPTRD" and qty is not None and net_amount is not None:
        return abs(qty).copy_negate() if net_amount > 0 else abs(qty) if net_amount < 0 else qty
    return qty


def _description(fields: Record) -> str:
    status = wire_fields.text(fields, "status")
    parts = [wire_fields.text(fields, "description"), wire_fields.text(fields, "symbol")]
    told = parts[0] or (parts[1] if read_instrument(fields) is None else "")
    shown = told if status in _PLAIN else f"{told} ({status})".strip()
    return shown[:_TEXT_LEN_MAX]


def _day(fields: Record) -> date | None:
    try:
        return date.fromisoformat(wire_fields.text(fields, "date")[:10])
    except ValueError:
        return None
