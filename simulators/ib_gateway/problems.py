"""IB's errors: from the venue's refusals to (code, text)."""

from collections.abc import Callable
from typing import Any

from simulators.ib_gateway.wire import text_of
from simulators.venue import refusals

NOT_BUILT = "the simulator does not have this yet"


class Problem(Exception):
    """An error message of the API: a number and its text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def rejected(reason: str) -> Problem:
    return Problem(201, f"Order rejected - reason:{reason}")


def invalid(cause: str) -> Problem:
    """A request that can't be right whatever the market does."""
    return Problem(321, f"Error validating request.-'bI' : cause - {cause}")


def unreadable(cause: str) -> Problem:
    return Problem(320, f"Error reading request. Unable to parse data: {cause}")


def not_built(what: str) -> Problem:
    """IB has it, this simulator does not yet: never mistaken for IB's own answer."""
    return Problem(321, f"{NOT_BUILT}: {what}")


def not_built_order(what: str) -> Problem:
    """An order of a kind that can't be worked yet: rejected, so certainly not placed."""
    return rejected(f"{NOT_BUILT}: {what}")


def no_definition() -> Problem:
    return Problem(200, "No security definition has been found for the request")


def ambiguous(symbol: str) -> Problem:
    return Problem(200, f"The contract description specified for {symbol} is ambiguous.")


def con_id_conflict() -> Problem:
    return Problem(
        478, "Parameters in request conflicts with contract parameters received by contract id"
    )


def cash_quantity() -> Problem:
    return Problem(10244, "Cash Quantity cannot be used for this order")


def incompatible_time() -> Problem:
    return Problem(111, "The Time in force (tif type) and the order type are incompatible.")


def missing_parent() -> Problem:
    return Problem(10006, "Missing parent order.")


def filled_order() -> Problem:
    return Problem(104, "Cannot modify a filled order.")


def does_not_match() -> Problem:
    return Problem(105, "Order being modified does not match original order.")


def other_type(order_type: str) -> Problem:
    return Problem(329, f"Order modify failed. Cannot change to the new order type: {order_type}")


def other_time_in_force(time_in_force: str) -> Problem:
    return Problem(462, f"Cannot change to the new Time in Force: {time_in_force}")


def other_group() -> Problem:
    return Problem(10326, "OCA group revision is not allowed.")


def duplicate_order_id() -> Problem:
    return Problem(103, "Duplicate order id")


def not_found_to_cancel(order_id: int) -> Problem:
    return Problem(10147, f"OrderId {order_id} that needs to be cancelled is not found.")


def not_cancelable(order_id: int, perm_id: str, status: str) -> Problem:
    """161 for an order that filled, 10148 for one that was canceled or is being canceled."""
    if status == "Filled":
        text = "Cancel attempted when order is not in a cancellable state. Order permId ="
        return Problem(161, f"{text} {perm_id}")
    text = f"OrderId {order_id} that needs to be cancelled can not be cancelled, state: {status}."
    return Problem(10148, text)


def _money(refusal: Any) -> Problem:
    available, required = text_of(refusal.available), text_of(refusal.required)
    return rejected(
        "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR AVAILABLE FUNDS "
        f"[{available} USD] MUST EXCEED THE INITIAL MARGIN [{required} USD]"
    )


def _bad_quantity(refusal: refusals.BadQuantity) -> Problem:
    if "integer" in refusal.reason:
        return _fractional()
    return invalid("The size value cannot be zero or negative")


def _fractional() -> Problem:
    text = "Fractional-sized order cannot be placed via API. Please use desktop version"
    return Problem(10243, f"{text} to place this order.")


def _bad_price(refusal: refusals.BadPrice) -> Problem:
    if refusal.price <= 0:
        return invalid(f"{refusal.reason.split(' must')[0].capitalize()} must be positive")
    return Problem(110, "The price does not conform to the minimum price variation.")


def _not_replaceable(refusal: Any) -> Problem:
    if refusal.status == "filled":
        return filled_order()
    if refusal.status == "pending_cancel":
        return rejected("The order is being cancelled and cannot be modified")
    return Problem(105, "Order being modified is not in a modifiable state.")


_TABLE: dict[type[refusals.Refusal], Callable[[Any], Problem]] = {
    refusals.NotListed: lambda r: no_definition(),
    refusals.ContractExpired: lambda r: no_definition(),
    refusals.NotTradable: lambda r: Problem(412, "The contract is not available for trading."),
    refusals.BadQuantity: _bad_quantity,
    refusals.BadPrice: _bad_price,
    refusals.BadTimeInForce: lambda r: _fractional(),
    refusals.NotEligible: lambda r: rejected(f"No trading permission: {r.reason}"),
    refusals.AccountBlocked: lambda r: rejected(f"The account is restricted: {r.flag}"),
    refusals.BadOrder: lambda r: rejected(r.reason),
    refusals.NotReplaceable: _not_replaceable,
    refusals.BadReplace: lambda r: rejected("The size must be larger than what has been filled"),
    refusals.InsufficientBuyingPower: _money,
    refusals.InsufficientOptionsBuyingPower: _money,
    refusals.InsufficientQuantity: lambda r: rejected(
        f"The contract is not available for short sale: {r.symbol}"
    ),
}


def problem_of(refusal: refusals.Refusal) -> Problem:
    """IB's answer to what the venue refused; one that IB has no rule for is a plain 201."""
    found = _TABLE.get(type(refusal))
    return found(refusal) if found is not None else rejected(type(refusal).__name__)
