"""Reads placeOrder: what is asked for, and whether the simulator can work it as it was meant.

Whatever would change how an order works and isn't built is refused, never left out in silence.
"""

from dataclasses import dataclass
from decimal import Decimal

from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.problems import not_built_order
from simulators.ib_gateway.wire import Fields

_FA_PROFILE_UNTIL = 177
_NOTHING = frozenset({"", "0", "0.0", "2147483647", "9223372036854775807"})
_UNSET_DOUBLE = "1.797693134862315"

# The rest of the message in order. "!" marks what must be unset: it would change how the order
# works. "?" marks what, if set, is followed by fields of its own, which is not built either.
_AFTER_REF = (
    "transmit", "!parentId", "blockOrder", "sweepToFill", "!displaySize", "triggerMethod",
    "!outsideRth", "!hidden",
)  # fmt: skip
_MIDDLE = (
    "sharesAllocation", "!discretionaryAmt", "!goodAfterTime", "!goodTillDate", "!faGroup",
    "!faMethod", "!faPercentage", "!faProfile", "!modelCode", "!shortSaleSlot",
    "designatedLocation", "exemptCode", "ocaType", "rule80A", "settlingFirm", "!allOrNone",
    "!minQty", "!percentOffset", "eTradeOnly", "firmQuoteOnly", "nbboPriceCap",
    "auctionStrategy", "startingPrice", "stockRefPrice", "delta", "stockRangeLower",
    "stockRangeUpper", "overridePercentageConstraints", "!volatility", "volatilityType",
    "?deltaNeutralOrderType", "deltaNeutralAuxPrice", "continuousUpdate", "referencePriceType",
    "!trailStopPrice", "!trailingPercent", "!scaleInitLevelSize", "!scaleSubsLevelSize",
    "?scalePriceIncrement", "!scaleTable", "!activeStartTime", "!activeStopTime", "?hedgeType",
    "optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld",
    "?deltaNeutralContract", "?algoStrategy", "algoId", "!whatIf", "orderMiscOptions",
    "solicited", "!randomizeSize", "!randomizePrice", "?conditions", "!adjustedOrderType",
    "!triggerPrice", "!lmtPriceOffset", "!adjustedStopPrice", "!adjustedStopLimitPrice",
    "!adjustedTrailingAmount", "adjustableTrailingUnit", "extOperator", "softDollarTier.name",
    "softDollarTier.val", "!cashQty", "mifid2DecisionMaker", "mifid2DecisionAlgo",
    "mifid2ExecutionTrader", "mifid2ExecutionAlgo", "dontUseAutoPriceForHedge",
    "isOmsContainer", "discretionaryUpToLimitPrice", "usePriceMgmtAlgo",
)  # fmt: skip
_SINCE = {158: "!duration"}


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """An order as a client asks for it; `transmit` false leaves it in the Gateway."""

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
    open_close, _origin, order_ref = fields.text(), fields.text(), fields.text()
    if contract.sec_type == "BAG":
        raise not_built_order("combination orders (BAG)")
    if oca_group:
        raise not_built_order("ocaGroup")
    _check_rest(fields, version)
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
    )


def order_ref_in(message: list[str]) -> str:
    """The orderRef of a placeOrder message, "" if the message is too short to have one."""
    return message[26] if len(message) > 26 else ""


def _check_rest(fields: Fields, version: int) -> None:
    since = tuple(name for number, name in _SINCE.items() if version >= number)
    for name in (*_AFTER_REF, *_MIDDLE, *since):
        if name == "!faProfile" and version >= _FA_PROFILE_UNTIL:
            continue
        is_unset = _is_unset(fields.text())
        if name == "transmit":
            if is_unset:
                raise not_built_order("transmit=False")
        elif name[0] in "!?" and not is_unset:
            raise not_built_order(name[1:])


def _is_unset(text: str) -> bool:
    return text in _NOTHING or text.startswith(_UNSET_DOUBLE)
