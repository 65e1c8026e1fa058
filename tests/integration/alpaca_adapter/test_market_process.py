"""Market data over gRPC from the adapter's process, to the end of a stream with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.common.contract.convert import instrument_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from tests.integration.alpaca_adapter.adapter_process import adapter_process, environment
from tests.integration.alpaca_adapter.rig import PUT, SPY
from tests.integration.alpaca_adapter.test_process import served
from tests.simulators.process import RunningAlpaca

SERVED = {
    "ListActivities",
    "GetBars",
    "ListOptionContracts",
    "GetOptionSnapshots",
    "GetMarketCalendar",
    "StreamQuotes",
}


async def test_streamed_quotes_end_in_good_order_with_the_adapter(
    alpaca: RunningAlpaca, tmp_path: Path
) -> None:
    env = environment(tmp_path, alpaca.url, OPTION_FEED="opra")
    with adapter_process(tmp_path, env) as adapter:
        async with served(adapter) as it:
            wanted = [instrument_to_wire(instrument) for instrument in (SPY, PUT)]
            stream = it.broker.StreamQuotes(
                pb.StreamQuotesRequest(account_id="main", instruments=wanted)
            )
            replies = aiter(stream)
            first = [await anext(replies) for _ in wanted]
            assert {reply.quote.feed for reply in first} == {"iex", "indicative"}
            (mine,) = (await it.broker.GetCapabilities(pb.GetCapabilitiesRequest())).venues
            assert set(mine.methods) >= SERVED
            assert list(mine.entitlements) == ["stock_feed=iex", "option_feed=indicative"]

            ending = asyncio.create_task(asyncio.to_thread(adapter.end))
            async with asyncio.timeout(20.0):
                rest = [reply async for reply in replies]
            assert all(reply.quote.feed for reply in rest)
            assert await ending == 0
