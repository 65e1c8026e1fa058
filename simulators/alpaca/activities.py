"""/v2/account/activities: fills, option events and cash, paged by the last item's id."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.problems import invalid
from simulators.alpaca.router import Call
from simulators.alpaca.wire_values import cents, nanoseconds, plain, read_time, wire_time
from simulators.venue import trading_calendar as calendar
from simulators.venue.account_events import AccountEvents
from simulators.venue.ledger import OPTION_EVENTS, AccountEvent, AccountEventKind
from simulators.venue.orders import Execution, OrderEvent
from simulators.venue.randomness import fixed_uuid
from simulators.venue.venue import Venue

_PAGE_MAX = 100
# Alpaca's list; what this market doesn't have stays empty.
_TYPE_NAMES = (
    "FILL ACATC ACATS CFEE CIL CSD CSW DIV DIVCGL DIVCGS DIVNRA DIVROC DIVTXEX DIVWH EXTRD "
    "FEE FXTRD INT INTPNL JNLC JNLS MA MEM MISC NC OCT OPASN OPCA OPCSH OPEXC OPEXP OPTRD PTC "
    "REORG SPIN SPLIT SWP TRANS VOF WH"
)
_CATEGORIES = ("trade_activity", "non_trade_activity")
_TYPES = frozenset(_TYPE_NAMES.split())
_OF_KIND = {
    AccountEventKind.ASSIGNED: ("OPASN", "Option Assignment"),
    AccountEventKind.EXERCISED: ("OPEXC", "Option Exercise"),
    AccountEventKind.EXPIRED: ("OPEXP", "Option Expiry"),
    AccountEventKind.OPTION_TRADE: ("OPTRD", "Option Trade"),
    AccountEventKind.FEE: ("FEE", "Fee"),
    AccountEventKind.DIVIDEND: ("DIV", "Cash Dividend"),
    AccountEventKind.DEPOSIT: ("CSD", "Cash Deposit"),
    AccountEventKind.WITHDRAWAL: ("CSW", "Cash Withdrawal"),
    AccountEventKind.POSITION: ("JNLS", "Securities Journal"),
}


@dataclass(frozen=True, slots=True)
class _Item:
    """An activity: what day it is of, since when it may be shown, and what is shown."""

    day: date
    created_at: datetime
    type: str
    content: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.content["id"])


class Activities:
    """Keeps the wire form of each activity and serves them page by page.

    Args:
        exec_ids: "same" ends a fill's id in the stream's execution_id, "different" does not.
        option_activities: "next_day" shows option events from the next trading day on, as paper
            accounts do, "at_once" when they happen. Positions and cash change at once in any case.
    """

    def __init__(
        self,
        venue: Venue,
        events: AccountEvents,
        account_id: str,
        account_number: str,
        exec_ids: str,
        option_activities: str,
    ) -> None:
        self.exec_ids = exec_ids
        self.option_activities = option_activities
        self._venue = venue
        self._account_id = account_id
        self._account_uuid = fixed_uuid(f"account/{account_number}")
        self._items: list[_Item] = []
        venue.subscribe(self._filled)
        events.subscribe(self._happened)

    def list(self, call: Call) -> HttpResponse:
        """GET /v2/account/activities and /v2/account/activities/{type}."""
        wanted = _types(call)
        direction = call.query("direction", "desc")
        if direction not in ("asc", "desc"):
            raise invalid("invalid direction")
        category = call.query("category")
        if category not in ("", *_CATEGORIES):
            raise invalid("invalid category")
        now = self._venue.now
        items = [
            item
            for item in self._items
            if item.created_at <= now
            and (not wanted or item.type in wanted)
            and (not category or _CATEGORIES[item.type != "FILL"] == category)
            and _in_window(call, item)
        ]
        # By id: time to the millisecond, then chance. Those of one instant come in any order, as
        # they do at Alpaca; what is no trade has its day and no time.
        items.sort(key=lambda item: item.id, reverse=direction == "desc")
        contents = [item.content for item in items]
        return json_response(200, _page(call, contents, descending=direction == "desc"))

    def _filled(self, event: OrderEvent) -> None:
        if event.booking is None or event.order.account_id != self._account_id:
            return
        execution = event.booking.execution
        day = calendar.trading_date(execution.at)
        self._items.append(_Item(day, execution.at, "FILL", self._fill_json(execution)))

    def _happened(self, event: AccountEvent) -> None:
        if event.account_id != self._account_id:
            return
        created_at = event.at
        if event.kind in OPTION_EVENTS and self.option_activities == "next_day":
            created_at = _next_trading_day(event.at)
        name, description = _OF_KIND[event.kind]
        day = calendar.trading_date(event.at)
        content = {
            "id": f"{day:%Y%m%d}000000000::{self._venue.randomness.uuid('activity_id')}",
            "account_id": self._account_uuid,
            "activity_type": name,
            "date": day.isoformat(),
            "net_amount": plain(cents(event.net_amount)),
            "description": description,
            "status": "executed",
            "group_id": event.group_id,
            "currency": "USD",
            "created_at": wire_time(created_at),
        }
        if event.sub_type:
            content["activity_sub_type"] = event.sub_type
        if event.symbol:
            content |= {"symbol": event.symbol, "qty": plain(event.qty or event.on_qty)}
        if event.price is not None:
            is_dividend = event.kind is AccountEventKind.DIVIDEND
            content["per_share_amount" if is_dividend else "price"] = plain(event.price)
        self._items.append(_Item(day, created_at, name, content))

    def _fill_json(self, execution: Execution) -> dict[str, Any]:
        order = execution.order
        local = execution.at.astimezone(calendar.NEW_YORK)
        stamp = local.strftime("%Y%m%d%H%M%S") + f"{local.microsecond // 1000:03d}"
        same = self.exec_ids == "same"
        unique = execution.exec_id if same else self._venue.randomness.uuid("activity_id")
        return {
            "id": f"{stamp}::{unique}",
            "account_id": self._account_uuid,
            "activity_type": "FILL",
            "transaction_time": wire_time(execution.at),
            "type": "partial_fill" if execution.leaves_qty else "fill",
            "price": plain(execution.last_px),
            "qty": plain(execution.last_qty),
            "side": order.side.value,
            "symbol": order.symbol,
            "leaves_qty": plain(execution.leaves_qty),
            "order_id": order.venue_order_id,
            "cum_qty": plain(execution.cum_qty),
            "order_status": "partially_filled" if execution.leaves_qty else "filled",
        }


def _types(call: Call) -> set[str]:
    in_path = call.values.get("type")
    listed = [in_path] if in_path else call.query("activity_types").split(",")
    types = {name for name in listed if name}
    for name in sorted(types - _TYPES):
        raise invalid(f"invalid activity type: {name}")
    return types


def _in_window(call: Call, item: _Item) -> bool:
    day, after, until = call.query("date"), call.query("after"), call.query("until")
    if day and (after or until):
        raise invalid("date cannot be used with after or until")
    if day and item.day.isoformat() != day[:10]:
        return False
    at = nanoseconds(item.created_at)
    return not (after and at <= _time(after, "after")) and not (
        until and at > _time(until, "until")
    )


def _next_trading_day(at: datetime) -> datetime:
    """The beginning of the next trading day in New York."""
    midnight = time(tzinfo=calendar.NEW_YORK)
    tomorrow = calendar.trading_date(at) + timedelta(days=1)
    opens = calendar.current_or_next_session(datetime.combine(tomorrow, midnight)).opens
    return datetime.combine(calendar.trading_date(opens), midnight)


def _time(text: str, name: str) -> int:
    at = read_time(text)
    if at is None:
        raise invalid(f"invalid {name}")
    return at


def _page(call: Call, items: list[dict[str, Any]], *, descending: bool) -> list[dict[str, Any]]:
    token = call.query("page_token")
    if token:
        items = [
            item
            for item in items
            if (str(item["id"]) < token if descending else str(item["id"]) > token)
        ]
    size = call.query("page_size")
    if not size and call.query("date"):
        return items
    if size and not (size.isascii() and size.isdigit() and 1 <= int(size) <= _PAGE_MAX):
        raise invalid(f"page_size must be between 1 and {_PAGE_MAX}")
    return items[: int(size or _PAGE_MAX)]
