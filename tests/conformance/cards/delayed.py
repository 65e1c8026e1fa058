"""Market data that come late: they are given, and say so."""

from __future__ import annotations

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import market_pb2
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group
from tests.conformance.control import Can
from tests.conformance.scene import instrument

DECK = Deck(Group.MARKET, given="no subscription to real-time data")


@DECK.card(
    "MDT-016",
    "Quotes that come late say that they do",
    needs=("rpc.GetQuotes",),
    control=(Can.DELAYED_DATA,),
    expects=("quality: DELAYED",),
)
async def late_quotes(b: Bench) -> None:
    """Take real-time data away; ask for a quote."""
    await b.venue.delay_data(delayed=True)
    request = pb.GetQuotesRequest(
        account_id=b.account_id, instruments=[instrument(b.scene.third_share)]
    )

    async def late() -> list[market_pb2.Quote]:
        reply = await b.broker.GetQuotes(request, timeout=CALL_S)
        name = market_pb2.QUOTE_QUALITY_DELAYED
        return [quote for quote in reply.quotes if quote.quality == name]

    await b.eventually(late, "a delayed quote")
    b.note("quality: DELAYED")
