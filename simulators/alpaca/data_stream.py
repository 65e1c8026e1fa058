"""The data websockets: every quote of the venue, a trade with it, and a bar each minute."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from simulators.alpaca.data_json import (
    bar_prices,
    option_quote,
    option_trade,
    stock_quote,
    stock_trade,
    trade_px,
)
from simulators.alpaca.data_session import DataSession, Message
from simulators.alpaca.market import Market
from simulators.venue import trading_calendar as calendar
from simulators.venue.bars import Bar, Frame, Unit
from simulators.venue.instruments import Equity, OptionContract
from simulators.venue.quotes import Quote

PATHS = (
    "/v2/iex",
    "/v2/sip",
    "/v2/test",
    "/v1beta1/indicative",
    "/v1beta1/opra",
)
_AUTH_TIMEOUT_S = 10.0
_TEST_EVERY_S = 1.0
_TEST_SYMBOL = "FAKEPACA"
_STOCKS_MAX, _OPTIONS_MAX, _PAID_OPTIONS_MAX = 30, 200, 1000
_MINUTE = timedelta(minutes=1)
_MINUTE_BARS, _DAY_BARS = Frame(Unit.MINUTE), Frame(Unit.DAY)


class DataStreams:
    """Every connected client of the data streams, on all paths."""

    def __init__(self, market: Market, is_key: Callable[[str, str], bool]) -> None:
        self._market = market
        self._venue = market.venue
        self._is_key = is_key
        self._sessions: dict[DataSession, None] = {}
        self.is_muted = False
        """Whether nothing is pushed: the clients stay connected and hear nothing (a fault)."""
        self.refuse_next = 0
        """How many of the next clients are refused (a fault)."""
        market.venue.subscribe_to_quotes(self._quoted)
        market.venue.repeat(calendar.next_minute, self._minute)

    @property
    def session_count(self) -> int:
        """How many clients are connected."""
        return len(self._sessions)

    def connect(self, path: str, headers: Mapping[str, str]) -> DataSession | None:
        """A session for a new client of that path; None if it is to be refused.

        Args:
            headers: Those of the handshake, with names in lower case.
        """
        if self.refuse_next:
            self.refuse_next -= 1
            return None
        session = DataSession(path.rstrip("/"), headers, self._admit, self._limit)
        self._sessions[session] = None
        return session

    def disconnected(self, session: DataSession) -> None:
        """The client is gone."""
        self._sessions.pop(session, None)
        session.end()

    def disconnect_all(self) -> int:
        """Ends all sessions; returns how many there were."""
        sessions = list(self._sessions)
        for session in sessions:
            self.disconnected(session)
        return len(sessions)

    async def attend(self, session: DataSession) -> None:
        """What takes time for a client: its time-out, and the test feed. Runs until canceled."""
        await asyncio.sleep(_AUTH_TIMEOUT_S)
        session.auth_timed_out()

    async def pulse(self, session: DataSession) -> None:
        """A quote and a trade of the test symbol each second. Runs until canceled."""
        draw = self._venue.randomness.stream("test_feed")
        while True:
            await asyncio.sleep(_TEST_EVERY_S)
            px = Decimal(draw.randint(13300, 13500)) / 100
            now = self._venue.now
            quote = Quote(_TEST_SYMBOL, px, px + Decimal("0.05"), now)
            share = Equity(_TEST_SYMBOL, exchange="NASDAQ")
            self._push(session, self._of_stock(session, quote, share, now))

    def _admit(self, session: DataSession, key: str, secret: str) -> int:
        if not self._is_key(key, secret):
            return 402
        feeds = self._market.feeds
        if session.path == "/v2/sip" and feeds.stock != "sip":
            return 409
        if session.path == "/v1beta1/opra" and feeds.option != "opra":
            return 409
        taken = any(s.is_authenticated and s.path == session.path for s in self._sessions)
        return 406 if taken else 0

    def _limit(self, session: DataSession) -> int:
        """How many symbols of trades and quotes together; 0 for any number."""
        if session.is_option:
            is_paid = self._market.feeds.option == "opra"
            return _PAID_OPTIONS_MAX if is_paid else _OPTIONS_MAX
        is_free = self._market.feeds.stock == "iex" and not session.is_test
        return _STOCKS_MAX if is_free else 0

    def _quoted(self, quote: Quote) -> None:
        if not self._sessions:
            return
        instrument, at = self._market.catalog.find(quote.symbol), self._venue.quoted_at(quote)
        for session in list(self._sessions):
            if session.is_test:
                continue
            if isinstance(instrument, OptionContract) and session.is_option:
                self._push(session, self._of_option(session, quote, at))
            elif isinstance(instrument, Equity) and session.is_option:
                self._push(session, self._followers(session, quote.symbol))
            elif isinstance(instrument, Equity):
                self._push(session, self._of_stock(session, quote, instrument, at))

    def _of_stock(
        self, session: DataSession, quote: Quote, share: Equity, at: datetime
    ) -> list[Message]:
        symbol, messages = quote.symbol, []
        feed = session.path.rpartition("/")[2]
        if session.wants("quotes", symbol):
            messages.append(_message("q", symbol, stock_quote(quote, share, feed), at))
        if session.wants("trades", symbol):
            trade = stock_trade(trade_px(quote), at, share, feed)
            messages.append(_message("t", symbol, trade, at))
        return messages

    @staticmethod
    def _of_option(session: DataSession, quote: Quote, at: datetime) -> list[Message]:
        symbol, messages = quote.symbol, []
        if session.wants("quotes", symbol):
            messages.append(_message("q", symbol, option_quote(quote), at))
        if session.wants("trades", symbol):
            messages.append(_message("t", symbol, option_trade(trade_px(quote)), at))
        return messages

    def _followers(self, session: DataSession, underlying: str | None) -> list[Message]:
        """New quotes of the contracts that the model quotes, of one underlying or of all."""
        messages: list[Message] = []
        for symbol in {*session.subscribed["quotes"], *session.subscribed["trades"]}:
            contract = self._market.catalog.find(symbol)
            if not isinstance(contract, OptionContract) or not self._venue.quotes.is_model(symbol):
                continue
            if underlying in (None, contract.underlying):
                messages += self._if_new(session, symbol)
        return sorted(messages, key=lambda message: str(message["S"]))

    def _if_new(self, session: DataSession, symbol: str) -> list[Message]:
        quote = self._venue.quotes.find(symbol)
        if quote is None:
            return []
        now, before = self._venue.now, session.last_quotes.get(symbol)
        if before is not None and replace(before, at=quote.at) == quote:
            return []
        session.last_quotes[symbol] = quote
        return self._of_option(session, quote, now)

    def _minute(self) -> None:
        """Bars of the minute that has just ended, and what options lost in it."""
        for session in list(self._sessions):
            if session.is_test:
                continue
            if session.is_option:
                self._push(session, self._followers(session, None))
            else:
                self._push(session, self._bars(session))

    def _bars(self, session: DataSession) -> list[Message]:
        messages = []
        for share in self._market.catalog.equities():
            for channel, name, frame in (
                ("bars", "b", _MINUTE_BARS),
                ("dailyBars", "d", _DAY_BARS),
            ):
                if session.wants(channel, share.symbol):
                    bar = self._last_bar(share.symbol, frame)
                    if bar is not None:
                        messages.append(_message(name, share.symbol, bar_prices(bar), bar.at))
        return messages

    def _last_bar(self, symbol: str, frame: Frame) -> Bar | None:
        now = self._venue.now
        first = now - _MINUTE if frame is _MINUTE_BARS else now - timedelta(days=1)
        bars = self._market.bars.between(symbol, frame, first, now, now, descending=True)
        return next(bars, None)

    def _push(self, session: DataSession, messages: Iterable[Message]) -> None:
        listed = list(messages)
        if listed and not self.is_muted:
            session.push(listed)


def _message(kind: str, symbol: str, content: dict[str, Any], at: datetime) -> Message:
    return {"T": kind, "S": symbol, **content, "t": at}
