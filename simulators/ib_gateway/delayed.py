"""The market as it was a quarter of an hour ago: what is shown where real time isn't subscribed."""

from datetime import datetime, timedelta
from itertools import takewhile

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
        self._known: set[str] = set()
        self._waiting: dict[tuple[int, str], tuple[datetime, Quote]] = {}
        self._latest = self._venue.now
        self.model = ModelQuotes(market.catalog, self._book, self)
        if market.venue.quotes.model is not None:
            self._book.model = self.model
        for quote in market.venue.quotes:
            self._show(quote)
        market.venue.subscribe_to_quotes(self._quoted)

    @property
    def now(self) -> datetime:
        """The time that is shown."""
        return self._venue.now - DELAY

    @property
    def quotes(self) -> QuoteBook:
        """The quotes of that time."""
        due = takewhile(lambda item: item[1][0] <= self.now, list(self._waiting.items()))
        for key, (_, quote) in due:
            del self._waiting[key]
            self._show(quote)
        return self._book

    def _show(self, quote: Quote) -> None:
        self._known.add(quote.symbol)
        self._book.put(quote)

    def _quoted(self, quote: Quote) -> None:
        at = self._venue.now
        if at < self._latest:  # the clock was set back: what came later has not happened
            kept = {key: item for key, item in self._waiting.items() if item[0] <= at}
            self._waiting = kept
        self._latest = at
        if quote.symbol in self._known:
            self._waiting[int(at.timestamp()) // 60, quote.symbol] = at, quote
        else:
            self._show(quote)
