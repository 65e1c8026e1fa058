"""What comes in about the account, contracts and the market: rows of answers, and ticks.

The base of `Hearing`; the names of the methods are the library's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.ib_adapter.account_words import PortfolioWord
from services.ib_adapter.pending import Named, Pending
from services.ib_adapter.ticks import Ticks, computed_greeks


class DataHearing:
    """The ears for what was asked for; nothing here is news that nobody waits for."""

    def __init__(self, pending: Pending) -> None:
        self._pending = pending

    # -- account, contracts, time ------------------------------------------------------------

    def positions_moved(self) -> None:
        """A position was told that nobody has asked for now: it has changed."""

    def position(self, account: str, contract: Any, posSize: float, avgCost: float) -> None:
        if Named.POSITIONS not in self._pending:
            self.positions_moved()
        self._pending.row(Named.POSITIONS, (account, contract, posSize, avgCost))

    def positionEnd(self) -> None:
        self._pending.end(Named.POSITIONS)

    def updateAccountValue(self, tag: str, val: str, currency: str, account: str) -> None:
        self._pending.row(Named.ACCOUNT, (account, tag, currency, val))

    def updatePortfolio(
        self,
        contract: Any,
        posSize: float,
        marketPrice: float,
        marketValue: float,
        _averageCost: float,
        unrealizedPNL: float,
        _realizedPNL: float,
        account: str,
    ) -> None:
        word = PortfolioWord(account, contract, posSize, marketPrice, marketValue, unrealizedPNL)
        self._pending.row(Named.ACCOUNT, word)

    def accountDownloadEnd(self, _account: str) -> None:
        self._pending.end(Named.ACCOUNT)

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:
        self._pending.row(reqId, contractDetails)

    bondContractDetails = contractDetails

    def contractDetailsEnd(self, reqId: int) -> None:
        self._pending.end(reqId)

    def securityDefinitionOptionParameter(
        self,
        reqId: int,
        exchange: str,
        _underlyingConId: str,
        tradingClass: str,
        _multiplier: str,
        expirations: list[str],
        _strikes: list[float],
    ) -> None:
        self._pending.row(reqId, (exchange, tradingClass, tuple(expirations)))

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:
        self._pending.end(reqId)

    def currentTime(self, time: int) -> None:
        self._pending.row(Named.TIME, datetime.fromtimestamp(time, UTC))
        self._pending.end(Named.TIME)

    # -- history -----------------------------------------------------------------------------

    def historicalData(self, reqId: int, bar: Any) -> None:
        self._pending.row(reqId, bar)

    def historicalDataEnd(self, reqId: int, _start: str, _end: str) -> None:
        self._pending.end(reqId)

    def historicalSchedule(
        self, reqId: int, _start: str, _end: str, timeZone: str, sessions: list[Any]
    ) -> None:
        self._pending.row(reqId, (timeZone, sessions))
        self._pending.end(reqId)

    # -- ticks -------------------------------------------------------------------------------

    def tickReqParams(self, reqId: int, *_params: Any) -> None:
        """The first word on a request, though no price may be there yet."""
        self._pending.tick(reqId, lambda _ticks: None)

    def priceSizeTick(self, reqId: int, tickType: int, price: float, size: float) -> None:
        self._pending.tick(reqId, lambda ticks: ticks.take_price(tickType, price, size))

    def tickSize(self, reqId: int, tickType: int, size: float) -> None:
        self._pending.tick(reqId, lambda ticks: ticks.take_size(tickType, size))

    def tickString(self, reqId: int, tickType: int, value: str) -> None:
        self._pending.tick(reqId, lambda ticks: ticks.take_text(tickType, value))

    def tickGeneric(self, reqId: int, tickType: int, value: float) -> None:
        self._pending.tick(reqId, lambda ticks: ticks.take_generic(tickType, value))

    def marketDataType(self, reqId: int, marketDataId: int) -> None:
        self._pending.tick(reqId, lambda ticks: ticks.take_type(marketDataId))

    def tickOptionComputation(
        self,
        reqId: int,
        tickType: int,
        _tickAttrib: int,
        impliedVol: float,
        delta: float,
        _optPrice: float,
        _pvDividend: float,
        gamma: float,
        vega: float,
        theta: float,
        _undPrice: float,
    ) -> None:
        greeks = computed_greeks(impliedVol, delta, gamma, vega, theta)

        def take(ticks: Ticks) -> None:
            ticks.take_greeks(tickType, greeks)

        self._pending.tick(reqId, take)

    def tickSnapshotEnd(self, reqId: int) -> None:
        self._pending.end(reqId)
