"""Every message of data that the simulated Gateway sends, read by the unmodified ib_insync."""

import logging
from decimal import Decimal
from typing import Any

import pytest
from ib_insync import decoder

from simulators.ib_gateway.contracts import con_id_of
from tests.simulators.gateways import ACCOUNT, PUT, Client, Message, gateway

SHARE = [con_id_of("SPY"), "SPY", "STK", "", "0.0", "", "", "SMART", "", "USD", "", ""]
OPTION = [con_id_of(PUT), "SPY", "OPT", "20241115", 400, "P", "100", "SMART", "", "USD", "", ""]
HISTORY = [0, "", "1 min", "1 D", 1]
READ = {
    "1": "priceSizeTick",
    "2": "tickSize",
    "6": "updateAccountValue",
    "7": "updatePortfolio",
    "8": "updateAccountTime",
    "10": "contractDetails",
    "17": "historicalDataEnd",
    "21": "tickOptionComputation",
    "45": "tickGeneric",
    "46": "tickString",
    "49": "currentTime",
    "50": "realtimeBar",
    "52": "contractDetailsEnd",
    "54": "accountDownloadEnd",
    "57": "tickSnapshotEnd",
    "58": "marketDataType",
    "61": "position",
    "62": "positionEnd",
    "63": "accountSummary",
    "64": "accountSummaryEnd",
    "71": "positionMulti",
    "72": "positionMultiEnd",
    "73": "accountUpdateMulti",
    "74": "accountUpdateMultiEnd",
    "75": "securityDefinitionOptionParameter",
    "76": "securityDefinitionOptionParameterEnd",
    "77": "softDollarTiers",
    "78": "familyCodes",
    "79": "symbolSamples",
    "80": "mktDepthExchanges",
    "81": "tickReqParams",
    "82": "smartComponents",
    "85": "newsProviders",
    "87": "historicalNewsEnd",
    "88": "headTimestamp",
    "89": "histogramData",
    "90": "historicalDataUpdate",
    "93": "marketRule",
    "94": "pnl",
    "95": "pnlSingle",
    "96": "historicalTicks",
    "97": "historicalTicksBidAsk",
    "98": "historicalTicksLast",
    "99": "tickByTickAllLast",
    "106": "historicalSchedule",
    "107": "userInfo",
    "4": "error",
    "9": "nextValidId",
    "15": "managedAccounts",
}

new_decoder: Any = decoder.Decoder


class Hearing:
    """A wrapper that takes note of every callback that it gets."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.heard.append(name)


def requests(version: int) -> list[list[Any]]:
    """One of each request for data that is answered without an error."""
    issuer = [""] if version >= 176 else []
    ticks = ["20241104 09:40:00", "", 5]
    return [
        *([1, 11, 1, *OPTION, 0, "100", 0, 0, ""], [1, 11, 2, *SHARE, 0, "", 1, 0, ""]),
        *([9, 8, 3, *OPTION, 0, "", "", *issuer], [78, 4, "SPY", "", "STK", SHARE[0]]),
        *([81, 5, "S"], [82], [83, 6, "9c0001"], [91, 26]),
        *([20, 7, *SHARE, *HISTORY, "TRADES", 1, 1, ""],),
        *([20, 8, *SHARE, 0, "", "1 day", "2 D", 1, "SCHEDULE", 1, 0, ""],),
        *([50, 3, 9, *SHARE, 5, "TRADES", 1, ""], [97, 10, *SHARE, "Last", 0, 0]),
        *([87, 11, *SHARE, 0, 1, "TRADES", 1], [88, 12, *SHARE, 0, 1, "1 day"]),
        *([96, 20 + n, *SHARE, 0, *ticks, kind, 1, 0, ""] for n, kind in enumerate(TICKS)),
        *([6, 2, 1, ACCOUNT], [61, 1], [62, 1, 13, "All", "NetLiquidation"]),
        *([74, 1, 14, ACCOUNT, ""], [76, 1, 15, ACCOUNT, "", 0]),
        *([92, 16, ACCOUNT, ""], [94, 17, ACCOUNT, "", OPTION[0]], [79, 18], [80], [85]),
        *([86, 19, 1, "X", "", "", 1, ""], [104, 20], [8, 1, 1], [17, 1], [49, 1]),
    ]


TICKS = ("MIDPOINT", "BID_ASK", "TRADES")


async def everything(version: int) -> list[Message]:
    """What a client of that version is sent for one of each request."""
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        order_id = client.place()
        await client.status(order_id, "Filled")
        for request in requests(version):
            client.send(*request)
        await client.until(lambda: client.of("49"))
        simulated.control.set_quote("SPY", Decimal(401), Decimal("401.02"))
        simulated.control.advance_clock(6)
        return client.messages[1:]


@pytest.mark.parametrize("version", [157, 163, 176, 177, 178])
async def test_the_decoder_reads_every_message_of_data(
    version: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A message with a field too many or too few is logged as an error and calls nothing."""
    messages = await everything(version)
    of_data = [message for message in messages if message[0] in READ]
    kinds = {message[0] for message in of_data}
    missing = set(READ) - kinds
    assert missing <= ({"106"} if version < 165 else set())
    hearing = Hearing()
    reader = new_decoder(hearing, version)
    with caplog.at_level(logging.ERROR, "ib_insync"):
        for message in of_data:
            before = len(hearing.heard)
            reader.interpret(list(message))
            assert READ[message[0]] in hearing.heard[before:], message
    assert caplog.records == []
