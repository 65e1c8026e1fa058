"""Market data of shares: /v2/stocks, latest and historical."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from simulators.alpaca.data_json import (
    bar_json,
    stock_quote,
    stock_trade,
    timed,
    trade_px,
)
from simulators.alpaca.data_requests import (
    DataProblem,
    Items,
    Span,
    frame_of,
    limit_of,
    page_of,
    span_of,
    stock_feed,
    stock_refusal,
    symbols_of,
)
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.market import Market
from simulators.alpaca.router import Call, Router
from simulators.venue.bars import Bar, Frame, Unit
from simulators.venue.instruments import Equity
from simulators.venue.quotes import Quote

_DELAY = timedelta(minutes=15)
_WEEK = timedelta(days=7)
_ADJUSTMENTS = ("raw", "split", "dividend", "all", "spin-off")
_MINUTE = Frame(Unit.MINUTE)
_DAY = Frame(Unit.DAY)

_ROOT = "/v2/stocks"
ItemsOf = Callable[[Call, str], Items]
Maker = Callable[[Equity, str], dict[str, Any] | None]


class StockData:
    """What data.alpaca.markets serves of shares. A symbol that has no data is left out."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._venue = market.venue

    def add_to(self, router: Router) -> None:
        for path, one, many, make in (
            ("quotes/latest", "quote", "quotes", self._quote),
            ("trades/latest", "trade", "trades", self._trade),
            ("bars/latest", "bar", "bars", self._minute_bar),
        ):
            router.add("GET", f"{_ROOT}/{path}", self._latest_of_many(many, make))
            router.add("GET", f"{_ROOT}/{{symbol}}/{path}", self._latest_of_one(one, make))
        router.add("GET", f"{_ROOT}/snapshots", self._snapshots)
        router.add("GET", f"{_ROOT}/{{symbol}}/snapshot", self._snapshot)
        for name, items in (
            ("bars", self._bar_items),
            ("quotes", self._quote_items),
            ("trades", self._trade_items),
        ):
            router.add("GET", f"{_ROOT}/{name}", self._history(name, items))
            router.add("GET", f"{_ROOT}/{{symbol}}/{name}", self._history(name, items))

    def _latest_of_many(self, name: str, make: Maker) -> Callable[[Call], HttpResponse]:
        def answer(call: Call) -> HttpResponse:
            symbols = symbols_of(call)
            feed = stock_feed(call, self._market.feeds, latest=True)
            return json_response(200, {name: self._found(symbols, feed, make)})

        return answer

    def _latest_of_one(self, name: str, make: Maker) -> Callable[[Call], HttpResponse]:
        def answer(call: Call) -> HttpResponse:
            symbols = symbols_of(call)
            feed = stock_feed(call, self._market.feeds, latest=True)
            found = self._found(symbols, feed, make)
            if symbols[0] not in found:
                raise DataProblem(404, f"no {name} found for {symbols[0]}")
            return json_response(200, {"symbol": symbols[0], name: found[symbols[0]]})

        return answer

    def _found(self, symbols: list[str], feed: str, make: Maker) -> dict[str, Any]:
        told = {}
        for symbol in symbols:
            share = self._market.catalog.find(symbol)
            content = make(share, feed) if isinstance(share, Equity) else None
            if content is not None:
                told[symbol] = content
        return told

    def _quote(self, share: Equity, feed: str) -> dict[str, Any] | None:
        quote = self._seen(share, feed)
        if quote is None:
            return None
        return timed(self._venue.quoted_at(quote), stock_quote(quote, share, feed))

    def _trade(self, share: Equity, feed: str) -> dict[str, Any] | None:
        quote = self._seen(share, feed)
        if quote is None:
            return None
        at = self._venue.quoted_at(quote)
        return timed(at, stock_trade(trade_px(quote), at, share, feed))

    def _seen(self, share: Equity, feed: str) -> Quote | None:
        """The quote that a feed shows: the delayed one is as old as it says."""
        quote = self._venue.quotes.find(share.symbol)
        if quote is None or feed != "delayed_sip":
            return quote
        at = self._venue.quoted_at(quote) - _DELAY
        cents = self._market.tape.price_at(share.symbol, at)
        if cents is None:
            return None
        shift = Decimal(cents) / 100 - trade_px(quote)
        return replace(quote, bid=quote.bid + shift, ask=quote.ask + shift, at=at, frozen=True)

    def _minute_bar(self, share: Equity, feed: str) -> dict[str, Any] | None:
        bar = self._last(share, _MINUTE)
        return bar_json(bar) if bar is not None else None

    def _last(self, share: Equity, frame: Frame, before: datetime | None = None) -> Bar | None:
        now = self._venue.now
        last = before or now
        bars = self._market.bars.between(
            share.symbol, frame, last - _WEEK, last, now, descending=True
        )
        return next(bars, None)

    def _snapshots(self, call: Call) -> HttpResponse:
        symbols = symbols_of(call)
        feed = stock_feed(call, self._market.feeds, latest=True)
        return json_response(200, self._found(symbols, feed, self._shot))

    def _snapshot(self, call: Call) -> HttpResponse:
        symbol = symbols_of(call)[0]
        feed = stock_feed(call, self._market.feeds, latest=True)
        found = self._found([symbol], feed, self._shot)
        if symbol not in found:
            raise DataProblem(404, f"no snapshot found for {symbol}")
        return json_response(200, {"symbol": symbol, **found[symbol]})

    def _shot(self, share: Equity, feed: str) -> dict[str, Any] | None:
        quote = self._quote(share, feed)
        if quote is None:
            return None
        daily = self._last(share, _DAY)
        before = None
        if daily is not None:
            before = self._last(share, _DAY, daily.at - timedelta(minutes=1))
        return {
            "latestTrade": self._trade(share, feed),
            "latestQuote": quote,
            "minuteBar": self._minute_bar(share, feed),
            "dailyBar": bar_json(daily) if daily is not None else None,
            "prevDailyBar": bar_json(before) if before is not None else None,
        }

    def _history(self, name: str, items: ItemsOf) -> Callable[[Call], HttpResponse]:
        def answer(call: Call) -> HttpResponse:
            symbols, limit = symbols_of(call), limit_of(call)
            feed = stock_feed(call, self._market.feeds, latest=False)
            of_call = items(call, feed)
            span = span_of(call, self._venue.now, stock_refusal(feed, self._market.feeds))
            told, token = page_of(call, symbols, span, limit, of_call)
            if "symbol" not in call.values:
                return json_response(200, {name: told, "next_page_token": token})
            symbol = symbols[0]
            content = {name: told.get(symbol, []), "symbol": symbol, "next_page_token": token}
            return json_response(200, content)

        return answer

    def _bar_items(self, call: Call, feed: str) -> Items:
        frame = frame_of(call)
        adjustment = call.query("adjustment", "raw")
        if any(part not in _ADJUSTMENTS for part in adjustment.split(",")):
            raise DataProblem(400, f"invalid adjustment: {adjustment}")
        return lambda symbol, span: (
            (bar.at, bar_json(bar)) for bar in self._bars(symbol, frame, span)
        )

    def _quote_items(self, call: Call, feed: str) -> Items:
        return lambda symbol, span: self._each_minute(symbol, span, feed, trades=False)

    def _trade_items(self, call: Call, feed: str) -> Items:
        return lambda symbol, span: self._each_minute(symbol, span, feed, trades=True)

    def _bars(self, symbol: str, frame: Frame, span: Span) -> Iterator[Bar]:
        if not isinstance(self._market.catalog.find(symbol), Equity):
            return iter(())
        return self._market.bars.between(
            symbol, frame, span.first, span.last, self._venue.now, descending=span.descending
        )

    def _each_minute(
        self, symbol: str, span: Span, feed: str, *, trades: bool
    ) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """One quote or trade at the beginning of each minute: the tape has no more than that."""
        share = self._market.catalog.find(symbol)
        for bar in self._bars(symbol, _MINUTE, span):
            assert isinstance(share, Equity)
            px = Decimal(bar.open) / 100
            if trades:
                yield bar.at, timed(bar.at, stock_trade(px, bar.at, share, feed))
            else:
                cent = Decimal("0.01")
                quote = Quote(symbol, px - cent, px + cent, bar.at)
                yield bar.at, timed(bar.at, stock_quote(quote, share, feed))
