"""The requests of the TWS socket protocol: number, name, and where the request's id is.

Also those that are not served: a client that sends one gets an error under its own id.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request. id_at: the index of its request or order id, 0 if it has none."""

    name: str
    id_at: int = 0


_NAMES = {
    1: ("reqMktData", 2),
    2: ("cancelMktData", 2),
    3: ("placeOrder", 1),
    4: ("cancelOrder", 2),
    5: ("reqOpenOrders", 0),
    6: ("reqAccountUpdates", 0),
    7: ("reqExecutions", 2),
    8: ("reqIds", 0),
    9: ("reqContractDetails", 2),
    10: ("reqMktDepth", 2),
    11: ("cancelMktDepth", 2),
    12: ("reqNewsBulletins", 0),
    13: ("cancelNewsBulletins", 0),
    14: ("setServerLogLevel", 0),
    15: ("reqAutoOpenOrders", 0),
    16: ("reqAllOpenOrders", 0),
    17: ("reqManagedAccts", 0),
    18: ("requestFA", 0),
    19: ("replaceFA", 0),
    20: ("reqHistoricalData", 1),
    21: ("exerciseOptions", 2),
    22: ("reqScannerSubscription", 1),
    23: ("cancelScannerSubscription", 2),
    24: ("reqScannerParameters", 0),
    25: ("cancelHistoricalData", 2),
    49: ("reqCurrentTime", 0),
    50: ("reqRealTimeBars", 2),
    51: ("cancelRealTimeBars", 2),
    52: ("reqFundamentalData", 2),
    53: ("cancelFundamentalData", 2),
    54: ("calculateImpliedVolatility", 2),
    55: ("calculateOptionPrice", 2),
    56: ("cancelCalculateImpliedVolatility", 2),
    57: ("cancelCalculateOptionPrice", 2),
    58: ("reqGlobalCancel", 0),
    59: ("reqMarketDataType", 0),
    61: ("reqPositions", 0),
    62: ("reqAccountSummary", 2),
    63: ("cancelAccountSummary", 2),
    64: ("cancelPositions", 0),
    71: ("startApi", 0),
    74: ("reqPositionsMulti", 2),
    75: ("cancelPositionsMulti", 2),
    76: ("reqAccountUpdatesMulti", 2),
    77: ("cancelAccountUpdatesMulti", 2),
    78: ("reqSecDefOptParams", 1),
    79: ("reqSoftDollarTiers", 1),
    80: ("reqFamilyCodes", 0),
    81: ("reqMatchingSymbols", 1),
    82: ("reqMktDepthExchanges", 0),
    83: ("reqSmartComponents", 1),
    84: ("reqNewsArticle", 1),
    85: ("reqNewsProviders", 0),
    86: ("reqHistoricalNews", 1),
    87: ("reqHeadTimeStamp", 1),
    88: ("reqHistogramData", 1),
    89: ("cancelHistogramData", 1),
    90: ("cancelHeadTimeStamp", 1),
    91: ("reqMarketRule", 0),
    92: ("reqPnL", 1),
    93: ("cancelPnL", 1),
    94: ("reqPnLSingle", 1),
    95: ("cancelPnLSingle", 1),
    96: ("reqHistoricalTicks", 1),
    97: ("reqTickByTickData", 1),
    98: ("cancelTickByTickData", 1),
    99: ("reqCompletedOrders", 0),
    100: ("reqWshMetaData", 1),
    101: ("cancelWshMetaData", 1),
    102: ("reqWshEventData", 1),
    103: ("cancelWshEventData", 1),
    104: ("reqUserInfo", 1),
}
REQUESTS = {number: Request(*facts) for number, facts in _NAMES.items()}


_BY_FIELD = {str(number): request for number, request in REQUESTS.items()}


def request_of(message: list[str]) -> Request:
    """The kind of request that a message is; one that nobody knows is named by its number."""
    number = message[0] if message else ""
    return _BY_FIELD.get(number) or Request(f"message {number[:10]}")


def id_in(message: list[str]) -> int:
    """The request or order id in a message, -1 if there is none."""
    id_at = request_of(message).id_at
    if not id_at or len(message) <= id_at:
        return -1
    try:
        return int(message[id_at])
    except ValueError:
        return -1
