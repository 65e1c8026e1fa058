"""placeOrder messages of any kind, field by field as the version of a client writes them."""

from typing import Any

from ib_insync.decoder import Decoder

from simulators.ib_gateway.contracts import con_id_of
from tests.simulators.gateways import PUT, Client

CALL = "SPY241115C00400000"
_UNSET: dict[str, Any] = {
    "exemptCode": -1,
    "ocaType": 0,
    "usePriceMgmtAlgo": 0,
}
_BEFORE_LEGS = (
    "transmit", "parentId", "blockOrder", "sweepToFill", "displaySize", "triggerMethod",
    "outsideRth", "hidden",
)  # fmt: skip
_AFTER_LEGS = (
    "sharesAllocation", "discretionaryAmt", "goodAfterTime", "goodTillDate", "faGroup",
    "faMethod", "faPercentage", "faProfile", "modelCode", "shortSaleSlot", "designatedLocation",
    "exemptCode", "ocaType", "rule80A", "settlingFirm", "allOrNone", "minQty", "percentOffset",
    "eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "auctionStrategy", "startingPrice",
    "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper",
    "overridePercentageConstraints", "volatility", "volatilityType", "deltaNeutralOrderType",
    "deltaNeutralAuxPrice", "continuousUpdate", "referencePriceType", "trailStopPrice",
    "trailingPercent", "scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement",
    "scaleTable", "activeStartTime", "activeStopTime", "hedgeType", "optOutSmartRouting",
    "clearingAccount", "clearingIntent", "notHeld", "deltaNeutralContract", "algoStrategy",
    "algoId", "whatIf", "orderMiscOptions", "solicited", "randomizeSize", "randomizePrice",
    "conditions", "adjustedOrderType", "triggerPrice", "lmtPriceOffset", "adjustedStopPrice",
    "adjustedStopLimitPrice", "adjustedTrailingAmount", "adjustableTrailingUnit", "extOperator",
    "softDollarTierName", "softDollarTierVal", "cashQty", "mifid2DecisionMaker",
    "mifid2DecisionAlgo", "mifid2ExecutionTrader", "mifid2ExecutionAlgo",
    "dontUseAutoPriceForHedge", "isOmsContainer", "discretionaryUpToLimitPrice",
    "usePriceMgmtAlgo",
)  # fmt: skip
_SINCE = {
    158: "duration",
    160: "postToAts",
    162: "autoCancelParent",
    166: "advancedErrorOverride",
    169: "manualOrderTime",
}
Legs = list[tuple[str, int, str]]


def order_message(
    order_id: int,
    action: str,
    qty: str,
    order_type: str,
    *,
    version: int = 176,
    symbol: str = PUT,
    legs: Legs | None = None,
    lmt: str = "",
    aux: str = "",
    tif: str = "DAY",
    oca: str = "",
    ref: str = "",
    account: str = "",
    **more: Any,
) -> list[Any]:
    """Args: legs: (symbol, ratio, action) of a BAG; more: the other fields by IB's names."""
    given = {"transmit": 1, **more}
    contract = [con_id_of(symbol), "", "", "", "0.0", "", "", "SMART", "", "", "", ""]
    if legs is not None:
        contract = [0, "SPY", "BAG", "", "0.0", "", "", "SMART", "", "USD", "", ""]
    terms = [action, qty, order_type, lmt, aux, tif, oca, account, "O", 0, ref]
    fields = [3, order_id, *contract, "", "", *terms, *_values(_BEFORE_LEGS, given)]
    if legs is not None:
        fields.append(len(legs))
        for leg, ratio, side in legs:
            fields += [con_id_of(leg), ratio, side, "SMART", 0, 0, "", -1]
        fields += [0, 0]
    names = [name for name in _AFTER_LEGS if name != "faProfile" or version < 177]
    names += [name for since, name in _SINCE.items() if version >= since]
    fields += _values(names, given)
    assert not given, f"no such fields: {given}"
    return fields


def _values(names: Any, given: dict[str, Any]) -> list[Any]:
    return [given.pop(name, _UNSET.get(name, "")) for name in names]


class _Reader:
    """Hears what ib_insync's decoder makes of a message."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.ib = None

    def __getattr__(self, name: str) -> Any:
        return lambda *heard: self.heard.append(heard)


def read_by_ib_insync(message: list[str], version: int) -> tuple[Any, ...]:
    """What ib_insync tells its wrapper of a message; fails if it can't read it."""
    reader: Any = _Reader()
    Decoder(reader, version).handlers[int(message[0])](message)
    (heard,) = reader.heard
    told: tuple[Any, ...] = heard
    return told


def opened_order(message: list[str], version: int) -> Any:
    """The order of an openOrder message, with `contract` and `state`."""
    _, contract, order, state = read_by_ib_insync(message, version)
    order.contract, order.state = contract, state
    return order


class Trader:
    """A client of the bare protocol that numbers its orders."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._next_id = 0

    def place(
        self, action: str, qty: str, order_type: str, order_id: Any = None, **more: Any
    ) -> int:
        """Sends an order and returns its id."""
        self._next_id = max(self._next_id, order_id or self._next_id + 1)
        used: int = order_id or self._next_id
        message = order_message(used, action, qty, order_type, version=self.client.version, **more)
        self.client.send(*message)
        return used

    async def status(self, order_id: int, status: str) -> None:
        """Waits until that is the last status told of the order."""
        await self.client.until(lambda: self.client.statuses(order_id)[-1:] == [status])

    async def at_market(self, order_id: int) -> None:
        """Waits until the order was told of twice: taken, and at the market."""
        await self.client.until(
            lambda: [m[1] for m in self.client.of("3")].count(str(order_id)) >= 2
        )

    def order(self, order_id: int) -> Any:
        """The last openOrder of an order as ib_insync reads it; with its contract and its state."""
        return opened_order(self.last("5", order_id), self.client.version)

    def last(self, number: str, order_id: int) -> list[str]:
        """The last message of that kind about an order."""
        at = 2 if number == "11" else 1
        return [m for m in self.client.of(number) if m[at] == str(order_id)][-1]

    def cancel(self, order_id: int) -> None:
        """Asks for a cancel."""
        self.client.send(4, 1, order_id, "")
