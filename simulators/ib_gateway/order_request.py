"""Reads placeOrder, every field of it: what is asked for, and whether the simulator can work it.

Whatever would change how an order works and isn't built is refused, never left out in silence.
What does not change it is kept as it came and comes back in openOrder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from simulators.ib_gateway.combo_request import NO_COMBO, Combo, read_combo
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.order_times import good_till
from simulators.ib_gateway.problems import cash_quantity, not_built_order
from simulators.ib_gateway.wire import Fields, decimal_of

_FA_PROFILE_UNTIL = 177
_NOTHING = frozenset({"", "0", "0.0", "None", "2147483647", "9223372036854775807"})
_UNSET_DOUBLE = "1.797693134862315"

# The rest of the message in order. "!" marks what must be unset: it would change how the order
# works. "?" marks what, if set, is followed by fields of its own, which is not built either.
_AFTER_REF = (
    "transmit", "parentId", "blockOrder", "sweepToFill", "!displaySize", "triggerMethod",
    "outsideRth", "!hidden",
)  # fmt: skip
_MIDDLE = (
    "sharesAllocation", "!discretionaryAmt", "!goodAfterTime", "goodTillDate", "!faGroup",
    "!faMethod", "!faPercentage", "!faProfile", "!modelCode", "!shortSaleSlot",
    "designatedLocation", "exemptCode", "ocaType", "rule80A", "settlingFirm", "!allOrNone",
    "!minQty", "!percentOffset", "eTradeOnly", "firmQuoteOnly", "nbboPriceCap",
    "auctionStrategy", "startingPrice", "stockRefPrice", "delta", "stockRangeLower",
    "stockRangeUpper", "overridePercentageConstraints", "!volatility", "volatilityType",
    "?deltaNeutralOrderType", "deltaNeutralAuxPrice", "continuousUpdate", "referencePriceType",
    "trailStopPrice", "trailingPercent", "!scaleInitLevelSize", "!scaleSubsLevelSize",
    "?scalePriceIncrement", "!scaleTable", "!activeStartTime", "!activeStopTime", "?hedgeType",
    "optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld",
    "?deltaNeutralContract", "?algoStrategy", "algoId", "whatIf", "orderMiscOptions",
    "solicited", "!randomizeSize", "!randomizePrice", "?conditions", "!adjustedOrderType",
    "!triggerPrice", "lmtPriceOffset", "!adjustedStopPrice", "!adjustedStopLimitPrice",
    "!adjustedTrailingAmount", "adjustableTrailingUnit", "extOperator", "softDollarTier.name",
    "softDollarTier.val", "cashQty", "mifid2DecisionMaker", "mifid2DecisionAlgo",
    "mifid2ExecutionTrader", "mifid2ExecutionAlgo", "dontUseAutoPriceForHedge",
    "isOmsContainer", "discretionaryUpToLimitPrice", "usePriceMgmtAlgo",
)  # fmt: skip
_SINCE = {
    158: "!duration",
    160: "!postToAts",
    162: "!autoCancelParent",
    166: "advancedErrorOverride",
    169: "manualOrderTime",
}
_UNREAD_TYPES = ("PEG BENCH", "PEG BEST", "PEG MID")
"""Types with fields of their own in the midst of the message."""


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """An order as a client asks for it; `transmit` false leaves it in the Gateway.

    kept: what it wrote into fields that only come back to it, by name, what is unset left out.
    """

    order_id: int
    contract: Wanted
    action: str
    qty: Decimal | None
    order_type: str
    limit_price: Decimal | None
    aux_price: Decimal | None
    time_in_force: str
    account: str
    open_close: str
    order_ref: str
    oca_group: str = ""
    oca_type: int = 0
    origin: int = 0
    transmit: bool = True
    parent_id: int = 0
    outside_rth: bool = False
    trail_stop_price: Decimal | None = None
    trailing_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    good_till: datetime | None = None
    what_if: bool = False
    combo: Combo = NO_COMBO
    kept: Mapping[str, str] = field(default_factory=dict)


def read_place_order(message: list[str], version: int) -> PlaceOrder:
    """Reads a placeOrder message of that server version.

    Raises:
        BadMessage: It can't be read.
        Problem: It asks for what is not built.
    """
    fields = Fields(message, start=1)
    order_id, contract = fields.integer(), Wanted.read(fields)
    fields.skip(2)  # secIdType, secId
    action, qty, order_type = fields.text(), fields.decimal(), fields.text()
    limit_price, aux_price = fields.decimal(), fields.decimal()
    time_in_force, oca_group, account = fields.text(), fields.text(), fields.text()
    open_close, origin, order_ref = fields.text(), fields.integer(), fields.text()
    rest = {name: fields.text() for name in map(_plain_name, _AFTER_REF)}
    _check_set(rest, _AFTER_REF)
    combo = read_combo(fields) if contract.sec_type == "BAG" else NO_COMBO
    rest |= _read_rest(fields, version, order_type)
    numbers = {name: decimal_of(rest[name]) for name in _NUMBERS}
    return PlaceOrder(
        order_id=order_id,
        contract=contract,
        action=action,
        qty=qty,
        order_type=order_type,
        limit_price=limit_price,
        aux_price=aux_price,
        time_in_force=time_in_force or "DAY",
        account=account,
        open_close=open_close,
        order_ref=order_ref,
        oca_group=oca_group,
        oca_type=int(numbers["ocaType"] or 0),
        origin=origin,
        transmit=_is_on(rest["transmit"]),
        parent_id=int(numbers["parentId"] or 0),
        outside_rth=_is_on(rest["outsideRth"]),
        trail_stop_price=numbers["trailStopPrice"] or None,
        trailing_percent=numbers["trailingPercent"] or None,
        limit_offset=numbers["lmtPriceOffset"] or None,
        good_till=good_till(time_in_force, rest["goodTillDate"]),
        what_if=_is_on(rest["whatIf"]),
        combo=combo,
        kept={name: _kept(name, text) for name, text in rest.items() if not is_unset(text)},
    )


def order_ref_in(message: list[str]) -> str:
    """The orderRef of a placeOrder message, "" if the message is too short to have one."""
    return message[26] if len(message) > 26 else ""


_TEXTS = frozenset(
    {
        "sharesAllocation", "goodTillDate", "rule80A", "settlingFirm", "designatedLocation",
        "clearingAccount", "clearingIntent", "algoId", "orderMiscOptions", "extOperator",
        "softDollarTier.name", "softDollarTier.val", "mifid2DecisionMaker", "mifid2DecisionAlgo",
        "mifid2ExecutionTrader", "mifid2ExecutionAlgo", "advancedErrorOverride",
        "manualOrderTime",
    }
)  # fmt: skip


def _kept(name: str, text: str) -> str:
    """A field as it comes back: other clients must be able to read it as the number that it is."""
    if name in _TEXTS:
        return text
    if text.lower() == "true":
        return "1"
    decimal_of(text)
    return text


_NUMBERS = (
    "parentId",
    "ocaType",
    "trailStopPrice",
    "trailingPercent",
    "lmtPriceOffset",
)


def _read_rest(fields: Fields, version: int, order_type: str) -> dict[str, str]:
    """The fields behind the combination's, by name; raises Problem for one that is not built."""
    if order_type in _UNREAD_TYPES:
        raise not_built_order(order_type)
    since = tuple(name for number, name in _SINCE.items() if version >= number)
    names = [
        name for name in (*_MIDDLE, *since) if name != "!faProfile" or version < _FA_PROFILE_UNTIL
    ]
    rest: dict[str, str] = {}
    for name in names:
        rest[_plain_name(name)] = fields.text()
        _check_set(rest, (name,))
    if not is_unset(rest["cashQty"]):
        raise cash_quantity()
    return rest


def _check_set(texts: Mapping[str, str], names: tuple[str, ...]) -> None:
    for name in names:
        if name[0] in "!?" and not is_unset(texts[name[1:]]):
            raise not_built_order(name[1:])


def _plain_name(name: str) -> str:
    return name.lstrip("!?")


def is_unset(text: str) -> bool:
    """Whether a client means nothing by that text."""
    return text in _NOTHING or text.lower() == "false" or text.startswith(_UNSET_DOUBLE)


def _is_on(text: str) -> bool:
    return text not in ("", "0", "false")
