"""What the control can do with orders beyond filling and ending them: put them into any status."""

from typing import Any

from simulators.control.control import BadRequest, Verb
from simulators.control.truth import order_record
from simulators.venue.orders import OrderStatus
from simulators.venue.venue import Venue


def order_verbs(venue: Venue, account_id: str) -> dict[str, Verb]:
    """Verbs by name: `order_status` takes an `order` (client or venue id) and a `status`."""

    def order_status(given: dict[str, Any]) -> Any:
        if set(given) != {"order", "status"}:
            raise BadRequest("order and status are needed, and nothing else")
        try:
            status = OrderStatus(given["status"])
        except ValueError as error:
            names = ", ".join(known.value for known in OrderStatus)
            raise BadRequest(f"status: one of {names}") from error
        venue.advance()
        found = venue.desk.find_by_client_id(account_id, str(given["order"]))
        order = found if found is not None else venue.desk.get(str(given["order"]))
        return order_record(venue.set_status(order.venue_order_id, status))

    return {"order_status": order_status}
