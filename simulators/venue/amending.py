"""Amendments: an order's own terms change, under the same id, a moment after they were asked for.

Until then the order may fill under its old terms. What is refused, at once or at that moment,
leaves the order as it was.
"""

from collections.abc import Callable
from dataclasses import replace

from simulators.venue import refusals
from simulators.venue.entry import OrderEntry
from simulators.venue.floor import Floor
from simulators.venue.order_desk import OrderDesk
from simulators.venue.order_lives import expiry_of
from simulators.venue.orders import Fate, NewOrder, Order, OrderStatus

Refused = Callable[[Order, refusals.Refusal], None]


class Amendments:
    """Carries amendments out, or turns them down."""

    def __init__(self, desk: OrderDesk, floor: Floor, entry: OrderEntry) -> None:
        self._desk = desk
        self._floor = floor
        self._entry = entry

    def begin(self, order: Order, asked: NewOrder, refused: Refused, fate: Fate) -> Order:
        """Checks what is asked for and lets it take effect later; returns the order as it is.

        Args:
            asked: All that the order is to be; `order_qty` includes what has filled. Its ties and
                legs stay what they are.
            refused: Told if it can't take effect after all.
            fate: REPLACE_REJECTED turns it down when it should take effect (a fault).

        Raises:
            Refusal: Nothing was changed and nothing will be.
        """
        self._check(order, asked)

        def finish(now: Order) -> None:
            if fate is Fate.REPLACE_REJECTED:
                refused(now, refusals.BadOrder("rejected by the exchange"))
            else:
                self._finish(now, asked, refused)

        self._floor.expect_amendment(order, finish)
        return order

    def _check(self, order: Order, asked: NewOrder) -> NewOrder:
        if not order.is_open or order.status is OrderStatus.PENDING_CANCEL:
            raise refusals.NotReplaceable(order.status.value)
        if asked.order_qty <= order.cum_qty:
            raise refusals.BadReplace("qty must be > filled_qty")
        asked = replace(asked, ties=order.asked.ties, legs=order.asked.legs)
        return replace(asked, position_intent=self._entry.check_amended(order, asked))

    def _finish(self, order: Order, asked: NewOrder, refused: Refused) -> None:
        try:
            checked = self._check(order, asked)
        except refusals.Refusal as refusal:
            refused(order, refusal)
            return
        now = self._floor.now
        intent = checked.position_intent or order.position_intent
        amended = replace(
            order,
            asked=replace(checked, position_intent=None),
            client_order_id=checked.client_order_id or order.client_order_id,
            position_intent=intent,
            expires_at=expiry_of(checked, order.instrument, now),
            updated_at=now,
        )
        if _waits_for_another(order.asked, checked):
            amended = replace(amended, hwm=None, triggered=False)
        self._desk.amend(amended, now)
        self._floor.expect_end(amended)
        if order.status is not OrderStatus.HELD:
            self._floor.work_again(amended)


def _waits_for_another(was: NewOrder, asked: NewOrder) -> bool:
    """Whether the price that makes it trade is another one now."""

    def trigger(of: NewOrder) -> tuple[object, ...]:
        return of.order_type, of.stop_price, of.trail_price, of.trail_percent

    return trigger(was) != trigger(asked)
