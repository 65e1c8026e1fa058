"""Market data of options: /v1beta1/options, quotes, trades, bars, snapshots and whole chains."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from simulators.alpaca.contract_filters import ContractFilters
from simulators.alpaca.data_json import (
    bar_json,
    option_quote,
    option_trade,
    timed,
    trade_px,
    valuation_json,
)
from simulators.alpaca.data_requests import (
    DataProblem,
    Span,
    frame_of,
    limit_of,
    no_opra,
    option_feed,
    page_of,
    read_token,
    span_of,
    symbols_of,
    write_token,
)
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.market import Market
from simulators.alpaca.problems import ApiProblem
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import read_time
from simulators.venue import trading_calendar as calendar
from simulators.venue.bars import Frame, Unit
from simulators.venue.instruments import OptionContract
from simulators.venue.quotes import Quote

_ROOT = "/v1beta1/options"
_SYMBOLS_MAX = 100
_SNAPSHOTS_DEFAULT, _SNAPSHOTS_MAX = 100, 1000
_MINUTE = Frame(Unit.MINUTE)


class OptionData:
    """What data.alpaca.markets serves of options. A symbol that has no data is left out."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._venue = market.venue

    def add_to(self, router: Router) -> None:
        router.add("GET", f"{_ROOT}/quotes/latest", self._latest("quotes", self._quote))
        router.add("GET", f"{_ROOT}/trades/latest", self._latest("trades", self._trade))
        router.add("GET", f"{_ROOT}/bars", self._bars)
        router.add("GET", f"{_ROOT}/trades", self._trades)
        router.add("GET", f"{_ROOT}/snapshots", self._snapshots)
        router.add("GET", f"{_ROOT}/snapshots/{{underlying}}", self._chain)

    def _latest(
        self, name: str, make: Callable[[str], dict[str, Any] | None]
    ) -> Callable[[Call], HttpResponse]:
        def answer(call: Call) -> HttpResponse:
            symbols = symbols_of(call, _SYMBOLS_MAX)
            option_feed(call, self._market.feeds)
            found = {symbol: made for symbol in symbols if (made := make(symbol)) is not None}
            return json_response(200, {name: found})

        return answer

    def _quote(self, symbol: str) -> dict[str, Any] | None:
        quote = self._found(symbol)
        return (
            timed(self._venue.quoted_at(quote), option_quote(quote)) if quote is not None else None
        )

    def _trade(self, symbol: str) -> dict[str, Any] | None:
        quote = self._found(symbol)
        return (
            timed(self._venue.quoted_at(quote), option_trade(trade_px(quote)))
            if quote is not None
            else None
        )

    def _timed(
        self, quote: Quote | None, make: Callable[[Quote], dict[str, Any]]
    ) -> dict[str, Any] | None:
        return timed(self._venue.quoted_at(quote), make(quote)) if quote is not None else None

    def _found(self, symbol: str) -> Quote | None:
        return self._venue.quotes.find(symbol) if self._is_option(symbol) else None

    def _is_option(self, symbol: str) -> bool:
        return isinstance(self._market.catalog.find(symbol), OptionContract)

    def _bars(self, call: Call) -> HttpResponse:
        symbols, limit, frame = symbols_of(call, _SYMBOLS_MAX), limit_of(call), frame_of(call)

        def items(symbol: str, span: Span) -> Iterator[tuple[datetime, dict[str, Any]]]:
            return ((bar.at, bar_json(bar)) for bar in self._between(symbol, frame, span))

        bars, token = page_of(call, symbols, self._span(call), limit, items)
        return json_response(200, {"bars": bars, "next_page_token": token})

    def _trades(self, call: Call) -> HttpResponse:
        symbols, limit = symbols_of(call, _SYMBOLS_MAX), limit_of(call)

        def items(symbol: str, span: Span) -> Iterator[tuple[datetime, dict[str, Any]]]:
            for bar in self._between(symbol, _MINUTE, span):
                yield bar.at, timed(bar.at, option_trade(Decimal(bar.open) / 100))

        trades, token = page_of(call, symbols, self._span(call), limit, items)
        return json_response(200, {"trades": trades, "next_page_token": token})

    def _span(self, call: Call) -> Span:
        refusal = no_opra() if self._market.feeds.option != "opra" else None
        return span_of(call, self._venue.now, refusal)

    def _between(self, symbol: str, frame: Frame, span: Span) -> Iterator[Any]:
        if not self._is_option(symbol):
            return iter(())
        return self._market.bars.between(
            symbol, frame, span.first, span.last, self._venue.now, descending=span.descending
        )

    def _snapshots(self, call: Call) -> HttpResponse:
        return self._page(call, sorted(symbols_of(call, _SYMBOLS_MAX)))

    def _chain(self, call: Call) -> HttpResponse:
        underlying = call.values["underlying"]
        today = calendar.trading_date(self._venue.now)
        try:
            wanted = ContractFilters.read(call, first=today, last=date.max)
        except ApiProblem as problem:
            raise DataProblem(400, str(problem)) from problem
        contracts = self._market.catalog.contracts({underlying}, wanted.first, wanted.last)
        over = self._venue.now
        symbols = [
            contract.symbol
            for contract in contracts
            if wanted.fits(contract) and over < calendar.last_trading(contract.expiry)
        ]
        return self._page(call, symbols)

    def _page(self, call: Call, symbols: list[str]) -> HttpResponse:
        """One page of snapshots, of symbols in their order."""
        option_feed(call, self._market.feeds)
        limit, since = limit_of(call, _SNAPSHOTS_DEFAULT, _SNAPSHOTS_MAX), _since(call)
        after = read_token(call)
        told: dict[str, Any] = {}
        for symbol in symbols:
            if symbol <= after:
                continue
            if len(told) == limit:
                token = write_token(max(told))
                return json_response(200, {"snapshots": told, "next_page_token": token})
            shot = self._shot(symbol, since)
            if shot is not None:
                told[symbol] = shot
        return json_response(200, {"snapshots": told, "next_page_token": None})

    def _shot(self, symbol: str, since: datetime | None) -> dict[str, Any] | None:
        found = self._found(symbol)
        if found is None or (since is not None and self._venue.quoted_at(found) < since):
            return None
        return {
            "latestQuote": self._quote(symbol),
            "latestTrade": self._trade(symbol),
            **valuation_json(self._market.model.valuation(symbol)),
        }


def _since(call: Call) -> datetime | None:
    text = call.query("updated_since")
    if not text:
        return None
    nanos = read_time(text)
    if nanos is None:
        raise DataProblem(400, f"invalid updated_since: {text}")
    return datetime.fromtimestamp(nanos / 10**9, calendar.NEW_YORK)
