"""What is asked about contracts, the account and the market; all of it, or ReadFailed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.common.adapter.pacer import Priority
from services.common.domain.errors import ReadFailed, Reason
from services.common.runtime.broker_calls import broker_span
from services.ib_adapter.account_words import AccountWord, Holding, PortfolioWord
from services.ib_adapter.asking import BROKER, Asking, bounded_s
from services.ib_adapter.library import BarData, Contract, ContractDetails
from services.ib_adapter.pending import Named, RequestRefused
from services.ib_adapter.ticks import TickLine, Ticks


@dataclass(frozen=True, slots=True)
class HistoryAsk:
    """What of a contract's past is asked for, in IB's words; `end` is UTC text."""

    contract: Contract
    end: str
    duration: str
    bar_size: str
    what: str
    regular_hours: bool


@dataclass(frozen=True, slots=True)
class Need:
    """Which ticks are waited for: all of these, or `then_s` longer once they will do."""

    is_all: Callable[[Ticks], bool]
    will_do: Callable[[Ticks], bool]
    then_s: float = 0.0


class DataRequests(Asking):
    """Reads over one connection. Used on the event loop's thread only."""

    # -- the account -------------------------------------------------------------------------

    async def positions(self, account: str) -> list[Holding]:
        """The positions of an account; the last word on each."""
        rows = await self._read(Named.POSITIONS, self._wire.client.reqPositions)
        latest = {row[1].conId: row for row in rows if row[0] == account}
        return list(latest.values())

    async def account(self, account: str) -> AccountWord:
        """The values of an account and what its holdings are worth, to the end of the download."""
        client = self._wire.client

        async def ask() -> Any:
            # Two messages: that it may begin, and that it may end.
            await self._take(Priority.READ, self._terms.pace_s)
            await self._take(Priority.READ, self._terms.pace_s)
            try:
                return await self._named(
                    Named.ACCOUNT,
                    lambda: client.reqAccountUpdates(subscribe=True, acctCode=account),
                    self._terms.answer_s,
                )
            finally:
                # Else the Gateway goes on sending them, and the next answer would not be whole.
                if self._wire.is_open:
                    client.reqAccountUpdates(subscribe=False, acctCode=account)

        rows = await self._serial[Named.ACCOUNT].run(ask)
        holdings = [row for row in rows if isinstance(row, PortfolioWord)]
        latest = {word.contract.conId: word for word in holdings if word.account == account}
        values = [row for row in rows if not isinstance(row, PortfolioWord) and row[0] == account]
        return AccountWord(values, list(latest.values()))

    # -- contracts ---------------------------------------------------------------------------

    async def contract_details(
        self, contract: Contract, *, is_data: bool = False
    ) -> list[ContractDetails]:
        """All contracts that fit. RequestRefused 200 if there is none. `is_data`: they are wanted
        for a list, and not for an order."""
        found: list[ContractDetails] = await self._numbered(
            "reqContractDetails",
            lambda number: self._wire.client.reqContractDetails(number, contract),
            is_data=is_data,
        )
        return found

    async def option_parameters(
        self, symbol: str, sec_type: str, con_id: int
    ) -> list[tuple[str, str, tuple[str, ...]]]:
        """(exchange, trading class, expiries) of the options on an underlying."""
        found: list[tuple[str, str, tuple[str, ...]]] = await self._numbered(
            "reqSecDefOptParams",
            lambda number: self._wire.client.reqSecDefOptParams(
                number, symbol, "", sec_type, con_id
            ),
            is_data=True,
        )
        return found

    # -- the past ----------------------------------------------------------------------------

    async def history(self, ask: HistoryAsk, within_s: float) -> list[BarData]:
        """Bars, as IB gives them. RequestRefused 162 if it has none, among other things."""
        bars: list[BarData] = await self._historical("reqHistoricalData", ask, within_s)
        return bars

    async def schedule(self, ask: HistoryAsk, within_s: float) -> tuple[str, list[Any]]:
        """The zone's name and the sessions of days gone by."""
        rows = await self._historical("reqHistoricalSchedule", ask, within_s)
        zone, sessions = rows[-1]
        return zone, sessions

    async def _historical(self, name: str, ask: HistoryAsk, within_s: float) -> Any:
        client = self._wire.client

        def send(number: int) -> None:
            client.reqHistoricalData(
                number,
                ask.contract,
                ask.end,
                ask.duration,
                ask.bar_size,
                ask.what,
                ask.regular_hours,
                formatDate=2,
                keepUpToDate=False,
                chartOptions=[],
            )

        return await self._numbered(
            name, send, within_s=within_s, cancel=client.cancelHistoricalData, is_data=True
        )

    # -- the present -------------------------------------------------------------------------

    def market_data_type(self, number: int) -> None:
        """Say which data to send where the account has no live data."""
        self._wire.client.reqMarketDataType(number)

    async def snapshot(self, contract: Contract, need: Need, within_s: float) -> tuple[Ticks, bool]:
        """The ticks of a quote, and whether they are all that IB has or what is needed; else the
        time, `within_s` or the caller's, was over first.

        Raises RequestRefused if the Gateway refuses it.
        """
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def look(line: TickLine) -> None:
            nonlocal timer
            if need.is_all(line.ticks):
                line.finish(by_gateway=False)
            elif timer is None and need.will_do(line.ticks):
                timer = loop.call_later(need.then_s, partial(line.finish, by_gateway=False))

        await self._take_line()
        limit_s = bounded_s(within_s)
        with broker_span(BROKER, "reqMktData", clock=self._clock):
            async with self._line(contract, TickLine(look), is_snapshot=True) as line:
                try:
                    async with asyncio.timeout(limit_s):
                        await asyncio.shield(line.done)
                except TimeoutError:
                    return line.ticks, False
                finally:
                    if timer is not None:
                        timer.cancel()
                return line.ticks, True

    @asynccontextmanager
    async def stream(
        self, contract: Contract, on_tick: Callable[[TickLine], None]
    ) -> AsyncIterator[TickLine]:
        """Subscribe to the ticks of a contract while the block lasts; `done` of the line raises
        RequestRefused if the Gateway refuses, and ReadFailed once ticks may be missing."""
        await self._take_line()
        async with self._line(contract, TickLine(on_tick), is_snapshot=False) as line:
            yield line

    async def _take_line(self) -> None:
        """Wait until one may be asked for, and those before it are given back."""
        try:
            await self._given_back.settled(bounded_s(self._terms.answer_s))
        except TimeoutError as error:
            text = "market data lines are still being given back"
            raise ReadFailed(text, reason=Reason.RATE_LIMITED, retry_after_s=1.0) from error
        await self._take_data()

    @asynccontextmanager
    async def _line(
        self, contract: Contract, line: TickLine, *, is_snapshot: bool
    ) -> AsyncIterator[TickLine]:
        number = self._begin()
        self._pending.listen(number, line)
        try:
            self._wire.client.reqMktData(
                number,
                contract,
                genericTickList="",
                snapshot=is_snapshot,
                regulatorySnapshot=False,
                mktDataOptions=[],
            )
            yield line
        finally:
            self._pending.give_up(number)
            # One that the Gateway itself has ended or refused is not there to be canceled.
            if not _ended_by_gateway(line):
                self._given_back.put(partial(self._wire.client.cancelMktData, number))


def _ended_by_gateway(line: TickLine) -> bool:
    if not line.done.done() or line.done.cancelled():
        return False
    error = line.done.exception()
    return line.done.result() if error is None else isinstance(error, RequestRefused)
