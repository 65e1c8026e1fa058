"""placeOrder, cancelOrder and the global cancel."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from simulators.ib_gateway.announcements import Announcements
from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_book import MANUAL, ApiOrder
from simulators.ib_gateway.order_replies import open_order, order_status, pending_submit
from simulators.ib_gateway.order_request import PlaceOrder, read_place_order
from simulators.ib_gateway.problems import (
    NOT_BUILT,
    Problem,
    duplicate_order_id,
    invalid,
    not_built_order,
    not_cancelable,
    not_found_to_cancel,
)
from simulators.venue.orders import Fate, NewOrder, OrderStatus, OrderType, Side, TimeInForce

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TYPES = {"MKT": OrderType.MARKET, "LMT": OrderType.LIMIT}
_TIMES_IN_FORCE = {"DAY": TimeInForce.DAY, "GTC": TimeInForce.GTC}
_LATER_TYPES = ("STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MOC", "LOC", "MIT", "LIT", "REL")
_LATER_TIMES = ("IOC", "FOK", "OPG", "GTD", "AUC", "DTC")
_ZERO = Decimal(0)
_T = TypeVar("_T")


class OrderEntry:
    """Gives orders and cancels to the venue; keeps or loses them while the link is down."""

    def __init__(
        self, gateway: Gateway, announcements: Announcements, run: Callable[[Handler, Call], None]
    ) -> None:
        """Args: run: calls a handler and turns what it raises into an error message."""
        self._gateway = gateway
        self._announcements = announcements
        self._run = run

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {
            3: self._place,
            4: self._ask_to_cancel,
            58: self._ask_to_cancel_all,
        }

    def _place(self, call: Call) -> None:
        asked = read_place_order(call.fields, call.session.version)
        if not self._when_up(call, lambda call: self._submit(call, asked)):
            client_id = call.session.client_id
            if call.entry.outcome == "held":
                call.session.send(*pending_submit(asked.order_id, client_id, asked.qty or _ZERO))

    def _ask_to_cancel(self, call: Call) -> None:
        self._when_up(call, self._cancel)

    def _ask_to_cancel_all(self, call: Call) -> None:
        self._when_up(call, self._cancel_all)

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

    def _submit(self, call: Call, asked: PlaceOrder) -> None:
        client_id, orders = call.session.client_id, self._gateway.orders
        if not orders.is_above_highest(client_id, asked.order_id):
            raise _used_id(orders.find(client_id, asked.order_id))
        orders.use(client_id, asked.order_id)
        new = self._new_order(asked)
        self._announcements.placing = (client_id, asked.order_id)
        self._announcements.inactive = call.goes_inactive
        try:
            order = self._gateway.venue.submit(new, call.fate)
        finally:
            self._announcements.placing = MANUAL
            self._announcements.inactive = False
        if call.fate is Fate.VANISHED:
            shown = ApiOrder(order, client_id, asked.order_id)
            call.session.send(*open_order(shown, call.session.version))
            call.session.send(*order_status(shown))

    def _new_order(self, asked: PlaceOrder) -> NewOrder:
        """The order for the venue; raises Problem if it can't be one."""
        if asked.account not in ("", self._gateway.account_id):
            raise invalid(f"Invalid account code '{asked.account}'")
        if not asked.contract.exchange:
            raise invalid("Missing order exchange")
        instrument = self._gateway.contract(asked.contract)
        order_type = _known(asked.order_type, _TYPES, _LATER_TYPES, 387, "Unsupported order type")
        if order_type is OrderType.LIMIT and asked.limit_price is None:
            raise invalid("Please enter a valid limit price")
        return NewOrder(
            account_id=self._gateway.account_id,
            symbol=instrument.symbol,
            side=_known(asked.action, _SIDES, ("SSHORT",), 321, "Invalid action"),
            order_qty=asked.qty or _ZERO,
            order_type=order_type,
            time_in_force=_known(
                asked.time_in_force, _TIMES_IN_FORCE, _LATER_TIMES, 321, "Invalid time in force"
            ),
            limit_price=asked.limit_price if order_type is OrderType.LIMIT else None,
            client_order_id=asked.order_ref,
        )

    def _cancel(self, call: Call) -> None:
        found = self._gateway.orders.find(call.session.client_id, call.id)
        if found is None:
            raise not_found_to_cancel(call.id)
        if not found.order.is_open or found.order.status is OrderStatus.PENDING_CANCEL:
            raise not_cancelable(call.id, found.perm_id, found.status)
        self._gateway.venue.cancel(found.perm_id)

    def _cancel_all(self, call: Call) -> None:
        for api_order in self._gateway.orders.open():
            if api_order.order.status is not OrderStatus.PENDING_CANCEL:
                self._gateway.venue.cancel(api_order.perm_id)


def _used_id(earlier: ApiOrder | None) -> Problem:
    """Why an id that is not above the highest can't be used."""
    if earlier is not None and earlier.order.is_open:
        return Problem(105, f"{NOT_BUILT}: modifying an order; it stays as it was")
    if earlier is not None and earlier.status == "Filled":
        return Problem(104, "Cannot modify a filled order.")
    return duplicate_order_id()


def _known(
    text: str, table: Mapping[str, _T], later: tuple[str, ...], code: int, complaint: str
) -> _T:
    """What a word stands for; raises Problem for one that is not built, or that is none."""
    found = table.get(text)
    if found is not None:
        return found
    if text in later:
        raise not_built_order(text)
    raise Problem(code, f"{complaint}: '{text[:40]}'")
