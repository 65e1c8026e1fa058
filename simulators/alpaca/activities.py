"""/v2/account/activities: the account's fills, paged by the last item's id."""

from typing import Any

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.problems import invalid
from simulators.alpaca.router import Call
from simulators.alpaca.wire_values import nanoseconds, plain, read_time, wire_time
from simulators.venue.orders import Execution, OrderEvent
from simulators.venue.randomness import fixed_uuid
from simulators.venue.trading_calendar import NEW_YORK, trading_date
from simulators.venue.venue import Venue

_PAGE_MAX = 100
# Alpaca's list. All but FILL stay empty here: this market has no fees, dividends or assignments.
_TYPE_NAMES = (
    "FILL ACATC ACATS CFEE CIL CSD CSW DIV DIVCGL DIVCGS DIVNRA DIVROC DIVTXEX DIVWH EXTRD "
    "FEE FXTRD INT INTPNL JNLC JNLS MA MEM MISC NC OCT OPASN OPCSH OPEXC OPEXP OPTRD PTC "
    "REORG SPIN SPLIT SWP TRANS VOF WH"
)
_TYPES = frozenset(_TYPE_NAMES.split())


class Activities:
    """Keeps the wire form of each fill and serves them page by page.

    Args:
        exec_ids: "same" ends an activity's id in the stream's execution_id, "different" does not.
    """

    def __init__(self, venue: Venue, account_id: str, account_number: str, exec_ids: str) -> None:
        self.exec_ids = exec_ids
        self._venue = venue
        self._account_id = account_id
        self._account_uuid = fixed_uuid(f"account/{account_number}")
        self._fills: list[tuple[Execution, dict[str, Any]]] = []
        venue.subscribe(self._heard)

    def _heard(self, event: OrderEvent) -> None:
        if event.booking is not None and event.order.account_id == self._account_id:
            execution = event.booking.execution
            self._fills.append((execution, self._json(execution)))

    def list(self, call: Call) -> HttpResponse:
        """GET /v2/account/activities and /v2/account/activities/{type}."""
        wanted = _types(call)
        direction = call.query("direction", "desc")
        if direction not in ("asc", "desc"):
            raise invalid("invalid direction")
        items = [item for execution, item in self._fills if _in_window(call, execution)]
        if wanted and "FILL" not in wanted:
            items = []
        # By id: time to the millisecond, then chance. Fills of one instant come in any order, as
        # they do at Alpaca.
        items.sort(key=lambda item: str(item["id"]), reverse=direction == "desc")
        return json_response(200, _page(call, items, descending=direction == "desc"))

    def _json(self, execution: Execution) -> dict[str, Any]:
        order = execution.order
        local = execution.at.astimezone(NEW_YORK)
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


def _in_window(call: Call, execution: Execution) -> bool:
    day, after, until = call.query("date"), call.query("after"), call.query("until")
    if day and (after or until):
        raise invalid("date cannot be used with after or until")
    if day and trading_date(execution.at).isoformat() != day[:10]:
        return False
    at = nanoseconds(execution.at)
    return not (after and at <= _time(after, "after")) and not (
        until and at > _time(until, "until")
    )


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
