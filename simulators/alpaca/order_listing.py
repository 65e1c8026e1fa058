"""Which orders a list shows: the query parameters of GET /v2/orders."""

from collections.abc import Iterable

from simulators.alpaca.order_json import asset_class
from simulators.alpaca.problems import invalid, not_found
from simulators.alpaca.router import Call
from simulators.alpaca.wire_values import nanoseconds, read_time
from simulators.venue.order_desk import OrderDesk
from simulators.venue.orders import OPEN, Order
from simulators.venue.refusals import NoSuchOrder

_LIMIT_DEFAULT = 50
_LIMIT_MAX = 500
_STATUSES = ("open", "closed", "all")
_SIDES = ("buy", "sell")
_CLASSES = ("us_equity", "us_option", "crypto", "crypto_perp", "ipo", "all")


def is_nested(call: Call) -> bool:
    """Whether orders that belong to another are shown under that one's `legs`."""
    text = call.query("nested", "false").lower()
    if text not in ("", "true", "false", "1", "0"):
        raise invalid("invalid nested")
    return text in ("true", "1")


def listed(call: Call, desk: OrderDesk, account_id: str) -> list[Order]:
    """The orders of the page that is asked for, in its direction.

    Orders are listed by when they were submitted; those of the same instant in the order in which
    they came. `before_order_id` and `after_order_id` name a place in that order, so pages join
    without gap or double however many orders share an instant.
    """
    direction = _one_of(call, "direction", ("asc", "desc"), "desc")
    wanted = _Wanted(call, desk)
    chosen = [order for order in desk if order.account_id == account_id and wanted.fits(order)]
    chosen.sort(key=_place, reverse=direction == "desc")
    return chosen[: _limit(call)]


def _place(order: Order) -> tuple[object, int]:
    return order.submitted_at, order.order_no


class _Wanted:
    """The filters of one request."""

    def __init__(self, call: Call, desk: OrderDesk) -> None:
        self._desk = desk
        self._status = _one_of(call, "status", _STATUSES, "open")
        self._side = _one_of(call, "side", _SIDES, "")
        self._symbols = _names(call.query("symbols"))
        self._classes = _names(call.query("asset_class"))
        for name in self._classes:
            if name not in _CLASSES:
                raise invalid("invalid asset_class")
        self._after, self._until = _time(call, "after"), _time(call, "until")
        self._nested = is_nested(call)
        self._before_order = self._order(call, "before_order_id")
        self._after_order = self._order(call, "after_order_id")

    def fits(self, order: Order) -> bool:
        """Whether the order is listed by itself, limits aside."""
        if self._nested and order.links.parent_id is not None:
            return False
        if self._status != "all" and (self._status == "open") != self._is_open(order):
            return False
        return self._fits_window(order) and self._fits_content(order)

    def _is_open(self, order: Order) -> bool:
        """A parent whose legs still work is shown with the open orders when it is nested."""
        if order.status in OPEN:
            return True
        legs = order.links.leg_ids if self._nested else ()
        return any(self._desk.get(leg_id).is_open for leg_id in legs)

    def _fits_window(self, order: Order) -> bool:
        at = nanoseconds(order.submitted_at)
        if self._after is not None and at <= self._after:
            return False
        if self._until is not None and at > self._until:
            return False
        if self._before_order is not None and _place(order) >= _place(self._before_order):
            return False
        return self._after_order is None or _place(order) > _place(self._after_order)

    def _fits_content(self, order: Order) -> bool:
        symbols = {leg.symbol for leg in order.asked.legs} or {order.symbol}
        if self._symbols and not symbols & self._symbols:
            return False
        if self._side and (order.is_combo or order.side.value != self._side):
            return False
        wanted = self._classes - {"all"}
        return not wanted or asset_class(order.instrument) in wanted

    def _order(self, call: Call, name: str) -> Order | None:
        order_id = call.query(name)
        if not order_id:
            return None
        try:
            return self._desk.get(order_id)
        except NoSuchOrder as error:
            raise not_found(f"order not found for {order_id}") from error


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}


def _one_of(call: Call, name: str, values: Iterable[str], default: str) -> str:
    text = call.query(name) or default
    if text != default and text not in values:
        raise invalid(f"invalid {name}")
    return text


def _limit(call: Call) -> int:
    text = call.query("limit") or str(_LIMIT_DEFAULT)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _LIMIT_MAX:
        raise invalid(f"limit must be between 1 and {_LIMIT_MAX}")
    return int(text)


def _time(call: Call, name: str) -> int | None:
    text = call.query(name)
    if not text:
        return None
    at = read_time(text)
    if at is None:
        raise invalid(f"invalid {name}")
    return at
