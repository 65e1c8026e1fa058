"""placeOrder with the id of a live order: it is changed, keeps its permId, or stays as it was."""

from dataclasses import replace
from functools import partial

from simulators.ib_gateway.announcements import Announcements
from simulators.ib_gateway.combos import legs_alike
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.new_orders import NewOrders
from simulators.ib_gateway.order_book import ApiOrder
from simulators.ib_gateway.order_request import PlaceOrder
from simulators.ib_gateway.order_terms import side_of
from simulators.ib_gateway.problems import (
    does_not_match,
    other_group,
    other_time_in_force,
    other_type,
    problem_of,
)
from simulators.venue.orders import Fate, NewOrder, Order, OrderType, TimeInForce
from simulators.venue.refusals import Refusal

_RESTING = (TimeInForce.DAY, TimeInForce.GTC)
_ALIKE = (
    frozenset({OrderType.MARKET, OrderType.LIMIT}),
    frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.LIMIT, OrderType.MARKET}),
    frozenset({OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT}),
)


class Modifying:
    """Changes live orders; whatever is refused leaves the original live."""

    def __init__(
        self, gateway: Gateway, announcements: Announcements, new_orders: NewOrders
    ) -> None:
        self._gateway = gateway
        self._announcements = announcements
        self._new_orders = new_orders

    def modify(
        self, found: ApiOrder, asked: PlaceOrder, fate: Fate, echo_s: float | None = None
    ) -> None:
        """Asks the venue for other terms of an order; an inactive one comes to market with them.

        Args:
            echo_s: Whether they are shown as taken at once, and for how long until the refusal is
                told (a fault).

        Raises:
            Problem, Refusal: The original stays as it was.
        """
        anew = self._new_orders.read(found.client_id, asked)
        _check_same(found, asked, anew)
        refused = self._refused if echo_s is None else partial(self._refused_late, echo_s)
        self._gateway.venue.amend(found.perm_id, anew, refused, fate)
        if found.is_inactive:
            found.is_inactive = False
            self._gateway.venue.resume(found.perm_id)
        if echo_s is not None:
            self._echo(found, anew)

    def _echo(self, found: ApiOrder, anew: NewOrder) -> None:
        """Shows an order on terms that IB has not taken, in lists too."""
        was = found.order.asked
        found.show_as(replace(anew, ties=was.ties, legs=was.legs))
        self._announcements.standing(found)

    def _refused_late(self, echo_s: float, order: Order, refusal: Refusal) -> None:
        """Refused, which the Gateway tells only then, and that the order is what it was."""

        def tell() -> None:
            found = self._gateway.orders.find_perm_id(order.venue_order_id)
            if found is None:
                return
            found.show_as(None)
            problem = problem_of(refusal)
            self._announcements.problem(found, problem.code, problem.text)
            self._announcements.standing(found)

        def tell_if_up() -> None:
            self._gateway.news(order.account_id, tell)

        if echo_s:
            self._gateway.timers.later(echo_s, tell_if_up)
        else:
            tell_if_up()

    def _refused(self, order: Order, refusal: Refusal) -> None:
        """What could be changed when it was asked for can't be any more."""
        problem = problem_of(refusal)

        def tell() -> None:
            found = self._gateway.orders.find_perm_id(order.venue_order_id)
            if found is not None:
                self._announcements.problem(found, problem.code, problem.text)

        self._gateway.news(order.account_id, tell)


def _check_same(found: ApiOrder, asked: PlaceOrder, anew: NewOrder) -> None:
    """Raises Problem for what can't be changed in an order."""
    was, terms = found.order.asked, found.terms
    if (was.symbol, found.side) != (anew.symbol, side_of(asked)) or not legs_alike(was, anew):
        raise does_not_match()
    if terms.parent_id != asked.parent_id:
        raise does_not_match()
    if terms.oca_group != asked.oca_group:
        raise other_group()
    if was.order_type is not anew.order_type and not any(
        {was.order_type, anew.order_type} <= alike for alike in _ALIKE
    ):
        raise other_type(asked.order_type)
    if was.time_in_force is not anew.time_in_force and not (
        was.time_in_force in _RESTING and anew.time_in_force in _RESTING
    ):
        raise other_time_in_force(asked.time_in_force)
