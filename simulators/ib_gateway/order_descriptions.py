"""openOrder and completedOrder: an order with all its fields, as a server of that version sends it.

What its client wrote comes back; what changes as the order goes on is as it is now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulators.ib_gateway.combos import combo_fields, described
from simulators.ib_gateway.contracts import contract_fields
from simulators.ib_gateway.order_book import ApiOrder
from simulators.ib_gateway.order_replies import Message, wire_time
from simulators.ib_gateway.wire import UNSET_DOUBLE, Field, text_of
from simulators.venue.orders import Order, OrderStatus, OrderType

_NO_FA_PROFILE = 177
_COMPETE = 170  # minTradeQty, minCompeteSize, competeAgainstBestOffset, two offsets
_ADDED: dict[int, Message] = {158: ("",), 160: ("",), 162: (0,), _COMPETE: ("",) * 5}
_WHEN_UNSET: Mapping[str, Field] = dict.fromkeys(
    (
        "blockOrder", "sweepToFill", "displaySize", "triggerMethod", "eTradeOnly",
        "firmQuoteOnly", "auctionStrategy", "volatilityType", "continuousUpdate",
        "referencePriceType", "optOutSmartRouting", "notHeld", "solicited",
        "adjustableTrailingUnit", "dontUseAutoPriceForHedge", "isOmsContainer",
        "usePriceMgmtAlgo", "hidden", "discretionaryAmt", "allOrNone", "shortSaleSlot",
    ),
    0,
) | {"exemptCode": -1, "clearingIntent": "IB"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderState:
    """The part of openOrder that says what an order does to its account; unset unless asked for."""

    status: str = ""
    margins: tuple[Field, ...] = (UNSET_DOUBLE,) * 9
    """Initial, maintenance, equity with loan: before, as they change, after."""
    commission: Field = ""
    min_commission: Field = ""
    max_commission: Field = ""
    currency: str = ""
    warning: str = ""


def open_order(api_order: ApiOrder, version: int, state: OrderState | None = None) -> Message:
    """openOrder; with a state of its own it answers a what-if."""
    order, terms = api_order.order, api_order.terms
    kept = _Kept(terms.kept)
    shown = state or OrderState()
    return (
        *(5, api_order.order_id),
        *_contract(order),
        *_terms(api_order),
        *(order.client_order_id, api_order.client_id, api_order.perm_id),
        *(terms.outside_rth, *kept("hidden", "discretionaryAmt", "goodAfterTime"), ""),
        *_advisor(version),
        *kept("goodTillDate", "rule80A", "percentOffset", "settlingFirm", "shortSaleSlot"),
        *kept("designatedLocation", "exemptCode", "auctionStrategy", "startingPrice"),
        *kept("stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper", "displaySize"),
        *kept("blockOrder", "sweepToFill", "allOrNone", "minQty"),
        *(_oca_type(order, terms.oca_type), *kept("eTradeOnly", "firmQuoteOnly", "nbboPriceCap")),
        *(terms.parent_id, *kept("triggerMethod", "volatility", "volatilityType")),
        *("", ""),  # deltaNeutralOrderType, deltaNeutralAuxPrice
        *kept("continuousUpdate", "referencePriceType"),
        *(*_trail(order), "", ""),  # basisPoints, basisPointsType
        *_legs(api_order),
        *("", "", "", ""),  # scale, hedgeType
        *kept("optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld"),
        *(0, ""),  # deltaNeutralContract, algoStrategy
        *(*kept("solicited"), state is not None),
        *(shown.status or api_order.status, *shown.margins),
        *(shown.commission, shown.min_commission, shown.max_commission),
        *(shown.currency, shown.warning),
        *(0, 0, 0),  # randomizeSize, randomizePrice, conditions
        *("", "", _trail(order)[0], _offset(order)),  # adjustedOrderType, triggerPrice
        *("", "", "", *kept("adjustableTrailingUnit")),  # adjusted prices
        *(*kept("softDollarTier.name", "softDollarTier.val"), "", ""),  # cashQty
        *kept("dontUseAutoPriceForHedge", "isOmsContainer"),
        *kept("discretionaryUpToLimitPrice", "usePriceMgmtAlgo"),
        *_added(version),
    )


def completed_order(api_order: ApiOrder, version: int) -> Message:
    """completedOrder; it has no order id and no client id."""
    order, terms = api_order.order, api_order.terms
    assert order.ended_at is not None
    kept = _Kept(terms.kept)
    return (
        101,
        *_contract(order),
        *_terms(api_order),
        *(order.client_order_id, api_order.perm_id),
        *(terms.outside_rth, *kept("hidden", "discretionaryAmt", "goodAfterTime")),
        *_advisor(version),
        *kept("goodTillDate", "rule80A", "percentOffset", "settlingFirm", "shortSaleSlot"),
        *kept("designatedLocation", "exemptCode", "startingPrice"),
        *kept("stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper", "displaySize"),
        *kept("sweepToFill", "allOrNone", "minQty"),
        *(_oca_type(order, terms.oca_type), *kept("triggerMethod", "volatility")),
        *(*kept("volatilityType"), "", ""),  # deltaNeutralOrderType, deltaNeutralAuxPrice
        *kept("continuousUpdate", "referencePriceType"),
        *_trail(order),
        *_legs(api_order),
        *("", "", "", ""),  # scale, hedgeType
        *(*kept("clearingAccount", "clearingIntent", "notHeld"), 0, ""),  # ... algoStrategy
        *(*kept("solicited"), _end(order, api_order.status)),
        *(0, 0, 0),  # randomizeSize, randomizePrice, conditions
        *(_trail(order)[0], _offset(order), ""),  # cashQty
        *(*kept("dontUseAutoPriceForHedge", "isOmsContainer"), ""),  # autoCancelDate
        *(order.cum_qty, 0, 0, "", 0, 0),  # refFuturesConId ... routeMarketableToBbo
        order.asked.ties.parent_id or 0,
        *(wire_time(order.ended_at), completed_status(order)),
        *(_ADDED[_COMPETE] if version >= _COMPETE else ()),
    )


class _Kept:
    """What a client wrote into fields that only come back to it."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __call__(self, *names: str) -> Message:
        return tuple(self._texts.get(name, _WHEN_UNSET.get(name, "")) for name in names)


