"""whatIf: what an order would do to the account, told by an openOrder and never transmitted."""

from decimal import Decimal

from simulators.ib_gateway.call import Call
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.new_orders import NewOrders
from simulators.ib_gateway.order_book import ApiOrder
from simulators.ib_gateway.order_descriptions import OrderState, open_order
from simulators.ib_gateway.order_request import PlaceOrder
from simulators.ib_gateway.problems import problem_of
from simulators.venue.previews import Preview
from simulators.venue.reservations import Means

_CENT = Decimal("0.01")


class WhatIf:
    """Answers at once; the id of the order is not used up."""

    def __init__(self, gateway: Gateway, new_orders: NewOrders) -> None:
        self._gateway = gateway
        self._new_orders = new_orders

    def answer(self, call: Call, asked: PlaceOrder) -> None:
        """Sends openOrder with margins and commission; a want of money is its warning.

        Raises:
            Problem, Refusal: It would be refused for another reason.
        """
        client_id = call.session.client_id
        preview = self._gateway.venue.preview(self._new_orders.read(client_id, asked))
        shown = ApiOrder(preview.order, client_id, asked.order_id)
        call.session.send(*open_order(shown, call.session.version, _state(preview)))


def _state(preview: Preview) -> OrderState:
    before, after = _figures(preview.before), _figures(preview.after)
    changes = tuple(new - old for old, new in zip(before, after, strict=True))
    return OrderState(
        status="PreSubmitted",
        margins=tuple(f"{figure:.2f}" for figure in (*before, *changes, *after)),
        commission=preview.fee,
        min_commission=preview.fee,
        max_commission=preview.fee,
        currency="USD",
        warning=problem_of(preview.refused).text if preview.refused is not None else "",
    )


def _figures(means: Means) -> tuple[Decimal, Decimal, Decimal]:
    """Initial margin, maintenance margin and equity with loan, as the account shows them."""
    margin = means.initial_margin.quantize(_CENT)
    return margin, margin, means.equity.quantize(_CENT)
