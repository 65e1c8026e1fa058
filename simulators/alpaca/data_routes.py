"""Market data: the latest quotes of shares and of options."""

from typing import Any

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.problems import ApiProblem
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import wire_time
from simulators.venue.instruments import OptionContract
from simulators.venue.quotes import Quote
from simulators.venue.venue import Venue

_OPTION_SYMBOLS_MAX = 100
_FEEDS = {False: ("", "iex", "sip", "delayed_sip", "otc"), True: ("", "indicative", "opra")}
_STOCK_EXTRA = {"ax": "V", "bx": "V", "c": ["R"], "z": "B"}
_OPTION_EXTRA = {"ax": "C", "bx": "C", "c": " "}


class DataRoutes:
    """What data.alpaca.markets serves, on the same port here."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/stocks/quotes/latest", self._stocks)
        router.add("GET", "/v2/stocks/{symbol}/quotes/latest", self._stock)
        router.add("GET", "/v1beta1/options/quotes/latest", self._options)

    def _stocks(self, call: Call) -> HttpResponse:
        return json_response(200, {"quotes": self._quotes(_symbols(call), call, options=False)})

    def _stock(self, call: Call) -> HttpResponse:
        symbol = call.values["symbol"]
        quotes = self._quotes([symbol], call, options=False)
        if symbol not in quotes:
            raise ApiProblem(404, 40410000, f"no quote found for {symbol}")
        return json_response(200, {"symbol": symbol, "quote": quotes[symbol]})

    def _options(self, call: Call) -> HttpResponse:
        symbols = _symbols(call)
        if len(symbols) > _OPTION_SYMBOLS_MAX:
            raise ApiProblem(400, 40010001, f"at most {_OPTION_SYMBOLS_MAX} symbols")
        return json_response(200, {"quotes": self._quotes(symbols, call, options=True)})

    def _quotes(self, symbols: list[str], call: Call, *, options: bool) -> dict[str, Any]:
        """A symbol without a quote is left out, as it is at Alpaca."""
        if call.query("feed") not in _FEEDS[options]:
            raise ApiProblem(400, 40010001, f"invalid feed: {call.query('feed')}")
        found = {}
        for symbol in symbols:
            quote = self._venue.quotes.find(symbol)
            is_option = isinstance(self._venue.catalog.find(symbol), OptionContract)
            if quote is not None and is_option == options:
                extra = _OPTION_EXTRA if options else _STOCK_EXTRA
                found[symbol] = {**self._prices(quote), **extra}
        return found

    def _prices(self, quote: Quote) -> dict[str, Any]:
        return {
            "t": wire_time(self._venue.quoted_at(quote)),
            "ap": quote.ask,
            "as": quote.ask_size,
            "bp": quote.bid,
            "bs": quote.bid_size,
        }


def _symbols(call: Call) -> list[str]:
    symbols = [symbol for symbol in call.query("symbols").split(",") if symbol]
    if not symbols:
        raise ApiProblem(400, 40010001, "symbols is required")
    return symbols