def _contract(order: Order) -> Message:
    return combo_fields(order) if order.is_combo else contract_fields(order.instrument, "SMART")


def _terms(api_order: ApiOrder) -> Message:
    order, terms = api_order.order, api_order.terms
    limit_price = order.limit_price
    if limit_price is not None:
        limit_price *= api_order.px_sign
    return (
        *(terms.action, order.asked.order_qty, terms.order_type),
        limit_price if limit_price is not None else 0,
        _aux_price(order),
        *(terms.time_in_force, order.asked.ties.group, order.account_id),
        *(terms.open_close or "O", terms.origin),
    )


def _aux_price(order: Order) -> Decimal:
    """The stop price, or by how much it trails."""
    asked = order.asked
    shown = asked.trail_price if asked.order_type.trails else asked.stop_price
    return shown if shown is not None else Decimal(0)


def _trail(order: Order) -> Message:
    """trailStopPrice as it is now, and trailingPercent."""
    if not order.asked.order_type.trails:
        return ("", "")
    stop, percent = order.stop_price, order.asked.trail_percent
    return (stop if stop is not None else "", percent if percent is not None else "")


def _offset(order: Order) -> Field:
    if order.asked.order_type is not OrderType.TRAILING_STOP_LIMIT:
        return ""
    offset = order.asked.limit_offset
    return offset if offset is not None else ""


def _oca_type(order: Order, asked: int) -> int:
    """The type that was asked for; 3 for a group that IB itself has made of children."""
    return asked or (3 if order.asked.ties.group else 0)


def _legs(api_order: ApiOrder) -> Message:
    """comboLegsDescrip, the legs, their prices and the routing parameters."""
    combo = api_order.terms.combo
    if not combo.legs:
        return ("", 0, 0, 0)
    legs = [
        field
        for leg in combo.legs
        for field in (
            *(leg.con_id, leg.ratio, leg.action, leg.exchange, leg.open_close),
            *(0, "", -1),  # shortSaleSlot, designatedLocation, exemptCode
        )
    ]
    params = [text for param in combo.params for text in param]
    shown = described(api_order.order, is_sale=api_order.terms.action == "SELL")
    return (shown, len(combo.legs), *legs, 0, len(combo.params), *params)


def _advisor(version: int) -> Message:
    """faGroup, faMethod, faPercentage, faProfile while there was one, modelCode."""
    return ("",) * (5 if version < _NO_FA_PROFILE else 4)


def _added(version: int) -> Message:
    return tuple(field for since, fields in _ADDED.items() if version >= since for field in fields)


def _end(order: Order, status: str) -> str:
    """A rejected order is Inactive for its client, and Cancelled in the list of what has ended."""
    return "Cancelled" if order.status is OrderStatus.REJECTED else status


def completed_status(order: Order) -> str:
    """How an order ended, in IB's words."""
    if order.status is OrderStatus.FILLED:
        return f"Filled Size: {text_of(order.cum_qty)}"
    if order.status is OrderStatus.CANCELED:
        return "Cancelled by Trader"
    return "Expired" if order.status is OrderStatus.EXPIRED else "Rejected"
