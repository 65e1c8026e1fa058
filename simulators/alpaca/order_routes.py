"""/v2/orders: submit, look up, list, replace, cancel."""

from typing import Any

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.order_json import order_json, with_legs
from simulators.alpaca.order_listing import is_nested, listed
from simulators.alpaca.order_request import parse_body, read_changes, read_order
from simulators.alpaca.problems import invalid, not_found, problem_of
from simulators.alpaca.router import Call, Router
from simulators.venue.orders import CANCELABLE, Order
from simulators.venue.refusals import Refusal
from simulators.venue.venue import Venue


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
        router.add("PATCH", "/v2/orders/{id}", self._replace)
        router.add("DELETE", "/v2/orders/{id}", self._cancel)

    def _submit(self, call: Call) -> HttpResponse:
        asked = read_order(parse_body(call.request.body), self._account_id)
        order = self._venue.submit(asked, call.fate)
        return json_response(200, self._with_legs(order))

    def _with_legs(self, order: Order) -> dict[str, Any]:
        return with_legs(order, self._venue.desk)

    def _shown(self, call: Call, order: Order) -> HttpResponse:
        nested = is_nested(call)
        return json_response(200, self._with_legs(order) if nested else order_json(order))

    def _get(self, call: Call) -> HttpResponse:
        return self._shown(call, self._venue.desk.get(call.values["id"]))

    def _by_client_id(self, call: Call) -> HttpResponse:
        wanted = call.query("client_order_id")
        if not wanted:
            raise invalid("client_order_id is required")
        order = self._venue.desk.find_by_client_id(self._account_id, wanted)
        if order is None:
            raise not_found(f"order not found for {wanted}")
        return self._shown(call, order)

    def _replace(self, call: Call) -> HttpResponse:
        changes = read_changes(parse_body(call.request.body))
        order = self._venue.replace(call.values["id"], changes, call.fate)
        return json_response(200, self._with_legs(order))

    def _cancel(self, call: Call) -> HttpResponse:
        self._venue.cancel(call.values["id"], call.fate)
        return HttpResponse(204)

    def _cancel_all(self, call: Call) -> HttpResponse:
        """Legs go with their parent, so only those whose parent has ended are asked for."""
        results: list[dict[str, Any]] = []
        for order in self._venue.desk.open_orders(self._account_id):
            if order.status not in CANCELABLE or self._goes_with_parent(order):
                continue
            result: dict[str, Any] = {"id": order.venue_order_id, "status": 200}
            try:
                self._venue.cancel(order.venue_order_id, call.fate)
            except Refusal as refusal:
                problem = problem_of(refusal)
                result.update(status=problem.status, body=problem.content)
            results.append(result)
        return json_response(207, results)

    def _goes_with_parent(self, order: Order) -> bool:
        parent_id = order.links.parent_id
        return parent_id is not None and self._venue.desk.get(parent_id).is_open

    def _list(self, call: Call) -> HttpResponse:
        orders = listed(call, self._venue.desk, self._account_id)
        show = self._with_legs if is_nested(call) else order_json
        return json_response(200, [show(order) for order in orders])
