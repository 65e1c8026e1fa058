"""The part of placeOrder that a combination (BAG) has: its legs and how they are routed."""

from dataclasses import dataclass
from decimal import Decimal

from simulators.ib_gateway.problems import invalid, not_built_order
from simulators.ib_gateway.wire import Fields

_LEGS_MAX = 8
_PARAMS_MAX = 32


@dataclass(frozen=True, slots=True)
class ComboLeg:
    """One leg: `ratio` of that contract for each combination, bought or sold if that is bought."""

    con_id: int
    ratio: int
    action: str
    exchange: str
    open_close: int = 0


@dataclass(frozen=True, slots=True)
class Combo:
    """The legs of a combination, and the routing parameters that come back in openOrder."""

    legs: tuple[ComboLeg, ...] = ()
    params: tuple[tuple[str, str], ...] = ()


NO_COMBO = Combo()


def read_combo(fields: Fields) -> Combo:
    """Reads what stands between `hidden` and `sharesAllocation` if secType is BAG.

    Raises:
        BadMessage: It can't be read.
        Problem: It asks for what is not built, or has a number of legs that no combination has.
    """
    count = fields.integer()
    if not 0 <= count <= _LEGS_MAX:
        raise invalid(f"Invalid number of combination legs {count}")
    legs = tuple(_leg(fields) for _ in range(count))
    prices: list[Decimal | None] = [fields.decimal() for _ in range(_count(fields, _LEGS_MAX))]
    if any(price is not None for price in prices):
        raise not_built_order("orderComboLegs (prices of single legs)")
    params = tuple((fields.text(), fields.text()) for _ in range(_count(fields, _PARAMS_MAX)))
    return Combo(legs, params)


def _count(fields: Fields, most: int) -> int:
    count = fields.integer()
    if not 0 <= count <= most:
        raise invalid(f"Invalid number of combination fields {count}")
    return count


def _leg(fields: Fields) -> ComboLeg:
    con_id, ratio = fields.integer(), fields.integer()
    action, exchange, open_close = fields.text(), fields.text(), fields.integer()
    if fields.integer():
        raise not_built_order("shortSaleSlot of a leg")
    fields.skip(2)  # designatedLocation, exemptCode
    return ComboLeg(con_id, ratio, action, exchange, open_close)
