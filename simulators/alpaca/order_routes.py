"""/v2/orders: submit, look up, list, cancel."""

from collections.abc import Iterable

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.order_json import asset_class, order_json, parse_body, read_order
from simulators.alpaca.problems import invalid, not_found
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import nanoseconds, read_time
from simulators.venue.orders import OPEN, Order, OrderStatus
from simulators.venue.venue import Venue

_LIMIT_DEFAULT = 50
_LIMIT_MAX = 500
_STATUSES = {"open", "closed", "all"}


class OrderRoutes:
    """The order endpoints of one account."""

    def __init__(self, venue: Venue, account_id: str) -> None:
        self._venue = venue
        self._account_id = account_id

    def add_to(self, router: Router) -> None:
        router.add("POST", "/v2/orders", self._submit)
        router.add("GET", "/v2/orders", self._list)
        router.add("DELETE", "/v2/orders", self._cancel_all)
        router.add("GET", "/v2/orders:by_client_order_id", self._by_client_id)
        router.add("GET", "/v2/orders/{id}", self._get)
        router.add("DELETE", "/v2/orders/{id}", self._cancel)

    def _submit(self, call: Call) -> HttpResponse:
        asked = read_order(parse_body(call.request.body), self._account_id)
        return json_response(200, order_json(self._venue.submit(asked, call.fate)))

    def _get(self, call: Call) -> HttpResponse:
        return json_response(200, order_json(self._venue.desk.get(call.values["id"])))

    def _by_client_id(self, call: Call) -> HttpResponse:
        wanted = call.query("client_order_id")
        if not wanted:
            raise invalid("client_order_id is required")
        order = self._venue.desk.find_by_client_id(self._account_id, wanted)
        if order is None:
            raise not_found(f"order not found for {wanted}")
        return json_response(200, order_json(order))

    def _cancel(self, call: Call) -> HttpResponse:
        self._venue.cancel(call.values["id"])
        return HttpResponse(204)

    def _cancel_all(self, call: Call) -> HttpResponse:
        results = []
        for order in self._venue.desk.open_orders(self._account_id):
            if order.status is not OrderStatus.PENDING_CANCEL:
                self._venue.cancel(order.venue_order_id)
                results.append({"id": order.venue_order_id, "status": 200})
        return json_response(207, results)

    def _list(self, call: Call) -> HttpResponse:
        chosen = [order for order in self._venue.desk if order.account_id == self._account_id]
        chosen = list(_filtered(call, chosen))
        direction = call.query("direction", "desc")
        if direction not in ("asc", "desc"):
            raise invalid("invalid direction")
        chosen.sort(key=lambda order: (order.submitted_at, order.order_no))
        if direction == "desc":
            chosen.reverse()
        return json_response(200, [order_json(order) for order in chosen[: _limit(call)]])


def _limit(call: Call) -> int:
    text = call.query("limit") or str(_LIMIT_DEFAULT)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _LIMIT_MAX:
        raise invalid(f"limit must be between 1 and {_LIMIT_MAX}")
    return int(text)


def _filtered(call: Call, orders: Iterable[Order]) -> Iterable[Order]:
    status = call.query("status", "open")
    if status not in _STATUSES:
        raise invalid("invalid status")
    symbols = {symbol for symbol in call.query("symbols").split(",") if symbol}
    after, until = _time(call, "after"), _time(call, "until")
    for order in orders:
        at = nanoseconds(order.submitted_at)
        if status != "all" and (status == "open") != (order.status in OPEN):
            continue
        if (after is not None and at <= after) or (until is not None and at > until):
            continue
        if symbols and order.symbol not in symbols:
            continue
        if call.query("side") not in ("", order.side.value):
            continue
        if call.query("asset_class") not in ("", asset_class(order.instrument)):
            continue
        yield order


def _time(call: Call, name: str) -> int | None:
    text = call.query(name)
    if not text:
        return None
    at = read_time(text)
    if at is None:
        raise invalid(f"invalid {name}")
    return at
