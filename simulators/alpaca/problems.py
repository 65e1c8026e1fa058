"""Alpaca's errors: from the venue's refusals to (HTTP status, code, message, more fields)."""

from collections.abc import Callable
from typing import Any

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.wire_values import plain
from simulators.venue import refusals


class ApiProblem(Exception):
    """An error answer of the API itself."""

    def __init__(self, status: int, code: int, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.content = {"code": code, "message": message, **fields}

    def response(self) -> HttpResponse:
        """The answer that tells it."""
        return json_response(self.status, self.content)


def unauthorized() -> ApiProblem:
    return ApiProblem(401, 40110000, "request is not authorized")


def rate_limited() -> ApiProblem:
    return ApiProblem(429, 42910000, "rate limit exceeded")


def invalid(message: str) -> ApiProblem:
    """A field that is missing or malformed."""
    return ApiProblem(422, 40010001, message)


def not_found(message: str) -> ApiProblem:
    return ApiProblem(404, 40410000, message)


def not_built(what: str) -> ApiProblem:
    """Alpaca has it, this simulator does not yet: never mistaken for Alpaca's own answer."""
    return ApiProblem(501, 50110000, f"the simulator does not have this yet: {what}")


def unprocessable(message: str, **fields: Any) -> ApiProblem:
    """An order that is well formed and can't be."""
    return ApiProblem(422, 42210000, message, **fields)


def _forbidden(message: str, **fields: Any) -> ApiProblem:
    return ApiProblem(403, 40310000, message, **fields)


def _not_listed(refusal: refusals.NotListed) -> ApiProblem:
    kind = "contract" if refusal.is_option else "asset"
    return unprocessable(f'{kind} "{refusal.symbol}" not found')


def _not_tradable(refusal: refusals.NotTradable) -> ApiProblem:
    kind = "contract" if refusal.is_option else "asset"
    return unprocessable(f'{kind} "{refusal.symbol}" is not tradable')


def _bad_quantity(refusal: refusals.BadQuantity) -> ApiProblem:
    if "integer" in refusal.reason:
        return unprocessable(refusal.reason)
    return invalid(refusal.reason)


def _buying_power(refusal: refusals.InsufficientBuyingPower) -> ApiProblem:
    return _forbidden(
        "insufficient buying power",
        buying_power=plain(refusal.available),
        cost_basis=plain(refusal.required),
    )


def _options_buying_power(refusal: refusals.InsufficientOptionsBuyingPower) -> ApiProblem:
    required, available = plain(refusal.required), plain(refusal.available)
    return _forbidden(
        f"insufficient options buying power (required: {required}, available: {available})"
    )


def _quantity(refusal: refusals.InsufficientQuantity) -> ApiProblem:
    requested, available = plain(refusal.requested), plain(refusal.available)
    return _forbidden(
        f"insufficient qty available for order (requested: {requested}, available: {available})",
        available=available,
        existing_qty=plain(refusal.existing),
        held_for_orders=plain(refusal.held_for_orders),
        symbol=refusal.symbol,
    )


def _wash_trade(refusal: refusals.WashTrade) -> ApiProblem:
    return _forbidden(
        "potential wash trade detected. use complex orders",
        existing_order_id=refusal.existing_order_id,
        reject_reason=refusal.reason,
    )


def _intent(refusal: refusals.IntentMismatch) -> ApiProblem:
    return unprocessable(
        f"position intent mismatch, inferred: {refusal.inferred}, specified: {refusal.specified}"
    )


def _bad_order(refusal: refusals.BadOrder) -> ApiProblem:
    figures = {name: plain(value) for name, value in refusal.figures.items()}
    return unprocessable(refusal.reason, **figures)


_TABLE: dict[type[refusals.Refusal], Callable[[Any], ApiProblem]] = {
    refusals.NotListed: _not_listed,
    refusals.ContractExpired: lambda r: unprocessable(f'contract "{r.symbol}" is expired'),
    refusals.NotTradable: _not_tradable,
    refusals.BadQuantity: _bad_quantity,
    refusals.BadPrice: lambda r: unprocessable(r.reason),
    refusals.BadTimeInForce: lambda r: unprocessable(r.reason),
    refusals.DuplicateClientOrderId: lambda r: invalid("client_order_id must be unique"),
    refusals.IntentMismatch: _intent,
    refusals.NotEligible: lambda r: _forbidden(r.reason),
    refusals.AccountBlocked: lambda r: _forbidden(f"account is not allowed to trade: {r.flag}"),
    refusals.InsufficientBuyingPower: _buying_power,
    refusals.InsufficientOptionsBuyingPower: _options_buying_power,
    refusals.InsufficientQuantity: _quantity,
    refusals.WashTrade: _wash_trade,
    refusals.BadOrder: _bad_order,
    refusals.BelowMinimum: lambda r: _forbidden(
        f"cost basis must be >= minimal amount of order {plain(r.minimum)}",
        cost_basis=plain(r.cost_basis),
    ),
    refusals.NotReplaceable: lambda r: unprocessable(f"cannot replace order in {r.status} status"),
    refusals.BadReplace: lambda r: unprocessable(r.reason),
    refusals.MarketClosed: lambda r: unprocessable(r.reason),
    refusals.NoSuchOrder: lambda r: not_found(f"order not found for {r.venue_order_id}"),
    refusals.NotCancelable: lambda r: unprocessable(f'order is already in "{r.status}" state'),
}


def problem_of(refusal: refusals.Refusal) -> ApiProblem:
    """Alpaca's answer to what the venue refused."""
    return _TABLE[type(refusal)](refusal)
