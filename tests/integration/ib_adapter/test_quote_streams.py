"""Streams of quotes over a real socket: one line for each instrument, and never a stale quote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from services.common.domain.errors import ReadFailed, Reason
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.market import QuoteQuality, StreamedQuote
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.conftest import Simulated
from tests.integration.ib_adapter.rig import (
    PUT,
    SPY,
    WAIT_S,
    Rig,
    eventually,
    fault,
    rig,
    settings_for,
)

FROZEN, REALTIME = QuoteQuality.FROZEN, QuoteQuality.REALTIME
NO_WHERE = Equity("ZZZZ")


def asked(simulated: SimulatedIbGateway, method: str) -> int:
    """How often the Gateway was asked that."""
    return sum(entry.method == method for entry in simulated.control.requests())


def lines(simulated: SimulatedIbGateway) -> int:
    """How many lines the Gateway keeps open."""
    clients = simulated.gateway.clients.values()
    return sum(len(client.subscriptions.lines) for client in clients)


def move(simulated: SimulatedIbGateway, bid: str, symbol: str = "SPY") -> None:
    price = Decimal(bid)
    simulated.control.set_quote(symbol, price, price + Decimal("0.05"))


class Reading:
    """Reads a stream in a task, and keeps what it told."""

    def __init__(self, stream: AsyncIterator[StreamedQuote]) -> None:
        self.told: list[StreamedQuote] = []
        self.error: BaseException | None = None
        self._task = asyncio.create_task(self._read(stream))

    async def _read(self, stream: Any) -> None:
        async with aclosing(stream):
            try:
                async for streamed in stream:
                    self.told.append(streamed)
            except ReadFailed as error:
                self.error = error

    async def until(self, check: Callable[[StreamedQuote], bool]) -> StreamedQuote:
        """The first quote that fits, of all that were told."""

        def first() -> StreamedQuote | None:
            assert self.error is None, self.error
            return next(filter(check, self.told), None)

        found = await eventually(first)
        assert found is not None
        return found

    async def ended(self) -> ReadFailed:
        """How the stream ended; fails if it does not."""
        async with asyncio.timeout(WAIT_S):
            await self._task
        assert isinstance(self.error, ReadFailed)
        return self.error

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def reading(built: Rig, instruments: Sequence[Instrument]) -> AsyncIterator[Reading]:
    read = Reading(built.gateway.stream_quotes(instruments))
    try:
        yield read
    finally:
        await read.stop()


def bids(price: str) -> Callable[[StreamedQuote], bool]:
    return lambda streamed: streamed.quote.bid_price == Decimal(price)


def _is_frozen(instrument: Instrument, streamed: StreamedQuote) -> bool:
    return streamed.quote.instrument == instrument and streamed.quote.quality is FROZEN


def _is_after_gap(instrument: Instrument, streamed: StreamedQuote) -> bool:
    return streamed.quote.instrument == instrument and streamed.after_gap


def is_of(quality: QuoteQuality) -> Callable[[StreamedQuote], bool]:
    return lambda streamed: streamed.quote.quality is quality


async def test_a_stream_begins_with_the_present_quote_and_moves(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built, reading(built, [SPY, PUT]) as read:
        first = await read.until(lambda streamed: streamed.quote.instrument == SPY)
        assert first.quote.quality is REALTIME
        assert first.quote.bid_qty is not None
        assert first.quote.age_s is not None
        await read.until(lambda streamed: streamed.quote.instrument == PUT)
        move(simulated, "411.5")
        moved = await read.until(bids("411.5"))
        assert moved.quote.ask_price == Decimal("411.55")
        assert not any(streamed.after_gap for streamed in read.told)


async def test_readers_of_an_instrument_share_one_line(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built, reading(built, [SPY]) as first:
        await first.until(is_of(REALTIME))
        async with reading(built, [SPY]) as second:
            await second.until(is_of(REALTIME))
            assert lines(simulated) == 1
            move(simulated, "411.5")
            await asyncio.gather(first.until(bids("411.5")), second.until(bids("411.5")))
        move(simulated, "405.5")
        await first.until(bids("405.5"))
        assert asked(simulated, "reqMktData") == 1
        await first.stop()
        await eventually(lambda: lines(simulated) == 0)
        assert asked(simulated, "cancelMktData") == 1


async def test_while_the_link_is_lost_a_quote_is_frozen(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built, reading(built, [SPY]) as read:
        await read.until(is_of(REALTIME))
        simulated.control.do("connectivity", code=1100)
        stale = await read.until(is_of(FROZEN))
        assert stale.quote.bid_price == read.told[0].quote.bid_price
        move(simulated, "411.5")
        simulated.control.do("connectivity", code=1102)
        fresh = await read.until(bids("411.5"))
        assert fresh.quote.quality is REALTIME
        assert next(s for s in read.told if s.after_gap).quote.quality is REALTIME
        assert asked(simulated, "reqMktData") == 2


async def test_a_line_is_asked_for_anew_when_its_data_were_lost(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built, reading(built, [SPY]) as read:
        await read.until(is_of(REALTIME))
        simulated.control.do("connectivity", code=1101)
        await read.until(is_of(FROZEN))
        again = await read.until(lambda streamed: streamed.after_gap)
        assert again.quote.quality is REALTIME


async def test_while_the_farm_of_its_data_is_broken_a_quote_is_frozen(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built, reading(built, [SPY]) as read:
        await read.until(is_of(REALTIME))
        simulated.control.do("connectivity", code=2103)
        await read.until(is_of(FROZEN))
        move(simulated, "411.5")
        simulated.control.do("connectivity", code=2104)
        fresh = await read.until(bids("411.5"))
        assert fresh.quote.quality is REALTIME
        assert next(s for s in read.told if s.after_gap).quote.quality is REALTIME


async def test_a_stream_goes_on_over_a_reconnect(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built, reading(built, [SPY, PUT]) as read:
        await eventually(lambda: len(read.told) >= 2)
        simulated.control.do("disconnect", ends="reset")
        for instrument in (SPY, PUT):
            await read.until(partial(_is_frozen, instrument))
            await read.until(partial(_is_after_gap, instrument))
        move(simulated, "411.5")
        await read.until(bids("411.5"))
        assert lines(simulated) == 2


async def test_a_stream_that_is_lost_for_long_ends_with_an_error(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    settings = settings_for(port, data={"lost_s": 0.5})
    async with rig(settings, log) as built, reading(built, [SPY]) as read:
        await read.until(is_of(REALTIME))
        simulated.control.do("connectivity", code=1100)
        error = await read.ended()
        assert error.reason is Reason.VENUE_UNAVAILABLE
        assert read.told[-1].quote.quality is FROZEN


async def test_a_line_that_is_never_answered_ends_with_an_error(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    settings = settings_for(port, data={"lost_s": 0.5})
    fault(simulated, "drop_request", method="reqMktData", ends="hang", times=1000)
    async with rig(settings, log) as built, reading(built, [SPY]) as read:
        error = await read.ended()
        assert error.reason is Reason.VENUE_UNAVAILABLE
        assert read.told == []


@pytest.mark.parametrize(
    ("have", "kind", "reason"),
    [
        ("none", "delayed", Reason.NOT_PERMITTED),
        ("delayed", "realtime", Reason.NOT_PERMITTED),
        ("tws_only", "realtime", Reason.NOT_PERMITTED),
        ("competing", "delayed", Reason.VENUE_UNAVAILABLE),
    ],
)
async def test_a_stream_that_ib_refuses_ends_with_its_word(
    have: str, kind: str, reason: Reason, ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    simulated.control.set_option("market_data", have)
    async with (
        rig(settings_for(port, data={"kind": kind}), log) as built,
        reading(built, [SPY]) as read,
    ):
        assert (await read.ended()).reason is reason


async def test_delayed_quotes_say_so(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    simulated.control.set_option("market_data", "delayed")
    async with rig(settings_for(port), log) as built, reading(built, [SPY]) as read:
        told = await read.until(lambda streamed: True)
        assert told.quote.quality is QuoteQuality.DELAYED
        assert (told.quote.venue_time, told.quote.age_s) == (None, None)


async def test_a_stream_of_what_ib_does_not_know_is_refused(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built, reading(built, [SPY, NO_WHERE]) as read:
        assert (await read.ended()).reason is Reason.INSTRUMENT_NOT_FOUND


async def test_more_instruments_than_there_are_lines_are_refused(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    settings = settings_for(port, data={"lines_max": 3, "snapshots_max": 2})
    async with rig(settings, log) as built, reading(built, [SPY]) as read:
        await read.until(is_of(REALTIME))
        async with reading(built, [PUT]) as refused:
            error = await refused.ended()
        assert error.reason is Reason.RATE_LIMITED
        move(simulated, "411.5")
        await read.until(bids("411.5"))


async def test_a_line_too_many_for_ib_is_refused_by_its_word(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    fault(simulated, "error", method="reqMktData", code=101, text="Max number of tickers")
    async with rig(settings_for(port), log) as built, reading(built, [SPY]) as read:
        assert (await read.ended()).reason is Reason.RATE_LIMITED


async def test_closing_the_gateway_ends_its_streams(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built, reading(built, [SPY]) as read:
        await read.until(is_of(REALTIME))
        await built.gateway.close()
        await eventually(lambda: read._task.done())
