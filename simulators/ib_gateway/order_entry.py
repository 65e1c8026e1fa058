"""placeOrder for new orders: checked, given an id of the client's, given to the venue or kept."""

from collections.abc import Callable
from decimal import Decimal

from simulators.ib_gateway.announcements import Announcements
from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.cancels import Cancels
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.modifying import Modifying
from simulators.ib_gateway.new_orders import NewOrders
from simulators.ib_gateway.order_book import MANUAL, ApiOrder
from simulators.ib_gateway.order_descriptions import open_order
from simulators.ib_gateway.order_replies import order_status, unplaced
from simulators.ib_gateway.order_request import PlaceOrder, read_place_order
from simulators.ib_gateway.problems import (
    Problem,
    duplicate_order_id,
    filled_order,
    problem_of,
)
from simulators.ib_gateway.untransmitted import Kept
from simulators.ib_gateway.what_if import WhatIf
from simulators.venue.orders import Fate, NewOrder, OrderStatus
from simulators.venue.refusals import Refusal

_REJECTED = 201
_ZERO = Decimal(0)


class OrderEntry:
    """Gives orders and cancels to the venue; keeps or loses them while the link is down."""

    def __init__(
        self, gateway: Gateway, announcements: Announcements, run: Callable[[Handler, Call], None]
    ) -> None:
        """Args: run: calls a handler and turns what it raises into an error message."""
        self._gateway = gateway
        self._announcements = announcements
        self._run = run
        self._new_orders = NewOrders(gateway)
        self._what_if = WhatIf(gateway, self._new_orders)
        self._cancels = Cancels(gateway)
        self._modifying = Modifying(gateway, announcements, self._new_orders)

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {
            3: self._place,
            4: self._cancel,
            58: self._cancel_all,
        }

    def _cancel(self, call: Call) -> None:
        self._when_up(call, self._cancels.one)

    def _cancel_all(self, call: Call) -> None:
        self._when_up(call, self._cancels.every)

    def _place(self, call: Call) -> None:
        asked = read_place_order(call.fields, call.session.version)
        if not asked.transmit and not asked.what_if:
            self._take(call, asked)
            return
        done = self._when_up(call, lambda call: self._take(call, asked))
        client_id, qty = call.session.client_id, asked.qty or _ZERO
        is_new = self._gateway.orders.find(client_id, asked.order_id) is None
        if not done and call.entry.outcome == "held" and is_new and not asked.what_if:
            call.session.send(*unplaced(asked.order_id, client_id, qty, "PendingSubmit"))

    def _when_up(self, call: Call, handler: Handler) -> bool:
        """Whether it was done at once; else it is held, or lost."""
        uplink = self._gateway.uplink
        if uplink.is_up:
            handler(call)
            return True
        call.entry.reached_venue = False
        held = uplink.hold(lambda: self._run(handler, call))
        call.entry.outcome = "held" if held else "dropped"
        return False

    def _take(self, call: Call, asked: PlaceOrder) -> None:
        """Keeps an order that is not transmitted; else enters it with its family."""
        if asked.what_if:
            self._what_if.answer(call, asked)
            return
        client_id, orders = call.session.client_id, self._gateway.orders
        if not self._is_known(client_id, asked.order_id):
            orders.use(client_id, asked.order_id)
        if not asked.transmit:
            call.entry.reached_venue = False
            orders.untransmitted.keep(Kept(call, asked))
            return
        orders.untransmitted.keep(Kept(call, asked))
        own: Kept | None = None
        for kept in orders.untransmitted.take_family(client_id, asked.parent_id or asked.order_id):
            kept.call.session = call.session  # it may have come over an earlier connection
            if kept.call is call:
                own = kept
                if asked.parent_id:
                    continue  # what is raised belongs to this call, so it comes last
                self._run(self._entering(kept), call)
            else:
                self._run(self._entering(kept), kept.call)
        assert own is not None
        if asked.parent_id:
            self._enter(call, asked)

    def _entering(self, kept: Kept) -> Handler:
        return lambda call: self._enter(call, kept.asked)

    def _is_known(self, client_id: int, order_id: int) -> bool:
        """Whether the id is that of an order that may be changed; raises Problem if it is used."""
        orders = self._gateway.orders
        if orders.untransmitted.has(client_id, order_id):
            return True
        if orders.is_above_highest(client_id, order_id):
            return False
        found = orders.find(client_id, order_id)
        if found is not None and found.order.is_open:
            return True
        raise _used_id(found)

    def _enter(self, call: Call, asked: PlaceOrder) -> None:
        """Gives a new order to the venue, or changes the one that has its id."""
        if call.hold_s:
            self._sit_on(call, asked)
            return
        found = self._gateway.orders.find(call.session.client_id, asked.order_id)
        is_new = found is None or not found.order.is_open
        if found is None or is_new or self._gateway.orders.takes_second_order():
            self._submit(call, asked)
        else:
            self._modifying.modify(found, asked, call.fate, call.echo_s)

    def _sit_on(self, call: Call, asked: PlaceOrder) -> None:
        """Enters it later, without a word until then; its id is used already (a fault)."""
        seconds, call.hold_s = call.hold_s, 0.0
        call.entry.reached_venue, call.entry.outcome = False, "held"

        def enter(call: Call) -> None:
            self._when_up(call, lambda call: self._enter(call, asked))

        self._gateway.timers.later(seconds, lambda: self._run(enter, call))

    def _submit(self, call: Call, asked: PlaceOrder) -> None:
        client_id = call.session.client_id
        new = self._new_orders.read(client_id, asked)
        self._announcements.placing = (client_id, asked.order_id)
        self._announcements.inactive = call.goes_inactive
        try:
            order = self._gateway.venue.submit(new, call.fate)
        except Refusal as refusal:
            self._refuse(call, asked, new, refusal)
            return
        finally:
            self._announcements.placing = MANUAL
            self._announcements.inactive = False
        shown = ApiOrder(order, client_id, asked.order_id)
        if call.fate is Fate.VANISHED:
            call.session.send(*open_order(shown, call.session.version))
            call.session.send(*order_status(shown))
        for code, text in self._new_orders.notices(order):
            self._announcements.problem(shown, code, text)

    def _refuse(self, call: Call, asked: PlaceOrder, new: NewOrder, refusal: Refusal) -> None:
        """What IB itself rejects gets a permId and is Inactive, with the error ahead of that.

        Raises:
            Refusal: The Gateway refuses it before IB hears of it.
        """
        problem = problem_of(refusal)
        if problem.code != _REJECTED:
            raise refusal
        venue, client_id = self._gateway.venue, call.session.client_id
        drawn_up = venue.draw_up(new)
        rejected = drawn_up.became(OrderStatus.REJECTED, venue.now)
        shown = self._gateway.orders.saw(rejected, (client_id, asked.order_id))
        self._gateway.orders.bind(client_id, asked.order_id, shown.perm_id)
        call.entry.outcome = f"error {problem.code}"
        self._announcements.problem(shown, problem.code, problem.text)
        self._announcements.standing(shown)


def _used_id(earlier: ApiOrder | None) -> Problem:
    """Why an id that is not above the highest can't be used."""
    if earlier is not None and earlier.status == "Filled":
        return filled_order()
    return duplicate_order_id()
