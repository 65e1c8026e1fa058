"""From an order in IB's words to one of the venue's, and back for orders placed by hand."""

from dataclasses import dataclass
from decimal import Decimal

from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.order_request import PlaceOrder
from simulators.ib_gateway.problems import Problem, incompatible_time, invalid, not_built_order
from simulators.venue.instruments import Equity, Instrument
from simulators.venue.order_ties import NO_TIES, Ties
from simulators.venue.orders import NewOrder, Order, OrderType, Side, TimeInForce

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TYPES = {
    "MKT": OrderType.MARKET,
    "LMT": OrderType.LIMIT,
    "STP": OrderType.STOP,
    "STP LMT": OrderType.STOP_LIMIT,
    "TRAIL": OrderType.TRAILING_STOP,
    "TRAIL LIMIT": OrderType.TRAILING_STOP_LIMIT,
    "MOC": OrderType.MARKET,
    "LOC": OrderType.LIMIT,
}
_AT_CLOSE = ("MOC", "LOC")
_TIMES_IN_FORCE = {
    "DAY": TimeInForce.DAY,
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "OPG": TimeInForce.OPG,
    "GTD": TimeInForce.GTC,
}
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
_PLAIN = (OrderType.MARKET, OrderType.LIMIT)
_LATER_TYPES = (
    "MIT", "LIT", "REL", "MTL", "BOX TOP", "MIDPRICE", "MKT PRT", "STP PRT", "PASSV REL",
    "PEG MKT", "PEG STK", "PEG PRIM", "PEG MID", "PEG BEST", "PEG BENCH", "VOL", "SNAP MID",
    "SNAP MKT", "SNAP PRIM", "REL + LMT", "REL + MKT", "LMT + MKT", "IBALGO",
)  # fmt: skip
_LATER_TIMES = ("AUC", "DTC", "GTX", "Minutes", "PAX")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Prices:
    """The prices of an order of the venue's."""

    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None


def side_of(asked: PlaceOrder) -> Side:
    """BUY or SELL; raises Problem for anything else."""
    found = _SIDES.get(asked.action)
    if found is None:
        if asked.action == "SSHORT":
            raise not_built_order("SSHORT")
        raise invalid(f"Invalid action: '{asked.action[:40]}'")
    return found


def order_type_of(asked: PlaceOrder) -> OrderType:
    """The venue's type; raises Problem for one that is not built or that is none."""
    found = _TYPES.get(asked.order_type)
    if found is None:
        if asked.order_type in _LATER_TYPES:
            raise not_built_order(asked.order_type)
        raise Problem(387, f"Unsupported order type: '{asked.order_type[:40]}'")
    return found


def time_in_force_of(asked: PlaceOrder) -> TimeInForce:
    """The venue's time in force; MOC and LOC are those of the close.

    Raises:
        Problem: It is not built, is none, or does not go with the type.
    """
    text = asked.time_in_force
    found = _TIMES_IN_FORCE.get(text)
    if found is None:
        if text in _LATER_TIMES:
            raise not_built_order(text)
        raise invalid(f"Invalid time in force: '{text[:40]}'")
    if asked.order_type in _AT_CLOSE:
        if found is not TimeInForce.DAY:
            raise Problem(113, "The Tif option should be set to DAY for MOC and LOC orders.")
        return TimeInForce.CLS
    is_special = found in _AT_ONCE or found is TimeInForce.OPG
    if is_special and order_type_of(asked) not in _PLAIN:
        raise incompatible_time()
    return found


def ignores_outside_rth(asked: PlaceOrder, instrument: Instrument) -> bool:
    """Whether the order asks for hours in which such an order never trades."""
    if not asked.outside_rth:
        return False
    worked = asked.order_type not in ("MKT", *_AT_CLOSE)
    return not (
        isinstance(instrument, Equity) and worked and asked.time_in_force in ("DAY", "GTC", "GTD")
    )


def venue_order(
    asked: PlaceOrder, instrument: Instrument, account_id: str, ties: Ties = NO_TIES
) -> NewOrder:
    """The order for the venue; raises Problem if it can't be one."""
    prices = _prices(asked)
    side, order_type, time_in_force = side_of(asked), order_type_of(asked), time_in_force_of(asked)
    return NewOrder(
        account_id=account_id,
        symbol=instrument.symbol,
        side=side,
        order_qty=asked.qty or _ZERO,
        order_type=order_type,
        time_in_force=time_in_force,
        limit_price=prices.limit_price,
        stop_price=prices.stop_price,
        trail_price=prices.trail_price,
        trail_percent=prices.trail_percent,
        limit_offset=prices.limit_offset,
        extended_hours=asked.outside_rth and not ignores_outside_rth(asked, instrument),
        ends_at=asked.good_till,
        client_order_id=asked.order_ref,
        ties=ties,
        tag=asked,
    )


def _prices(asked: PlaceOrder) -> _Prices:
    order_type = order_type_of(asked)
    if order_type.trails:
        return _trailing(asked)
    limit_price = stop_price = None
    if order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        limit_price = asked.limit_price
        if limit_price is None:
            raise invalid("Please enter a valid limit price")
    if order_type in (OrderType.STOP, OrderType.STOP_LIMIT):
        stop_price = asked.aux_price
        if not stop_price:
            raise invalid("Please enter a valid stop price")
    return _Prices(limit_price, stop_price)


def _trailing(asked: PlaceOrder) -> _Prices:
    """A trailing amount or percentage; with a limit, how far that lies behind the stop."""
    amount, percent = asked.aux_price, asked.trailing_percent
    if not amount and not percent:
        raise invalid("Please enter a valid trailing amount or percentage")
    if amount and percent:
        raise invalid("Please enter a trailing amount or a percentage, not both")
    if any(value is not None and value < 0 for value in (amount, percent)) or (percent or 0) >= 100:
        raise invalid("The trailing amount or percentage is out of range")
    start, offset = asked.trail_stop_price, None
    if asked.order_type == "TRAIL LIMIT":
        offset = asked.limit_offset
        if offset is None and start is not None and asked.limit_price:
            offset = (asked.limit_price - start) * side_of(asked).sign
        if offset is None:
            raise invalid("Please enter a valid limit price offset, or a limit and a stop price")
    return _Prices(
        stop_price=start,
        trail_price=amount or None,
        trail_percent=None if amount else percent,
        limit_offset=offset,
    )


def terms_by_hand(order: Order) -> PlaceOrder:
    """What an order that was placed by hand would have been asked for by."""
    asked = order.asked
    words = {kind: word for word, kind in reversed(_TYPES.items())}
    times = {force: word for word, force in reversed(_TIMES_IN_FORCE.items())}
    return PlaceOrder(
        order_id=0,
        contract=Wanted(),
        action="BUY" if asked.side is Side.BUY else "SELL",
        qty=asked.order_qty,
        order_type=words[asked.order_type],
        limit_price=asked.limit_price,
        aux_price=asked.trail_price or asked.stop_price,
        time_in_force=times.get(asked.time_in_force, "DAY"),
        account=asked.account_id,
        open_close="O",
        order_ref=asked.client_order_id,
        outside_rth=asked.extended_hours,
        trailing_percent=asked.trail_percent,
    )
