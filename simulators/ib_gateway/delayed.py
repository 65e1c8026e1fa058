"""The market as it was a quarter of an hour ago: what is shown where real time isn't subscribed."""

from datetime import datetime, timedelta

from simulators.venue.market import Market
from simulators.venue.model_quotes import ModelQuotes
from simulators.venue.quotes import Quote, QuoteBook

DELAY = timedelta(minutes=15)


class DelayedMarket:
    """Quotes of the past; what has no past yet is shown as it first was.

    Of a minute's quotes of a symbol only the last one is kept, so what waits is bounded.
    """

    def __init__(self, market: Market) -> None:
        self._venue = market.venue
        self._book = QuoteBook()
        self._waiting: dict[tuple[int, str], tuple[datetime, Quote]] = {}
        self.model = ModelQuotes(market.catalog, self._book, self)
        if market.venue.quotes.model is not None:
            self._book.model = self.model
        for quote in market.venue.quotes:
            self._book.put(quote)
        market.venue.subscribe_to_quotes(self._quoted)

    @property
    def now(self) -> datetime:
        """The time that is shown."""
        return self._venue.now - DELAY

    @property
    def quotes(self) -> QuoteBook:
        """The quotes of that time."""
        shown = [key for key, (at, _) in self._waiting.items() if at <= self.now]
        for key in shown:
            self._book.put(self._waiting.pop(key)[1])
        return self._book

    def _quoted(self, quote: Quote) -> None:
        at = self._venue.now
        if quote.symbol not in {known.symbol for known in self._book}:
            self._book.put(quote)
            return
        later = [key for key, (then, _) in self._waiting.items() if then > at]
        for key in later:
            del self._waiting[key]  # the clock was set back: it has not happened
        self._waiting[int(at.timestamp()) // 60, quote.symbol] = at, quote
